"""What a Fleet holds: its vehicles with the state of their clearance, and how that is written down."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .leaving import Leaving, read_leaving, write_leaving
from .roster import Row, read_roster, write_roster


@dataclass
class Member:
    """
    One vehicle of a Fleet.

    `serial` counts the Fleet's operations: of which one its present clearance was requested.
    """

    row: Row
    status: str
    reason: str = ""
    serial: int = 1
    registered: Row | None = None
    """The brand and tags that the platform has, where those are not the row's."""
    retried_at: str = ""
    """When it was last requested again after somebody had refused or ended it, by this machine's clock."""


@dataclass
class HeldFleet:
    """
    The vehicles that a Fleet has requested or adopted, by VIN, and those that it could not, with the reason.

    `leaving` are those that left the list: their clearances end at the end of the run, or, if that fails, of a later one.
    `as_of` is the platform's latest request of a member when all of them were last read; empty where the Fleet has requested
    some since.

    It is changed as work goes on, so that what was done is known wherever the work is cut off.
    """

    members: dict[str, Member] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    serial: int = 0
    leaving: dict[str, Leaving] = field(default_factory=dict)
    as_of: str = ""

    def counts(self) -> dict[str, int]:
        """How many vehicles are in each state; "error": could not be requested, or not released."""
        counts = Counter(member.status for member in self.members.values())
        counts["error"] = len(self.failed)
        return {status: count for status, count in sorted(counts.items()) if count}

    def roster(self) -> str:
        """The members' rows as text."""
        return write_roster(member.row for member in self.members.values())

    def registry(self) -> str:
        """All else about them as text: VINs by status and by serial, reasons, what failed."""
        latest: dict[str, list[str]] = {}
        statuses: dict[str, list[str]] = {}
        for vin, member in sorted(self.members.items()):
            statuses.setdefault(member.status, []).append(vin)
            if member.serial != 1:
                latest.setdefault(str(member.serial), []).append(vin)
        fields = {
            "serial": self.serial,
            "statuses": {status: " ".join(vins) for status, vins in sorted(statuses.items())},
            "requests": {serial: " ".join(vins) for serial, vins in sorted(latest.items())},
            "reasons": {vin: member.reason for vin, member in sorted(self.members.items()) if member.reason},
            "failed": dict(sorted(self.failed.items())),
            "registered": {
                vin: [member.registered["brand"], member.registered.get("tags") or {}]
                for vin, member in sorted(self.members.items())
                if member.registered
            },
            "retried": {
                vin: member.retried_at for vin, member in sorted(self.members.items()) if member.retried_at
            },
            "as_of": self.as_of,
        }
        return json.dumps({name: value for name, value in fields.items() if value}, ensure_ascii=False)

    @classmethod
    def read(cls, roster: str, registry: str, leaving: str = "") -> HeldFleet:
        """From the texts of a state. Raises: ValueError."""
        facts = read_registry(registry)
        rows = {str(row["vin"]): row for row in read_roster(roster)}
        members = {
            vin: Member(
                row,
                facts.statuses.get(vin, ""),
                facts.reasons.get(vin, ""),
                facts.serials.get(vin, 1),
                facts.registered.get(vin),
                facts.retried.get(vin, ""),
            )
            for vin, row in rows.items()
        }
        return cls(members, dict(facts.failed), facts.serial, read_leaving(leaving), facts.as_of)

    def departing(self) -> str:
        """Those that left, as text."""
        return write_leaving(self.leaving.values())


@dataclass(frozen=True)
class Registry:
    """The text `registry` of a Fleet, read."""

    serial: int
    statuses: Mapping[str, str]
    serials: Mapping[str, int]
    reasons: Mapping[str, str]
    failed: Mapping[str, str]
    as_of: str = ""
    registered: Mapping[str, Row] = field(default_factory=dict)
    retried: Mapping[str, str] = field(default_factory=dict)

    def by_vin(self) -> dict[str, str]:
        """The status of each vehicle; "error" if it could not be requested."""
        return {**self.statuses, **dict.fromkeys(self.failed, "error")}

    def approved(self) -> list[str]:
        """The VINs that are approved, sorted."""
        return sorted(vin for vin, status in self.statuses.items() if status == "approved")

    def rejected(self) -> dict[str, str]:
        """The carmaker's reason by VIN, for those rejected; empty if it gave none."""
        return {
            vin: self.reasons.get(vin, "") for vin, status in self.statuses.items() if status == "rejected"
        }


def read_registry(text: str) -> Registry:
    """The facts by VIN. Raises: ValueError."""
    fields: dict[str, Any] = json.loads(text or "{}")
    return Registry(
        int(fields.get("serial", 0)),
        dict(_by_vin(fields.get("statuses", {}))),
        {vin: int(serial) for vin, serial in _by_vin(fields.get("requests", {}))},
        fields.get("reasons", {}),
        fields.get("failed", {}),
        str(fields.get("as_of", "")),
        {vin: {"brand": brand, "tags": tags} for vin, (brand, tags) in fields.get("registered", {}).items()},
        fields.get("retried", {}),
    )


def request_name(fleet_id: str, facts: Registry, vin: str) -> str:
    """Names the request for the clearance of one vehicle of a Fleet."""
    return f"{fleet_id}/{facts.serials.get(vin, 1)}"


def _by_vin(groups: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    return ((vin, group) for group, vins in groups.items() for vin in vins.split())
