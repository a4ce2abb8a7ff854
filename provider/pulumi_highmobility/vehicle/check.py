"""What a vehicle may be, as far as it can be known before a request is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeGuard, cast

from ..text import composed
from .brands import BRANDS, nearest_brand, wire_name
from .vin import InvalidVin, parse_vin
from .wording import describe, nearest, number

Unit = Literal["kilometers", "miles"]
UNITS: tuple[Unit, ...] = ("kilometers", "miles")

_FIELDS = ("vin", "brand", "control_measures", "tags")

_UNITS_MEANT = {"km": "kilometers", "kms": "kilometers", "mi": "miles"}


@dataclass(frozen=True)
class Odometer:
    """A reading at the moment of the request; `value` in `unit`."""

    value: int
    unit: Unit


@dataclass(frozen=True)
class VehicleSpec:
    """One vehicle as it will be requested; everything in it is well-formed."""

    vin: str
    """17 characters, upper case."""
    brand: str
    """By its name on the wire where the brand is known, else as it was written."""
    odometer: Odometer | None = None
    tags: tuple[tuple[str, str], ...] = ()
    """Names and texts, composed (NFC), sorted by name."""


class Problem(NamedTuple):
    """What is wrong with one property: `property` is its path, `reason` a sentence with what to do."""

    property: str
    reason: str


class CheckedVehicle(NamedTuple):
    """What a check found."""

    normalized: dict[str, Any]
    """
    The properties that were given, in the form in which they will be sent.

    Unknown ones and those with a problem stand as they were given; those not given are left out.
    """
    problems: list[Problem]
    """What stands in the way."""
    warnings: list[Problem]
    """What looks wrong but is for the platform to decide."""
    is_complete: bool
    """False where there is a problem or where something is unknown."""

    @property
    def spec(self) -> VehicleSpec | None:
        """The vehicle, None where it is not complete."""
        if not self.is_complete:
            return None
        given = self.normalized
        reading = given.get("control_measures", {}).get("odometer")
        odometer = Odometer(reading["value"], reading["unit"]) if reading else None
        return VehicleSpec(given["vin"], given["brand"], odometer, tuple(given.get("tags", {}).items()))


def _is_never_unknown(_value: object) -> bool:
    return False


def check_vehicle(
    fields: Mapping[str, object],
    *,
    unknown: Callable[[object], bool] = _is_never_unknown,
    needs_odometer: bool = True,
) -> CheckedVehicle:
    """
    Check vin, brand, control_measures and tags, given as in a program; other fields are not looked at.

    `unknown` tells which values are not known yet, at any depth: they are neither checked nor a
    problem. A property of None counts as not given. `needs_odometer`: False for one that is registered already, whose reading
    the platform does not return.
    """
    check = _Check(unknown, needs_odometer)
    vin = check.vin(fields.get("vin"))
    brand = check.brand(fields.get("brand"))
    measures = check.control_measures(fields.get("control_measures"), brand)
    tags = check.tags(fields.get("tags"))
    is_complete = not check.problems and not check.met_unknown
    normalized: dict[str, Any] = {"vin": vin, "brand": brand}
    if measures:
        normalized["control_measures"] = measures
    if tags:
        normalized["tags"] = tags
    if not is_complete:
        given = {name: fields[name] for name in _FIELDS if fields.get(name) is not None}
        normalized = given | {name: value for name, value in normalized.items() if value is not None}
    return CheckedVehicle(normalized, check.problems, check.warnings, is_complete)


class _Check:
    """
    Collects what is wrong with one vehicle. Each method returns the well-formed value, or None.

    It runs for each of a hundred thousand vehicles: what only a message needs is made where it is said.
    """

    __slots__ = ("_needs_odometer", "_unknown", "met_unknown", "problems", "warnings")

    def __init__(self, unknown: Callable[[object], bool], needs_odometer: bool) -> None:
        self._unknown = unknown
        self._needs_odometer = needs_odometer
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.met_unknown = False

    def vin(self, value: object) -> str | None:
        if self._is_unknown(value):
            return None
        if value is None:
            self._refuse("vin", "The VIN is missing: give its 17 characters.")
            return None
        if not isinstance(value, str):
            self._refuse("vin", f"{describe(value)} is not a valid VIN: write it as text, in quotes.")
            return None
        try:
            return parse_vin(value)
        except InvalidVin as error:
            self._refuse("vin", str(error))
            return None

    def brand(self, value: object) -> str | None:
        if self._is_unknown(value):
            return None
        if value is None:
            self._refuse("brand", 'The brand is missing: give the platform\'s name of it, such as "bmw".')
            return None
        if not isinstance(value, str):
            self._refuse("brand", f"{describe(value)} is not a brand: write its name as text.")
            return None
        if known := wire_name(value):
            return known
        if not value.strip():
            self._refuse("brand", 'The brand is empty: give the platform\'s name of it, such as "bmw".')
            return None
        meant = nearest_brand(value)
        advice = f'Did you mean "{meant}"?' if meant else f"The brands are: {', '.join(BRANDS)}."
        # The platform's list grows: an unknown brand is the platform's to refuse.
        self.warnings.append(
            Problem(
                "brand",
                f"{describe(value)} is not a brand that this version knows; the platform may refuse it. {advice}",
            )
        )
        return value.strip()

    def control_measures(self, value: object, brand: str | None) -> dict[str, Any] | None:
        if self._is_unknown(value):
            return None
        reading: object = None
        if value is not None:
            if not self._is_object(value, "control_measures", ("odometer",)):
                return None
            reading = value.get("odometer")
            if self._is_unknown(reading):
                return None
        if reading is not None:
            return self._odometer(reading)
        known = BRANDS.get(brand) if brand is not None else None
        if known is not None and known.requires_odometer and self._needs_odometer:
            self._refuse(
                "control_measures.odometer",
                f"The odometer's reading is missing: {brand} compares it with the car's. "
                f"Give its value and unit ({' or '.join(UNITS)}).",
            )
        return None

    def _odometer(self, reading: object) -> dict[str, Any] | None:
        if not self._is_object(reading, "control_measures.odometer", ("value", "unit")):
            return None
        value, unit = reading.get("value"), reading.get("unit")
        value_is_unknown, unit_is_unknown = self._is_unknown(value), self._is_unknown(unit)
        why_no_value = None if value_is_unknown else _why_no_reading(value)
        why_no_unit = None if unit_is_unknown else _why_no_unit(unit)
        if why_no_value:
            self._refuse("control_measures.odometer.value", why_no_value)
        if why_no_unit:
            self._refuse("control_measures.odometer.unit", why_no_unit)
        if value_is_unknown or unit_is_unknown or why_no_value or why_no_unit:
            return None
        return {"odometer": {"value": int(cast(float, value)), "unit": unit}}

    def tags(self, value: object) -> dict[str, str] | None:
        if value is None or self._is_unknown(value):
            return None
        if not isinstance(value, (dict, Mapping)):
            self._refuse("tags", f"{describe(value)} is not a map: give names with text values.")
            return None
        for name, text in value.items():
            if not isinstance(name, str):
                self._refuse("tags", f"The name {describe(name)} is not text: write it in quotes.")
            elif not name.strip():
                self._refuse("tags", f"A tag has an empty name (its text is {describe(text)}): give it one.")
            elif not self._is_unknown(text) and not isinstance(text, str):
                self._refuse(tag_path(name), _why_no_tag(text))
        # Names that are no texts cannot be sorted, and what has a problem is not requested.
        if self.problems:
            return None
        tags: dict[str, str] = {}
        for given, text in value.items():
            # What looks the same is the same: of a file written by another system, or typed on another keyboard.
            name = composed(given)
            if name in tags:
                self._refuse(
                    tag_path(name),
                    "The tag appears twice: its names look the same, one with composed and one with decomposed "
                    "characters. Remove one.",
                )
            tags[name] = text if self._unknown(text) else composed(text)
        return None if self.problems else dict(sorted(tags.items()))

    def _is_object(self, value: object, path: str, keys: tuple[str, ...]) -> TypeGuard[Mapping[str, object]]:
        if not isinstance(value, (dict, Mapping)):
            self._refuse(path, f"{describe(value)} is not an object with {' and '.join(keys)}.")
            return False
        for name in value:
            if name not in keys:
                meant = nearest(str(name), keys)
                advice = f'Did you mean "{meant}"?' if meant else f"It takes: {', '.join(keys)}."
                self._refuse(f"{path}.{name}", f"The platform does not know this measure. {advice}")
        return True

    def _is_unknown(self, value: object) -> bool:
        if not self._unknown(value):
            return False
        self.met_unknown = True
        return True

    def _refuse(self, path: str, reason: str) -> None:
        self.problems.append(Problem(path, reason))


def tag_path(name: str) -> str:
    """The property path of a tag, in Pulumi's notation."""
    return f"tags.{name}" if name.replace("-", "_").isidentifier() else f'tags["{name}"]'


