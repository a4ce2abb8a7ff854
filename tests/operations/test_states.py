"""A state that was edited by hand is an error that says where, not a bug of ours."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from pulumi_highmobility.errors import StateUnreadable
from pulumi_highmobility.operations import (
    fleet,
    fleet_access_tokens,
    fleet_removals,
    fleet_vehicle,
    vehicle_access_token,
)
from pulumi_highmobility.operations.work import Facts
from pulumi_highmobility.run.engine_run import EngineRun
from pulumi_highmobility.run.saved_state import read_export

VIN = "WBA8E9C50GK000001"
ROW = f'["{VIN}","bmw"]'


@pytest.mark.parametrize(
    ("operations", "olds", "said"),
    [
        (fleet, {"vehicles": "{"}, "vehicles, registry and leaving"),
        (fleet, {"vehicles": ROW, "registry": "[]"}, "vehicles, registry and leaving"),
        (fleet, {"vehicles": ROW, "registry": '{"statuses": 5}'}, "vehicles, registry and leaving"),
        (fleet, {"vehicles": ROW, "leaving": "5"}, "vehicles, registry and leaving"),
        (fleet, {"vehicles": 5}, "vehicles, registry and leaving"),
        (vehicle_access_token, {"status": "sleeping"}, "status, issued_at and expires_at"),
        (vehicle_access_token, {"status": "active", "expires_at": 5}, "status, issued_at and expires_at"),
        (fleet_access_tokens, {"validity": "["}, "validity and pairs"),
        (
            fleet_access_tokens,
            {"validity": '{"tokens": [["asleep", "", "", "", "", "A"]]}'},
            "validity and pairs",
        ),
        (fleet_access_tokens, {"validity": '{"leaving": "A"}'}, "validity and pairs"),
        (fleet_access_tokens, {"pairs": "5"}, "validity and pairs"),
        (fleet_access_tokens, {"pairs": ["a token"]}, "validity and pairs"),
        (fleet_removals, {"fleet_id": "a", "keys": 5}, "keys"),
        (fleet_vehicle, {"vin": VIN, "brand": "bmw", "tags": "none"}, "brand and tags"),
        (fleet_vehicle, {"vin": VIN, "brand": "bmw", "wanted": 5}, "brand and tags"),
    ],
)
def test_a_state_of_another_shape_says_which_property_it_is(
    operations: Any, olds: dict[str, Any], said: str
) -> None:
    news = {"vin": VIN, "brand": "bmw", "tags": {}, "vehicles": ROW, "fleet_id": "a", "leaving": ""}
    facts = Facts(datetime(2026, 1, 1, tzinfo=timezone.utc), EngineRun(None, warn=print), "urn", "a")
    with pytest.raises(StateUnreadable, match=said):
        operations.diff(olds, news, facts)


def test_another_record_of_another_shape_is_named() -> None:
    resource = '{"urn": "urn:pulumi:a::b::pulumi-python:dynamic/highmobility:Fleet::vans", "outputs": {"registry": "["}'
    text = f'{{"deployment": {{"resources": [{resource}, "type": "pulumi-python:dynamic/highmobility:Fleet"}}]}}}}'
    with pytest.raises(StateUnreadable, match=r"::vans is not in a format that is known"):
        read_export(text, "a", "b")
