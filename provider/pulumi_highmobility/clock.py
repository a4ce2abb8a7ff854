"""The time, passed in: the real one here, others in tests."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timezone
from typing import Protocol

from .errors import Interrupted


class Clock(Protocol):
    """What the core asks of time."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""

    def monotonic(self) -> float:
        """Seconds that only grow, for durations."""

    async def sleep(self, seconds: float) -> None:
        """Wait without holding up others."""


class RealClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        return datetime.now(timezone.utc)

    def monotonic(self) -> float:
        """Seconds that only grow, for durations."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait without holding up others."""
        await asyncio.sleep(seconds)


# A shorter sleep is no wait, but company given time to come: it goes on when the run is told to stop.
WAIT_FROM_S = 0.1


class Stop:
    """
    Whether the run was told to stop: from then on nothing is waited for, and no change is begun.

    What has been sent is let come to its end, so that its answer can be written down. For one event loop.
    """

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        """Stop, for good."""
        self._event.set()

    def refuse(self) -> None:
        """Raises: Interrupted, once the run was told to stop."""
        if self._event.is_set():
            raise Interrupted

    async def wait(self) -> None:
        """Wait until the run is told to stop."""
        await self._event.wait()


class StoppableClock:
    """A clock whose waits end when the run is told to stop: `sleep` raises Interrupted then."""

    def __init__(self, clock: Clock, stop: Stop) -> None:
        self._clock = clock
        self._stop = stop

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        return self._clock.now()

    def monotonic(self) -> float:
        """Seconds that only grow, for durations."""
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait without holding up others. Raises: Interrupted."""
        if seconds < WAIT_FROM_S:
            await self._clock.sleep(seconds)
            return
        self._stop.refuse()
        tasks = [asyncio.ensure_future(work) for work in (self._clock.sleep(seconds), self._stop.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
        self._stop.refuse()


def parse_instant(text: str) -> datetime | None:
    """
    An ISO 8601 instant as the platform writes it; None where it is not one.

    The platform writes most of its instants without an offset and means UTC.
    """
    cleaned = text.strip().replace("Z", "+00:00").replace("z", "+00:00")
    head, point, tail = cleaned.partition(".")
    if point:
        # Python 3.10 reads three or six digits of a second's fraction, the platform may write any number.
        digits = len(tail) - len(tail.lstrip("0123456789"))
        cleaned = f"{head}.{tail[:digits][:6].ljust(6, '0')}{tail[digits:]}"
    try:
        instant = datetime.fromisoformat(cleaned)
        if instant.tzinfo is None:
            return instant.replace(tzinfo=timezone.utc)
        return instant.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        # Neither is the first or last day of the calendar with an offset beyond it.
        return None


def write_instant(instant: datetime) -> str:
    """An instant as it stands in a stack's state: ISO 8601 in UTC, to the second, with Z."""
    whole = instant.astimezone(timezone.utc).replace(microsecond=0, tzinfo=None)
    return f"{whole.isoformat()}Z"
