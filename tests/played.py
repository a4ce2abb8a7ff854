"""
A project whose programs run in this process, over the player of the engine: `tests/engine`'s Project, in milliseconds.

The program is a user's, text and all, run by Pulumi's SDK; in the engine's place stands `lifecycle.Stack`, and the emulator is
asked over HTTP. What only an engine has (targets, aliases, kills, other providers) is not here: `NotPlayed` says so.
"""

from __future__ import annotations

import asyncio
import textwrap
import threading
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import pulumi
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime import mocks
from pulumi.runtime import settings as sdk_settings
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.stack import Stack as SdkStack
from pulumi.runtime.stack import run_pulumi_func

import pulumi_highmobility as hm
from pulumi_highmobility.api.client import open_api
from pulumi_highmobility.clearance.service import ClearanceService
from pulumi_highmobility.clock import RealClock, Stop
from pulumi_highmobility.dynamic.properties import from_pulumi, to_pulumi
from pulumi_highmobility.errors import HighMobilityError
from pulumi_highmobility.operations.kinds import OPERATIONS
from pulumi_highmobility.operations.runner import Runner
from pulumi_highmobility.operations.schema import SCHEMAS
from pulumi_highmobility.operations.values import UNKNOWN
from pulumi_highmobility.resources import constructed
from pulumi_highmobility.run.board import Board
from pulumi_highmobility.run.engine_run import EngineRun
from pulumi_highmobility.secret import Secret
from pulumi_highmobility.settings import (
    Settings,
    load_settings,
    max_revocations,
    may_revoke_without_state,
)

from . import lifecycle
from .lifecycle import TYPE, Declared, FakeBoard, Outcome, Played, Record, Stack

T = TypeVar("T")
_STACK = "urn:pulumi:test::fleet::pulumi:pulumi:Stack::fleet-test"
# By which Pulumi's state marks a value as a secret.
_SIGNATURE = "4dabf18193072939515e22adb298388d"


class NotPlayed(Exception):
    """Only an engine does that: the test belongs to tests/engine."""


@dataclass(frozen=True)
class Run:
    """How one call of pulumi ended, and what a user saw of it, as in tests/engine."""

    status: int
    output: str
    counts: Mapping[str, int]

    def summary(self) -> dict[str, int]:
        """The closing counts: {"created": 2, "unchanged": 1}."""
        return dict(self.counts)


@dataclass(frozen=True)
class Registered(Declared):
    """A resource as its program registers it; `known` are its inputs."""

    full_urn: str = ""

    @property
    def urn(self) -> str:
        return self.full_urn


class Shown(lifecycle.Heard):
    """As the engine shows it: warnings are called so."""

    def warn(self, message: str) -> None:
        self._said.append(f"warning: {message}")

    def progress(self, message: str) -> None:
        """Replaced by the next one on a terminal."""


class Door(lifecycle.PlayedDoor):
    """As a provider process has it: settings from the environment, and operations on a loop of its own."""

    def __init__(self, stack: PlayedStack, said: list[str], errors: list[str]) -> None:
        super().__init__(stack, said, errors)
        self._of = stack

    def settings(self) -> Settings:
        return load_settings(self._of.config, self._of.environment)

    def setting(self, read: Callable[[Mapping[str, Any], Mapping[str, str]], T]) -> T:
        return read(self._of.config, self._of.environment)

    def reporter(self, urn: str) -> Shown:
        return Shown(self._said)

    def error(self, message: str, urn: str) -> None:
        self._errors.append(message)

    def run(self, work: Callable[[ClearanceService], Awaitable[T]]) -> T:
        return self._of.on_loop(self._opened(work))

    async def _opened(self, work: Callable[[ClearanceService], Awaitable[T]]) -> T:
        return await work(await self._of.opened(self.settings(), self._said))


