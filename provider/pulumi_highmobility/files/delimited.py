"""Vehicles from a CSV file, one a line."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from ..vehicle.vin import InvalidVin, parse_vin
from ..vehicle.wording import describe, nearest
from .rows import REPORTED, UNENDED, FleetRows, fault, read_text

COLUMNS = ("vin", "brand", "odometer", "unit", "tags")
REQUIRED = ("vin", "brand")
TAG_COLUMN = "tag:"
DELIMITERS = (",", ";", "\t")
# An odometer of more digits is a slip, and Python refuses to read thousands of them.
MOST_DIGITS = 15


class BadQuotes(ValueError):
    """The quotes of a line do not match."""


class _Header(NamedTuple):
    """Where in a line each value stands."""

    width: int
    vin: int
    brand: int
    odometer: int | None = None
    unit: int | None = None
    tags: int | None = None
    tag_columns: tuple[tuple[int, str], ...] = ()


def read_csv(path: Path) -> FleetRows:
    """Every vehicle and every problem of the file. Raises: FleetFileError where the header is wrong; OSError."""
    lines = read_text(path).split("\n")
    content = [
        number for number, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")
    ]
    if not content:
        raise fault(path, "The file is empty. Was it cut off?")
    first = lines[content[0]]
    delimiter = _delimiter(first)
    try:
        header = _header(path, content[0] + 1, _split(first, delimiter), delimiter)
    except BadQuotes as error:
        raise fault(path, str(error), line=content[0] + 1) from error
    rows = FleetRows(path, lambda place, _: place + 1)
    # Spreadsheets leave lines of empty cells at the end.
    blank = f'{delimiter}" \t'
    last = len(lines) - 1
    if lines[last] and last > content[0]:
        rows.refuse(last, "", UNENDED)
    for place in content[1:]:
        if place == last:
            # What is left of a line that breaks off says nothing.
            continue
        try:
            cells = _split(lines[place], delimiter)
        except BadQuotes as error:
            rows.refuse(place, "", str(error))
            continue
        if len(cells) != header.width:
            is_last = place == content[-1]
            rows.refuse(place, "", _why_not_as_wide(len(cells), header, delimiter, is_last=is_last))
        elif lines[place].strip(blank):
            _take(rows, place, cells, header)
    return rows


def _split(line: str, delimiter: str) -> list[str]:
    """
    The cells of a line.

    A record is one line: a quote that is never closed must not swallow the vehicles below it.
    Raises: BadQuotes.
    """
    if '"' not in line:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True, skipinitialspace=True))
    except csv.Error as error:
        raise BadQuotes(
            f"The quotes do not match ({error}): a cell has to open and close with a quote on the same line, "
            "and a quote within it is written twice."
        ) from error


def _delimiter(header: str) -> str:
    """The delimiter that cuts the most known columns out of the header, or the most columns where none is known."""

    def known(delimiter: str) -> tuple[int, int]:
        names = [name.strip(' "').casefold() for name in header.split(delimiter)]
        return sum(name in COLUMNS or name.startswith(TAG_COLUMN) for name in names), len(names)

    return max(DELIMITERS, key=known)


def _header(path: Path, line: int, names: list[str], delimiter: str) -> _Header:
    names = [name.strip() for name in names]
    if _is_vin(names[0]):
        raise fault(
            path, f"The header is missing: name the columns first, such as {','.join(COLUMNS)}.", line=line
        )
    flaws = FleetRows(path, lambda place, _: place)
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        tag = name[len(TAG_COLUMN) :].strip() if name.casefold().startswith(TAG_COLUMN) else None
        column = name.casefold() if tag is None else TAG_COLUMN + tag
        if (tag is None and column not in COLUMNS) or tag == "":
            flaws.refuse(line, "", _why_no_column(name))
        elif column in places:
            flaws.refuse(line, "", f'The column "{column}" appears twice: remove or rename one.')
        places.setdefault(column, place)
    missing = [column for column in REQUIRED if column not in places]
    for column in missing:
        # Where no name is known, it may be another language, or another delimiter.
        cut = f" {_how_cut(names, delimiter)}" if column == missing[0] and len(missing) > 1 else ""
        flaws.refuse(line, "", f'The column "{column}" is missing.{cut}')
    if ("odometer" in places) != ("unit" in places):
        flaws.refuse(line, "", 'The columns "odometer" and "unit" go together: one of them is missing.')
    if flaws.has_problems:
        flaws.result()
    return _Header(
        width=len(names),
        **{column: places[column] for column in COLUMNS if column in places},
        tag_columns=tuple(
            (place, column[len(TAG_COLUMN) :])
            for column, place in places.items()
            if column.startswith(TAG_COLUMN)
        ),
    )


def _take(rows: FleetRows, place: int, cells: list[str], header: _Header) -> None:
    fields: dict[str, object] = {"vin": cells[header.vin].strip(), "brand": cells[header.brand].strip()}
    if header.odometer is not None and header.unit is not None:
        value, unit = cells[header.odometer].strip(), cells[header.unit].strip()
        if value or unit:
            reading = {"value": _reading(rows, place, value), "unit": unit or None}
            fields["control_measures"] = {"odometer": reading}
    if header.tags is not None or header.tag_columns:
        tags = _tags(rows, place, cells, header)
        if tags:
            fields["tags"] = tags
    rows.take(place, fields, _column)


def _reading(rows: FleetRows, place: int, text: str) -> object:
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS:
        return int(text)
    rows.refuse(place, "odometer", f"{describe(text)} is not a reading: write only digits, such as 110000.")
    return REPORTED


def _tags(rows: FleetRows, place: int, cells: list[str], header: _Header) -> dict[str, object]:
    """The tags of both forms; a cell that is blank is no tag."""
    tags: dict[str, object] = {}
    for column, name in header.tag_columns:
        if text := cells[column].strip():
            tags[name] = text
    for part in cells[header.tags].split(";") if header.tags is not None else ():
        name, equals, text = part.partition("=")
        name = name.strip()
        if name and equals and name not in tags:
            tags[name] = text.strip()
        elif name in tags:
            rows.refuse(place, "tags", f'The tag "{name}" appears twice: remove one.')
        elif part.strip():
            rows.refuse(
                place, "tags", f"{describe(part.strip())} is not a tag: write name=text, and ; between tags."
            )
    return tags


def _column(path: str) -> str:
    if path.startswith("control_measures"):
        return "unit" if path.endswith(".unit") else "odometer"
    return path


def _how_cut(names: list[str], delimiter: str) -> str:
    count = f"{len(names)} column{'' if len(names) == 1 else 's'}"
    return (
        f"The header was split into {count} at {_shown(delimiter)}; the names are English: {', '.join(COLUMNS)}, "
        f"and {TAG_COLUMN}NAME for a tag."
    )


def _shown(delimiter: str) -> str:
    return "a tab" if delimiter == "\t" else f'"{delimiter}"'


def _is_vin(text: str) -> bool:
    # "Fahrgestellnummer" has 17 letters, and none that a VIN leaves out; a VIN has digits.
    if not any(letter.isdigit() for letter in text):
        return False
    try:
        parse_vin(text.strip('"'))
    except InvalidVin:
        return False
    return True


def _why_no_column(name: str) -> str:
    meant = nearest(name, COLUMNS)
    advice = (
        f'Did you mean "{meant}"?'
        if meant
        else f'It may have {", ".join(COLUMNS)}, and a column "{TAG_COLUMN}NAME" for each tag.'
    )
    return f"The file cannot have a column {describe(name)}. {advice}"


def _why_not_as_wide(found: int, header: _Header, delimiter: str, *, is_last: bool) -> str:
    count = f"{found} cell{'' if found == 1 else 's'}, the header has {header.width}"
    if found < header.width:
        if is_last:
            return f"The last line has {count}: was the file cut off?"
        return f"The line has {count}: leave a cell empty, but do not leave it out."
    return f"The line has {count}: put a cell with {_shown(delimiter)} in it in double quotes."
