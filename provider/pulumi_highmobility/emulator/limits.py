"""Limits: the platform's of 60 reads by VIN within any minute per application, and the emulator's own of bodies."""

from __future__ import annotations

import math
import threading
from collections import defaultdict, deque
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .answers import too_many

CALLS = 60
WINDOW_S = 60.0
# Some 80,000 vehicles in one request; the platform's own limit is not published.
LARGEST_BODY = 8 * 2**20
# What is read beyond that and thrown away, so that a client that sends before it reads still sees the answer.
_DISCARDED = 64 * 2**20


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


class SmallBodies:
    """Middleware: a body above LARGEST_BODY bytes is refused with 413, and never held in memory."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        size = 0

        async def receive_small() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size <= LARGEST_BODY:
                return message
            while message.get("more_body") and size < _DISCARDED:
                message = await receive()
                size += len(message.get("body", b""))
            detail = f"The body is larger than {LARGEST_BODY // 2**20} MiB."
            raise HTTPException(413, detail, {"Connection": "close"})

        await self._app(scope, receive_small, send)
