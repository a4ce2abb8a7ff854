"""What a refused row says to a user."""

from __future__ import annotations

import pytest

from pulumi_highmobility.api.shapes import ClearanceRow
from pulumi_highmobility.clearance.requesting import refusal


@pytest.mark.parametrize(
    ("description", "advice"),
    [
        ("The brand is invalid", "Set `brand` to one of the platform's names"),
        ("VIN: unknown at the carmaker", "Check the VIN against the vehicle's registration."),
        ("The vehicle is having no contract for driving data", "Correct the vehicle in the program."),
        (None, "Correct the vehicle in the program."),
    ],
)
def test_the_advice_is_about_what_the_platform_names(description: str | None, advice: str) -> None:
    row = ClearanceRow(vin="WBA8E9C50GK000001", status="error", description=description)
    assert advice in refusal("WBA8E9C50GK000001", row)
