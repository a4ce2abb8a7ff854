"""The time, passed in: the real one here, others in tests."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timezone
from typing import Protocol


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
    except ValueError:
        return None
    return (
        instant.replace(tzinfo=timezone.utc) if instant.tzinfo is None else instant.astimezone(timezone.utc)
    )


def write_instant(instant: datetime) -> str:
    """An instant as it stands in a stack's state: ISO 8601 in UTC, to the second, with Z."""
    return instant.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
