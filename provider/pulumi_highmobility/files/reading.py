"""A fleet kept in a file: CSV, JSON or YAML, to vehicles as a program would write them."""

from __future__ import annotations

import os
from pathlib import Path

from .outcome import FleetFileError, FleetFileProblem, VehicleArgsDict

__all__ = [
    "FleetFileError",
    "FleetFileProblem",
    "VehicleArgsDict",
    "vehicles_from_csv",
    "vehicles_from_json",
    "vehicles_from_yaml",
]


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
