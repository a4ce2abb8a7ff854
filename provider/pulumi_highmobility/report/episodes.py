"""The clearance requests that stand in vehicles' changelogs, each with its start, end and outcome."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import Enum
from itertools import groupby

from ..api.shapes import Changelog, RegisteredVehicle
from ..clearance.registered import by_vin
from ..clearance.states import Status
from ..clock import parse_instant

# No clearance is older than the platform; a change before this instant has a broken timestamp (year 1, say).
EARLIEST = datetime(2010, 1, 1, tzinfo=timezone.utc)
# How far a change may lie in the future: clock skew and a wrong time zone, but not the year 9999.
MOST_SKEW = timedelta(days=1)


class Outcome(str, Enum):
    """How a request ended; one that is still pending has no end."""

    APPROVED = "approved"
    REJECTED = "rejected"
    CANCELED = "canceled"
    PENDING = "pending"


@dataclass(frozen=True)
class Episode:
    """One clearance request. `ended_at` is None while it is pending; `reason` is the carmaker's, unchanged."""

    requested_at: datetime
    ended_at: datetime | None
    outcome: Outcome
    reason: str = ""

    def seconds(self, now: datetime) -> float:
        """From the request to its end, or to `now` while it is pending; never below zero."""
        return max(0.0, ((self.ended_at or now) - self.requested_at).total_seconds())


@dataclass(frozen=True)
class History:
    """
    The episodes of one vehicle, oldest first.

    `unknown_starts` and `unknown_ends` count the requests whose start or end the changelog does not tell: they are no
    episodes. `unreadable` counts the changes that were left out for their timestamp. `brand` and `status` are the
    platform's words, `brand` empty where it gave none.
    """

    vin: str
    brand: str
    status: str
    episodes: tuple[Episode, ...] = ()
    unknown_starts: int = 0
    unknown_ends: int = 0
    unreadable: int = 0


def histories_of(vehicles: Iterable[RegisteredVehicle], now: datetime) -> list[History]:
    """
    One history for each VIN, sorted by VIN.

    Where a VIN has several rows (an ended clearance and its successor), their changelogs are read as one.
    """
    rows = list(vehicles)
    logs: dict[str, list[Changelog]] = {}
    for vehicle in rows:
        logs.setdefault(vehicle.vin.upper(), []).extend(vehicle.changelog)
    return [_history(vin, vehicle, logs[vin], now) for vin, vehicle in sorted(by_vin(rows).items())]


# What a status says about the request before it: a revoked clearance was approved once.
_KINDS = {
    Status.APPROVED: Outcome.APPROVED,
    Status.REVOKING: Outcome.APPROVED,
    Status.REVOKED: Outcome.APPROVED,
    Status.REJECTED: Outcome.REJECTED,
    # No approval can come once the cancellation has begun.
    Status.CANCELING: Outcome.CANCELED,
    Status.CANCELED: Outcome.CANCELED,
}
_REVOCATION = (Status.REVOKING, Status.REVOKED)


@dataclass
class _Reading:
    """Reads changes in order; `last` is the status before, `open_since` the start of the pending request."""

    episodes: list[Episode] = field(default_factory=list)
    open_since: datetime | None = None
    last: Status | None = None
    unknown_starts: int = 0
    unknown_ends: int = 0

    def take(self, status: Status, at: datetime, reason: str) -> None:
        """One change of the changelog."""
        if status is Status.PENDING:
            # A second "pending" repeats the first: the earlier one is the request.
            self.open_since = self.open_since or at
        elif self.open_since is None:
            self._take_without_request(status)
        elif status in _REVOCATION:
            # It was approved in between, but the changelog does not say when.
            self._lose_end()
        else:
            self.episodes.append(Episode(self.open_since, at, _KINDS[status], reason))
            self.open_since = None
        self.last = status

    def finish(self, status: Status | None) -> None:
        """The present status, which the changelog should end with."""
        if self.open_since is not None:
            if status is Status.PENDING:
                self.episodes.append(Episode(self.open_since, None, Outcome.PENDING))
            else:
                self._lose_end()
        elif status is Status.PENDING:
            self.unknown_starts += 1
        elif status is not None:
            self._take_without_request(status)

    def _take_without_request(self, status: Status) -> None:
        is_new_approval = status is Status.APPROVED and self.last in _REVOCATION
        repeats = self.last is not None and _KINDS.get(self.last) is _KINDS[status]
        if is_new_approval or not repeats:
            self.unknown_starts += 1

    def _lose_end(self) -> None:
        self.unknown_ends += 1
        self.open_since = None


def _history(vin: str, vehicle: RegisteredVehicle, log: list[Changelog], now: datetime) -> History:
    dated: list[tuple[datetime, Status, str]] = []
    unreadable = 0
    for change in log:
        at, status = parse_instant(change.timestamp), Status.of(change.status)
        if at is None or not EARLIEST <= at <= now + MOST_SKEW:
            unreadable += 1
        elif status is not None:
            dated.append((at, status, change.reason or ""))
    reading = _Reading()
    dated.sort(key=lambda change: change[0])
    for at, changes in groupby(dated, key=lambda change: change[0]):
        together = {status: reason for _, status, reason in changes}
        for status in sorted(
            together, key=lambda status: _rank(status, is_open=reading.open_since is not None)
        ):
            reading.take(status, at, together[status])
    reading.finish(Status.of(vehicle.status))
    return History(
        vin=vin,
        brand=vehicle.brand or "",
        status=vehicle.status,
        episodes=tuple(reading.episodes),
        unknown_starts=reading.unknown_starts,
        unknown_ends=reading.unknown_ends,
        unreadable=unreadable,
    )


_ORDER = tuple(Status)


def _rank(status: Status, *, is_open: bool) -> int:
    """The order of changes at one instant: a request first, but after the end of the one that is pending."""
    if status is Status.PENDING:
        return len(_ORDER) if is_open else -1
    return _ORDER.index(status)
