"""What the report says, by brand and in total, as plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..clearance.states import Status
from .episodes import Episode, History, Outcome
from .incidence import Point, Quantile, cumulative_incidence, quantile, time_of_eventual_share

QUARTILES = (0.25, 0.5, 0.75)
# A pending vehicle is late once it waits longer than this share of its brand's approvals took.
LATE_SHARE = 0.9
# With fewer approvals of a brand nothing is said about which of its vehicles are late.
LEAST_APPROVALS = 5


@dataclass(frozen=True)
class PendingVehicle:
    """
    A vehicle whose clearance is pending.

    `since` and `waiting_s` (seconds) are None where the changelog does not tell the request; `is_late` is None where
    that is so, or the brand has too few approvals to say.
    """

    vin: str
    brand: str
    since: datetime | None
    waiting_s: float | None
    is_late: bool | None


@dataclass(frozen=True)
class Rejections:
    """How many requests were rejected for a `reason`, in the carmaker's words; empty where none was given."""

    brand: str
    reason: str
    count: int


@dataclass(frozen=True)
class Group:
    """
    The figures of one brand, or of all together.

    `statuses` counts vehicles by present status, `outcomes` requests by outcome (a vehicle can have several). `curve` is
    the cumulative incidence of approval. `late_after_s` is the time in seconds beyond which a pending vehicle is late,
    None with too few approvals.
    """

    brand: str
    vehicles: int
    statuses: Mapping[str, int]
    outcomes: Mapping[Outcome, int]
    quartiles: tuple[Quantile, ...]
    curve: tuple[Point, ...]
    late_after_s: float | None
    late: int
    unknown_starts: int
    unknown_ends: int
    unreadable: int

    @property
    def requests(self) -> int:
        """The requests with a known start."""
        return sum(self.outcomes.values())


@dataclass(frozen=True)
class Summary:
    """
    The whole report.

    `brands` are sorted by name, `pending` with the late ones first and then by waiting time, longest first, `rejections`
    by count, largest first. `now` is the instant at which pending requests are censored, aware, in UTC.
    """

    now: datetime
    total: Group
    brands: tuple[Group, ...]
    pending: tuple[PendingVehicle, ...]
    rejections: tuple[Rejections, ...]

    @property
    def late(self) -> tuple[PendingVehicle, ...]:
        """The pending vehicles that are late for their brand."""
        return tuple(vehicle for vehicle in self.pending if vehicle.is_late)


def summarize(histories: Iterable[History], now: datetime) -> Summary:
    """The figures of a fleet, at the instant `now`."""
    by_brand: dict[str, list[History]] = {}
    for history in histories:
        by_brand.setdefault(history.brand, []).append(history)
    pending: list[PendingVehicle] = []
    rejections: list[Rejections] = []
    brands: list[Group] = []
    for brand, members in sorted(by_brand.items()):
        curve = _curve(members, now)
        late_after_s = _late_after(curve, _outcomes(members))
        waiting = [
            _pending(member, now, late_after_s) for member in members if member.status == Status.PENDING
        ]
        late = sum(1 for vehicle in waiting if vehicle.is_late)
        brands.append(_group(brand, members, curve, late_after_s, late))
        pending += waiting
        rejections += _rejections(brand, members)
    everyone = [history for members in by_brand.values() for history in members]
    # A limit of all brands together would call the vehicles of a slow brand late.
    total = _group("", everyone, _curve(everyone, now), None, sum(group.late for group in brands))
    return Summary(
        now=now,
        total=total,
        brands=tuple(brands),
        pending=tuple(sorted(pending, key=lambda one: (not one.is_late, -(one.waiting_s or 0.0), one.vin))),
        rejections=tuple(sorted(rejections, key=lambda one: (-one.count, one.brand, one.reason))),
    )


def _group(
    brand: str, members: Sequence[History], curve: Sequence[Point], late_after_s: float | None, late: int
) -> Group:
    statuses = Counter(member.status for member in members)
    return Group(
        brand=brand,
        vehicles=len(members),
        statuses=dict(sorted(statuses.items())),
        outcomes=_outcomes(members),
        quartiles=tuple(quantile(curve, share) for share in QUARTILES),
        curve=tuple(curve),
        late_after_s=late_after_s,
        late=late,
        unknown_starts=sum(member.unknown_starts for member in members),
        unknown_ends=sum(member.unknown_ends for member in members),
        unreadable=sum(member.unreadable for member in members),
    )


def _episodes(members: Iterable[History]) -> list[Episode]:
    return [episode for member in members for episode in member.episodes]


def _outcomes(members: Iterable[History]) -> dict[Outcome, int]:
    counts = Counter(episode.outcome for episode in _episodes(members))
    return {outcome: counts[outcome] for outcome in Outcome}


def _curve(members: Iterable[History], now: datetime) -> list[Point]:
    return cumulative_incidence((episode.seconds(now), episode.outcome) for episode in _episodes(members))


def _late_after(curve: Sequence[Point], outcomes: Mapping[Outcome, int]) -> float | None:
    if outcomes[Outcome.APPROVED] < LEAST_APPROVALS:
        return None
    return time_of_eventual_share(curve, LATE_SHARE)


def _pending(member: History, now: datetime, late_after_s: float | None) -> PendingVehicle:
    last = member.episodes[-1] if member.episodes else None
    if last is None or last.outcome is not Outcome.PENDING:
        return PendingVehicle(member.vin, member.brand, None, None, None)
    waiting_s = last.seconds(now)
    is_late = None if late_after_s is None else waiting_s > late_after_s
    return PendingVehicle(member.vin, member.brand, last.requested_at, waiting_s, is_late)


def _rejections(brand: str, members: Iterable[History]) -> list[Rejections]:
    reasons = Counter(
        episode.reason.strip() for episode in _episodes(members) if episode.outcome is Outcome.REJECTED
    )
    return [Rejections(brand, reason, count) for reason, count in reasons.items()]
