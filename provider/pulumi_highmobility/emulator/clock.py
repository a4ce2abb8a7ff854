"""The emulator's time: real, scaled, or moved by hand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone


class EmulatorClock:
    """
    Three readings of one clock, all in Unix seconds.

    `wall` is the machine's, for what clients sign; `service` adds what was advanced by hand, for tokens;
    `now` also runs `speed` times as fast, for what carmakers do. A speed of 0 stands still until advanced.
    """

    def __init__(self, *, speed: float = 1.0, wall: Callable[[], float] = time.time) -> None:
        self.speed = speed
        self.wall = wall
        self._began = wall()
        self._advanced = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        """The time that clearances live in."""
        return self._began + (self.wall() - self._began) * self.speed + self._advanced

    def service(self) -> float:
        """The time that bearer tokens and vehicle tokens live in."""
        return self.wall() + self._advanced

    def advance(self, seconds: float) -> None:
        """Move on by hand."""
        with self._lock:
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
    return (
        datetime.fromtimestamp(seconds, timezone.utc).replace(tzinfo=None).isoformat(timespec="microseconds")
    )


def parse_iso(text: str) -> float | None:
    """Unix seconds of an ISO 8601 instant, taken as UTC where it has no offset; None where it is not one."""
    try:
        instant = datetime.fromisoformat(text.strip().replace("Z", "+00:00").replace(" ", "+"))
    except ValueError:
        return None
    return (instant if instant.tzinfo else instant.replace(tzinfo=timezone.utc)).timestamp()