def _why_no_reading(value: object) -> str | None:
    if value is None:
        return "The odometer's value is missing: give a whole number."
    if isinstance(value, str):
        digits = value.strip()
        advice = f": {digits}" if digits.isascii() and digits.isdigit() else ""
        return f"{describe(value)} is text: write the reading as a whole number, without quotes{advice}."
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return f"{describe(value)} is not a reading: give a whole number."
    # Pulumi's numbers are all floats; neither nan nor an infinity is an integer to is_integer.
    if isinstance(value, float) and not value.is_integer():
        return f"{number(value)} is not whole: round the reading."
    if value < 0:
        return f"{number(value)} is below zero: give the reading as the car shows it."
    return None


def _why_no_unit(value: object) -> str | None:
    if value in UNITS:
        return None
    choice = " or ".join(f'"{unit}"' for unit in UNITS)
    if value is None:
        return f"The odometer's unit is missing: give {choice}."
    meant = None
    if isinstance(value, str):
        meant = _UNITS_MEANT.get(value.strip().casefold()) or nearest(value, UNITS)
    advice = f'Write "{meant}".' if meant else f"Write {choice}."
    return f"{describe(value)} is not a unit that the platform accepts. {advice}"


def _why_no_tag(value: object) -> str:
    if value is None:
        return "The tag has no value: leave it out or give it a text."
    if isinstance(value, (bool, int, float)):
        text = describe(value).removeprefix("the number ")
        return f'{describe(value)} is not text, and the value of a tag has to be text: write it in quotes, "{text}".'
    return f"{describe(value)} is not text, and the value of a tag has to be text."
