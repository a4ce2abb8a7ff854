"""Vehicles that left a Fleet's list and whose clearances have not ended yet, as far as its state knows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ..clock import parse_instant
from ..vehicle.wording import describe
from .roster import Row, row_from, row_line


@dataclass(frozen=True)
class Leaving:
    """
    One of them: its row, and how it was when it left.

    `requested_at` is the platform's instant, empty where that was not told; `serial` is the Fleet's operation in which its
    clearance was requested, `left` the one in which it left the list.
    """

    row: Row
    status: str
    reason: str
    requested_at: str
    serial: int
    left: int

    @property
    def vin(self) -> str:
        """Its VIN."""
        return str(self.row["vin"])

    @property
    def key(self) -> str:
        """Names this leave: the same VIN may be put back, and leave again."""
        return f"{self.vin}@{self.left}"

    @property
    def requested(self) -> datetime | None:
        """When its clearance was requested, by the platform's clock; None where that is not known."""
        return parse_instant(self.requested_at) if self.requested_at else None


def write_leaving(leaving: Iterable[Leaving]) -> str:
    """As text, one line each, sorted by VIN."""
    lines = sorted(leaving, key=lambda one: one.vin)
    return "\n".join(
        json.dumps(
            [row_line(one.row), one.status, one.reason, one.requested_at, one.serial, one.left],
            ensure_ascii=False,
            separators=(",", ":"),
        )
        for one in lines
    )


def read_leaving(text: str) -> dict[str, Leaving]:
    """By VIN, what `write_leaving` wrote. Raises: ValueError."""
    found = {}
    for line in text.split("\n") if text else ():
        fields = json.loads(line)
        if not isinstance(fields, list) or len(fields) != 6:
            raise ValueError(f"{describe(fields)} is not a vehicle that left a fleet")
        row, status, reason, requested_at, serial, left = fields
        one = Leaving(row_from(row), str(status), str(reason), str(requested_at), int(serial), int(left))
        found[one.vin] = one
    return found


def keys_of(leaving: Mapping[str, Leaving]) -> frozenset[str]:
    """The leaves that it holds."""
    return frozenset(one.key for one in leaving.values())
