"""The platform's rate limit: 60 reads by VIN within any minute, per application."""

from __future__ import annotations

import math
import threading
from collections import defaultdict, deque
from collections.abc import Callable

from .answers import too_many

CALLS = 60
WINDOW_S = 60.0


class ReadLimit:
    """Counts reads by VIN; the real time counts, however fast the carmakers' runs."""

    def __init__(self, wall: Callable[[], float], *, enabled: bool) -> None:
        self._wall = wall
        self._enabled = enabled
        self._lock = threading.Lock()
        self._calls: defaultdict[str, deque[float]] = defaultdict(deque)

    def count(self, application: str) -> None:
        """Count one read. Raises: Problem 429 with Retry-After."""
        if not self._enabled:
            return
        now = self._wall()
        with self._lock:
            calls = self._calls[application]
            while calls and now - calls[0] >= WINDOW_S:
                calls.popleft()
            if len(calls) >= CALLS:
                raise too_many(application, max(1, math.ceil(calls[0] + WINDOW_S - now)))
            calls.append(now)

    def clear(self) -> None:
        """Begin anew."""
        with self._lock:
            self._calls.clear()
