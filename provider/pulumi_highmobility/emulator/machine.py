"""The clearance state machine: who may move where, and what moves by itself when its time has come."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from . import answers
from .brands import CANCELING
from .clock import EmulatorClock, iso
from .scenarios import DAY, Scenario, scenario_of
from .store import Store, Vehicle, find_vehicle, save_vehicle, vehicle_of

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
        *,
        on_change: Callable[[sqlite3.Connection, Vehicle, str], None] = lambda _db, _vehicle, _reason: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._pace = pace
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
            assert vehicle.due_status and vehicle.due_at is not None  # noqa: S101, PT018 - the query says so
            self.move(db, vehicle, vehicle.due_status, at=vehicle.due_at, reason=vehicle.due_reason)
        return bool(rows)

    def request(
        self,
        db: sqlite3.Connection,
        application: str,
        vin: str,
        brand: str,
        tags: dict[str, str],
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
        )
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
        if vehicle.brand not in CANCELING:
            raise answers.cannot_cancel()
        if now - vehicle.requested_at < self._pace.cancel_not_before:
            raise answers.too_early()
        self.move(db, vehicle, "canceling", at=now)

    def move(
        self, db: sqlite3.Connection, vehicle: Vehicle, status: str, *, at: float, reason: str | None = None
    ) -> None:
        """One move, written down with its reason, and what it leads to next."""
        vehicle.status = status
        entry = {"timestamp": iso(at), "status": status}
        vehicle.changelog = [*vehicle.changelog, entry | ({"reason": reason} if reason else {})]
        vehicle.approved_at = at if status == "approved" else vehicle.approved_at
        vehicle.due_at, vehicle.due_status, vehicle.due_reason = self._next(vehicle, at)
        save_vehicle(db, vehicle)
        if status == "revoked":
            db.execute(
                "UPDATE tokens SET access_alive = 0, refresh_alive = 0 WHERE application = ? AND vin = ?",
                (vehicle.application, vehicle.vin),
            )
        self._on_change(db, vehicle, reason or "")

    def _next(self, vehicle: Vehicle, at: float) -> tuple[float | None, str | None, str | None]:
        scenario = scenario_of(vehicle.vin)
        nothing = (None, None, None)
        match vehicle.status:
            case "pending":
                return self._outcome(scenario, at)
            case "approved" if scenario.then_revoked_after is not None:
                return (
                    at + scenario.then_revoked_after,
                    "revoking",
                    "revoked by the driver (the emulator's scenario)",
                )
            case "revoking":
                return at + self._pace.revoke_after, "revoked", None
            case "canceling":
                return at + self._pace.cancel_after, "canceled", None
            case _:
                return nothing

    def _outcome(self, scenario: Scenario, at: float) -> tuple[float | None, str | None, str | None]:
        after = self._pace.approve_after if scenario.after is None else scenario.after
        if scenario.outcome == "approve":
            return at + after, "approved", None
        if scenario.outcome == "reject":
            return at + after, "rejected", scenario.reason
        return None, None, None
