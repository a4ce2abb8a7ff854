"""The bridge from Pulumi's synchronous calls, on several threads, to the asynchronous core."""

from __future__ import annotations

import asyncio
import os
import random
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import CancelledError
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, TypeVar

from ..clock import Clock, RealClock
from ..errors import HighMobilityError
from ..settings import Settings, load_settings, wants_eligibility_check
from .host import Engine, Resource, current_resource, engine_of_this_process, make_room, on_cancel

if TYPE_CHECKING:
    from ..clearance.service import ClearanceService

T = TypeVar("T")


class OperationFailed(HighMobilityError):
    """One operation on one resource failed; the message names the resource. Its cause is chained."""


class Interrupted(HighMobilityError):
    """The engine was told to stop while the operation ran."""


class ResourceReporter:
    """Shows the rules' messages at the resource they are about."""

    def __init__(self, engine: Engine, resource: Resource) -> None:
        self._engine = engine
        self._urn = resource.urn

    def info(self, message: str) -> None:
        """A lasting message."""
        self._engine.log("info", message, self._urn)

    def warn(self, message: str) -> None:
        """A warning."""
        self._engine.log("warning", message, self._urn)

    def progress(self, message: str) -> None:
        """A message that the next one replaces."""
        self._engine.log("info", message, self._urn, ephemeral=True)


class Bridge:
    """
    One event loop in a background thread, one client, one listing, for all threads of the process.

    Nothing is opened before the first operation that needs the platform: a preview needs no settings.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or RealClock()
        self._config: Mapping[str, Any] = {}
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening: asyncio.Lock | None = None
        self._service: ClearanceService | None = None
        self._engine: Engine | None = None
        self._running: set[asyncio.Task[Any]] = set()
        self._exits = AsyncExitStack()
        self._said: set[str] = set()

    def configure(self, config: Mapping[str, Any]) -> None:
        """Take the stack's config, with full keys; the last one told before the first operation counts."""
        self._config = dict(config)

    def settings(self) -> Settings:
        """The settings, checked. Raises: ConfigError."""
        return load_settings(self._config, os.environ)

    def wants_eligibility_check(self) -> bool:
        """Whether the setting asks for the check at preview. Raises: ConfigError."""
        return wants_eligibility_check(self._config, os.environ)

    @property
    def engine(self) -> Engine:
        """Where messages go."""
        with self._lock:
            if self._engine is None:
                self._engine = engine_of_this_process()
            return self._engine

    def reporter(self) -> ResourceReporter:
        """For messages about the resource whose operation this thread serves."""
        return ResourceReporter(self.engine, current_resource())

    def say_once(self, message: str) -> None:
        """Show a message at the resource that this thread serves, the first time it comes up in this process."""
        with self._lock:
            is_new = message not in self._said
            self._said.add(message)
        if is_new:
            self.reporter().info(message)

    def run(self, work: Callable[[ClearanceService], Awaitable[T]]) -> T:
        """Run `work` on the loop and wait for it. Raises: what `work` raises, ConfigError, Interrupted."""
        waiting = asyncio.run_coroutine_threadsafe(self._run(work), self._started_loop())
        try:
            return waiting.result()
        except CancelledError:
            raise Interrupted(
                "interrupted; run `pulumi up` again, it takes up where this one ended"
            ) from None

    def operate(self, kind: str, work: Callable[[ClearanceService, ResourceReporter], Awaitable[T]]) -> T:
        """As `run`, for an operation of a resource: an error's message begins with the resource's name."""
        make_room()
        resource = current_resource()
        reporter = ResourceReporter(self.engine, resource)
        try:
            return self.run(lambda service: work(service, reporter))
        except HighMobilityError as error:
            raise OperationFailed(
                f'{kind} "{resource.name}": {error}' if resource.name else f"{kind}: {error}"
            ) from error

    def interrupt(self) -> None:
        """End everything that runs, at once: the engine was told to stop."""
        loop = self._loop
        if loop is not None:
            loop.call_soon_threadsafe(self._cancel_all)

    def _cancel_all(self) -> None:
        for task in list(self._running):
            task.cancel()

    async def _run(self, work: Callable[[ClearanceService], Awaitable[T]]) -> T:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine always runs in a task
        self._running.add(task)
        try:
            return await work(await self._opened())
        finally:
            self._running.discard(task)

    async def _opened(self) -> ClearanceService:
        if self._opening is None:
            self._opening = asyncio.Lock()
        async with self._opening:
            if self._service is None:
                # Imported here: a program, and a preview, have no use for an HTTP client.
                from ..api.client import open_api  # noqa: PLC0415
                from ..clearance.service import ClearanceService  # noqa: PLC0415

                settings = self.settings()
                rng = random.Random()  # noqa: S311 - jitter of waits, no secret
                # Left open until the process ends with its loop.
                api = await self._exits.enter_async_context(open_api(settings, clock=self.clock, rng=rng))
                self._service = ClearanceService(api, settings, clock=self.clock, rng=rng)
            return self._service

    def _started_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(
                    target=self._loop.run_forever, name="pulumi-highmobility", daemon=True
                ).start()
                on_cancel(self.interrupt)
            return self._loop


BRIDGE = Bridge()
"""The process's own bridge: a dynamic provider's object has no attributes, so it stands here."""
