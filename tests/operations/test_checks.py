"""What a check says of values of a wrong type: a property and a reason, for every kind of resource."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from pulumi_highmobility.operations import fleet, fleet_vehicle, vehicle_access_token, vehicle_approval
from pulumi_highmobility.operations.work import Facts
from pulumi_highmobility.run.engine_run import EngineRun

VIN = "WBA8E9C50GK000001"
ROW = f'{{"vin":"{VIN}","brand":"bmw"}}'


FACTS = Facts(datetime(2026, 1, 1, tzinfo=timezone.utc), EngineRun(None, warn=print), "")


@pytest.mark.parametrize(
    ("operations", "given", "named", "said"),
    [
        (fleet_vehicle, {"vin": 5, "brand": "bmw"}, "vin", "the number 5 is not a valid VIN"),
        (fleet_vehicle, {"vin": VIN, "brand": ["bmw"]}, "brand", "a list is not a brand"),
        (fleet, {"vehicles": '["WBA"]'}, "vehicles[0]", '"WBA" is not a vehicle'),
        (fleet, {"vehicles": "[null]"}, "vehicles[0]", "nothing is not a vehicle"),
        (
            fleet,
            {"vehicles": ROW, "max_removals": float("inf")},
            "max_removals",
            "is not a number of vehicles",
        ),
        (
            fleet,
            {"vehicles": ROW, "max_removals": float("nan")},
            "max_removals",
            "is not a number of vehicles",
        ),
        (fleet, {"vehicles": ROW, "max_removals": [5]}, "max_removals", "a list is not a number of vehicles"),
        (vehicle_access_token, {"vin": 5}, "vin", "the number 5 is not a valid VIN: write it as text"),
        (vehicle_access_token, {}, "vehicle", "is missing: give a vehicle= of this stack"),
        (vehicle_access_token, {"vin": "x"}, "vin", "is not a valid VIN"),
        (vehicle_approval, {}, "vehicle", "is missing: give a FleetVehicle"),
        (vehicle_approval, {"vin": 5}, "vehicle", "is missing: give a FleetVehicle"),
    ],
)
def test_a_value_of_a_wrong_type_is_a_property_s_problem(
    operations: Any, given: dict[str, Any], named: str, said: str
) -> None:
    (problem,) = operations.check({}, given, FACTS).problems
    assert problem.property == named
    assert said in problem.reason
