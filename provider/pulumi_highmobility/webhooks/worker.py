"""What follows a delivery, run one at a time, joined in bursts, repeated until it succeeds."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable

from ..clock import Clock, RealClock
from .actions import Action
from .inbox import Event, Inbox, InboxError
from .pace import Pace

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0

log = logging.getLogger(__name__)


class Worker:
    """
    Runs one target's action: never twice at once, and once for everything that came before a run began.

    After a failure it pauses, doubling from 1 s to 5 minutes (times 0.5 to 1.5, by `rng`), and runs again with what
    came meanwhile. After runs that changed nothing it pauses by the rule of pace.py. `runs` counts by outcome: succeeded,
    failed.
    """

    def __init__(
        self, inbox: Inbox, action: Action, *, clock: Clock | None = None, rng: random.Random | None = None
    ) -> None:
        self._inbox = inbox
        self._action = action
        self._clock = clock or RealClock()
        self._rng = rng or random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._pace = Pace(self._rng)
        self._came = asyncio.Event()
        self._stopping = asyncio.Event()
        self.runs: Counter[str] = Counter()

    def wake(self) -> None:
        """Something came."""
        self._came.set()

    async def run(self) -> None:
        """Until `stop`; begins with what an earlier process left unfinished."""
        failures = 0
        self._came.set()
        while not self._stopping.is_set():
            await self._either(self._came.wait())
            if self._stopping.is_set():
                return
            self._came.clear()
            if await self._once(is_repeated=failures > 0):
                failures = 0
                continue
            pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(failures, 20)) * (0.5 + self._rng.random())
            failures += 1
            self._came.set()
            await self._either(self._clock.sleep(pause))

    async def stop(self) -> None:
        """Tell a run that can be told to end; `run` returns once it has."""
        self._stopping.set()
        end = getattr(self._action, "stop", None)
        if end is not None:
            await asyncio.to_thread(end)

    async def _once(self, *, is_repeated: bool) -> bool:
        try:
            # A run that failed had its turn already: it has pauses of its own.
            events = await (asyncio.to_thread(self._inbox.take) if is_repeated else self._due())
            if not events:
                return True
            changed = await asyncio.to_thread(self._action.run, events)
            self._pace.ran(events, changed, self._clock.monotonic())
            self.runs["succeeded"] += 1
            await asyncio.to_thread(self._inbox.done, events)
        except InboxError as error:
            log.warning("%s; trying again", error)
            return False
        except Exception as error:
            # A user's function may raise anything; the deliveries stay, and it is run again.
            self.runs["failed"] += 1
            log.warning("The action failed (%s): %s; it will be run again.", type(error).__name__, error)
            return False
        # More than one batch may wait.
        self._came.set()
        return True

    async def _due(self) -> list[Event]:
        """What is to be acted upon, when its time has come; none where there is none, or the worker is told to stop."""
        is_told = False
        while not self._stopping.is_set():
            self._came.clear()
            events = await asyncio.to_thread(self._inbox.take)
            pause = self._pace.pause_s(events, self._clock.monotonic()) if events else 0.0
            if pause <= 0:
                return events
            if not is_told:
                log.warning(
                    "The last %d runs changed nothing, and no new delivery has arrived: the next one starts in %.0f seconds.",
                    self._pace.quiet_runs,
                    pause,
                )
                is_told = True
            # Something new may come, which does not wait.
            await self._either(self._clock.sleep(pause), self._came.wait())
        return []

    async def _either(self, *works: Awaitable[object]) -> None:
        """Until one of the works is done or the worker is told to stop."""
        tasks = [asyncio.ensure_future(work) for work in (*works, self._stopping.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
