"""What a vehicle may be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_highmobility.api.shapes import RegisteredVehicle
from pulumi_highmobility.clearance.registered import differences, tags_of
from pulumi_highmobility.text import composed, unseen_difference
from pulumi_highmobility.vehicle.brands import BRANDS
from pulumi_highmobility.vehicle.check import Odometer, VehicleSpec, check_vehicle

VIN = "WBA0000000EMU0001"
UNKNOWN = object()


def vehicle(**fields: object) -> dict[str, object]:
    return {"vin": VIN, "brand": "bmw", **fields}


def with_odometer(
    value: object = 110_000.0, unit: object = "kilometers", **more: object
) -> dict[str, object]:
    reading = {"value": value, "unit": unit, **more}
    return vehicle(brand="mercedes-benz", control_measures={"odometer": reading})


def spec_of(fields: Mapping[str, object]) -> VehicleSpec:
    checked = check_vehicle(fields)
    assert checked.problems == []
    assert checked.spec is not None
    return checked.spec


def only_problem(fields: Mapping[str, object]) -> tuple[str, str]:
    checked = check_vehicle(fields)
    assert checked.spec is None
    assert len(checked.problems) == 1, checked.problems
    return checked.problems[0].property, checked.problems[0].reason


def test_a_vehicle_of_vin_and_brand_is_complete() -> None:
    checked = check_vehicle(vehicle())
    assert checked.spec == VehicleSpec(VIN, "bmw")
    assert checked.problems == []
    assert checked.warnings == []


def test_everything_given_is_in_the_spec() -> None:
    fields = with_odometer() | {"tags": {"depot": "north", "customer": "acme"}}
    assert spec_of(fields) == VehicleSpec(
        VIN, "mercedes-benz", Odometer(110_000, "kilometers"), (("customer", "acme"), ("depot", "north"))
    )


COMPOSED, DECOMPOSED = "K\u00f6ln", "Ko\u0308ln"


def test_tags_are_kept_composed_however_they_were_typed() -> None:
    assert spec_of(vehicle(tags={DECOMPOSED: DECOMPOSED})) == spec_of(vehicle(tags={COMPOSED: COMPOSED}))
    assert check_vehicle(vehicle(tags={DECOMPOSED: DECOMPOSED})).normalized["tags"] == {COMPOSED: COMPOSED}
    checked = check_vehicle(vehicle(tags={DECOMPOSED: UNKNOWN}), unknown=lambda value: value is UNKNOWN)
    assert not checked.problems


def test_names_of_tags_that_look_the_same_are_one_name_twice() -> None:
    _, reason = only_problem(vehicle(tags={COMPOSED: "a", DECOMPOSED: "b"}))
    assert "appears twice" in reason


def test_a_registered_vehicles_tags_are_compared_composed() -> None:
    registered = RegisteredVehicle(
        vin=VIN, status="approved", brand="bmw", tags={DECOMPOSED: DECOMPOSED}, changelog=[]
    )
    assert tags_of(registered) == {COMPOSED: COMPOSED}
    for tags in ({COMPOSED: COMPOSED}, {DECOMPOSED: DECOMPOSED}):
        assert differences(registered, brand="bmw", tags=tags) == []


@pytest.mark.parametrize(
    ("registered", "wanted", "said"),
    [
        (
            {"a": "acme\u00a0ag"},
            {"a": "acme ag"},
            'in the tag "a", character 5 is U+00A0 (NO-BREAK SPACE), not U+0020 (SPACE)',
        ),
        ({"a": "acme"}, {"a": "acme\u200b"}, "the second has U+200B (ZERO WIDTH SPACE) at its end"),
        ({"a": "\ufeffacme"}, {"a": "acme"}, "character 1 is U+FEFF (ZERO WIDTH NO-BREAK SPACE), not U+0061"),
        ({"a": "\u0430cme"}, {"a": "acme"}, "character 1 is U+0430 (CYRILLIC SMALL LETTER A), not U+0061"),
        ({"a\u00ad": "x"}, {"a": "x"}, "in the name of the tag"),
    ],
)
def test_a_difference_that_cannot_be_seen_is_told_by_its_code_points(
    registered: dict[str, object], wanted: dict[str, str], said: str
) -> None:
    found = RegisteredVehicle(vin=VIN, status="approved", brand="bmw", tags=registered, changelog=[])
    (told,) = differences(found, brand="bmw", tags=wanted)
    assert said in told


@pytest.mark.parametrize(("one", "other"), [("K\u00f6ln", "Koln"), ("acme", "akme"), ("Bonn", "K\u00f6ln")])
def test_a_difference_that_can_be_seen_needs_no_code_points(one: str, other: str) -> None:
    assert unseen_difference(one, other) == ""


@given(st.text(max_size=8), st.text(max_size=8))
def test_any_two_texts_can_be_compared(one: str, other: str) -> None:
    assert unseen_difference(one, one) == ""
    unseen_difference(one, other)
    assert composed(composed(one)) == composed(one)


def test_the_vin_is_put_in_upper_case() -> None:
    assert spec_of(vehicle(vin=f" {VIN.lower()} ")).vin == VIN


def test_a_brand_is_put_as_on_the_wire_without_a_warning() -> None:
    checked = check_vehicle(vehicle(brand="Škoda"))
    assert checked.spec == VehicleSpec(VIN, "skoda")
    assert checked.warnings == []


def test_an_unknown_brand_is_a_warning_with_the_nearest_name() -> None:
    checked = check_vehicle(vehicle(brand=" vw "))
    assert checked.spec == VehicleSpec(VIN, "vw")
    assert [warning.property for warning in checked.warnings] == ["brand"]
    assert 'Did you mean "volkswagen"?' in checked.warnings[0].reason


def test_an_unknown_brand_near_none_is_a_warning_with_all_names() -> None:
    warning = check_vehicle(vehicle(brand="hyundai")).warnings[0]
    assert all(name in warning.reason for name in BRANDS)


@pytest.mark.parametrize(
    ("fields", "path", "says"),
    [
        ({"brand": "bmw"}, "vin", "missing"),
        (vehicle(vin=None), "vin", "missing"),
        (vehicle(vin=""), "vin", "empty"),
        (vehicle(vin=12345678901234567), "vin", "in quotes"),
        (vehicle(vin=VIN[:-1]), "vin", "16 characters"),
        ({"vin": VIN}, "brand", "missing"),
        (vehicle(brand=" "), "brand", "empty"),
        (vehicle(brand=7.0), "brand", "the number 7 is not a brand"),
        (vehicle(brand="mercedes-benz"), "control_measures.odometer", "mercedes-benz compares it"),
        (vehicle(brand="Mercedes-Benz", control_measures={}), "control_measures.odometer", "missing"),
        (vehicle(control_measures=110_000), "control_measures", "is not an object with odometer"),
        (vehicle(control_measures={"odometer": 110_000}), "control_measures.odometer", "value and unit"),
        (vehicle(control_measures={"mileage": 1}), "control_measures.mileage", "odometer"),
        (vehicle(control_measures={"odometr": 1}), "control_measures.odometr", 'Did you mean "odometer"?'),
        (with_odometer(units="miles"), "control_measures.odometer.units", 'Did you mean "unit"?'),
        (with_odometer(value=None), "control_measures.odometer.value", "missing"),
        (with_odometer(value="110000"), "control_measures.odometer.value", "without quotes: 110000."),
        (with_odometer(value="many"), "control_measures.odometer.value", "without quotes."),
        (with_odometer(value=1.5), "control_measures.odometer.value", "1.5 is not whole"),
        (with_odometer(value=math.nan), "control_measures.odometer.value", "nan is not whole"),
        (with_odometer(value=math.inf), "control_measures.odometer.value", "inf is not whole"),
        (with_odometer(value=-1.0), "control_measures.odometer.value", "-1 is below zero"),
        (with_odometer(value=True), "control_measures.odometer.value", "true is not a reading"),
        (with_odometer(value=[1]), "control_measures.odometer.value", "a list is not a reading"),
        (with_odometer(unit=None), "control_measures.odometer.unit", "missing"),
        (with_odometer(unit="km"), "control_measures.odometer.unit", 'Write "kilometers".'),
        (with_odometer(unit="mi"), "control_measures.odometer.unit", 'Write "miles".'),
        (with_odometer(unit="Kilometres"), "control_measures.odometer.unit", 'Write "kilometers".'),
        (with_odometer(unit="furlongs"), "control_measures.odometer.unit", '"kilometers" or "miles"'),
        (with_odometer(unit=["kilometers"]), "control_measures.odometer.unit", "a list"),
        (vehicle(tags=["customer"]), "tags", "a list is not a map"),
        (vehicle(tags={"": "acme"}), "tags", "empty name"),
        (vehicle(tags={" ": "acme"}), "tags", "empty name"),
        (vehicle(tags={7: "acme"}), "tags", "in quotes"),
        (vehicle(tags={"year": 2024.0}), "tags.year", 'in quotes, "2024"'),
        (vehicle(tags={"leased": True}), "tags.leased", 'in quotes, "true"'),
        (vehicle(tags={"customer": None}), "tags.customer", "leave it out"),
        (vehicle(tags={"customer": {"name": "acme"}}), "tags.customer", "an object is not text"),
        (vehicle(tags={"a.b": 1}), 'tags["a.b"]', "in quotes"),
    ],
)
def test_a_mistake_is_a_problem_at_its_property(fields: dict[str, object], path: str, says: str) -> None:
    found, reason = only_problem(fields)
    assert found == path
    assert says in reason


def test_all_mistakes_are_told_at_once() -> None:
    fields = vehicle(
        vin="x", brand="", control_measures={"odometer": {"value": -1, "unit": "km"}}, tags={"a": 1}
    )
    assert [problem.property for problem in check_vehicle(fields).problems] == [
        "vin",
        "brand",
        "control_measures.odometer.value",
        "control_measures.odometer.unit",
        "tags.a",
    ]


@given(st.integers(0, 10**9), st.sampled_from(["kilometers", "miles"]))
def test_a_whole_number_is_a_reading_also_as_a_float(value: int, unit: str) -> None:
    odometer = spec_of(with_odometer(float(value), unit)).odometer
    assert odometer is not None
    assert (odometer.value, odometer.unit) == (value, unit)
    assert type(odometer.value) is int
    assert odometer == spec_of(with_odometer(value, unit)).odometer


def test_a_reading_of_another_brand_is_kept() -> None:
    fields = with_odometer() | {"brand": "bmw"}
    assert spec_of(fields).odometer == Odometer(110_000, "kilometers")


def test_fields_of_the_resource_are_not_looked_at() -> None:
    assert spec_of(vehicle(retry_rejected=7, on_uncancellable="abandon")) == VehicleSpec(VIN, "bmw")


def test_a_value_of_none_is_not_given() -> None:
    checked = check_vehicle(vehicle(control_measures=None, tags=None))
    assert checked.spec == VehicleSpec(VIN, "bmw")
    assert checked.normalized == {"vin": VIN, "brand": "bmw"}


def test_a_secret_in_the_wrong_place_is_not_shown() -> None:
    _, reason = only_problem(vehicle(tags={"customer": {"value": "hush-hush"}}))
    assert "hush-hush" not in reason


@pytest.mark.parametrize(
    "fields",
    [
        vehicle(vin=UNKNOWN),
        vehicle(brand=UNKNOWN),
        vehicle(brand="mercedes-benz", control_measures=UNKNOWN),
        vehicle(brand="mercedes-benz", control_measures={"odometer": UNKNOWN}),
        with_odometer(value=UNKNOWN),
        with_odometer(unit=UNKNOWN),
        vehicle(tags=UNKNOWN),
        vehicle(tags={"customer": UNKNOWN, "depot": "north"}),
    ],
)
def test_what_is_unknown_is_no_problem_and_leaves_no_spec(fields: dict[str, object]) -> None:
    checked = check_vehicle(fields, unknown=lambda value: value is UNKNOWN)
    assert checked.problems == []
    assert checked.warnings == []
    assert checked.spec is None
    assert not checked.is_complete


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        (vehicle(vin=UNKNOWN, brand=""), "brand"),
        (vehicle(brand=UNKNOWN, vin="x"), "vin"),
        (with_odometer(value=UNKNOWN, unit="km"), "control_measures.odometer.unit"),
        (with_odometer(value=1.5, unit=UNKNOWN), "control_measures.odometer.value"),
        (vehicle(tags={"a": UNKNOWN, "b": 1}), "tags.b"),
        (vehicle(tags={7: UNKNOWN, "b": "c"}), "tags"),
    ],
)
def test_what_is_known_is_checked_beside_what_is_unknown(fields: dict[str, object], path: str) -> None:
    checked = check_vehicle(fields, unknown=lambda value: value is UNKNOWN)
    assert [problem.property for problem in checked.problems] == [path]


def test_an_unknown_brand_name_asks_for_no_odometer() -> None:
    assert check_vehicle(vehicle(brand=UNKNOWN), unknown=lambda value: value is UNKNOWN).problems == []


def test_what_is_known_is_normalized_beside_what_is_unknown() -> None:
    # Otherwise a preview with an unknown tag would show a change of brand.
    fields = with_odometer() | {"vin": VIN.lower(), "brand": "Mercedes-Benz", "tags": UNKNOWN}
    assert check_vehicle(fields, unknown=lambda value: value is UNKNOWN).normalized == {
        "vin": VIN,
        "brand": "mercedes-benz",
        "control_measures": {"odometer": {"value": 110_000, "unit": "kilometers"}},
        "tags": UNKNOWN,
    }


def test_what_has_a_problem_stays_as_it_was_given() -> None:
    fields = vehicle(vin="x", brand="BMW", tags={"a": 1})
    assert check_vehicle(fields).normalized == {"vin": "x", "brand": "bmw", "tags": {"a": 1}}


def test_what_is_sent_has_only_what_was_given() -> None:
    assert check_vehicle(vehicle(tags={}, control_measures={})).normalized == {"vin": VIN, "brand": "bmw"}


def test_what_is_sent_has_everything_that_was_given() -> None:
    assert check_vehicle(with_odometer(unit="miles") | {"tags": {"a": "b"}}).normalized == {
        "vin": VIN,
        "brand": "mercedes-benz",
        "control_measures": {"odometer": {"value": 110_000, "unit": "miles"}},
        "tags": {"a": "b"},
    }


texts = st.text(min_size=1, max_size=10).filter(str.strip)
wholes = st.fixed_dictionaries(
    {"vin": st.just(VIN), "brand": st.sampled_from(sorted(BRANDS))},
    optional={"tags": st.dictionaries(texts, st.text(max_size=10), max_size=4)},
).flatmap(
    lambda fields: st.builds(
        lambda value, unit: {**fields, "control_measures": {"odometer": {"value": value, "unit": unit}}},
        st.integers(0, 10**7).map(float),
        st.sampled_from(["kilometers", "miles"]),
    )
)


@given(wholes)
def test_what_was_checked_is_taken_again_unchanged(fields: dict[str, Any]) -> None:
    normalized = check_vehicle(fields).normalized
    assert check_vehicle(normalized).normalized == normalized
    assert spec_of(normalized) == spec_of(fields)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just(UNKNOWN),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["vin", "brand", "control_measures", "tags", "other"]), anything))
def test_no_input_breaks_the_check(fields: dict[str, object]) -> None:
    checked = check_vehicle(fields, unknown=lambda value: value is UNKNOWN)
    assert (checked.spec is None) == bool(checked.problems or "object object" in repr(checked.normalized))
    for problem in (*checked.problems, *checked.warnings):
        assert problem.reason.endswith((".", "?"))
