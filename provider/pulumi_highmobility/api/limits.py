"""Keeping to the platform's rate limits before it says 429, and to its Retry-After once it has."""

from __future__ import annotations

import asyncio
from collections import deque

from ..clock import Clock

# GET /fleets/vehicles/{vin}: "up to 60 calls per minute per application" (OpenAPI, hm-fleet-clearance-v1).
READS_BY_VIN = 60
READS_BY_VIN_WINDOW_S = 60.0


class Route:
    """
    The pace of one route: at most `calls` within any window of `window_s` seconds.

    `calls` None means no limit of our own. A Retry-After that one caller was told holds for all.
    """

    def __init__(self, clock: Clock, *, calls: int | None = None, window_s: float = 60.0) -> None:
        self._clock = clock
        self._calls = calls
        self._window_s = window_s
        self._sent: deque[float] = deque()
        self._paused_until = 0.0
        self._turn = asyncio.Lock()

    async def wait_for_turn(self) -> None:
        """Wait until one more call keeps to the limit; callers go in the order they came."""
        async with self._turn:
            while (wait_s := self._wait_s()) > 0:
                await self._clock.sleep(wait_s)
            if self._calls is not None:
                self._sent.append(self._clock.monotonic())

    def pause(self, seconds: float) -> None:
        """Hold everybody back for this long: the platform said Retry-After."""
        self._paused_until = max(self._paused_until, self._clock.monotonic() + seconds)

    def _wait_s(self) -> float:
        now = self._clock.monotonic()
        wait_s = self._paused_until - now
        if self._calls is not None:
            while self._sent and now - self._sent[0] >= self._window_s:
                self._sent.popleft()
            if len(self._sent) >= self._calls:
                wait_s = max(wait_s, self._sent[0] + self._window_s - now)
        return wait_s
