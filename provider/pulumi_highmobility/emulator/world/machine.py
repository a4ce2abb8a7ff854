"""The clearance state machine: who may move where, and what moves by itself when its time has come."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .. import answers
from .applications import Application
from .brands import CANCELING
from .clock import EmulatorClock, iso
from .lifecycles import PARTNER_TAG, Lifecycle, lifecycle_of
from .scenarios import CONDITIONS, DAY, Scenario, Scenarios, own_words
from .store import Store, Vehicle, find_vehicle, save_vehicle, vehicle_of

_Next = tuple[float | None, str | None, str | None]
_NOTHING: _Next = (None, None, None)

STATES = ("pending", "approved", "rejected", "revoking", "revoked", "canceling", "canceled")
ENDED = ("rejected", "revoked", "canceled")
# The moves of the contract: to pending only by a new request.
MOVES: dict[str, tuple[str, ...]] = {
    "pending": ("approved", "rejected", "canceling"),
    "approved": ("revoking",),
    "revoking": ("revoked",),
    "canceling": ("canceled",),
    "rejected": ("pending",),
    "revoked": ("pending",),
    "canceled": ("pending",),
}


@dataclass(frozen=True)
class Pace:
    """How long things take, in seconds of the emulator's time."""

    approve_after: float = 2.0
    revoke_after: float = 1.0
    cancel_after: float = 1.0
    cancel_not_before: float = DAY


