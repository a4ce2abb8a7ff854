"""The one base class that speaks to Pulumi's SDK: it turns operations over values into a dynamic provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

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
from ..spelling import is_camel_case
from .bridge import BRIDGE
from .properties import PROVIDER_KEY, from_pulumi, from_state, to_pulumi
from .sdk import EngineCall, current_call

if TYPE_CHECKING:
    from ..operations.runner import Failure, Operations, Runner, Target
    from ..operations.values import State

T = TypeVar("T")


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

    def __init_subclass__(cls) -> None:
        # Whichever way it is imported: see public.py, which nobody may have asked yet.
        package, _, _ = cls.__module__.partition(".")
        if package == __name__.partition(".")[0]:
            cls.__module__ = package

    def operations(self) -> Operations:
        """The module of the resource's operations, imported when it is needed."""
        raise NotImplementedError

    def configure(self, req: ConfigureRequest) -> None:
        """Called once for each kind of resource in a process, with the stack's config."""
        BRIDGE.configure(req.config._props)

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """What is wrong before any request is made; runs at every preview and up."""
        call, runner, target = self._called()
        checked = _answer(call, runner.check(target, from_state(_olds), from_pulumi(news)))
        if checked is None:
            return CheckResult({}, [])
        failures = [CheckFailure(problem.property, problem.reason) for problem in checked.problems]
        return CheckResult(to_pulumi(checked.inputs), failures)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """What an `up` would change."""
        call, runner, target = self._called(_id)
        found = _answer(call, runner.diff(target, from_state(_olds), from_pulumi(_news)))
        if found is None:
            return DiffResult()
        # A state of the plugin's becomes one of ours by an update that makes no request: else the program would lack outputs.
        changes = found.changes or is_camel_case(_olds)
        return DiffResult(
            changes=changes, replaces=list(found.replaces), delete_before_replace=found.delete_first
        )

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Create, and keep in the state what was reached."""
        call, runner, target = self._called()
        state = _answer(call, runner.create(target, from_pulumi(props)))
        return CreateResult("", {}) if state is None else CreateResult(state.id, _outputs(call, state, props))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """The resource as it is now; an empty id where it is gone."""
        call, runner, target = self._called(id_)
        state = _answer(call, runner.read(target, from_state(props)))
        if state is None:
            return ReadResult("", {})
        return ReadResult(state.id, to_pulumi(state.outputs), to_pulumi(state.inputs or {}))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Update in place."""
        call, runner, target = self._called(_id)
        state = _answer(call, runner.update(target, from_state(_olds), from_pulumi(_news)))
        return UpdateResult({} if state is None else _outputs(call, state, _news))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Delete; success means that nothing is left that the resource held."""
        call, runner, target = self._called(_id)
        _answer(call, runner.delete(target, from_state(_props)))

    def _called(self, id_: str = "") -> tuple[EngineCall, Runner, Target]:
        from ..operations.runner import Target  # noqa: PLC0415 - a program has no use for the operations

        BRIDGE.start()
        call = current_call()
        return call, BRIDGE.runner, Target(self.kind, self.operations(), call.urn, call.name, id_)


def _answer(call: EngineCall, answer: T | Failure) -> T | None:
    """The answer; a failure becomes the answer to the engine. Raises: OperationFailed, where the engine cannot be told so."""
    from ..operations.runner import Failure  # noqa: PLC0415 - as above

    if not isinstance(answer, Failure):
        return answer
    if not call.fail(answer.message):
        raise OperationFailed(answer.message)
    return None


def _outputs(call: EngineCall, state: State, props: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs; where the operation failed in part, the answer is a failure that keeps them."""
    outputs = to_pulumi(state.outputs)
    if state.reasons:
        key = {PROVIDER_KEY: props[PROVIDER_KEY]}
        inputs = to_pulumi(state.inputs or {})
        if not call.fail_in_part(state.id, outputs | key, inputs | key, state.reasons):
            # The state is worth more than the failure: what was done must be known.
            for reason in state.reasons:
                BRIDGE.engine.log("error", reason, call.urn)
    return outputs
