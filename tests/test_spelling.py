"""The two spellings of a state: every property of every resource has both, and is read from either."""

from __future__ import annotations

from pulumi_highmobility.operations.schema import SCHEMAS
from pulumi_highmobility.operations.values import UNKNOWN
from pulumi_highmobility.spelling import camel, in_snake_case, is_camel_case, is_snake_case, snake

NAMES = sorted({one.name for schema in SCHEMAS.values() for one in schema})


def test_every_property_comes_back_from_its_other_spelling() -> None:
    assert len(NAMES) > 40
    assert [snake(camel(name)) for name in NAMES] == NAMES
    assert all("_" not in camel(name) for name in NAMES)


def test_only_the_names_of_properties_are_respelled() -> None:
    state = {"requestId": "r", "tags": {"requestId": "1", "request_id": "2"}, "__provider": "gA", "vin": "V"}
    found = in_snake_case(state)
    assert found["request_id"] == "r"
    assert found["tags"] == {"requestId": "1", "request_id": "2"}
    assert found["__provider"] == "gA"


def test_a_vehicle_is_read_as_the_three_that_it_holds() -> None:
    vehicle = {"vin": "V", "status": "approved", "requestId": "r"}
    flat = {"vin": "V", "vehicle_status": "approved", "request_id": "r"}
    assert in_snake_case({"vehicle": vehicle}) == flat
    assert in_snake_case({"vehicle": UNKNOWN}) == dict.fromkeys(flat, UNKNOWN)


def test_whose_spelling_a_state_has_is_told_by_its_names() -> None:
    ours, theirs = {"__provider": "gA", "vin": "V"}, {"vin": "V", "statusReason": ""}
    assert (is_camel_case(ours), is_snake_case(ours)) == (False, True)
    assert (is_camel_case(theirs), is_snake_case(theirs)) == (True, False)
    # What both spell alike is nobody's.
    assert (is_camel_case({"vin": "V"}), is_snake_case({"vin": "V"})) == (False, False)
