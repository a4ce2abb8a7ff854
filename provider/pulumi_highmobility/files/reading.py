"""A fleet kept in a file: CSV, JSON or YAML, to vehicles as a program would write them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

__all__ = [
    "FleetFileError",
    "FleetFileProblem",
    "VehicleArgsDict",
    "vehicles_from_csv",
    "vehicles_from_json",
    "vehicles_from_yaml",
]


# More lines than this are counted, not printed.
PRINTED = 50


class _Required(TypedDict):
    vin: str
    brand: str


class VehicleArgsDict(_Required, total=False):
    """One vehicle of a file, as a program would write it; `FleetVehicle(name, **vehicle)` takes it."""

    control_measures: Any
    """{"odometer": {"value": int, "unit": "kilometers" | "miles"}}; Any, for type-checkers of programs."""
    tags: dict[str, str]


class FleetFileProblem(NamedTuple):
    """
    What is wrong at one place of a file.

    `line` counts from 1, None where it is the file as a whole; `property` is a path or a column, empty
    where it is the line as a whole.
    """

    line: int | None
    property: str
    reason: str


class FleetFileError(ValueError):
    """All that is wrong with a file of vehicles; its message shows the first 50 of `problems`."""

    def __init__(self, path: Path, problems: Sequence[FleetFileProblem]) -> None:
        self.path = path
        self.problems = tuple(problems)
        count = len(self.problems)
        head = f"{path} has {count} problem{'' if count == 1 else 's'}; no vehicle was taken from it:"
        shown = [_line(path, problem) for problem in self.problems[:PRINTED]]
        if count > PRINTED:
            shown.append(f"and {count - PRINTED} more")
        super().__init__("\n  ".join([head, *shown]))


def vehicles_from_csv(path: str | os.PathLike[str]) -> list[VehicleArgsDict]:
    """
    The vehicles of a CSV file, checked; docs/fleet-files.md describes the format.

    A header names the columns vin, brand, odometer, unit, tags ("name=text;name=text") and "tag:NAME";
    only vin and brand are required.

    Raises: FleetFileError with all problems and their lines; OSError where it cannot be read.
    """
    from .delimited import read_csv  # noqa: PLC0415 - a program without such a file does not pay for it

    return read_csv(Path(path)).result()


def vehicles_from_json(path: str | os.PathLike[str]) -> list[VehicleArgsDict]:
    """
    The vehicles of a JSON file, checked: a list of objects, or {"vehicles": [...]}.

    An object has vin, brand, tags? and control_measures?, or for the last `odometer` and `unit` at once.

    Raises: FleetFileError with all problems and their lines; OSError where it cannot be read.
    """
    from .documents import read_json  # noqa: PLC0415 - as above

    return read_json(Path(path)).result()


def vehicles_from_yaml(path: str | os.PathLike[str]) -> list[VehicleArgsDict]:
    """
    The vehicles of a YAML file, checked; its shape is that of JSON.

    Raises: FleetFileError with all problems and their lines; OSError where it cannot be read; ImportError
    where PyYAML is not installed.
    """
    from .documents import read_yaml  # noqa: PLC0415 - as above

    return read_yaml(Path(path)).result()


def _line(path: Path, problem: FleetFileProblem) -> str:
    where = path.name if problem.line is None else f"{path.name}, line {problem.line}"
    return ": ".join(part for part in (where, problem.property, problem.reason) if part)
