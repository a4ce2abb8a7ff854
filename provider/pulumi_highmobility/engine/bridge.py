"""The bridge from the engine's synchronous calls, on several threads, to the asynchronous core."""

from __future__ import annotations

import asyncio
import os
import random
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import CancelledError
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, TypeVar

from ..clock import Clock, RealClock, Stop, StoppableClock
from ..errors import BoardUnusable, Interrupted
from ..settings import Settings, load_settings, max_revocations, may_revoke_without_state
from ..text import visible
from .own_modules import leave_out_httpx_command
from .process import Engine

if TYPE_CHECKING:
    from ..clearance.service import ClearanceService
    from ..operations.runner import Runner
    from ..run.board import Board
    from ..run.engine_run import EngineRun

T = TypeVar("T")
# Of one message, whatever the platform's words and the program's names in it are.
LONGEST = 4000


class ResourceReporter:
    """Shows the rules' messages at the resource they are about."""

    def __init__(self, engine: Engine, urn: str) -> None:
        self._engine = engine
        self._urn = urn

    def info(self, message: str) -> None:
        """A lasting message."""
        self._engine.log("info", visible(message, LONGEST), self._urn)

    def warn(self, message: str) -> None:
        """A warning."""
        self._engine.log("warning", visible(message, LONGEST), self._urn)

    def progress(self, message: str) -> None:
        """A message that the next one replaces."""
        self._engine.log("info", visible(message, LONGEST), self._urn, ephemeral=True)


class Bridge:
    """
    One event loop in a background thread for all threads of the process, and one client for each set of settings.

    Nothing is opened before the first operation that needs the platform: a preview needs no settings.
    """

    def __init__(self, engine: Engine, clock: Clock | None = None) -> None:
        self.clock = clock or RealClock()
        self.engine = engine
        self._config: Mapping[str, Any] = {}
        self._settings: Settings | None = None
        self._lock = threading.Lock()
        self._this_run: EngineRun | None = None
        self._runner: Runner | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening: asyncio.Lock | None = None
        self._services: dict[Settings, ClearanceService] = {}
        self._stop: Stop | None = None
        self._exits = AsyncExitStack()

    def configure(self, config: Mapping[str, Any]) -> None:
        """Take the stack's config, with full keys; the last one told counts."""
        self._config = dict(config)
        self._settings = None
        if self._runner is not None:
            self._runner.take_new_settings()

    @property
    def this_run(self) -> EngineRun:
        """What this process knows of the run that the engine started it for."""
        from ..run.engine_run import EngineRun  # noqa: PLC0415 - a program has no use for the rules

        with self._lock:
            if self._this_run is None:
                self._this_run = EngineRun(
                    self._board(),
                    warn=lambda text: self.engine.log("warning", text),
                    may_end_without_state=lambda: may_revoke_without_state(self._config, os.environ),
                    max_revocations=lambda: max_revocations(self._config, os.environ),
                )
            return self._this_run

    @property
    def runner(self) -> Runner:
        """Serves the engine's calls."""
        from ..operations.runner import Runner  # noqa: PLC0415 - as above

        this_run = self.this_run
        with self._lock:
            if self._runner is None:
                self._runner = Runner(self, this_run)
            return self._runner

    def _board(self) -> Board | None:
        from ..run.board import Board  # noqa: PLC0415 - as above

        if not self.engine.address:
            return None
        try:
            return Board(self.engine.address)
        except BoardUnusable as error:
            self.engine.log(
                "warning",
                f"the processes of this run cannot share what they know ({error}): with --target and --exclude, the provider does "
                "not know what the program wants. Set TMPDIR to a folder for temporary files that can be written",
            )
            return None

    def settings(self) -> Settings:
        """The settings, checked; read once, since every diff compares its server with them. Raises: ConfigError."""
        if self._settings is None:
            self._settings = load_settings(self._config, os.environ)
        return self._settings

    def setting(self, read: Callable[[Mapping[str, Any], Mapping[str, str]], T]) -> T:
        """See Door."""
        return read(self._config, os.environ)

    def reporter(self, urn: str) -> ResourceReporter:
        """See Door."""
        return ResourceReporter(self.engine, urn)

    def error(self, message: str, urn: str) -> None:
        """See Door."""
        self.engine.log("error", message, urn)

    def run(
        self, work: Callable[[ClearanceService], Awaitable[T]], config: Mapping[str, Any] | None = None
    ) -> T:
        """
        Run `work` on the loop and wait for it; `config` takes the place of the stack's config.

        Raises: what `work` raises, ConfigError, Interrupted.
        """
        settings = self.settings() if config is None else load_settings(config, os.environ)
        waiting = asyncio.run_coroutine_threadsafe(self._run(work, settings), self._started_loop())
        try:
            return waiting.result()
        except CancelledError:
            raise Interrupted from None

    def interrupt(self) -> None:
        """
        The engine was told to stop: end all waits, and begin no change.

        What has been sent comes to its end: the engine waits for it, and writes its answer into the state.
        """
        loop, stop, this_run = self._loop, self._stop, self._this_run
        if loop is not None and stop is not None:
            loop.call_soon_threadsafe(stop.set)
        if this_run is not None:
            this_run.close()

    async def _run(self, work: Callable[[ClearanceService], Awaitable[T]], settings: Settings) -> T:
        return await work(await self._opened(settings))

    async def _opened(self, settings: Settings) -> ClearanceService:
        if self._opening is None:
            self._opening = asyncio.Lock()
        async with self._opening:
            if settings not in self._services:
                # Imported here: a program, and a preview, have no use for an HTTP client.
                if self.engine.address:
                    leave_out_httpx_command()
                from ..api.client import open_api  # noqa: PLC0415
                from ..clearance.service import ClearanceService  # noqa: PLC0415

                rng = random.Random()  # noqa: S311 - jitter of waits, no secret
                # Left open until the process ends with its loop.
                assert self._stop is not None  # noqa: S101 - it came with the loop
                clock = StoppableClock(self.clock, self._stop)
                opened = open_api(settings, clock=clock, rng=rng, stop=self._stop)
                api = await self._exits.enter_async_context(opened)
                self.engine.log("info", f"High Mobility: using {settings.base_url}")
                self._services[settings] = ClearanceService(api, settings, clock=clock, rng=rng)
            return self._services[settings]

    def _started_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._stop = Stop()
                threading.Thread(
                    target=self._loop.run_forever, name="pulumi-highmobility", daemon=True
                ).start()
            return self._loop
