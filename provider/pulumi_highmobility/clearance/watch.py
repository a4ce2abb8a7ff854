"""Waiting for a vehicle to change: one poll for all that wait, its interval growing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..api.shapes import RegisteredVehicle
from ..clock import Clock
from ..errors import Interrupted, RateLimited, ServerError, TransportError, VehicleNotFound, WaitTimeout
from .listing import CONFIRMS_AT_MOST, Listing
from .registered import by_vin
from .reporter import Reporter

if TYPE_CHECKING:
    from ..api.client import FleetApi

FIRST_INTERVAL_S = 1.0
MAX_INTERVAL_S = 30.0
GROWTH = 1.5
SAY_EVERY_S = 30.0
# How much longer than its own time a wait gives the answer that is under way.
GRACE_S = 1.0
# The filter goes into the URL: beyond this many VINs the whole list is requested.
MAX_FILTERED = 100


@dataclass
class _Round:
    """One poll: what it found, or why it found nothing."""

    vehicles: Mapping[str, RegisteredVehicle]
    doubtful: Collection[str] = ()
    """VINs that the list lacked, and that could not be looked up one by one: nothing is concluded about these."""
    trouble: str = ""
    is_late: bool = False


class Watch:
    """
    Polls the vehicles that somebody waits for, all in one request.

    The interval grows from 1 s to 30 s, with up to a fifth left out at random, and starts anew when
    somebody new waits. Trouble on the way to the platform is reported and waited out.
    """

    def __init__(self, api: FleetApi, listing: Listing, clock: Clock, rng: random.Random) -> None:
        self._api = api
        self._listing = listing
        self._clock = clock
        self._rng = rng
        self._deadlines: dict[object, tuple[str, float]] = {}
        self._poller: asyncio.Task[None] | None = None
        self._next: asyncio.Future[_Round] | None = None
        self._newcomer = asyncio.Event()
        self._interrupted: Interrupted | None = None

    async def wait_for(
        self,
        vin: str,
        reached: Callable[[RegisteredVehicle | None], bool],
        *,
        goal: str,
        timeout_s: float,
        reporter: Reporter,
    ) -> RegisteredVehicle | None:
        """
        Wait until `reached` is true of the vehicle (None: not registered), and return it.

        `goal` says in messages what is waited for ("to be approved"). What `reached` raises ends the wait.

        Raises: WaitTimeout after `timeout_s` seconds; Interrupted; NotAuthorized and other answers that waiting cannot mend.
        """
        began = self._clock.monotonic()
        me = object()
        self._deadlines[me] = (vin, began + timeout_s)
        said_at, said = began, ""
        try:
            while True:
                round_ = await self._round_within(began + timeout_s - self._clock.monotonic())
                vehicle = round_.vehicles.get(vin)
                trouble = round_.trouble
                if not trouble and vin in round_.doubtful:
                    trouble = "was missing from the platform's list, and could not be looked up by VIN"
                if not trouble and reached(vehicle):
                    return vehicle
                now = self._clock.monotonic()
                seen = trouble or f"is {vehicle.status if vehicle else 'not registered'}"
                left_s = began + timeout_s - now
                if left_s <= 0 or round_.is_late:
                    waited = f"waited {_span(timeout_s)} for it {goal}"
                    raise WaitTimeout(
                        f"{vin} {seen}: {waited}. Nothing is lost: run the same command again to wait once more.",
                        vin=vin,
                    )
                message = f"{vin} {seen}; waiting for it {goal}, {_span(left_s)} more at most"
                if seen != said or now - said_at >= SAY_EVERY_S:
                    reporter.info(message)
                    said_at, said = now, seen
                else:
                    reporter.progress(message)
        finally:
            del self._deadlines[me]

    async def _round_within(self, seconds: float) -> _Round:
        """The next round; one that takes longer, since the platform keeps us waiting, has seen nothing."""
        joined = asyncio.ensure_future(self._join())
        done, _ = await asyncio.wait({joined}, timeout=max(0.0, seconds) + GRACE_S)
        if done:
            return joined.result()
        joined.cancel()
        return _Round(
            {}, trouble="is not known at the moment (the platform keeps the call waiting)", is_late=True
        )

    async def _join(self) -> _Round:
        if self._interrupted is not None:
            raise self._interrupted
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
            if self._poller is None:
                self._poller = asyncio.ensure_future(self._poll())
        self._newcomer.set()
        return await asyncio.shield(self._next)

    async def _poll(self) -> None:
        interval_s = FIRST_INTERVAL_S
        known: set[object] = set()
        try:
            while self._deadlines:
                if not set(self._deadlines) <= known:
                    interval_s = FIRST_INTERVAL_S
                known = set(self._deadlines)
                # Whoever waits has come back for the next round, or is about to leave.
                if self._next is not None:
                    await self._ask_once()
                jittered_s = interval_s * (1 - self._rng.random() / 5)
                interval_s = min(MAX_INTERVAL_S, interval_s * GROWTH)
                await self._pause(jittered_s, known)
        except Interrupted as error:
            self._interrupted = error
            if self._next is not None and not self._next.done():
                self._next.set_exception(error)
                self._next.exception()
        finally:
            self._poller = None
            if self._next is not None and not self._next.done():
                self._next.cancel()
            self._next = None

    async def _ask_once(self) -> None:
        answer, self._next = self._next, None
        try:
            round_ = await self._look()
        except (TransportError, ServerError, RateLimited) as error:
            round_ = _Round({}, trouble=f"is not known at the moment ({error})")
        except Exception as error:
            if answer is not None and not answer.done():
                answer.set_exception(error)
                answer.exception()
            return
        if answer is not None and not answer.done():
            answer.set_result(round_)

    async def _look(self) -> _Round:
        vins = sorted({vin for vin, _ in self._deadlines.values()})
        if len(vins) > MAX_FILTERED:
            found = dict(await self._listing.current(newer_than=self._clock.monotonic()))
        else:
            found = dict(by_vin(await self._api.list_vehicles({"vin": {"operator": "in", "value": vins}})))
        lacking = [vin for vin in vins if vin not in found]
        # A list may be wrong once, and a wait that ends is not taken up again. Those beyond what the platform allows a minute
        # have their turn in a later round, when some of these have left.
        asked = lacking[:CONFIRMS_AT_MOST]
        answers = dict(zip(asked, await asyncio.gather(*map(self._is_known, asked)), strict=True))
        found |= {vin: one for vin, (one, _) in answers.items() if one is not None}
        doubtful = {vin for vin in lacking if not answers.get(vin, (None, False))[1]}
        for vin in vins:
            if vin not in doubtful:
                self._listing.note(vin, found.get(vin))
        return _Round(found, doubtful)

    async def _is_known(self, vin: str) -> tuple[RegisteredVehicle | None, bool]:
        """The vehicle by its VIN, and whether that could be looked up."""
        try:
            return await self._listing.ask_by_vin(vin), True
        except VehicleNotFound:
            return None, True
        except (TransportError, ServerError, RateLimited):
            return None, False

    async def _pause(self, interval_s: float, known: set[object]) -> None:
        """Sleep, shorter where a deadline is nearer or somebody new comes, but never below the first interval."""
        began = self._clock.monotonic()
        await self._clock.sleep(min(interval_s, FIRST_INTERVAL_S))
        while True:
            now = self._clock.monotonic()
            nearest = min((deadline for _, deadline in self._deadlines.values()), default=now)
            left_s = min(began + interval_s, nearest) - now
            if left_s <= 0 or not set(self._deadlines) <= known:
                return
            self._newcomer.clear()
            sleeping = asyncio.ensure_future(self._clock.sleep(left_s))
            coming = asyncio.ensure_future(self._newcomer.wait())
            try:
                await asyncio.wait({sleeping, coming}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                sleeping.cancel()
                coming.cancel()
            if sleeping.done() and not sleeping.cancelled():
                sleeping.result()


def _span(seconds: float) -> str:
    """A duration as a person says it."""
    seconds = max(0.0, seconds)
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.0f} hours"
