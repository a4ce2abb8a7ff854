"""Keeping to the platform's rate limits before it says 429, and to its Retry-After once it has."""

from __future__ import annotations

import asyncio
import math
from collections import deque

from ..clock import Clock
from ..errors import ApiError
from .waits import say_wait

# GET /fleets/vehicles/{vin}: "up to 60 calls per minute per application" (OpenAPI, hm-fleet-clearance-v1).
READS_BY_VIN = 60
READS_BY_VIN_WINDOW_S = 60.0


class Route:
    """
    The pace of one route: at most `calls` within any window of `window_s` seconds.

    `calls` None means no limit of our own. A Retry-After that one caller was told holds for all; where more of it is
    left than `longest_pause_s`, nobody waits for it: all get the platform's answer.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        calls: int | None = None,
        window_s: float = 60.0,
        longest_pause_s: float = math.inf,
    ) -> None:
        self._longest_pause_s = longest_pause_s
        self._paused_by: ApiError | None = None
        self._clock = clock
        self._calls = calls
        self._window_s = window_s
        self._sent: deque[float] = deque()
        self._paused_until = 0.0
        self._turn = asyncio.Lock()

    async def wait_for_turn(self) -> None:
        """
        Wait until one more call keeps to the limit; callers go in the order they came.

        Raises: the platform's own answer (RateLimited or ServerError), where it asks for a longer pause.
        """
        self._refuse_a_long_pause()
        async with self._turn:
            while (wait_s := self._wait_s()) > 0:
                self._refuse_a_long_pause()
                say_wait("the platform's rate limit", wait_s)
                await self._clock.sleep(wait_s)
            if self._calls is not None:
                self._sent.append(self._clock.monotonic())

    def pause(self, error: ApiError) -> None:
        """Hold everybody back for as long as the platform's answer asks."""
        until = self._clock.monotonic() + (error.retry_after_s or 0.0)
        if until > self._paused_until:
            self._paused_until, self._paused_by = until, error

    def _refuse_a_long_pause(self) -> None:
        left_s = self._paused_until - self._clock.monotonic()
        if self._paused_by is not None and left_s > self._longest_pause_s:
            raise self._paused_by.again(retry_after_s=left_s)

    def _wait_s(self) -> float:
        now = self._clock.monotonic()
        wait_s = self._paused_until - now
        if self._calls is not None:
            while self._sent and now - self._sent[0] >= self._window_s:
                self._sent.popleft()
            if len(self._sent) >= self._calls:
                wait_s = max(wait_s, self._sent[0] + self._window_s - now)
        return wait_s
