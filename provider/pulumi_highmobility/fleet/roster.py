"""The vehicles of a fleet as one text, a line each: what a state can hold of a hundred thousand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..vehicle.check import Problem, check_vehicle
from ..vehicle.wording import describe, nearest

Row = dict[str, Any]
"""A vehicle as on the wire: vin, brand, control_measures?, tags?"""

_FIELDS = ("vin", "brand", "control_measures", "tags")
# Made once: json.dumps makes one at each call, and there are a hundred thousand lines.
_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def write_roster(rows: Iterable[Mapping[str, Any]]) -> str:
    """
    The rows as text, sorted by VIN; a line is `["VIN","brand",{tags},[odometer,"unit"]]`, without what is empty at its end.

    The engine shows a changed text line by line, and a tree of as many objects costs it several times as much.
    """
    return "\n".join(_line(row) for row in sorted(rows, key=lambda row: str(row["vin"])))


def given_lines(vehicles: Iterable[Any]) -> Iterator[str]:
    """
    What a program gave, a line each, for `read_roster`.

    What is no object goes as an array of one, for the check to refuse by its place: a state's own lines are arrays of two to four.
    Raises: TypeError (a value that is no JSON).
    """
    for vehicle in vehicles:
        row = vehicle if isinstance(vehicle, Mapping) else [vehicle]
        yield _compact(row)


def read_roster(text: str) -> list[Any]:
    """
    The rows of a text, of lines as `write_roster` writes them or of JSON objects as a program gives them.

    An array of one holds what a program gave in place of an object, which is no Row.

    Raises: ValueError where it is neither.
    """
    lines = json.loads(f"[{','.join(text.split(chr(10)))}]") if text else []
    return [line if isinstance(line, dict) else row_from(line) for line in lines]


class CheckedRoster(NamedTuple):
    """What a check found: the rows in the form in which they are sent, and what is wrong with them."""

    rows: list[Row]
    problems: list[Problem]
    warnings: list[Problem]
    wants: dict[str, str]
    """Where each VIN stands, those of rows with another problem included: `vehicles[3].vin`."""


def check_roster(rows: Sequence[Any]) -> CheckedRoster:
    """Check every row as a FleetVehicle's arguments are checked, and that no VIN appears twice."""
    found: list[Row] = []
    problems: list[Problem] = []
    warnings: list[Problem] = []
    places: dict[str, int] = {}
    wants: dict[str, str] = {}
    for place, row in enumerate(rows):
        if not isinstance(row, Mapping):
            problems.append(
                Problem(f"vehicles[{place}]", f"{describe(row)} is not a vehicle: give vin and brand.")
            )
            continue
        problems.extend(
            Problem(f"vehicles[{place}].{name}", _why_unknown(name)) for name in row if name not in _FIELDS
        )
        checked = check_vehicle(row)
        problems.extend(_placed(place, problem) for problem in checked.problems)
        warnings.extend(_placed(place, warning) for warning in checked.warnings)
        if not any(problem.property == "vin" for problem in checked.problems):
            vin = checked.normalized["vin"]
            wants[vin] = f"vehicles[{place}].vin"
            first = places.setdefault(vin, place) if not checked.problems else place
            if first != place:
                problems.append(
                    Problem(
                        f"vehicles[{place}].vin",
                        f"{vin} is already vehicles[{first}]: remove one of the two.",
                    )
                )
        found.append(checked.normalized)
    return CheckedRoster(found, problems, warnings, wants)


def row_line(row: Mapping[str, Any]) -> list[Any]:
    """A row as the array of its line."""
    reading = (row.get("control_measures") or {}).get("odometer")
    fields = [
        row["vin"],
        row["brand"],
        row.get("tags") or {},
        [int(reading["value"]), reading["unit"]] if reading else [],
    ]
    while not fields[-1]:
        fields.pop()
    return fields


def _line(row: Mapping[str, Any]) -> str:
    return _compact(row_line(row))


def row_from(line: Any) -> Any:
    """The row of an array. Raises: ValueError."""
    if isinstance(line, list) and len(line) == 2:
        # Most of them.
        return {"vin": line[0], "brand": line[1]}
    if isinstance(line, list) and len(line) == 1:
        # What a program gave in place of a dictionary: left to the check.
        return line[0]
    if not isinstance(line, list) or not 2 <= len(line) <= 4:
        raise ValueError(f"{describe(line)} is not a vehicle of a roster")
    row: Row = {"vin": line[0], "brand": line[1]}
    if len(line) > 2 and line[2]:
        row["tags"] = line[2]
    if len(line) > 3:
        row["control_measures"] = {"odometer": {"value": line[3][0], "unit": line[3][1]}}
    return row


def _placed(place: int, problem: Problem) -> Problem:
    return Problem(f"vehicles[{place}].{problem.property}", problem.reason)


def _why_unknown(name: object) -> str:
    meant = nearest(str(name), _FIELDS)
    return (
        f'A vehicle has no such input. Did you mean "{meant}"?'
        if meant
        else (f"A vehicle has no such input. It has: {', '.join(_FIELDS)}.")
    )
