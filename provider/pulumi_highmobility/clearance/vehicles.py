"""What a vehicle may look like in a program or a file, checked before anything is sent."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .brands import BRANDS, nearest_brand, wire_name
from .vin import InvalidVin, parse_vin

Unit = Literal["kilometers", "miles"]
UNITS: tuple[Unit, ...] = ("kilometers", "miles")
_UNIT_SLIPS = {"km": "kilometers", "kms": "kilometers", "kilometres": "kilometers", "kilometer": "kilometers"}
_UNIT_SLIPS |= {"mi": "miles", "mile": "miles"}


@dataclass(frozen=True)
class Odometer:
    """A reading: a whole number, in kilometers or miles."""

    value: int
    unit: Unit


@dataclass(frozen=True)
class VehicleSpec:
    """A vehicle to ask clearance for, checked and normalised."""

    vin: str
    brand: str
    odometer: Odometer | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Problem:
    """What is wrong with one property; `property` is a path such as "control_measures.odometer.unit"."""

    property: str
    reason: str


@dataclass(frozen=True)
class CheckedVehicle:
    """
    The result of a check.

    `spec` is None where there are problems or something is not known yet. Warnings stop nothing.
    """

    spec: VehicleSpec | None
    problems: list[Problem]
    warnings: list[Problem]


def check_vehicle(
    fields: Mapping[str, Any], *, unknown: Callable[[object], bool] = lambda _: False
) -> CheckedVehicle:
    """
    Check a vehicle as a program gives it: vin, brand, control_measures, tags.

    A value for which `unknown` is true is not known yet: it is no problem, and leaves `spec` None.
    """
    check = _Check(unknown)
    vin = check.vin(fields.get("vin"))
    brand = check.brand(fields.get("brand"))
    odometer = check.odometer(fields.get("control_measures"), brand)
    tags = check.tags(fields.get("tags"))
    complete = vin is not None and brand is not None and not check.problems and not check.has_unknown
    spec = VehicleSpec(vin, brand, odometer, tags) if complete and vin and brand else None
    return CheckedVehicle(spec, check.problems, check.warnings)


def to_wire(spec: VehicleSpec) -> dict[str, Any]:
    """A row of POST /fleets/vehicles."""
    row: dict[str, Any] = {"vin": spec.vin, "brand": spec.brand}
    if spec.odometer is not None:
        row["control_measures"] = {"odometer": {"value": spec.odometer.value, "unit": spec.odometer.unit}}
    if spec.tags:
        row["tags"] = dict(spec.tags)
    return row


class _Check:
    def __init__(self, unknown: Callable[[object], bool]) -> None:
        self._unknown = unknown
        self.has_unknown = False
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def vin(self, value: Any) -> str | None:
        if self._is_unknown(value):
            return None
        if not isinstance(value, str):
            self._problem("vin", "is missing" if value is None else f"is {value!r}; a VIN is a text")
            return None
        try:
            return parse_vin(value)
        except InvalidVin as error:
            self._problem("vin", str(error))
            return None

    def brand(self, value: Any) -> str | None:
        if self._is_unknown(value):
            return None
        if not isinstance(value, str) or not value.strip():
            self._problem("brand", 'is missing; give the platform\'s name of the carmaker, for example "bmw"')
            return None
        brand = value.strip()
        if brand in BRANDS:
            return brand
        spelled = wire_name(brand)
        if spelled:
            return spelled
        near = nearest_brand(brand)
        advice = f'Did you mean "{near}"?' if near else f"Known: {', '.join(sorted(BRANDS))}."
        self.warnings.append(
            Problem(
                "brand", f'"{brand}" is not a brand known to this version; the platform decides. {advice}'
            )
        )
        return brand

    def odometer(self, measures: Any, brand: str | None) -> Odometer | None:
        if self._is_unknown(measures):
            return None
        if measures is not None and not isinstance(measures, Mapping):
            self._problem(
                "control_measures", f'is {measures!r}; it takes {{"odometer": {{"value", "unit"}}}}'
            )
            return None
        given = {name: value for name, value in (measures or {}).items() if value is not None}
        for name in given.keys() - {"odometer"}:
            self._problem(f"control_measures.{name}", 'is not a control measure; there is "odometer"')
        reading = given.get("odometer")
        if self._is_unknown(reading):
            return None
        if reading is None:
            if brand is not None and brand in BRANDS and BRANDS[brand].requires_odometer:
                self._problem(
                    "control_measures",
                    f"{brand} checks the odometer during clearance: add "
                    'control_measures={"odometer": {"value": 110_000, "unit": "kilometers"}} with the present reading',
                )
            return None
        if not isinstance(reading, Mapping):
            self._problem("control_measures.odometer", f"is {reading!r}; it takes a value and a unit")
            return None
        for name in reading.keys() - {"value", "unit"}:
            self._problem(
                f"control_measures.odometer.{name}",
                'is not a part of the reading; there are "value" and "unit"',
            )
        value, unit = self._reading(reading.get("value")), self._unit(reading.get("unit"))
        return Odometer(value, unit) if value is not None and unit is not None else None

    def tags(self, value: Any) -> dict[str, str]:
        if self._is_unknown(value) or value is None:
            return {}
        if not isinstance(value, Mapping):
            self._problem("tags", f"is {value!r}; it takes texts by name")
            return {}
        tags = {}
        for name, text in value.items():
            if not str(name).strip():
                self._problem("tags", "has an empty name")
            elif self._is_unknown(text):
                continue
            elif isinstance(text, str):
                tags[str(name)] = text
            else:
                self._problem(f"tags.{name}", f"is {text!r}; a tag is a text: quote it")
        return dict(sorted(tags.items()))

    def _reading(self, value: Any) -> int | None:
        path = "control_measures.odometer.value"
        if self._is_unknown(value):
            return None
        if isinstance(value, str):
            self._problem(path, f'is the text "{value}"; write the number without quotes')
            return None
        # Pulumi hands over every number as a float.
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
            self._problem(
                path, "is missing" if value is None else f"is {value!r}; the API takes a whole number"
            )
            return None
        if value < 0:
            self._problem(path, f"is {value:g}; an odometer does not go below 0")
            return None
        return int(value)

    def _unit(self, value: Any) -> Unit | None:
        path = "control_measures.odometer.unit"
        if self._is_unknown(value):
            return None
        for unit in UNITS:
            if value == unit:
                return unit
        if value is None:
            self._problem(path, 'is missing; it takes "kilometers" or "miles"')
            return None
        folded = str(value).strip().lower()
        near = _UNIT_SLIPS.get(folded) or next(iter(difflib.get_close_matches(folded, UNITS, n=1)), None)
        advice = f'Did you mean "{near}"?' if near else 'It takes "kilometers" or "miles".'
        self._problem(path, f'is "{value}". {advice}')
        return None

    def _is_unknown(self, value: object) -> bool:
        found = self._unknown(value)
        self.has_unknown = self.has_unknown or found
        return found

    def _problem(self, path: str, reason: str) -> None:
        self.problems.append(Problem(path, reason))
