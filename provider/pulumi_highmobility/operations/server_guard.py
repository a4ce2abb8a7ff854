"""Keeps a run from creating anything at a server that its stack is not about."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..clock import Clock
from ..errors import OtherServer
from ..settings import Settings
from .origin import refuse_other_server, server_of

# A create waits until the engine has asked for nothing for this long: declarations follow each other within milliseconds.
QUIET_S = 0.3
# A program that declares thousands of new resources is not held up until the last of them.
LONGEST_S = 3.0
_STEP_S = 0.02


class ServerGuard:
    """
    What the run's resources with a state say of the server that is set; one object serves one run of the engine.

    A new resource has no state that tells of its server. The engine creates it while it still compares the others, in
    whatever order the program declares them. So a create waits until one of the others confirms the server, or none
    is left to be heard. Where a program declares others only when a new resource is there (`depends_on`), they are
    heard too late: their error names what was created by then.

    `judge` and `hearing` are called from the threads that serve the engine, so it locks.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._under_way = 0
        self._last_heard: float | None = None
        self._refused: OtherServer | None = None
        self._is_confirmed = False
        self._unconfirmed: list[str] = []

    @contextmanager
    def hearing(self) -> Iterator[None]:
        """Around each check and diff: others may follow it."""
        with self._lock:
            self._under_way += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1
                self._last_heard = self._clock.monotonic()

    def judge(self, olds: Mapping[str, Any], settings: Settings) -> None:
        """Raises: OtherServer where a state is about another server than the one that is set."""
        with self._lock:
            try:
                refuse_other_server(olds, settings, created=self._unconfirmed)
            except OtherServer as error:
                self._refused = error
                raise
            if server_of(olds):
                self._is_confirmed = True
                self._unconfirmed.clear()

    async def allow_create(self, name: str) -> None:
        """
        Wait until the create of a resource is known to be at the right server, as far as that can be known.

        Raises: OtherServer, where it is not.
        """
        began = self._clock.monotonic()
        while True:
            with self._lock:
                if self._refused is not None:
                    raise self._refused
                if self._is_confirmed:
                    return
                now = self._clock.monotonic()
                heard = began if self._last_heard is None else self._last_heard
                is_quiet = not self._under_way and now - heard >= QUIET_S
                # One that was allowed without having been confirmed allows the next.
                if self._unconfirmed or is_quiet or now - began >= LONGEST_S:
                    self._unconfirmed.append(name)
                    return
            await self._clock.sleep(_STEP_S)
