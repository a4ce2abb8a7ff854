"""A resource's arguments, however they are given."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

import pulumi_highmobility as hm
from pulumi_highmobility.fleet.roster import check_roster, read_roster
from pulumi_highmobility.resources.args import split_arguments
from pulumi_highmobility.resources.fleet_member import encoded

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
    vehicle: Any = SimpleNamespace(vin="", status="", request_id="")
    with pytest.raises(TypeError, match="either vehicle= or vin="):
        hm.VehicleAccessToken("both", vehicle=vehicle, vin=GIVEN["vin"])


@pytest.mark.parametrize("kind", [hm.VehicleAccessToken, hm.VehicleApproval])
def test_what_is_no_vehicle_is_refused_by_its_type(kind: Any) -> None:
    with pytest.raises(TypeError, match="not str; a VehicleAccessToken takes a VIN as vin="):
        kind("text", vehicle=GIVEN["vin"])


@pytest.mark.parametrize("given", ["WBA8E9C50GK000001", {"vin": "x"}, 5, None])
def test_what_is_no_list_is_no_fleet(given: Any) -> None:
    with pytest.raises(TypeError, match="takes a list of dictionaries, not"):
        encoded(given)


def test_what_is_no_vehicle_reaches_the_check_in_its_place() -> None:
    rows: list[Any] = ["WBA8E9C50GK000001", ["WBA8E9C50GK000001", "bmw"], ["a", "b", {}, 5], None, 7]
    problems = check_roster(read_roster(str(encoded([GIVEN, *rows])))).problems
    assert [problem.property for problem in problems] == [f"vehicles[{place}]" for place in range(1, 6)]
    assert [problem.reason.partition(" is not a vehicle")[0] for problem in problems] == [
        '"WBA8E9C50GK000001"',
        "a list",
        "a list",
        "nothing",
        "the number 7",
    ]


def test_half_a_character_is_named_with_its_vehicle() -> None:
    with pytest.raises(ValueError, match=r"vehicles\[1\] contains half a character"):
        encoded([GIVEN, {**GIVEN, "tags": {"depot": "\ud800"}}])
