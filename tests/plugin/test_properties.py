"""What programs in other languages give and read, and the rules' own properties."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_highmobility.fleet.held_tokens import Clearance, read_clearances, write_clearances
from pulumi_highmobility.fleet.roster import read_roster
from pulumi_highmobility.operations.values import UNKNOWN
from pulumi_highmobility.plugin.properties import given, inputs, outputs, secrets
from pulumi_highmobility.secret import Secret

VIN, OTHER = "WBA8E9C50GK000001", "WBA8E9C50GK000002"
CLEARANCE = {"vin": VIN, "status": "approved", "requestId": "r"}
FLAT = {"vin": VIN, "vehicle_status": "approved", "request_id": "r"}


def problems(kind: str, news: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one.property, one.reason) for one in given(kind, news, {}).problems]


def test_an_input_in_the_spelling_of_python_is_refused_with_the_plugins() -> None:
    found = given("FleetVehicle", {"vin": VIN, "retry_revoked": True, "tags": {"request_id": "x"}}, {})
    ((name, reason),) = [(one.property, one.reason) for one in found.problems]
    assert (name, "retryRevoked" in reason) == ("retry_revoked", True)
    assert found.props == {"vin": VIN, "tags": {"request_id": "x"}}


def test_what_ignore_changes_brings_back_from_a_dynamic_state_is_taken() -> None:
    found = given("FleetVehicle", {"retry_revoked": True}, {"retry_revoked": True})
    assert (found.props, found.problems) == ({"retry_revoked": True}, [])


@pytest.mark.parametrize("kind", ["VehicleAccessToken", "VehicleApproval"])
def test_a_vehicle_is_the_clearance_of_another_resource(kind: str) -> None:
    found = given(kind, {"vehicle": CLEARANCE}, {})
    expected = FLAT if kind == "VehicleAccessToken" else {"vin": VIN, "request_id": "r"}
    assert (found.props, found.problems) == (expected, [])
    # What the state has of it comes back as the same.
    state = inputs(kind, found.props)
    assert given(kind, state, state).props == expected


@pytest.mark.parametrize("kind", ["VehicleAccessToken", "VehicleApproval"])
def test_a_vehicle_that_is_not_known_yet_is_not_known_in_any_part(kind: str) -> None:
    found = given(kind, {"vehicle": UNKNOWN}, {})
    assert set(found.props.values()) == {UNKNOWN}
    assert not found.problems


@pytest.mark.parametrize(
    "wrong", ["WBA8E9C50GK000001", {"status": "approved"}, {**CLEARANCE, "id": "x"}, [CLEARANCE]]
)
def test_what_is_no_clearance_is_refused_in_words(wrong: object) -> None:
    ((name, reason),) = problems("VehicleAccessToken", {"vehicle": wrong})
    assert name == "vehicle"
    assert "takes the `clearance` of a FleetVehicle" in reason


def test_a_vehicle_beside_a_vin_is_refused() -> None:
    assert problems("VehicleAccessToken", {"vehicle": CLEARANCE, "vin": VIN}) == [
        ("vehicle", "is given beside vin: give one of the two.")
    ]


def test_a_token_of_a_bare_vin_stays_one() -> None:
    props = given("VehicleAccessToken", {"vin": VIN}, {}).props
    assert props == {"vin": VIN}
    assert inputs("VehicleAccessToken", props) == {"vin": VIN}


ROWS = [
    {"vin": VIN, "brand": "bmw", "tags": {"controlMeasures": "x", "a_b": "y"}},
    {"vin": OTHER, "brand": "mercedes-benz", "controlMeasures": {"odometer": {"value": 10, "unit": "miles"}}},
    "no vehicle",
]


def test_a_list_of_vehicles_becomes_the_text_that_the_rules_read() -> None:
    found = given("Fleet", {"vehicles": ROWS}, {})
    assert read_roster(found.props["vehicles"]) == [
        {"vin": VIN, "brand": "bmw", "tags": {"controlMeasures": "x", "a_b": "y"}},
        {
            "vin": OTHER,
            "brand": "mercedes-benz",
            "control_measures": {"odometer": {"value": 10, "unit": "miles"}},
        },
        "no vehicle",
    ]
    # As a text it comes from a Python program, and back from the state.
    assert given("Fleet", {"vehicles": found.props["vehicles"]}, {}).props == found.props


def test_a_list_with_anything_unknown_in_it_is_not_known() -> None:
    vehicles = [{"vin": VIN, "brand": "bmw", "tags": {"a": UNKNOWN}}]
    assert given("Fleet", {"vehicles": vehicles}, {}).props == {"vehicles": UNKNOWN}


def test_a_misspelt_property_of_a_vehicle_is_told_at_its_place() -> None:
    rows = [{"vin": VIN, "brand": "bmw"}, {"vin": OTHER, "brand": "bmw", "control_measures": {}}]
    ((name, reason),) = problems("Fleet", {"vehicles": rows})
    assert name == "vehicles[1].control_measures"
    assert "controlMeasures" in reason


def test_what_is_no_list_is_refused() -> None:
    assert problems("Fleet", {"vehicles": {"vin": VIN}})[0][0] == "vehicles"
    assert problems("FleetAccessTokens", {"vehicles": CLEARANCE})[0][0] == "vehicles"


def test_tokens_take_the_clearances_of_a_fleet_or_a_list_of_vehicles() -> None:
    known = [Clearance(VIN, "approved", "f/1"), Clearance(OTHER, "pending", "f/1")]
    text = write_clearances(known)
    assert given("FleetAccessTokens", {"clearances": text}, {}).props == {"clearances": text}
    chosen = given("FleetAccessTokens", {"clearances": text, "vins": [OTHER.lower()]}, {})
    assert read_clearances(chosen.props["clearances"]) == known[1:]
    of_vehicles = given("FleetAccessTokens", {"vehicles": [CLEARANCE]}, {}).props["clearances"]
    assert read_clearances(of_vehicles) == [Clearance(VIN, "approved", "r")]
    assert given("FleetAccessTokens", {"vehicles": [UNKNOWN]}, {}).props == {"clearances": UNKNOWN}
    assert problems("FleetAccessTokens", {"clearances": text, "vins": ["WBA8E9C50GK000009"]})[0][0] == "vins"
    assert problems("FleetAccessTokens", {"clearances": text, "vehicles": [CLEARANCE]})[0][0] == "vehicles"


def test_a_vehicle_gives_its_clearance_for_others() -> None:
    found = outputs(
        "FleetVehicle", VIN, {"vin": VIN, "status": "pending", "request_id": "r", "status_reason": ""}
    )
    assert found["clearance"] == {**CLEARANCE, "status": "pending"}
    assert (found["statusReason"], found["requestId"]) == ("", "r")


def test_a_fleet_gives_what_programs_in_other_languages_cannot_read_of_its_registry() -> None:
    registry = f'{{"serial": 1, "statuses": {{"approved": "{VIN}"}}, "failed": {{"{OTHER}": "refused"}}}}'
    found = outputs("Fleet", "f", {"registry": registry, "vehicles": "", "leaving": ""})
    assert found["statuses"] == {VIN: "approved", OTHER: "error"}
    assert (found["approved"], found["rejected"], found["failed"]) == ([VIN], {}, {OTHER: "refused"})
    assert read_clearances(found["clearances"]) == [Clearance(VIN, "approved", "f/1")]


def test_tokens_are_given_by_vin() -> None:
    validity = (
        f'{{"tokens":[["active","approved","f/1","2026-01-01T00:00:00Z","2026-01-01T00:10:00Z","{VIN}"]]}}'
    )
    found = outputs(
        "FleetAccessTokens", "t", {"validity": validity, "pairs": Secret(f'{{"{VIN}":["a","r"]}}')}
    )
    assert found["tokens"] == {
        VIN: {"accessToken": "a", "refreshToken": "r", "expiresAt": "2026-01-01T00:10:00Z"}
    }
    assert found["expiresAt"] == {VIN: "2026-01-01T00:10:00Z"}
    assert {"tokens", "pairs"} <= secrets("FleetAccessTokens", ())


def test_what_is_made_of_a_secret_is_one() -> None:
    assert secrets("FleetVehicle", {"vin"}) == {"vin", "clearance"}
    assert secrets("Fleet", {"vehicles"}) >= {"vehicles", "leaving", "clearances"}
    assert secrets("FleetVehicle", {"tags"}) == {"tags"}
