"""
What happens at each call of the engine, once for every door to it: a door decodes, calls the runner, and encodes its answer.

An error is an answer, a `Failure`, and no exception: whatever has been done must get into the stack's state.
"""

from __future__ import annotations

import asyncio
import threading
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ..clearance.reporter import Reporter
from ..clock import Clock
from ..errors import HighMobilityError, NoCredentials
from ..run.brake import refuse_too_many
from ..run.urns import kind_of, shown
from ..settings import (
    Settings,
    max_revocations,
    may_revoke_without_state,
    retry_interval,
    wants_carmaker_notices,
    wants_eligibility_check,
    wants_refresh_before_update,
)
from ..text import visible
from ..vehicle.check import Problem
from ..vehicle.vin import InvalidVin
from . import origin
from .eligibility import can_be_asked, look_up
from .values import Checked, Difference, Notice, Props, State
from .work import Facts, Work

if TYPE_CHECKING:
    from ..clearance.service import ClearanceService
    from ..run.engine_run import EngineRun
    from ..run.saved_state import SavedState

T = TypeVar("T")
# Of one message, whatever the platform's words and the program's names in it are.
LONGEST = 4000


class Operations(Protocol):
    """What a module of this package has for a resource; see the modules for what each function does."""

    def check(self, olds: Props, news: Props, facts: Facts) -> Checked:
        """See operations."""

    def diff(self, olds: Props, news: Props, facts: Facts) -> Difference:
        """See operations."""

    def create(self, work: Work, props: Props) -> Awaitable[State]:
        """See operations."""

    def read(self, work: Work, id_: str, props: Props) -> Awaitable[State | None]:
        """See operations."""

    def update(self, work: Work, id_: str, olds: Props, news: Props) -> Awaitable[State]:
        """See operations."""

    def delete(self, work: Work, id_: str, props: Props) -> Awaitable[None]:
        """See operations."""


class Door(Protocol):
    """What the runner needs of the door that the engine came in by."""

    clock: Clock

    def settings(self) -> Settings:
        """The settings, checked. Raises: ConfigError."""

    def setting(self, read: Callable[[Mapping[str, Any], Mapping[str, str]], T]) -> T:
        """What `read` makes of the stack's config and the environment. Raises: ConfigError."""

    def reporter(self, urn: str) -> Reporter:
        """Shows messages at a resource."""

    def error(self, message: str, urn: str) -> None:
        """Show an error at a resource, which fails the run."""

    def run(self, work: Callable[[ClearanceService], Awaitable[T]]) -> T:
        """Run `work` and wait for it. Raises: what it raises, ConfigError, Interrupted."""


@dataclass(frozen=True)
class Target:
    """The resource that a call of the engine is about; `urn` and `name` are empty where they are not known."""

    kind: str
    operations: Operations = field(repr=False)
    urn: str = ""
    name: str = ""
    id: str = ""

    def __str__(self) -> str:
        return f'{self.kind} "{self.name}"' if self.name else self.kind


@dataclass(frozen=True)
class Failure:
    """Why a call failed, in a message that names the resource."""

    message: str


