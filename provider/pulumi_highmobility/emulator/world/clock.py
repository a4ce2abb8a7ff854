"""The emulator's time: real, scaled, or moved by hand."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone

# The end of the emulator's time, in the year 9000: every instant up to it can be written down.
LATEST = datetime(9000, 1, 1, tzinfo=timezone.utc).timestamp()


class EmulatorClock:
    """
    Three readings of one clock, all in Unix seconds.

    `wall` is the machine's, for what clients sign; `service` adds what was advanced by hand, for tokens;
    `now` also runs `speed` times as fast, for what carmakers do. A speed of 0 stands still until advanced.
    """

    def __init__(self, *, speed: float = 1.0, wall: Callable[[], float] = time.time) -> None:
        """Raises: ValueError (the speed is negative or not finite)."""
        if not (math.isfinite(speed) and speed >= 0):
            raise ValueError(f"a speed of {speed} is not a number of 0 or more")
        self.speed = speed
        self.wall = wall
        self._began = wall()
        self._advanced = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        """The time that clearances live in."""
        return min(self._began + (self.wall() - self._began) * self.speed + self._advanced, LATEST)

    def service(self) -> float:
        """The time that bearer tokens and vehicle tokens live in."""
        return min(self.wall() + self._advanced, LATEST)

    def advance(self, seconds: float) -> None:
        """Move on by hand. Raises: ValueError (not a number from 0, or beyond the end of the emulator's time)."""
        if not (math.isfinite(seconds) and seconds >= 0):
            raise ValueError("the time can move forward only, by a number of seconds of 0 or more")
        with self._lock:
            if self.now() + seconds > LATEST or self.service() + seconds > LATEST:
                raise ValueError("the emulator's time ends with the year 8999")
            self._advanced += seconds

    @property
    def advanced(self) -> float:
        """By how much it was moved by hand."""
        return self._advanced

    def resume(self, now: float) -> None:
        """Go on from a time that was reached before a restart, if that is later than the present one."""
        behind = now - self.now()
        if behind > 0:
            self.advance(behind)


def iso(seconds: float) -> str:
    """An instant as the platform writes most of them: ISO 8601 in UTC, without an offset."""
    return _written(seconds, "microseconds")


def iso_seconds(seconds: float) -> str:
    """An instant as recorded answers of the platform have it: to the whole second."""
    return _written(math.floor(seconds), "seconds")


def _written(seconds: float, timespec: str) -> str:
    instant = datetime.fromtimestamp(min(seconds, LATEST), timezone.utc)
    return instant.replace(tzinfo=None).isoformat(timespec=timespec)


def parse_iso(text: str) -> float | None:
    """Unix seconds of an ISO 8601 instant, taken as UTC where it has no offset; None where it is not one."""
    try:
        instant = datetime.fromisoformat(text.strip().replace("Z", "+00:00").replace(" ", "+"))
        return (instant if instant.tzinfo else instant.replace(tzinfo=timezone.utc)).timestamp()
    except (ValueError, OverflowError):
        return None
