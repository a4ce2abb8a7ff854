"""One listing of the fleet, shared by everything in the process."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..api.shapes import RegisteredVehicle
from ..clock import Clock
from ..errors import ListIncomplete, VehicleNotFound, VehicleUnreadable
from .registered import by_vin

if TYPE_CHECKING:
    from ..api.client import FleetApi

# How long a read waits for company before it asks by VIN. The engine sends the reads of a burst
# within a few milliseconds, as many as it runs in parallel.
JOIN_WINDOW_S = 0.02
# Of the 60 questions by VIN that the platform allows a minute, those for vehicles that a list lacks; some are left for others.
CONFIRMS_AT_MOST = 50
# How long a listing waits for others who need one that begins now: a thousand rows of one answer do.
LINGER_S = 0.005


class Listing:
    """
    The fleet as GET /fleets/vehicles last told, with our own writes since applied to it.

    The first reader starts a request, those that come meanwhile join it, and its answer serves for
    `max_age_s` seconds. A read that comes alone asks by VIN; the next one within that time lists.
    """

    def __init__(self, api: FleetApi, clock: Clock, *, max_age_s: float) -> None:
        self.max_age_s = max_age_s
        self._api = api
        self._clock = clock
        self._vehicles: dict[str, RegisteredVehicle] = {}
        self.unreadable: dict[str, str] = {}
        """Why, by VIN, of the rows of the last list that could not be read."""
        self._confirmed: dict[str, asyncio.Future[RegisteredVehicle | None]] = {}
        self._asked_at: float | None = None
        self._request: asyncio.Task[None] | None = None
        self._request_began = 0.0
        # Our own writes, by VIN, with the time of their answer: a listing that was requested
        # before a write may not show it yet.
        self._writes: dict[str, tuple[float, RegisteredVehicle | None]] = {}
        self._readers = 0
        self._lone_read_at: float | None = None

    async def look_up(self, vin: str, *, max_age_s: float | None = None) -> RegisteredVehicle | None:
        """One vehicle, None where it is not registered; from the listing if that is young enough."""
        max_age_s = self.max_age_s if max_age_s is None else max_age_s
        if not self._is_young(max_age_s):
            if self._request is None and await self._is_alone():
                return await self._ask_by_vin(vin)
            await self.current(max_age_s=max_age_s)
        self.refuse_unreadable(vin)
        return self._vehicles.get(vin)

    def refuse_unreadable(self, vin: str) -> None:
        """Raises: VehicleUnreadable where the list had a row of this vehicle that could not be read."""
        if vin in self.unreadable:
            raise VehicleUnreadable(
                f"The platform's row for {vin} cannot be read ({self.unreadable[vin]}; GET /fleets/vehicles), so the status of its "
                "clearance is not known. Nothing was done with it. Run the same command again later.",
                vin=vin,
            )

    async def confirmed(self, vin: str) -> RegisteredVehicle | None:
        """
        A vehicle that the state holds, and that a list lacked, by its VIN: a list may be wrong once.

        None: it is not registered. Raises: ListIncomplete, once there are more than can be looked up.
        """
        if vin not in self._confirmed:
            if len(self._confirmed) >= CONFIRMS_AT_MOST:
                raise ListIncomplete(
                    f"GET /fleets/vehicles returned {len(self._vehicles):,} vehicles, and lacks more than {CONFIRMS_AT_MOST} that the stack's "
                    f"state holds as pending or approved, {vin} among them. The platform allows 60 look-ups by VIN a minute, "
                    "so they were not looked up one by one, and nothing was changed. Run the same command again: if the list was "
                    "incomplete, nothing is lost. If the vehicles are really gone, remove them from the program, or run `pulumi refresh` "
                    "several times, which looks up some of them each time."
                )
            self._confirmed[vin] = asyncio.ensure_future(self._ask_by_vin(vin))
        return await asyncio.shield(self._confirmed[vin])

    async def current(
        self, *, max_age_s: float | None = None, newer_than: float | None = None
    ) -> Mapping[str, RegisteredVehicle]:
        """
        The whole fleet by VIN, at most `max_age_s` old; with `newer_than`, requested after that instant.

        `newer_than` is the clock's monotonic time.
        """
        max_age_s = self.max_age_s if max_age_s is None else max_age_s
        oldest = self._clock.monotonic() - max_age_s if newer_than is None else newer_than
        while self._asked_at is None or self._asked_at < oldest:
            if self._request is None or self._request_began < oldest:
                # Not begun yet: whoever comes before it leaves can join it.
                self._request_began = math.inf
                self._request = asyncio.ensure_future(self._list())
            # Shielded: one reader that goes away must not take the answer from the others.
            await asyncio.shield(self._request)
        return self._vehicles

    def note(self, vin: str, vehicle: RegisteredVehicle | None) -> None:
        """Apply what the answer to a call of our own told of this vehicle (None: it is gone)."""
        self._writes[vin] = (self._clock.monotonic(), vehicle)
        self._apply(vin, vehicle)

    def forget(self) -> None:
        """Let the next reader ask anew: something happened that the listing does not show."""
        self._asked_at = None

    def _apply(self, vin: str, vehicle: RegisteredVehicle | None) -> None:
        if vehicle is None:
            self._vehicles.pop(vin, None)
        else:
            self._vehicles[vin] = vehicle

    def _is_young(self, max_age_s: float) -> bool:
        return self._asked_at is not None and self._clock.monotonic() - self._asked_at <= max_age_s

    async def _is_alone(self) -> bool:
        now = self._clock.monotonic()
        if self._lone_read_at is not None and now - self._lone_read_at <= self.max_age_s:
            return False
        self._readers += 1
        try:
            await self._clock.sleep(JOIN_WINDOW_S)
            alone = self._readers == 1 and self._request is None
        finally:
            self._readers -= 1
        if alone:
            self._lone_read_at = now
        return alone

    async def ask_by_vin(self, vin: str) -> RegisteredVehicle:
        """One vehicle, looked up now; the platform allows 60 of these calls a minute. Raises: VehicleNotFound."""
        return await self._api.get_vehicle(vin)

    async def _ask_by_vin(self, vin: str) -> RegisteredVehicle | None:
        try:
            return await self.ask_by_vin(vin)
        except VehicleNotFound:
            return None

    async def _list(self) -> None:
        me = asyncio.current_task()
        try:
            await self._clock.sleep(LINGER_S)
            began = self._clock.monotonic()
            if self._request is me:
                self._request_began = began
            unreadable: dict[str, str] = {}
            vehicles = by_vin(await self._api.list_vehicles(unreadable=unreadable.__setitem__))
        finally:
            if self._request is me:
                self._request = None
        if self._asked_at is not None and self._asked_at > began:
            return
        self._vehicles = vehicles
        self.unreadable = {vin: why for vin, why in unreadable.items() if vin not in vehicles}
        self._asked_at = began
        later = {vin: write for vin, write in self._writes.items() if write[0] >= began}
        self._writes = later
        for vin, (_, vehicle) in later.items():
            self._apply(vin, vehicle)