class Machine:
    """Moves vehicles; every method works within the caller's transaction."""

    def __init__(
        self,
        store: Store,
        clock: EmulatorClock,
        pace: Pace,
        scenarios: Scenarios,
        applications: Sequence[Application],
        *,
        stamp: Callable[[float], str] = iso,
        on_change: Callable[[sqlite3.Connection, Vehicle, str], None] = lambda _db, _vehicle, _reason: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._pace = pace
        self._scenarios = scenarios
        self._applications = {application.name: application for application in applications}
        self._stamp = stamp
        self._on_change = on_change

    def settle(self, db: sqlite3.Connection) -> None:
        """Carry out every move whose time has come, each at its own instant."""
        while self.settle_some(db):
            pass

    def settle_some(self, db: sqlite3.Connection) -> bool:
        """Carry out the first thousand of them; whether there were any."""
        rows = db.execute(
            "SELECT * FROM vehicles WHERE due_at <= ? ORDER BY due_at LIMIT 1000", (self._clock.now(),)
        ).fetchall()
        for row in rows:
            vehicle = vehicle_of(row)
            if len(self._applications) > 1:
                # A move of the same vehicle at another application may have changed what was read.
                vehicle = find_vehicle(db, vehicle.application, vehicle.vin) or vehicle
                if vehicle.due_at != row["due_at"]:
                    continue
            assert vehicle.due_status and vehicle.due_at is not None  # noqa: S101, PT018 - the query says so
            self.move(db, vehicle, vehicle.due_status, at=vehicle.due_at, reason=vehicle.due_reason)
        return bool(rows)

    def request(
        self,
        db: sqlite3.Connection,
        application: str,
        vin: str,
        brand: str,
        tags: dict[str, str] | None,
        odometer: str | None,
    ) -> Vehicle:
        """A new request for a VIN that is not registered, or whose clearance has ended."""
        now = self._clock.now()
        before = find_vehicle(db, application, vin)
        vehicle = Vehicle(
            application=application,
            vin=vin,
            brand=brand,
            tags=tags,
            status="",
            changelog=before.changelog if before else [],
            inserted_at=before.inserted_at if before else now,
            requested_at=now,
            odometer=odometer,
            conditions=list(self._scenarios.of(vin, brand, tags or {}).conditions),
        )
        # Of two requests at one instant, while time stands still, one is still the first.
        pending = (other for other in self._elsewhere(db, vehicle) if other.status == "pending")
        vehicle.requested_at = max([now, *(other.requested_at + 1e-6 for other in pending)])
        self.move(db, vehicle, "pending", at=now)
        self.settle_one(db, vehicle)
        return find_vehicle(db, application, vin) or vehicle

    def settle_one(self, db: sqlite3.Connection, vehicle: Vehicle) -> None:
        """Carry out what is due of one vehicle at once: a scenario without any delay."""
        while vehicle.due_at is not None and vehicle.due_at <= self._clock.now() and vehicle.due_status:
            self.move(db, vehicle, vehicle.due_status, at=vehicle.due_at, reason=vehicle.due_reason)

    def end(self, db: sqlite3.Connection, vehicle: Vehicle) -> None:
        """DELETE: revoke what is approved, cancel what is pending. Raises: Problem (409, 422)."""
        now = self._clock.now()
        if vehicle.status in ENDED:
            raise answers.already_removed()
        if vehicle.status in ("revoking", "canceling"):
            raise answers.in_transition()
        if vehicle.status == "approved":
            self.move(db, vehicle, "revoking", at=now)
            return
        scenario = self._scenario(vehicle)
        if not (vehicle.brand in CANCELING if scenario.cancelable is None else scenario.cancelable):
            raise answers.cannot_cancel()
        not_before = scenario.cancelable_after
        if now - vehicle.requested_at < (self._pace.cancel_not_before if not_before is None else not_before):
            raise answers.too_early()
        self.move(db, vehicle, "canceling", at=now)

    def move(
        self, db: sqlite3.Connection, vehicle: Vehicle, status: str, *, at: float, reason: str | None = None
    ) -> None:
        """One move, written down with its reason, and what it leads to next."""
        vehicle.status = status
        vehicle.changed_at = at
        entry = {"timestamp": self._stamp(at), "status": status}
        vehicle.changelog = [*vehicle.changelog, entry | ({"reason": reason} if reason else {})]
        vehicle.approved_at = at if status == "approved" else vehicle.approved_at
        vehicle.step = 0 if status == "pending" else vehicle.step
        vehicle.due_at, vehicle.due_status, vehicle.due_reason = self._next(db, vehicle, at)
        save_vehicle(db, vehicle)
        if status == "revoked":
            db.execute(
                "UPDATE tokens SET access_alive = 0, refresh_alive = 0 WHERE application = ? AND vin = ?",
                (vehicle.application, vehicle.vin),
            )
        self._on_change(db, vehicle, reason or "")
        self._wake_others(db, vehicle, at)

    def set_conditions(self, db: sqlite3.Connection, vehicle: Vehicle, conditions: Sequence[str]) -> None:
        """Change what keeps the carmaker from approving; a pending clearance goes on from now."""
        if set(vehicle.conditions) == set(conditions):
            return
        vehicle.conditions = list(conditions)
        # A scenario that rejects or stays does so whatever the conditions.
        if vehicle.status == "pending" and self._scenario(vehicle).outcome == "approve":
            vehicle.due_at, vehicle.due_status, vehicle.due_reason = self._next(
                db, vehicle, self._clock.now()
            )
        save_vehicle(db, vehicle)
        self.settle_one(db, vehicle)

    def _scenario(self, vehicle: Vehicle) -> Scenario:
        return self._scenarios.of(vehicle.vin, vehicle.brand, vehicle.tags or {})

    def _next(self, db: sqlite3.Connection, vehicle: Vehicle, at: float) -> _Next:
        """What comes next by itself, and when: the scenario's word, else the carmaker's lifecycle's."""
        scenario = self._scenario(vehicle)
        match vehicle.status:
            case "pending" if scenario.outcome == "stay":
                return _NOTHING
            case "pending" if scenario.outcome == "reject":
                return at + self._after(scenario), "rejected", scenario.reason
            case "pending":
                return self._approval(db, vehicle, scenario, at)
            case status if (
                vehicle.step < len(scenario.then) and scenario.then[vehicle.step].status in MOVES[status]
            ):
                step = scenario.then[vehicle.step]
                vehicle.step += 1
                return at + step.after, step.status, step.reason
            case "revoking":
                return at + self._pace.revoke_after, "revoked", None
            case "canceling":
                return at + self._pace.cancel_after, "canceled", None
            case _:
                return _NOTHING

    def _approval(self, db: sqlite3.Connection, vehicle: Vehicle, scenario: Scenario, at: float) -> _Next:
        """A pending clearance that shall be approved: at once or later, or what the carmaker has against it."""
        lifecycle = lifecycle_of(vehicle.brand)
        application = self._applications[vehicle.application]
        approval_at = at + self._after(scenario)
        if lifecycle.needs_partner_tag and application.partner and PARTNER_TAG not in (vehicle.tags or {}):
            return approval_at, "rejected", own_words(f"a partner's vehicle lacks the tag {PARTNER_TAG}")
        others = self._elsewhere(db, vehicle)
        if lifecycle.pauses and any(_is_in_progress(other, vehicle) for other in others):
            return _NOTHING
        approved = [other for other in others if other.status == "approved"]
        if approved and lifecycle.elsewhere == "rejected":
            return approval_at, "rejected", own_words("the vehicle is in the fleet of another application")
        if approved and lifecycle.elsewhere in ("same-package", "at-once"):
            packages = {self._applications[other.application].package for other in approved}
            if application.package in packages:
                return at, "approved", None
            if lifecycle.elsewhere == "same-package":
                return (
                    approval_at,
                    "rejected",
                    own_words("the vehicle is in a fleet with another data package"),
                )
        if vehicle.conditions:
            return self._refusal(vehicle, lifecycle, at)
        return lifecycle.seen_consent_at(vehicle.began_at, at) + self._after(scenario), "approved", None

    def _refusal(self, vehicle: Vehicle, lifecycle: Lifecycle, at: float) -> _Next:
        """When the carmaker rejects for what keeps it from approving; never where its lifecycle names no such limit."""
        for condition in CONDITIONS:
            limit = lifecycle.limit_of(condition) if condition in vehicle.conditions else None
            if limit is not None:
                # Data is waited for from when nothing else stands in the way, all else from the beginning.
                since = at if condition == "no-data" else vehicle.began_at
                return max(at, since + limit[0]), "rejected", limit[1]
        return _NOTHING

    def _after(self, scenario: Scenario) -> float:
        return self._pace.approve_after if scenario.after is None else scenario.after

    def _elsewhere(self, db: sqlite3.Connection, vehicle: Vehicle) -> list[Vehicle]:
        if len(self._applications) == 1:
            return []
        rows = db.execute(
            "SELECT * FROM vehicles WHERE vin = ? AND application != ?", (vehicle.vin, vehicle.application)
        )
        return [other for other in map(vehicle_of, rows) if other.application in self._applications]

    def _wake_others(self, db: sqlite3.Connection, vehicle: Vehicle, at: float) -> None:
        """The same vehicle, pending at another application, may go on, or has come too late."""
        if vehicle.status in ("pending", "revoking", "canceling"):
            return
        for other in self._elsewhere(db, vehicle):
            lifecycle = lifecycle_of(other.brand)
            goes_on = lifecycle.pauses and other.due_at is None
            is_late = lifecycle.elsewhere == "rejected" and vehicle.status == "approved"
            if other.status == "pending" and (goes_on or is_late):
                other.paused_until = at if goes_on else other.paused_until
                other.due_at, other.due_status, other.due_reason = self._next(db, other, at)
                save_vehicle(db, other)


def _is_in_progress(other: Vehicle, vehicle: Vehicle) -> bool:
    """Whether another application's clearance of the same vehicle is under way, so that this one waits."""
    if other.status == "pending":
        return (other.requested_at, other.application) < (vehicle.requested_at, vehicle.application)
    return other.status in ("revoking", "canceling")
