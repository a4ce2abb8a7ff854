"""A resource's arguments, however they are given."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

import pulumi_highmobility as hm
from pulumi_highmobility.resources.args import split_arguments

GIVEN = {"vin": "WBA8E9C50GK000001", "brand": "bmw"}
OPTS = pulumi.ResourceOptions(protect=True)


@pytest.mark.parametrize(
    ("positional", "named"),
    [
        ((), {**GIVEN, "opts": OPTS}),
        ((OPTS,), GIVEN),
        ((hm.FleetVehicleArgs(vin=GIVEN["vin"], brand=GIVEN["brand"]), OPTS), {}),
        ((GIVEN, OPTS), {}),
        ((), {"args": GIVEN, "opts": OPTS}),
        ((None, OPTS), GIVEN),
    ],
    ids=["by name", "options first", "class", "dictionary", "args=", "none"],
)
def test_all_forms_mean_the_same(positional: tuple[Any, ...], named: dict[str, Any]) -> None:
    opts, inputs = split_arguments(hm.FleetVehicleArgs, positional, named)
    assert opts is OPTS
    assert {name: value for name, value in inputs.items() if value is not None} == GIVEN


@pytest.mark.parametrize(
    ("positional", "named", "said"),
    [
        ((), {"vin": "X"}, "brand"),
        ((), {**GIVEN, "color": "red"}, "color"),
        ((GIVEN,), {"tags": {}}, "not both"),
        (("vin",), {}, "got str"),
        ((), {**GIVEN, "opts": {}}, "got dict"),
    ],
)
def test_a_wrong_call_is_a_type_error(positional: tuple[Any, ...], named: dict[str, Any], said: str) -> None:
    with pytest.raises(TypeError, match=said):
        split_arguments(hm.FleetVehicleArgs, positional, named)


def test_a_token_takes_a_vehicle_or_a_vin_and_not_both() -> None:
    with pytest.raises(TypeError, match="either vehicle= or vin="):
        hm.VehicleAccessToken("none")