class Runner:
    """One run of the engine, as far as this process takes part in it. Called from the threads that serve the engine."""

    def __init__(self, door: Door, run: EngineRun) -> None:
        self._door = door
        self._run = run
        self._lock = threading.Lock()
        self._said: set[str] = set()
        self._is_judged = False
        self._is_checked = False
        self._seen: asyncio.Future[None] | None = None

    def take_new_settings(self) -> None:
        """The door has others than before: they are checked anew."""
        self._is_checked = False

    # The engine's calls ---------------------------------------------------------------------------------------------------------

    def check(self, target: Target, olds: Props, news: Props) -> Checked | Failure:
        """What is wrong before any request is made, two resources with one VIN included; runs at every preview and up."""

        def work() -> Checked:
            if not olds:
                # New to the engine: what the stack holds under other names tells of the server.
                self._judge_stack(target)
            facts = Facts(self._door.clock.now(), self._run, target.urn)
            facts.checks_eligibility = self._door.setting(wants_eligibility_check)
            checked = target.operations.check(olds, news, facts)
            problems = [*checked.problems, *self._claim(target, checked, has_state=bool(olds))]
            self._say(target, checked.notices)
            if checked.eligibility and not problems:
                self._check_eligibility(target, checked.eligibility)
            return replace(checked, problems=problems)

        return self._answered(target, work)

    def diff(self, target: Target, olds: Props, news: Props) -> Difference | Failure:
        """What an `up` would change, and whose clearance it would end on purpose."""

        def work() -> Difference:
            self._judge_server(olds)
            claims = self._run.claims
            claims.know(target.urn, target.id)
            interval = self._door.setting(retry_interval)
            facts = Facts(self._door.clock.now(), self._run, target.urn, target.id, retry_interval=interval)
            found = target.operations.diff(olds, news, facts)
            claims.give_up(target.urn, found.gives_up)
            if found.replaces:
                claims.replace(target.urn)
            self._say(target, found.notices)
            return found

        return self._answered(target, work)

    def create(self, target: Target, props: Props) -> State | Failure:
        """Create; `reasons` of the state tell what failed where it was done in part."""
        return self._answered(
            target,
            lambda: self._held(target, self._operate(target, lambda at: target.operations.create(at, props))),
        )

    def read(self, target: Target, props: Props) -> State | Failure | None:
        """The resource as it is now; None where it is gone."""

        def work() -> State | None:
            self._judge_server(props)
            state = self._operate(
                target, lambda at: target.operations.read(at, target.id, props), changes_something=False
            )
            if state is None:
                self._run.claims.lose(target.urn, target.id)
            else:
                self._run.claims.know(target.urn, target.id)
            return state

        return self._answered(target, work)

    def update(self, target: Target, olds: Props, news: Props) -> State | Failure:
        """Update in place; `reasons` as of a create."""
        return self._answered(
            target,
            lambda: self._held(
                target, self._operate(target, lambda at: target.operations.update(at, target.id, olds, news))
            ),
        )

    def delete(self, target: Target, props: Props) -> Failure | None:
        """Delete; success means that nothing is left that the resource held."""
        return self._answered(
            target, lambda: self._operate(target, lambda at: target.operations.delete(at, target.id, props))
        )

    # Inside ---------------------------------------------------------------------------------------------------------------------

    def _answered(self, target: Target, work: Callable[[], T]) -> T | Failure:
        try:
            return work()
        except (HighMobilityError, InvalidVin) as error:
            return Failure(visible(f"{target}: {error}", LONGEST))
        except Exception:
            return Failure(
                f"{target}: this is a bug in pulumi-highmobility, not in your program. Please report it, with these lines:\n"
                f"{traceback.format_exc()}"
            )

    def _held(self, target: Target, state: State) -> State:
        self._run.claims.hold(target.urn, state.id, state.holds)
        if not state.reasons:
            return state
        reasons = [f"{target}: {state.reasons[0]}", *state.reasons[1:]]
        return replace(state, reasons=[visible(reason, LONGEST) for reason in reasons])

    def _claim(self, target: Target, checked: Checked, *, has_state: bool) -> list[Problem]:
        """Note which VINs the resource wants; two that want the same one are told so, both."""
        me = shown(target.urn) if target.urn else target.kind
        problems = []
        others = self._run.claim(target.urn, checked.wants, has_state=has_state)
        for vin, other in sorted(others.items()):
            why = f"{vin} is declared twice, by {{}} too: a VIN can have only one resource. Remove one of the two."
            problems.append(Problem(checked.wants[vin], why.format(shown(other))))
            self._door.error(why.format(me), other)
        return problems

    def _say(self, target: Target, notices: Sequence[Notice]) -> None:
        reporter = self._door.reporter(target.urn)
        for notice in notices:
            if notice.of_brand and not (self._is_first(notice.text) and self._tells_of_carmakers()):
                continue
            (reporter.info if notice.severity == "info" else reporter.warn)(notice.text)

    def _tells_of_carmakers(self) -> bool:
        """
        Whether what is known of a new vehicle's brand is told: by a preview, before anything is done, and not once more.

        An `up` is a preview and an update, in two processes that know nothing of each other. Raises: ConfigError.
        """
        if not self._door.setting(wants_carmaker_notices):
            return False
        self._run.look_at_board()
        return not self._run.is_update

    def _is_first(self, message: str) -> bool:
        """True the first time that a message comes up in this process."""
        with self._lock:
            is_new = message not in self._said
            self._said.add(message)
        return is_new

    def _check_eligibility(self, target: Target, vehicles: Sequence[tuple[str, str]]) -> None:
        """Warn of vehicles that their carmakers won't take: what the platform says fails no preview. Raises: ConfigError."""
        asked = can_be_asked(vehicles)
        if not asked:
            return
        reporter, ineligible = self._door.reporter(target.urn), self._run.ineligible
        if self._settings_if_set() is None:
            told = "eligibility is not checked: no credentials for High Mobility are set here"
            if self._is_first(told):
                reporter.info(told)
            return
        try:
            notices = self._door.run(lambda service: look_up(service, asked, reporter, ineligible))
        except HighMobilityError as error:
            reporter.warn(f"eligibility could not be checked: {error}")
            return
        for notice in notices:
            reporter.warn(notice.text)

    def _operate(
        self, target: Target, work: Callable[[Work], Awaitable[T]], *, changes_something: bool = True
    ) -> T:
        """
        What changes something begins only after the whole stack's state was judged: that it is about this server, and that
        these credentials see what it holds. Raises: OtherServer, VehicleUnseen, what `work` raises.
        """
        from ..api.waits import listener  # noqa: PLC0415 - a check or diff has no use for an HTTP client

        reporter, interval = self._door.reporter(target.urn), self._door.setting(retry_interval)
        saved = None
        if changes_something:
            must_hold = (kind_of(target.urn), target.id) if target.id else None
            settings = self._door.settings()
            self._run.use_server(settings.base_url)
            saved = self._judged_stack(target, settings, must_hold)

        async def told(service: ClearanceService) -> T:
            listener.set(reporter.info)
            if saved is not None:
                if self._seen is None:
                    self._seen = asyncio.ensure_future(origin.refuse_unseen(saved, service))
                await asyncio.shield(self._seen)
            return await work(Work(service, reporter, self._run, target.urn, target.id, interval))

        return self._door.run(told)

    def _judge_server(self, olds: Props) -> None:
        """Raises: OtherServer where the state of a resource is about another server than the one that is set; ConfigError."""
        settings = self._settings_if_set()
        # A preview without credentials makes no request, so it cannot make one to the wrong server.
        if settings is not None:
            origin.refuse_other_server(olds, settings)

    def _judge_stack(self, target: Target) -> None:
        """Raises: OtherServer where any record of the stack's saved state is about another server; ConfigError."""
        settings = self._settings_if_set()
        if settings is not None:
            self._judged_stack(target, settings, None)

    def _settings_if_set(self) -> Settings | None:
        """
        The settings; None where credentials are missing, which a preview does without.

        Raises: ConfigError, where anything else is wrong: no wrong setting is told by the first operation alone.
        """
        if not self._is_checked:
            # Those that are not part of Settings, and else read late.
            for read in (
                wants_carmaker_notices,
                wants_eligibility_check,
                retry_interval,
                may_revoke_without_state,
                wants_refresh_before_update,
            ):
                self._door.setting(read)
            refuse_too_many((), 0, self._door.setting(max_revocations))
            self._is_checked = True
        try:
            settings = self._door.settings()
        except NoCredentials:
            return None
        self._run.use_server(settings.base_url)
        return settings

    def _judged_stack(
        self, target: Target, settings: Settings, must_hold: tuple[str, str] | None
    ) -> SavedState | None:
        if not target.urn:
            return None
        saved = self._run.saved(target.urn, must_hold)
        if saved is not None and not self._is_judged:
            origin.refuse_state_of_another_server(saved, settings)
            self._is_judged = True
        return saved