class PlayedStack(Stack):
    """A stack whose resources come registered, with their inputs known or marked as unknown."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        # The service is opened when it is needed.
        super().__init__(cast("ClearanceService", None), asyncio.new_event_loop(), RealClock())
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self._services: dict[Settings, Any] = {}

    def on_loop(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    async def opened(self, settings: Settings, said: list[str]) -> ClearanceService:
        """One client for each set of settings and run, as a provider process has it."""
        if settings not in self._services:
            stop = Stop()
            context = open_api(settings, clock=self.clock, rng=self.rng, stop=stop)
            api = await context.__aenter__()
            said.append(f"High Mobility: using {settings.base_url}")
            service = ClearanceService(api, settings, clock=self.clock, rng=self.rng)
            self._services[settings] = (context, service)
        found: ClearanceService = self._services[settings][1]
        return found

    def end_run(self) -> None:
        """The provider process is gone, and what it knew."""

        async def close() -> None:
            for context, _ in self._services.values():
                await context.__aexit__(None, None, None)
            self._services.clear()
            left = asyncio.all_tasks() - {asyncio.current_task()}
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

        self.on_loop(close())

    def close(self) -> None:
        """No thread outlives the test."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def begin(self, outcome: Outcome) -> tuple[Played, FakeBoard]:
        board = FakeBoard(())
        played = self._run((), (), outcome)
        run = EngineRun(
            cast("Board", board),
            warn=lambda text: outcome.said.append(f"warning: {text}"),
            may_end_without_state=lambda: may_revoke_without_state(self.config, self.environment),
            max_revocations=lambda: max_revocations(self.config, self.environment),
            read_state=played.run._read_state,
        )
        return Played(run, Runner(Door(self, outcome.said, outcome.failures), run)), board

    def _inputs(self, declared: Declared, *, preview: bool = False) -> dict[str, Any]:
        return dict(declared.props)


class ProgramBoard:
    """What the program tells the provider: of its resources, as they are constructed."""

    def __init__(self, board: FakeBoard) -> None:
        self._board = board

    def write(self, line: Mapping[str, Any]) -> None:
        self._board.lines.append(("program", dict(line)))


class Nobody(mocks.Mocks):
    """The SDK wants one; the monitor answers in its place."""

    def call(self, args: Any) -> Any:
        raise NotPlayed(f"a call of {args.token}")

    def new_resource(self, args: Any) -> Any:
        raise NotPlayed(f"a resource of type {args.typ}")


class Monitor(mocks.MockMonitor):
    """Where the SDK registers resources: one step of the engine each."""

    def __init__(self, project: PlayedProject, played: Played, outcome: Outcome, *, is_preview: bool) -> None:
        super().__init__(Nobody())
        self.declared: dict[str, Registered] = {}
        self.counts: dict[str, int] = {}
        self.exported: dict[str, Any] = {}
        self._stack = project.stack
        self._played = played
        self._outcome = outcome
        self._is_preview = is_preview
        self._lock = threading.Lock()

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the SDK's
        if request.type == "pulumi:pulumi:Stack":
            return resource_pb2.RegisterResourceResponse(urn=_STACK)
        urn = self._urn(request)
        if not request.custom:
            return resource_pb2.RegisterResourceResponse(urn=urn, object=request.object)
        kind = request.type.removeprefix(TYPE)
        if kind not in OPERATIONS:
            raise NotPlayed(f"a resource of another provider: {request.type}")
        for option in ("aliases", "ignoreChanges", "replaceOnChanges", "importId", "replace_with"):
            if getattr(request, option, None):
                raise NotPlayed(f"the option {option}")
        inputs = from_pulumi(json_format.MessageToDict(request.object))
        props = {name: value for name, value in inputs.items() if value is not None}
        with self._lock:
            if self._outcome.failures:
                raise StepFailed("canceled")
            one = Registered(kind, request.name, props, full_urn=urn)
            self.declared[urn] = one
            try:
                record = self._step(one, retain=request.retainOnDelete, protect=request.protect)
            except HighMobilityError as error:
                # Shown at the resource: the program learns no more than that there is none.
                self._outcome.failures.append(str(error))
                raise StepFailed(str(error)) from error
        outputs = struct_pb2.Struct()
        outputs.update(to_pulumi(record.outputs))
        return resource_pb2.RegisterResourceResponse(urn=urn, id=record.id, object=outputs)

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 - the SDK's
        if request.urn == _STACK:
            self.exported = json_format.MessageToDict(request.outputs)
        return empty_pb2.Empty()

    def _step(self, one: Registered, *, retain: bool, protect: bool) -> Record:
        before = self._stack._old(one.urn)
        if self._is_preview:
            op, record = self._foreseen(one, before)
        else:
            was = None if before is None else dict(before.outputs)
            self._stack._bring_about(self._played, one, self._outcome)
            if self._outcome.failures:
                raise StepFailed(self._outcome.failures[-1])
            record = self._live(one.urn)
            op = (
                "created"
                if before is None
                else "replaced"
                if record is not before
                else "unchanged"
                if was == record.outputs
                else "updated"
            )
            record.retain, record.protect = retain, protect
        self.counts[op] = self.counts.get(op, 0) + 1
        return record

    def _live(self, urn: str) -> Record:
        return next(one for one in self._stack.records if one.urn == urn and not one.delete)

    def _foreseen(self, one: Registered, before: Record | None) -> tuple[str, Record]:
        target, runner = lifecycle._target(one.urn, before.id if before else ""), self._played.runner
        checked = lifecycle.told(runner.check(target, before.inputs if before else {}, dict(one.props)))
        if checked.problems:
            for problem in checked.problems:
                self._outcome.failures.append(
                    f"{one.kind} resource '{one.name}': property {problem.property} has a problem: {problem.reason}"
                )
            raise StepFailed("problems")
        unknown = dict.fromkeys(SCHEMAS[one.kind].computed, UNKNOWN)
        if before is None:
            return "create", Record(one.urn, one.kind, "", {}, {**unknown, **checked.inputs})
        found = lifecycle.told(runner.diff(target, before.outputs, checked.inputs))
        if found.replaces:
            return "replace", Record(one.urn, one.kind, "", {}, {**unknown, **checked.inputs})
        if found.changes:
            return "update", Record(one.urn, one.kind, before.id, {}, {**unknown, **checked.inputs})
        return "unchanged", before

    def _urn(self, request: Any) -> str:
        parent = request.parent.split("::", 3)[2] if request.parent and request.parent != _STACK else ""
        kind = f"{parent}${request.type}" if parent else request.type
        return f"urn:pulumi:test::fleet::{kind}::{request.name}"


