"""Limits: the platform's of 60 reads by VIN within any minute per application, and the emulator's own of size."""

from __future__ import annotations

import math
import threading
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..answers import too_many
from .paths import raw_path

CALLS = 60
WINDOW_S = 60.0
# Some 80,000 vehicles in one request; the platform's own limit is not published.
LARGEST_BODY = 8 * 2**20
# Of a request's line and headers; some 2,400 VINs in a filter. The platform's own limit is not published.
LARGEST_HEAD = 64 * 2**10
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


class SmallHeads:
    """
    Middleware: a request whose line and headers are above LARGEST_HEAD bytes is refused with 431.

    The server reads more than that, so it counts how long the head is, and not in which pieces it came.
    """

    def __init__(self, app: ASGIApp, refusal: Callable[[Request, Exception], Awaitable[Response]]) -> None:
        """`refusal` puts an HTTPException into the form of the API."""
        self._app = app
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _head_size(scope) > LARGEST_HEAD:
            detail = f"The request's line and headers are larger than {LARGEST_HEAD // 2**10} KiB."
            refused = await self._refusal(Request(scope), HTTPException(431, detail))
            await refused(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _head_size(scope: Scope) -> int:
    query = scope["query_string"]
    line = len(f"{scope['method']}  HTTP/1.1\r\n") + len(raw_path(scope)) + (len(query) + 1 if query else 0)
    return line + sum(len(name) + len(value) + len(": \r\n") for name, value in scope["headers"])
