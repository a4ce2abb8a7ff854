"""What comes of reading a file: its vehicles, or everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

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
    """Everything that is wrong with a file of vehicles; its message shows the first 50 of `problems`."""

    def __init__(self, path: Path, problems: Sequence[FleetFileProblem]) -> None:
        self.path = path
        self.problems = tuple(problems)
        count = len(self.problems)
        head = f"{path} has {count} problem{'' if count == 1 else 's'}; no vehicle was taken from it:"
        shown = [_line(path, problem) for problem in self.problems[:PRINTED]]
        if count > PRINTED:
            shown.append(f"and {count - PRINTED} more")
        super().__init__("\n  ".join([head, *shown]))


def _line(path: Path, problem: FleetFileProblem) -> str:
    where = path.name if problem.line is None else f"{path.name}, line {problem.line}"
    return ": ".join(part for part in (where, problem.property, problem.reason) if part)
