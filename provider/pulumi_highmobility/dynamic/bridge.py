"""The bridge from Pulumi's synchronous calls, on several threads, to the asynchronous core."""

from __future__ import annotations

import asyncio
import os
import random
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from ..clock import Clock, RealClock, Stop, StoppableClock
from ..errors import BoardUnusable, HighMobilityError, Interrupted, NoCredentials
from ..run.urns import kind_of
from ..settings import (
    Settings,
    load_settings,
    max_revocations,
    may_revoke_without_state,
    retry_interval,
    wants_carmaker_notices,
    wants_eligibility_check,
)
from ..text import visible
from .own_modules import import_past_the_program
from .sdk import Engine, EngineCall, engine_of_this_process, prepare_process

if TYPE_CHECKING:
    from ..clearance.service import ClearanceService
    from ..operations.work import Work
    from ..run.board import Board
    from ..run.engine_run import EngineRun
    from ..run.saved_state import SavedState

import_past_the_program()

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

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or RealClock()
        self.engine: Engine = engine_of_this_process()
        self._config: Mapping[str, Any] = {}
        self._settings: Settings | None = None
        self._lock = threading.Lock()
        self._started = False
        self._this_run: EngineRun | None = None
        self._seen: asyncio.Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening: asyncio.Lock | None = None
        self._services: dict[Settings, ClearanceService] = {}
        self._stop: Stop | None = None
        self._exits = AsyncExitStack()
        self._said: set[str] = set()
        self._is_judged = False
        self._is_checked = False

    def configure(self, config: Mapping[str, Any]) -> None:
        """Take the stack's config, with full keys; the last one told counts."""
        self._config = dict(config)
        self._settings = None
        self._is_checked = False

    def start(self) -> None:
        """Make the most of a provider process, once; to be called from within a call of the SDK."""
        with self._lock:
            if self._started:
                return
            self._started = True
        for lost in prepare_process(self.interrupt):
            self.engine.log(
                "warning", f"this version of Pulumi's Python SDK is not known to pulumi-highmobility: {lost}"
            )

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

    def _board(self) -> Board | None:
        from ..run.board import Board  # noqa: PLC0415 - as above

        if not self.engine.address:
            return None
        try:
            return Board(self.engine.address)
        except BoardUnusable as error:
            self.engine.log(
                "warning",
                f"the processes of this run cannot tell each other what they know ({error}): with --target and --exclude, what the program "
                "wants is not known. TMPDIR names a folder for temporary files that can be written",
            )
            return None

    def settings(self) -> Settings:
        """The settings, checked; read once, since every diff compares its server with them. Raises: ConfigError."""
        if self._settings is None:
            self._settings = load_settings(self._config, os.environ)
        return self._settings

    def settings_if_set(self) -> Settings | None:
        """
        As `settings`; None where credentials are missing, which a preview does without.

        Raises: ConfigError, where anything else is wrong: no wrong setting is told by the first operation alone.
        """
        from ..run.brake import refuse_too_many  # noqa: PLC0415 - as above

        if not self._is_checked:
            # Those that are not part of Settings, and else read late.
            wants_carmaker_notices(self._config, os.environ)
            self.wants_eligibility_check()
            self.retry_interval()
            may_revoke_without_state(self._config, os.environ)
            refuse_too_many((), 0, max_revocations(self._config, os.environ))
            self._is_checked = True
        try:
            return self.settings()
        except NoCredentials:
            return None

    def wants_eligibility_check(self) -> bool:
        """Whether the setting asks for the check at preview. Raises: ConfigError."""
        return wants_eligibility_check(self._config, os.environ)

    def wants_carmaker_notices(self) -> bool:
        """
        Whether what is known of a new vehicle's brand is told: by a preview, before anything is done, and not once more.

        An `up` is a preview and an update, in two processes that know nothing of each other. Raises: ConfigError.
        """
        if not wants_carmaker_notices(self._config, os.environ):
            return False
        self.this_run.look_at_board()
        return not self.this_run.is_update

    def retry_interval(self) -> timedelta:
        """How long a vehicle that was refused or ended by somebody is not requested again. Raises: ConfigError."""
        return retry_interval(self._config, os.environ)

    def is_first(self, message: str) -> bool:
        """True the first time that a message comes up in this process."""
        with self._lock:
            is_new = message not in self._said
            self._said.add(message)
        return is_new

    def judge_server(self, olds: Mapping[str, Any]) -> None:
        """Raises: OtherServer where the state of a resource is about another server than the one that is set; ConfigError."""
        from ..operations.origin import refuse_other_server  # noqa: PLC0415 - as above

        settings = self.settings_if_set()
        # A preview without credentials makes no request, so it cannot make one to the wrong server.
        if settings is not None:
            refuse_other_server(olds, settings)

    def judge_stack(self, call: EngineCall) -> None:
        """Raises: OtherServer where any record of the stack's saved state is about another server; ConfigError."""
        settings = self.settings_if_set()
        if settings is not None:
            self._judged_stack(call, settings, None)

    def _judged_stack(
        self, call: EngineCall, settings: Settings, must_hold: tuple[str, str] | None
    ) -> SavedState | None:
        from ..operations.origin import refuse_state_of_another_server  # noqa: PLC0415 - as above

        if not call.urn:
            return None
        saved = self.this_run.saved(call.urn, must_hold)
        if saved is not None and not self._is_judged:
            refuse_state_of_another_server(saved, settings)
            self._is_judged = True
        return saved

    def check_eligibility(self, vehicles: Sequence[tuple[str, str]], reporter: ResourceReporter) -> None:
        """
        Warn of vehicles that their carmakers won't take; what the platform says never fails a preview.

        Raises: ConfigError.
        """
        from ..operations.eligibility import can_be_asked, look_up  # noqa: PLC0415 - as above

        asked = can_be_asked(vehicles)
        if not asked:
            return
        if self.settings_if_set() is None:
            told = "eligibility is not checked: no credentials for High Mobility are set here"
            if self.is_first(told):
                reporter.info(told)
            return
        this_run = self.this_run
        try:
            notices = self.run(lambda service: look_up(service, asked, reporter, this_run.ineligible))
        except HighMobilityError as error:
            reporter.warn(f"eligibility could not be checked: {error}")
            return
        for notice in notices:
            reporter.warn(notice.text)

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

    def operate(
        self,
        call: EngineCall,
        work: Callable[[Work], Awaitable[T]],
        id_: str = "",
        *,
        changes_something: bool = True,
    ) -> T:
        """
        As `run`, for an operation of the resource that the engine's call is about.

        One that changes something begins only after the whole stack's state was judged: that it is about this server, and
        that these credentials see what it holds. Raises: OtherServer, VehicleUnseen, too.
        """
        from ..api.waits import listener  # noqa: PLC0415 - as above
        from ..operations.origin import refuse_unseen  # noqa: PLC0415
        from ..operations.work import Work  # noqa: PLC0415

        self.start()
        reporter = ResourceReporter(self.engine, call.urn)
        this_run, interval = self.this_run, self.retry_interval()
        saved = None
        if changes_something:
            saved = self._judged_stack(call, self.settings(), (kind_of(call.urn), id_) if id_ else None)

        async def told(service: ClearanceService) -> T:
            listener.set(reporter.info)
            if saved is not None:
                if self._seen is None:
                    self._seen = asyncio.ensure_future(refuse_unseen(saved, service))
                await asyncio.shield(self._seen)
            return await work(Work(service, reporter, this_run, call.urn, id_, interval))

        return self.run(told)

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


BRIDGE = Bridge()
"""The process's own bridge: a dynamic provider's object has no attributes, so it stands here."""
