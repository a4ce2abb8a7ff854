"""What has to be done for a Fleet's list to become true, and whether so much may be lost by it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..text import composed_tags
from ..vehicle.brands import wire_name
from ..vehicle.wording import describe
from .roster import Row

# Vehicles that a message names before it counts the rest.
_NAMED = 3
DEFAULT_MAX_REMOVALS = "10%"


@dataclass(frozen=True)
class FleetPlan:
    """VINs, sorted: those to request, those to release, and those whose brand or tags changed (both)."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    @property
    def lost(self) -> tuple[str, ...]:
        """Those that lose the clearance they have."""
        return self.removed + self.changed


def plan_fleet(
    held: Mapping[str, Row], wanted: Mapping[str, Row], registered: Mapping[str, Row] | None = None
) -> FleetPlan:
    """
    The difference between two lists; a reading of the odometer is of its moment, and no difference.

    `registered`: what the platform has where that is another brand or other tags than were requested. That the program says
    the same by now is no change.
    """
    drifted = registered or {}
    return FleetPlan(
        tuple(sorted(wanted.keys() - held.keys())),
        tuple(sorted(held.keys() - wanted.keys())),
        tuple(
            sorted(
                vin
                for vin in wanted.keys() & held.keys()
                if _is_changed(held[vin], wanted[vin])
                and (vin not in drifted or _is_changed(drifted[vin], wanted[vin]))
            )
        ),
    )


def removals_allowed(max_removals: float | str, fleet_size: int) -> int:
    """
    How many vehicles may be released at once: a number, or a share such as "10%", rounded up.

    Raises: ValueError where it is neither.
    """
    if isinstance(max_removals, str):
        share = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", max_removals)
        if share is None or float(share[1]) > 100:
            raise ValueError(f'"{max_removals}" is not a share: write "10%", or a number of vehicles')
        return math.ceil(fleet_size * float(share[1]) / 100)
    is_number = isinstance(max_removals, (int, float)) and not isinstance(max_removals, bool)
    # Neither nan nor an infinity is an integer to is_integer.
    if not is_number or max_removals < 0 or not float(max_removals).is_integer():
        raise ValueError(
            f'{describe(max_removals)} is not a number of vehicles: write a whole number, or a share such as "10%"'
        )
    return int(max_removals)


def named(vins: Sequence[str], most: int = _NAMED) -> str:
    """The first `most`, and how many more."""
    more = len(vins) - most
    return ", ".join(vins[:most]) + (f" and {more:,} more" if more > 0 else "")


def vehicles(count: int) -> str:
    """A number of vehicles, as a person says it."""
    return f"{count:,} vehicle{'' if count == 1 else 's'}"


def _is_changed(held: Row, wanted: Row) -> bool:
    # Of a hundred thousand most are the same, letter by letter.
    if held["brand"] == wanted["brand"] and held.get("tags") == wanted.get("tags"):
        return False
    if (wire_name(held["brand"]) or held["brand"]) != (wire_name(wanted["brand"]) or wanted["brand"]):
        return True
    return composed_tags(held.get("tags") or {}) != composed_tags(wanted.get("tags") or {})
