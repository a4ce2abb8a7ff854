"""`pulumi-highmobility import`: a fleet that is registered already, as a file or a program for Pulumi."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from ..clearance.states import ACTIVE, Status
from ..files.reading import FleetFileError, vehicles_from_csv, vehicles_from_json, vehicles_from_yaml
from ..fleet.plan import named, vehicles
from ..text import FORMULA
from ..vehicle.check import check_vehicle
from .comparison import Line, lines_of
from .connection import ask, settings_of, stack_of, with_stack
from .output import json_text, say, write_file
from .selection import filter_of, with_selection

Row = dict[str, Any]
_NAMED = 5


class CannotBeWritten(Exception):
    """The vehicles cannot be written in this form; the message says why."""


@click.command("import")
@with_selection
@with_stack
@click.option(
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write: .csv, .json or .yaml for a Fleet, .py for a program with one FleetVehicle per vehicle.",
)
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
def import_fleet(
    stack: str | None, cwd: Path | None, output: Path, force: bool, **chosen: Sequence[str]
) -> None:
    """
    Write the registered vehicles as a file or a program for Pulumi.

    \b
    pulumi-highmobility import --output vehicles.csv
    pulumi-highmobility import --brand bmw --tag depot=north --output north.py

    The next `pulumi up` adopts them: no clearance is requested again. Nothing is changed at the platform.
    """
    writer = _WRITERS.get(output.suffix)
    if writer is None:
        raise click.UsageError(f"--output {output}: its name must end with one of {', '.join(_WRITERS)}.")
    if output.exists() and not force:
        raise click.ClickException(f"{output} exists: choose another name, or --force to replace it.")
    selection = filter_of(**chosen)
    registered = ask(settings_of(stack_of(stack, cwd)), lambda api: api.list_vehicles())
    lines = [line for line in lines_of(registered) if selection.takes(line)]
    rows, left_out = rows_of(lines)
    for reason, vins in left_out.items():
        say(f"Left out: {len(vins):,} ({named(vins, _NAMED)}). {reason}")
    if not rows:
        raise click.ClickException("there is no vehicle to write: no file was written.")
    try:
        content = writer(rows)
        if output.suffix != ".py":
            _read_back(content, output.suffix, rows)
    except CannotBeWritten as error:
        raise click.ClickException(str(error)) from error
    write_file(output, content, force=force)
    told = ", ".join(
        f"{count:,} {brand}" for brand, count in sorted(Counter(row["brand"] for row in rows).items())
    )
    if output.suffix == ".csv":
        _tell_formulas(rows)
    say(f"Wrote {vehicles(len(rows))} to {output}: {told}.")
    say(_WHAT_NEXT[output.suffix].format(name=output.name))


def _tell_formulas(rows: Sequence[Row]) -> None:
    # The file has to hold the tag as it is registered, so that it cannot be made harmless.
    vins = [
        row["vin"] for row in rows if any(text.startswith(FORMULA) for text in row.get("tags", {}).values())
    ]
    if vins:
        say(
            f"Warning: {vehicles(len(vins))} with a tag that a spreadsheet would treat as a formula ({named(vins, _NAMED)}): do "
            "not open the file in a spreadsheet, or write a .json file instead."
        )


def rows_of(lines: Sequence[Line]) -> tuple[list[Row], dict[str, list[str]]]:
    """The vehicles as a program writes them, and the VINs of those that it cannot have, by what that means."""
    rows: list[Row] = []
    left_out: dict[str, list[str]] = {}
    for line in lines:
        row: Row = {"vin": line.vin, "brand": line.brand}
        if line.tags:
            row["tags"] = dict(sorted(line.tags.items()))
        reason = _why_not(line, row)
        if reason:
            left_out.setdefault(reason, []).append(line.vin)
        else:
            rows.append(row)
    return rows, left_out


def _why_not(line: Line, row: Row) -> str:
    status = Status.of(line.status)
    if status is None:
        return f'Their status "{line.status}" is not known to this version: update the package, or add them by hand.'
    if status not in ACTIVE:
        return (
            f"They are {line.status}: there is no clearance to keep. In a program they would be requested again; add "
            "them by hand if that is intended."
        )
    if not line.brand:
        return "The platform does not report their brand: add them by hand."
    problems = check_vehicle(row).problems
    if any(problem.property.startswith("control_measures") for problem in problems):
        return (
            f"{line.brand} needs an odometer reading, which the platform does not report: add them by hand with "
            "control_measures; a registered vehicle is adopted whatever the reading."
        )
    return " ".join(problem.reason for problem in problems)


def _csv(rows: Sequence[Row]) -> str:
    names = sorted({name for row in rows for name in row.get("tags", {})})
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["vin", "brand", *(f"tag:{name}" for name in names)])
    for row in rows:
        tags = row.get("tags", {})
        writer.writerow([row["vin"], row["brand"], *(tags.get(name, "") for name in names)])
    return file.getvalue()


def _json(rows: Sequence[Row]) -> str:
    lines = ",\n".join(json_text(row) for row in rows)
    return f'{{"vehicles": [\n{lines}\n]}}\n'


def _yaml(rows: Sequence[Row]) -> str:
    # A YAML file may hold JSON: every text is in quotes, so that none is taken for a number.
    return "vehicles:\n" + "".join(f"  - {json_text(row, for_yaml=True)}\n" for row in rows)


def _program(rows: Sequence[Row]) -> str:
    head = '"""Vehicles that were already registered; written by `pulumi-highmobility import`."""\n\nimport pulumi_highmobility as hm\n\n'
    return head + "".join(_call(row) for row in rows)


def _call(row: Row) -> str:
    tags = f", tags={row['tags']!r}" if row.get("tags") else ""
    return f"hm.FleetVehicle({row['vin']!r}, vin={row['vin']!r}, brand={row['brand']!r}{tags})\n"


def _read_back(content: str, suffix: str, rows: Sequence[Row]) -> None:
    """
    The file has to give the same vehicles: another tag would revoke a clearance and request it again.

    Raises: CannotBeWritten.
    """
    reader: Callable[[Path], Sequence[Mapping[str, Any]]] = {
        ".csv": vehicles_from_csv,
        ".json": vehicles_from_json,
        ".yaml": vehicles_from_yaml,
        ".yml": vehicles_from_yaml,
    }[suffix]
    advice = "" if suffix == ".json" else " Write a .json file instead."
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"fleet{suffix}"
        path.write_text(content, encoding="utf-8")
        try:
            found = reader(path)
        except FleetFileError as error:
            problem = error.problems[0]
            raise CannotBeWritten(
                f"a tag cannot be written as {suffix[1:]} (line {problem.line}: {problem.reason}).{advice}"
            ) from error
    for row, read in zip(rows, found, strict=True):
        if row != dict(read):
            raise CannotBeWritten(
                f"{row['vin']} has a tag that {suffix[1:]} cannot hold unchanged, such as one with leading or trailing spaces.{advice}"
            )


_WRITERS: dict[str, Callable[[Sequence[Row]], str]] = {
    ".csv": _csv,
    ".json": _json,
    ".yaml": _yaml,
    ".yml": _yaml,
    ".py": _program,
}
_WHAT_NEXT = {
    ".csv": 'In the program: hm.Fleet("fleet", vehicles=hm.vehicles_from_csv("{name}")). `pulumi up` adopts them without a request.',
    ".json": 'In the program: hm.Fleet("fleet", vehicles=hm.vehicles_from_json("{name}")). `pulumi up` adopts them without a request.',
    ".yaml": 'In the program: hm.Fleet("fleet", vehicles=hm.vehicles_from_yaml("{name}")). `pulumi up` adopts them without a request.',
    ".yml": 'In the program: hm.Fleet("fleet", vehicles=hm.vehicles_from_yaml("{name}")). `pulumi up` adopts them without a request.',
    ".py": "Use {name} as the program, or import it there. `pulumi up` adopts the vehicles without a request.",
}
