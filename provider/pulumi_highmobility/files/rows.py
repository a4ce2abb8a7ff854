"""The vehicles of a file, checked one by one, and everything that is wrong with them told at once."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, cast

from ..vehicle.check import check_vehicle
from .outcome import FleetFileError, FleetFileProblem, VehicleArgsDict

# A hundred thousand vehicles are about 10 MB.
MOST_BYTES = 256 * 1024 * 1024


# A cell that was cut off, such as "ac" for "acme", looks like another one, and would revoke the clearance.
UNENDED = (
    "The last line has no line end: was the file cut off? If it is complete, end its last line with a line break, "
    "as an editor or a spreadsheet does when it saves."
)


class _Flaw(NamedTuple):
    place: int
    property: str
    reason: Callable[[], str]


class Reported:
    """Stands for a value whose problem has been told already."""


REPORTED = Reported()


def _is_reported(value: object) -> bool:
    return value is REPORTED


class FleetRows:
    """
    Collects vehicles and problems by place; a place is any number that `line_of` knows the line of.

    Lines are only worked out when something is wrong.
    """

    def __init__(self, path: Path, line_of: Callable[[int, str], int]) -> None:
        self._path = path
        self._line_of = line_of
        self._taken: list[VehicleArgsDict] = []
        self._places: dict[str, int] = {}
        self._flaws: list[_Flaw] = []

    def take(
        self, place: int, fields: Mapping[str, object], named: Callable[[str], str] = lambda path: path
    ) -> None:
        """
        Check the vehicle and keep it, or its problems.

        `fields` are as in a program, with REPORTED for what has been refused already; `named` gives the
        name in the file of a property's path.
        """
        checked = check_vehicle(fields, unknown=_is_reported)
        for problem in checked.problems:
            self.refuse(place, named(problem.property), problem.reason)
        vin = checked.normalized.get("vin")
        has_vin = not checked.problems or all(problem.property != "vin" for problem in checked.problems)
        if has_vin and isinstance(vin, str):
            first = self._places.setdefault(vin, place)
            if first != place:
                self._flaws.append(_Flaw(place, named("vin"), lambda: self._why_twice(vin, first)))
        # A complete vehicle normalises to a program's arguments.
        self._taken.append(cast(VehicleArgsDict, checked.normalized))

    def refuse(self, place: int, property_: str, reason: str) -> None:
        """Keep a problem of this place."""
        self._flaws.append(_Flaw(place, property_, lambda: reason))

    @property
    def has_problems(self) -> bool:
        """True where `result` would raise for what was refused so far."""
        return bool(self._flaws)

    def result(self) -> list[VehicleArgsDict]:
        """
        The vehicles, in the file's order.

        Raises: FleetFileError, where anything is wrong or there is no vehicle at all: what was cut off
        must never look like a fleet that has been sold.
        """
        if self._flaws:
            problems = [
                FleetFileProblem(self._line_of(flaw.place, flaw.property), flaw.property, flaw.reason())
                for flaw in self._flaws
            ]
            raise FleetFileError(self._path, sorted(problems, key=lambda problem: problem.line or 0))
        if not self._taken:
            raise fault(
                self._path,
                "The file contains no vehicle. Was it cut off? To release a whole fleet, remove it from the program.",
            )
        return self._taken

    def _why_twice(self, vin: str, first: int) -> str:
        return f"{vin} is already on line {self._line_of(first, 'vin')}: remove one of the two."


def fault(path: Path, reason: str, *, line: int | None = None) -> FleetFileError:
    """The error of a file that cannot be read further."""
    return FleetFileError(path, [FleetFileProblem(line, "", reason)])


def read_text(path: Path) -> str:
    """
    The file's text with "\\n" at the ends of lines, without a byte order mark.

    Raises: FleetFileError where it is not UTF-8; OSError where it cannot be read.
    """
    content = _read_bytes(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        reason = 'The file is not UTF-8: save it as UTF-8 (spreadsheets call it "CSV UTF-8").'
        raise fault(path, reason, line=line) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _read_bytes(path: Path) -> bytes:
    # Without O_NONBLOCK, opening a FIFO waits for somebody who writes; a device never ends.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        found = os.fstat(handle)
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(found.st_mode):
            raise fault(
                path, "It is not a regular file but a pipe or a device: write the fleet to a file first."
            )
        if found.st_size > MOST_BYTES:
            raise fault(
                path, f"The file is larger than {MOST_BYTES // 1024 // 1024} MB, more than a fleet can be."
            )
        with os.fdopen(os.dup(handle), "rb") as opened:
            return opened.read()
    finally:
        os.close(handle)
