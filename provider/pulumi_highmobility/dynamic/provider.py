"""The one base class that speaks to Pulumi's SDK: it turns operations over values into a dynamic provider."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)

from ..errors import HighMobilityError
from ..text import visible
from .bridge import BRIDGE, LONGEST, ResourceReporter
from .properties import PROVIDER_KEY, from_pulumi, to_pulumi
from .sdk import EngineCall, current_call

if TYPE_CHECKING:
    from ..operations.values import Checked, Difference, Notice, Props, State
    from ..operations.work import Facts, Work

T = TypeVar("T")


class Operations(Protocol):
    """What a module below operations/ has for a resource; see the modules for what each function does."""

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


class OperationFailed(HighMobilityError):
    """An operation failed, and the engine can only be told by an exception; the message names the resource."""


class HighMobilityProvider(ResourceProvider):
    """
    A dynamic provider over the operations of one resource.

    The import path of a subclass stands in every stack's state: the object has no attributes, and settings live in the
    bridge. An error is an answer to the engine, not an exception: newer SDKs turn those into tracebacks.
    """

    serialize_as_secret_always = False
    kind: ClassVar[str]
    """The resource's name, for messages."""

    def operations(self) -> Operations:
        """The module of the resource's operations, imported when it is needed."""
        raise NotImplementedError

    def configure(self, req: ConfigureRequest) -> None:
        """Called once for each kind of resource in a process, with the stack's config."""
        BRIDGE.configure(req.config._props)

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """What is wrong before any request is made; runs at every preview and up."""

        def work(call: EngineCall) -> CheckResult:
            from ..operations.work import Facts  # noqa: PLC0415 - a program has no use for the operations

            BRIDGE.start()
            if not _olds:
                # New to the engine: what the stack holds under other names tells of the server.
                BRIDGE.judge_stack(call)
            checks = BRIDGE.wants_eligibility_check()
            facts = Facts(BRIDGE.clock.now(), BRIDGE.this_run, call.urn, checks_eligibility=checks)
            checked = self.operations().check(from_pulumi(_olds), from_pulumi(news), facts)
            failures = [CheckFailure(problem.property, problem.reason) for problem in checked.problems]
            failures += self._claim(call, checked, has_state=bool(_olds))
            _say(call, checked.notices)
            if checked.eligibility and not failures:
                BRIDGE.check_eligibility(checked.eligibility, ResourceReporter(BRIDGE.engine, call.urn))
            return CheckResult(to_pulumi(checked.inputs), failures)

        return self._answer(work, CheckResult({}, []))

    def _claim(self, call: EngineCall, checked: Checked, *, has_state: bool) -> list[CheckFailure]:
        """Note which VINs the resource wants; two that want the same one are told so, both."""
        from ..run.urns import shown  # noqa: PLC0415 - as above

        me = shown(call.urn) if call.urn else self.kind
        failures = []
        others = BRIDGE.this_run.claims.check(call.urn, checked.wants, has_state=has_state)
        for vin, other in sorted(others.items()):
            why = f"{vin} is declared twice, by {{}} too: one VIN takes one resource. Remove one of the two."
            failures.append(CheckFailure(checked.wants[vin], why.format(shown(other))))
            BRIDGE.engine.log("error", why.format(me), other)
        return failures

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """What an `up` would change."""

        def work(call: EngineCall) -> DiffResult:
            from ..operations.work import Facts  # noqa: PLC0415 - as above

            olds = from_pulumi(_olds)
            BRIDGE.judge_server(olds)
            claims = BRIDGE.this_run.claims
            claims.know(call.urn, _id)
            facts = Facts(
                BRIDGE.clock.now(), BRIDGE.this_run, call.urn, _id, retry_interval=BRIDGE.retry_interval()
            )
            found = self.operations().diff(olds, from_pulumi(_news), facts)
            claims.give_up(call.urn, found.gives_up)
            if found.replaces:
                claims.replace(call.urn)
            _say(call, found.notices)
            return DiffResult(
                changes=found.changes,
                replaces=list(found.replaces),
                delete_before_replace=found.delete_first,
            )

        return self._answer(work, DiffResult())

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Create, and keep in the state what was reached."""

        def work(call: EngineCall) -> CreateResult:
            state = BRIDGE.operate(call, lambda at: self.operations().create(at, from_pulumi(props)))
            BRIDGE.this_run.claims.hold(call.urn, state.id, state.holds)
            return CreateResult(state.id, self._outputs(call, state, props))

        return self._answer(work, CreateResult("", {}))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """The resource as it is now; an empty id where it is gone."""

        def work(call: EngineCall) -> ReadResult:
            olds = from_pulumi(props)
            BRIDGE.judge_server(olds)
            state = BRIDGE.operate(
                call, lambda at: self.operations().read(at, id_, olds), id_, changes_something=False
            )
            if state is None:
                BRIDGE.this_run.claims.lose(call.urn, id_)
                return ReadResult("", {})
            BRIDGE.this_run.claims.know(call.urn, id_)
            return ReadResult(state.id, to_pulumi(state.outputs), to_pulumi(state.inputs or {}))

        return self._answer(work, ReadResult("", {}))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Update in place."""

        def work(call: EngineCall) -> UpdateResult:
            state = BRIDGE.operate(
                call,
                lambda at: self.operations().update(at, _id, from_pulumi(_olds), from_pulumi(_news)),
                _id,
            )
            BRIDGE.this_run.claims.hold(call.urn, state.id, state.holds)
            return UpdateResult(self._outputs(call, state, _news))

        return self._answer(work, UpdateResult({}))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Delete; success means that nothing is left that the resource held."""

        def work(call: EngineCall) -> None:
            BRIDGE.operate(call, lambda at: self.operations().delete(at, _id, from_pulumi(_props)), _id)

        self._answer(work, None)

    def _outputs(self, call: EngineCall, state: State, props: Mapping[str, Any]) -> dict[str, Any]:
        """The outputs; where the operation failed in part, the answer is a failure that keeps them."""
        outputs = to_pulumi(state.outputs)
        if state.reasons:
            key = {PROVIDER_KEY: props[PROVIDER_KEY]}
            inputs = to_pulumi(state.inputs or {})
            reasons = [f"{self._name(call)}: {state.reasons[0]}", *state.reasons[1:]]
            reasons = [visible(reason, LONGEST) for reason in reasons]
            if not call.fail_in_part(state.id, outputs | key, inputs | key, reasons):
                # The state is worth more than the failure: what was done must be known.
                for reason in reasons:
                    BRIDGE.engine.log("error", reason, call.urn)
        return outputs

    def _answer(self, work: Callable[[EngineCall], T], empty: T) -> T:
        """The work's result; its error becomes the answer to the engine, and `empty` goes to the SDK."""
        call = current_call()
        try:
            return work(call)
        except HighMobilityError as error:
            message = visible(f"{self._name(call)}: {error}", LONGEST)
            if call.fail(message):
                return empty
            raise OperationFailed(message) from None
        except Exception:
            message = (
                f"{self._name(call)}: this is a bug in pulumi-highmobility, not in your program. Please report it, with "
                f"these lines:\n{traceback.format_exc()}"
            )
            if call.fail(message):
                return empty
            raise

    def _name(self, call: EngineCall) -> str:
        return f'{self.kind} "{call.name}"' if call.name else self.kind


def _say(call: EngineCall, notices: Any) -> None:
    reporter = ResourceReporter(BRIDGE.engine, call.urn)
    notice: Notice
    for notice in notices:
        if notice.of_brand and not (BRIDGE.is_first(notice.text) and BRIDGE.wants_carmaker_notices()):
            continue
        (reporter.info if notice.severity == "info" else reporter.warn)(notice.text)
