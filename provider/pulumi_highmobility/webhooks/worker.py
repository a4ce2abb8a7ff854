"""What follows a delivery, run one at a time, joined in bursts, repeated until it succeeds."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable

from ..clock import Clock, RealClock
from .actions import Action
from .inbox import Inbox, InboxError

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0

log = logging.getLogger(__name__)


class Worker:
    """
    Runs one target's action: never twice at once, and once for everything that came before a run began.

    After a failure it pauses, doubling from 1 s to 5 minutes (times 0.5 to 1.5, by `rng`), and runs again with what
    came meanwhile. `runs` counts by outcome: succeeded, failed.
    """

    def __init__(
        self, inbox: Inbox, action: Action, *, clock: Clock | None = None, rng: random.Random | None = None
    ) -> None:
        self._inbox = inbox
        self._action = action
        self._clock = clock or RealClock()
        self._rng = rng or random.Random()  # noqa: S311 - spreads retries, guards nothing
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
            if await self._once():
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

    async def _once(self) -> bool:
        try:
            events = await asyncio.to_thread(self._inbox.take)
            if not events:
                return True
            await asyncio.to_thread(self._action.run, events)
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

    async def _either(self, work: Awaitable[object]) -> None:
        """Until the work is done or the worker is told to stop."""
        tasks = [asyncio.ensure_future(work), asyncio.ensure_future(self._stopping.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