class StepFailed(Exception):
    """The engine gave no resource back."""


class PlayedProject:
    """As tests/engine's Project, for programs of our resources alone."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.environment = dict(environment)
        self.stack = PlayedStack(self.environment)
        self._text = ""
        self._outputs: dict[str, Any] = {}
        self._is_there = False

    def __call__(self, *arguments: str, expect: int | None = None) -> Run:
        """`pulumi config set` and `rm`."""
        if arguments[:2] == ("config", "set"):
            key, value = [one for one in arguments[2:] if one != "--secret"]
            self.stack.config[key] = value
        elif arguments[:2] == ("config", "rm"):
            self.stack.config.pop(arguments[2])
        else:
            raise NotPlayed(f"pulumi {' '.join(arguments)}")
        return Run(0, "", {})

    def program(self, text: str) -> None:
        """Set the program; the imports of pulumi and hm are there."""
        self._text = textwrap.dedent(text)

    def up(self, *flags: str, expect: int = 0) -> Run:
        """pulumi up"""
        outcome = Outcome()
        run = self._program(outcome, flags, is_preview=False)
        return self._ended(outcome, run, expect)

    def preview(self, *flags: str, expect: int = 0) -> Run:
        """pulumi preview"""
        outcome = Outcome()
        run = self._program(outcome, flags, is_preview=True)
        return self._ended(outcome, run, expect)

    def refresh(self, expect: int = 0) -> Run:
        """pulumi refresh"""
        outcome = Outcome()
        self._read(outcome)
        return self._ended(outcome, {}, expect)

    def destroy(self, *flags: str, expect: int = 0) -> Run:
        """pulumi destroy"""
        if flags:
            raise NotPlayed(f"the flags {flags}")
        outcome = Outcome()
        played, _ = self._begin(outcome)
        self._delete(played, outcome, set())
        self.stack.end_run()
        return self._ended(outcome, {}, expect)

    def stays_as_it_is(self) -> None:
        """`preview --expect-no-changes` passes."""
        self.preview("--expect-no-changes")

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs; secrets are "[secret]"."""
        return {name: _shown(value) for name, value in self._outputs.items()}

    def state(self) -> list[dict[str, Any]]:
        """The resources of our types in the stack's state."""
        return [
            {
                "urn": one.urn,
                "type": TYPE + one.kind,
                "id": one.id,
                "inputs": _as_state(one.inputs),
                "outputs": _as_state(one.outputs),
                **({"delete": True} if one.delete else {}),
            }
            for one in self.stack.records
        ]

    def resource(self, kind: str, name: str) -> dict[str, Any]:
        """The outputs of one resource in the stack's state. Raises: LookupError."""
        for one in self.state():
            if one["type"] == TYPE + kind and one["urn"].endswith(f"::{name}"):
                outputs: dict[str, Any] = one["outputs"]
                return outputs
        raise LookupError(f"no {kind} {name} in state")

    # Inside ---------------------------------------------------------------------------------------------------------------------

    def _begin(self, outcome: Outcome) -> tuple[Played, FakeBoard]:
        self.stack._steps, self.stack._kill, self.stack._unknown = 0, None, set()
        return self.stack.begin(outcome)

    def _read(self, outcome: Outcome) -> None:
        played, _ = self._begin(outcome)
        for record in [one for one in self.stack.records if not one.delete and not one.pending_replacement]:
            try:
                state = lifecycle.told(
                    played.runner.read(lifecycle._target(record.urn, record.id), record.outputs)
                )
            except HighMobilityError as error:
                outcome.failures.append(str(error))
                continue
            if state is None:
                self.stack.records.remove(record)
            else:
                record.outputs, record.inputs = dict(state.outputs), dict(state.inputs or {})
        self.stack.end_run()

    def _program(self, outcome: Outcome, flags: tuple[str, ...], *, is_preview: bool) -> dict[str, int]:
        known = {"--refresh", "--expect-no-changes"}
        if set(flags) - known:
            raise NotPlayed(f"the flags {flags}")
        if "--refresh" in flags:
            if is_preview:
                raise NotPlayed("preview --refresh")
            self._read(outcome)
            if outcome.failures:
                return {}
        played, board = self._begin(outcome)
        program = ProgramBoard(board)
        program.write({"what": "program", "project": "fleet", "stack": "test", "dry_run": is_preview})
        monitor = Monitor(self, played, outcome, is_preview=is_preview)
        self._run_text(outcome, monitor, program, is_preview=is_preview)
        counts = monitor.counts
        if not is_preview:
            self._outputs = monitor.exported
            op = "unchanged" if self._is_there else "created"
            counts[op] = counts.get(op, 0) + 1
            self._is_there = True
        if not outcome.failures and not is_preview:
            deleted = self._delete(played, outcome, set(monitor.declared))
            if deleted:
                counts["deleted"] = deleted
        if is_preview:
            op = "unchanged" if self._is_there else "create"
            counts[op] = counts.get(op, 0) + 1
            gone = [one for one in self.stack.records if one.urn not in monitor.declared]
            if gone:
                counts["delete"] = len(gone)
            played.run.close()
        self.stack.end_run()
        if "--expect-no-changes" in flags and set(counts) - {"unchanged"}:
            outcome.failures.append("no changes were expected but changes occurred")
        return counts

    def _delete(self, played: Played, outcome: Outcome, declared: set[str]) -> int:
        before = len(self.stack.records)
        going = [one for one in self.stack.records if one.delete or one.urn not in declared]
        if protected := [one for one in going if one.protect and not one.delete]:
            outcome.failures.append(f"{protected[0].urn} is protected")
            return 0
        for one in going:
            if one.retain:
                self.stack.records.remove(one)
        self.stack._delete_rest(played, declared, None, outcome)
        return before - len(self.stack.records)

    def _run_text(self, outcome: Outcome, monitor: Monitor, board: ProgramBoard, *, is_preview: bool) -> None:
        def run() -> None:
            mocks.set_mocks(Nobody(), project="fleet", stack="test", preview=is_preview, monitor=monitor)
            code = compile(self._text, "__main__.py", "exec")
            exec(code, {"__name__": "__main__", "pulumi": pulumi, "hm": hm})  # noqa: S102 - a test's own
            root = sdk_settings.get_root_resource()
            assert isinstance(root, SdkStack)
            root.register_outputs(root.outputs)

        async def main() -> None:
            # What a failed program leaves behind is no matter of these tests.
            asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
            sdk_settings.ROOT.set(None)
            # What a program left that failed: a process runs one program, otherwise.
            sdk_settings.SETTINGS.outputs.clear()
            sdk_settings.SETTINGS.rpc_manager.clear()
            await run_pulumi_func(run)

        kept = constructed._board
        constructed._board = lambda: board  # type: ignore[assignment, return-value]
        try:
            asyncio.run(main())
        except NotPlayed:
            raise
        except pulumi.RunError as error:
            # As Pulumi's executor shows it: without a traceback.
            outcome.failures.append(str(error))
        except BaseException as error:
            if isinstance(error.__context__, NotPlayed):
                raise error.__context__ from None
            if not outcome.failures:
                outcome.failures.append(
                    "Program failed with an unhandled exception:\n"
                    + "".join(traceback.format_exception(error))
                )
        finally:
            constructed._board = kept

    def _ended(self, outcome: Outcome, counts: Mapping[str, int], expect: int) -> Run:
        lines = [*outcome.said, *(f"error: {failure}" for failure in outcome.failures)]
        run = Run(int(bool(outcome.failures)), "\n".join(lines), counts)
        assert run.status == expect, run.output
        return run


def _shown(value: Any) -> Any:
    return "[secret]" if isinstance(value, dict) and _SIGNATURE in value else value


def _as_state(value: Any) -> Any:
    if isinstance(value, Secret):
        return {_SIGNATURE: "1b47061264138c4ac30d75fd1eb44270"}
    if isinstance(value, Mapping):
        return {name: _as_state(one) for name, one in value.items() if one is not None}
    if isinstance(value, (list, tuple)):
        return [_as_state(one) for one in value]
    return value
