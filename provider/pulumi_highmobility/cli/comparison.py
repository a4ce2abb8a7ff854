"""The fleet as the platform has it, beside the one in a stack's state. No terminal, no network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..api.shapes import RegisteredVehicle
from ..clearance.registered import by_vin, changes_of, reason_of, tags_of, unseen_differences
from ..clock import parse_instant, write_instant
from ..text import composed_tags
from .stack import InStack

UNMANAGED, MISSING, DRIFT = "unmanaged", "missing", "drift"
_ENDED = ("revoked", "canceled")


@dataclass(frozen=True)
class Filter:
    """Which vehicles are shown; an empty part lets all through. `tags` are texts by name, all of which must match."""

    brands: Collection[str] = ()
    statuses: Collection[str] = ()
    vins: Collection[str] = ()
    tags: Mapping[str, str] | None = None

    def takes(self, line: Line) -> bool:
        """Whether the line is shown."""
        return (
            (not self.brands or line.brand in self.brands)
            and (not self.statuses or line.status in self.statuses)
            and (not self.vins or line.vin in self.vins)
            and all(line.tags.get(name) == text for name, text in (self.tags or {}).items())
        )


@dataclass(frozen=True)
class Line:
    """
    One vehicle. `status` is empty where it is not registered; `since` is ISO 8601 in UTC, empty where it is not known.

    `finding` is "unmanaged" (registered, not in the state), "missing" (in the state, its clearance is not registered
    or has ended), "drift" (status, brand or tags differ; `differs` says in what) or empty.
    """

    vin: str
    brand: str
    status: str
    since: str
    reason: str
    tags: Mapping[str, str]
    in_stack: InStack | None = None
    finding: str = ""
    differs: str = ""

    def to_json(self) -> dict[str, Any]:
        """As docs/command-line.md documents it."""
        found: dict[str, Any] = {
            "vin": self.vin,
            "brand": self.brand,
            "status": self.status or None,
            "since": self.since or None,
            "reason": self.reason or None,
            "tags": dict(self.tags),
        }
        if self.in_stack is not None:
            found["stack"] = {
                "urn": self.in_stack.urn,
                "status": self.in_stack.status,
                "brand": self.in_stack.brand,
                "tags": None if self.in_stack.tags is None else dict(self.in_stack.tags),
            }
        if self.finding:
            found["finding"] = self.finding
            found["differs"] = self.differs or None
        return found


def lines_of(
    registered: Iterable[RegisteredVehicle], state: Mapping[str, InStack] | None = None
) -> list[Line]:
    """All vehicles by VIN; `state` is a stack's, None to look at the platform alone."""
    found = by_vin(registered)
    vins = sorted({*found, *(state or {})})
    return [
        _line(vin, found.get(vin), None if state is None else state.get(vin), state is not None)
        for vin in vins
    ]


def counts_of(lines: Iterable[Line]) -> dict[str, int]:
    """How many are in which status; "not registered" for those in the state alone."""
    return dict(sorted(Counter(line.status or "not registered" for line in lines).items()))


def failing(lines: Iterable[Line], fail_on: Collection[str]) -> dict[str, list[str]]:
    """The VINs by what they are found guilty of: a status or a finding of `fail_on`."""
    found: dict[str, list[str]] = {}
    for line in lines:
        for name in {line.status, line.finding} & set(fail_on):
            found.setdefault(name, []).append(line.vin)
    return dict(sorted(found.items()))


def _line(vin: str, vehicle: RegisteredVehicle | None, in_stack: InStack | None, compares: bool) -> Line:
    if vehicle is None:
        assert in_stack is not None  # noqa: S101 - a VIN comes from one of the two
        return Line(vin, in_stack.brand, "", "", "", in_stack.tags or {}, in_stack, MISSING, "not registered")
    finding, differs = _compare(vehicle, in_stack) if compares else ("", "")
    return Line(
        vin=vin,
        brand=vehicle.brand or (in_stack.brand if in_stack else ""),
        status=vehicle.status,
        since=_since(vehicle),
        reason=reason_of(vehicle),
        tags=tags_of(vehicle) or {},
        in_stack=in_stack,
        finding=finding,
        differs=differs,
    )


def _compare(vehicle: RegisteredVehicle, in_stack: InStack | None) -> tuple[str, str]:
    has_ended = vehicle.status in _ENDED
    if in_stack is None:
        return ("", "") if has_ended else (UNMANAGED, "")
    if has_ended and in_stack.status not in _ENDED:
        return MISSING, f"{vehicle.status}, not {in_stack.status}"
    differs = []
    if vehicle.status != in_stack.status:
        differs.append(f"status {in_stack.status} -> {vehicle.status}")
    if vehicle.brand is not None and in_stack.brand and vehicle.brand != in_stack.brand:
        differs.append(f"brand {in_stack.brand} -> {vehicle.brand}")
    tags = tags_of(vehicle)
    known = None if in_stack.tags is None else composed_tags(in_stack.tags)
    if tags is not None and known is not None and tags != known:
        unseen = unseen_differences(known, tags)
        differs.append(f"tags ({unseen})" if unseen else "tags")
    return (DRIFT, ", ".join(differs)) if differs else ("", "")


def _since(vehicle: RegisteredVehicle) -> str:
    """When the present status began: the first of the changes to it at the end of the changelog."""
    began = ""
    for change in reversed(changes_of(vehicle)):
        if change.status != vehicle.status:
            break
        began = change.timestamp
    instant = parse_instant(began) if began else None
    return write_instant(instant) if instant else ""
