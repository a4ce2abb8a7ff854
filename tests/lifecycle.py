"""
Plays the engine over the operations, against the emulator in this process: whole programs in milliseconds.

A `Stack` has records as a state file has them; `up` runs a program as the engine does: it checks and diffs what is declared,
in order, creates before it deletes unless a diff says otherwise, and deletes old copies and what is no longer declared after the
program and all steps have ended well. Runs fail, are killed between two steps, or take only targets.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from pulumi_highmobility.clearance.service import ClearanceService
from pulumi_highmobility.errors import HighMobilityError
from pulumi_highmobility.fleet.roster import write_roster
from pulumi_highmobility.operations import fleet
from pulumi_highmobility.operations.kinds import OPERATIONS
from pulumi_highmobility.operations.runner import Failure, Runner, Target
from pulumi_highmobility.operations.values import UNKNOWN, State
from pulumi_highmobility.run.engine_run import EngineRun
from pulumi_highmobility.run.saved_state import SavedState, read_export
from pulumi_highmobility.run.urns import kind_of
from pulumi_highmobility.settings import Settings
from pulumi_highmobility.spelling import camel
from pulumi_highmobility.vehicle.vin import parse_vin

TYPE = "pulumi-python:dynamic/highmobility:"
NATIVE = "highmobility:index:"
T = TypeVar("T")


@dataclass(frozen=True)
class Declared:
    """A resource of a program; `fails`: not one of ours, and its create fails. `is_native`: the plugin's process serves it."""

    kind: str
    name: str
    props: Mapping[str, Any] = field(default_factory=dict)
    fails: bool = False
    is_native: bool = False

    @property
    def urn(self) -> str:
        door = NATIVE if self.is_native else TYPE
        parent = f"{door}Fleet$" if self.kind == "FleetRemovals" else ""
        return f"urn:pulumi:test::fleet::{parent}{door}{self.kind}::{self.name}"

    @property
    def vins(self) -> str:
        if self.kind == "Fleet":
            return " ".join(json.loads(line)[0] for line in self.props["vehicles"].split("\n") if line)
        return str(self.props.get("vin", ""))


def vehicle(name: str, vin: str, **more: Any) -> Declared:
    return Declared("FleetVehicle", name, {"vin": vin, "brand": "bmw", **more})


def a_fleet(name: str, *vins: str, tags: Mapping[str, str] | None = None, **more: Any) -> Declared:
    row = {"brand": "bmw", **({"tags": dict(tags)} if tags else {})}
    text = write_roster({"vin": vin, **row} for vin in vins)
    return Declared("Fleet", name, {"vehicles": text, "max_removals": "100%", **more})


@dataclass
class Record:
    urn: str
    kind: str
    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    delete: bool = False
    pending_replacement: bool = False
    retain: bool = False
    protect: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "urn": self.urn,
            "type": (NATIVE if NATIVE in self.urn else TYPE) + self.kind,
            "id": self.id,
            "inputs": self.inputs,
            "outputs": {
                camel(name) if NATIVE in self.urn else name: value
                for name, value in self.outputs.items()
                if value is not None
            },
            "delete": self.delete,
            "pendingReplacement": self.pending_replacement,
        }


class Killed(Exception):
    """The engine was killed, between two steps."""


@dataclass
class Outcome:
    """How a run ended: what failed, by URN, and all that was said."""

    failures: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not self.failures


class FakeBoard:
    """What a program would have written."""

    name = "of a test"

    def __init__(self, lines: Sequence[Mapping[str, Any]]) -> None:
        self.lines = [("program", dict(line)) for line in lines]

    def write(self, line: Mapping[str, Any]) -> None:
        json.dumps(line)

    def read(self) -> list[tuple[str, dict[str, Any]]]:
        lines, self.lines = self.lines, []
        return lines

    def close(self) -> None:
        """Nothing is left behind."""


class SharedBoard(FakeBoard):
    """Of two processes: each reads what the other wrote, too."""

    def __init__(self, lines: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(lines)
        self.other = self

    @classmethod
    def pair(cls, lines: Sequence[Mapping[str, Any]]) -> tuple[SharedBoard, SharedBoard]:
        one, two = cls(lines), cls(lines)
        one.other, two.other = two, one
        return one, two

    def write(self, line: Mapping[str, Any]) -> None:
        self.other.lines.append(("the other", json.loads(json.dumps(line))))


class Heard:
    def __init__(self, said: list[str]) -> None:
        self._said = said

    def info(self, message: str) -> None:
        self._said.append(message)

    warn = progress = info


class PlayedDoor:
    """Where the engine comes in: everything that is said is kept, and work runs on the test's own loop."""

    def __init__(self, stack: Stack, said: list[str], errors: list[str]) -> None:
        self.clock = stack.clock
        self._stack = stack
        self._said = said
        self._errors = errors

    def settings(self) -> Settings:
        return self._stack.service.settings

    def setting(self, read: Callable[[Mapping[str, Any], Mapping[str, str]], T]) -> T:
        return read(self._stack.config, {})

    def reporter(self, urn: str) -> Heard:
        return Heard(self._said)

    def error(self, message: str, urn: str) -> None:
        self._errors.append(f"{urn}: {message}")

    def run(self, work: Callable[[ClearanceService], Awaitable[T]]) -> T:
        async def opened() -> T:
            return await work(self._stack.service)

        return self._stack.loop.run_until_complete(opened())


@dataclass
class Played:
    """One run: what it knows, and the calls of it."""

    run: EngineRun
    runner: Runner


class ByDoor:
    """The runners of both processes: the engine calls the one whose resource it is about."""

    def __init__(self, dynamic: Runner, native: Runner) -> None:
        self._runners = dynamic, native

    def __getattr__(self, call: str) -> Callable[..., Any]:
        def made(target: Target, *values: Any) -> Any:
            return getattr(self._runners[NATIVE in target.urn], call)(target, *values)

        return made


class Failed(HighMobilityError):
    """A call of the engine failed."""


class Stack:
    """A stack and its state; `loop` runs the operations."""

    def __init__(
        self,
        service: ClearanceService,
        loop: asyncio.AbstractEventLoop,
        clock: Any,
        *,
        rng: random.Random | None = None,
        has_two_doors: bool = False,
    ) -> None:
        self.has_two_doors = has_two_doors
        self.service = service
        self.loop = loop
        self.clock = clock
        self.rng = rng or random.Random(1)
        self.records: list[Record] = []
        self.can_export = True
        self.config: dict[str, Any] = {}
        self._unknown: set[str] = set()
        self._steps = 0
        self._kill: tuple[int, str] | None = None

    # What a test looks at -------------------------------------------------------------------------------------------------------

    def held(self) -> dict[str, list[str]]:
        """VIN to the records that hold it: live ones, old copies, and what left a fleet."""
        found: dict[str, list[str]] = {}
        for record in self.records:
            vins: Collection[str] = ()
            if record.kind == "FleetVehicle":
                vins = [record.id]
            elif record.kind == "Fleet":
                known = fleet._record(record.outputs)
                vins = [*known.members, *known.leaving]
            for vin in vins:
                found.setdefault(vin, []).append(record.urn)
        return found

    def claimed(self) -> dict[str, str]:
        """VIN to status, as the live records say."""
        found = {}
        for record in self.records:
            if record.delete or record.pending_replacement:
                continue
            if record.kind == "FleetVehicle":
                found[record.id] = str(record.outputs["status"])
            elif record.kind == "Fleet":
                found |= {vin: one.status for vin, one in fleet._record(record.outputs).members.items()}
        return found

    def live(self, kind: str, name: str) -> Record:
        return next(
            one
            for one in self.records
            if one.kind == kind and one.urn.endswith(f"::{name}") and not one.delete
        )

    # The engine -----------------------------------------------------------------------------------------------------------------

    def preview(self, *program: Declared) -> tuple[Outcome, dict[str, str]]:
        """What would be done to each declared resource: "create", "update", "replace" or "same"."""
        outcome, steps = Outcome(), {}
        run = self._run(program, program, outcome)
        for declared in _with_children(program):
            old = self._old(declared.urn)
            props = self._inputs(declared, preview=True)
            checked = told(run.runner.check(_target(declared.urn), old.inputs if old else {}, props))
            if old is None:
                steps[declared.urn] = "create"
                continue
            found = told(run.runner.diff(_target(declared.urn, old.id), old.outputs, checked.inputs))
            steps[declared.urn] = "replace" if found.replaces else "update" if found.changes else "same"
            self._unknown = {declared.urn} if found.changes and declared.kind == "Fleet" else set()
        return outcome, steps

    def up(
        self,
        *program: Declared,
        raises_after: int | None = None,
        targets: Collection[str] | None = None,
        kill: tuple[int, str] | None = None,
        keeps_going: bool = False,
        constructs: Sequence[Declared] | None = None,
    ) -> Outcome:
        """
        Run a program: `raises_after` so many of its resources are declared; `targets`: names, nothing else takes part.

        `kill`: at which step, and "before", "unsaved" (done, and not in the state) or "after". `constructs`: the resources
        that were constructed, where those are more than were declared.
        """
        outcome = Outcome()
        declared = list(program if raises_after is None else program[:raises_after])
        run = self._run(declared, constructs or declared, outcome)
        self._unknown = set()
        self._steps, self._kill = 0, kill
        failed: set[str] = set()
        try:
            for one in _with_children(declared):
                if outcome.failures and not keeps_going:
                    break
                if one.kind == "FleetRemovals" and (
                    f"Fleet::{one.name}" in failed or self._old(_parent_of(one.urn)) is None
                ):
                    failed.add(f"{one.kind}::{one.name}")
                    continue
                takes_part = targets is None or one.name in targets
                if takes_part and not self._declare(run, one, outcome):
                    failed.add(f"{one.kind}::{one.name}")
            if raises_after is not None:
                outcome.failures.append("the program raised")
            if not outcome.failures or keeps_going:
                self._delete_rest(run, {one.urn for one in _with_children(declared)}, targets, outcome)
        except Killed:
            outcome.failures.append("killed")
        return outcome

    def destroy(
        self, *, targets: Collection[str] | None = None, constructs: Sequence[Declared] = ()
    ) -> Outcome:
        """Delete everything, or the targets and their children; `constructs`: by a program that is run for it."""
        outcome = Outcome()
        run = self._run((), constructs, outcome)
        self._steps, self._kill = 0, None
        self._delete_rest(run, set(), targets, outcome)
        return outcome

    def refresh(self) -> Outcome:
        """Read every live record."""
        outcome = Outcome()
        run = self._run((), (), outcome)
        for record in [one for one in self.records if not one.delete and not one.pending_replacement]:
            state = told(run.runner.read(_target(record.urn, record.id), record.outputs))
            if state is None:
                self.records.remove(record)
            else:
                record.outputs = dict(state.outputs)
                record.inputs |= state.inputs or {}
        return outcome

    # Inside ---------------------------------------------------------------------------------------------------------------------

    def _run(self, declared: Sequence[Declared], constructs: Sequence[Declared], outcome: Outcome) -> Played:
        lines = [
            {"what": "constructed", "number": number, "kind": one.kind, "name": one.name, "vins": one.vins}
            for number, one in enumerate(constructs)
            if one.kind in ("Fleet", "FleetVehicle")
        ]

        def read_state(_names: list[str], stack: str, project: str, _must: object) -> SavedState:
            if not self.can_export:
                return read_export("no state", stack, project)
            return read_export(self.export(), stack, project)

        if not self.has_two_doors:
            run = EngineRun(FakeBoard(lines), warn=outcome.said.append, read_state=read_state)
            return Played(run, Runner(PlayedDoor(self, outcome.said, outcome.failures), run))
        runs = [
            EngineRun(board, warn=outcome.said.append, read_state=read_state)
            for board in SharedBoard.pair(lines)
        ]
        runners = [Runner(PlayedDoor(self, outcome.said, outcome.failures), run) for run in runs]
        return Played(runs[0], cast("Runner", ByDoor(*runners)))

    def export(self) -> str:
        return json.dumps({"deployment": {"resources": [one.as_json() for one in self.records]}}, default=str)

    def _old(self, urn: str) -> Record | None:
        return next((one for one in self.records if one.urn == urn and not one.delete), None)

    def _inputs(self, declared: Declared, *, preview: bool = False) -> dict[str, Any]:
        props = dict(declared.props)
        if declared.kind == "FleetRemovals":
            parent = self._old(_parent_of(declared.urn))
            if parent is None:
                return {"fleet_id": UNKNOWN, "leaving": UNKNOWN}
            is_unknown = preview and parent.urn in self._unknown
            props |= {"fleet_id": parent.id, "leaving": UNKNOWN if is_unknown else parent.outputs["leaving"]}
        return props

    def _step(self, effect: Callable[[], Any], save: Callable[[Any], None]) -> None:
        self._steps += 1
        at, when = self._kill or (0, "")
        if self._steps == at and when == "before":
            raise Killed
        found = effect()
        if self._steps == at and when == "unsaved":
            raise Killed
        save(found)
        if self._steps == at and when == "after":
            raise Killed

    def _declare(self, run: Played, declared: Declared, outcome: Outcome) -> bool:
        """Whether it went well."""
        if declared.fails:
            outcome.failures.append(f"{declared.urn}: it fails")
            return False
        try:
            self._bring_about(run, declared, outcome)
        except HighMobilityError as error:
            outcome.failures.append(f"{declared.urn}: {error}")
            return False
        return not any(failure.startswith(declared.urn) for failure in outcome.failures)

    def _bring_about(self, run: Played, declared: Declared, outcome: Outcome) -> None:
        urn, old = declared.urn, self._old(declared.urn)
        if old is not None and old.pending_replacement:
            # Deleted already, to be created again.
            self.records.remove(old)
            old = None
        checked = told(run.runner.check(_target(urn), old.inputs if old else {}, self._inputs(declared)))
        if checked.problems:
            outcome.failures.append(f"{urn}: {checked.problems}")
            return
        news = checked.inputs
        if old is None:
            self._create(run, declared, news, outcome)
            return
        found = told(run.runner.diff(_target(urn, old.id), old.outputs, news))
        if found.replaces:
            # The engine checks a replacement as if it were new.
            told(run.runner.check(_target(urn), {}, self._inputs(declared)))
            if found.delete_first:
                self._delete(run, old, becomes_pending=True)
                self.records.remove(old)
            try:
                self._create(run, declared, news, outcome, replaces=None if found.delete_first else old)
            except HighMobilityError:
                if found.delete_first:
                    self.records.append(old)
                raise
        elif found.changes:

            def save(state: State) -> None:
                old.outputs, old.inputs = dict(state.outputs), dict(state.inputs or news)
                outcome.failures += [f"{urn}: {reason}" for reason in state.reasons]

            target = _target(urn, old.id)
            self._step(lambda: told(run.runner.update(target, old.outputs, news)), save)
        else:
            old.inputs = dict(news)

    def _create(
        self,
        run: Played,
        declared: Declared,
        news: dict[str, Any],
        outcome: Outcome,
        replaces: Record | None = None,
    ) -> None:
        def save(state: State) -> None:
            if replaces is not None:
                # Not before there is another: what fails leaves the old one as it is.
                replaces.delete = True
            self.records.append(
                Record(declared.urn, declared.kind, state.id, dict(state.inputs or news), dict(state.outputs))
            )
            outcome.failures.extend(f"{declared.urn}: {reason}" for reason in state.reasons)

        self._step(lambda: told(run.runner.create(_target(declared.urn), news)), save)

    def _delete(self, run: Played, record: Record, *, becomes_pending: bool = False) -> None:
        def save(_: object) -> None:
            if becomes_pending:
                record.pending_replacement = True
            else:
                self.records.remove(record)

        self._step(lambda: told(run.runner.delete(_target(record.urn, record.id), record.outputs)), save)

    def _delete_rest(
        self, run: Played, declared: Collection[str], targets: Collection[str] | None, outcome: Outcome
    ) -> None:
        """In any order, but a Fleet comes after what depends on it; one that fails holds up those it depends on alone."""
        going = [
            one
            for one in self.records
            if (one.delete or one.urn not in declared)
            and (targets is None or one.urn.rpartition("::")[2] in targets)
        ]
        self.rng.shuffle(going)
        children = {
            _parent_of(one.urn): place for place, one in enumerate(going) if one.kind == "FleetRemovals"
        }
        places = [max(place, children.get(one.urn, 0) + 0.5) for place, one in enumerate(going)]
        going = [one for _, one in sorted(zip(places, going, strict=True), key=lambda pair: pair[0])]
        stuck: set[str] = set()
        for record in going:
            if record.urn in stuck:
                continue
            if record.pending_replacement:
                self.records.remove(record)
                continue
            try:
                self._delete(run, record)
            except HighMobilityError as error:
                outcome.failures.append(f"{record.urn}: {error}")
                if record.kind == "FleetRemovals":
                    stuck.add(_parent_of(record.urn))


def _target(urn: str, id_: str = "") -> Target:
    kind = kind_of(urn)
    return Target(kind, OPERATIONS[kind], urn, urn.rpartition("::")[2], id_)


def told(answer: T | Failure) -> T:
    """The answer. Raises: Failed."""
    if isinstance(answer, Failure):
        raise Failed(answer.message)
    return answer


def _with_children(program: Sequence[Declared]) -> list[Declared]:
    found = []
    for one in program:
        found.append(one)
        if one.kind == "Fleet":
            settings = {name: one.props[name] for name in ("on_uncancellable",) if name in one.props}
            found.append(Declared("FleetRemovals", one.name, settings, is_native=one.is_native))
    return found


def _parent_of(urn: str) -> str:
    return urn.replace(f"{TYPE}Fleet$", "").replace(f"{NATIVE}Fleet$", "").replace("FleetRemovals", "Fleet")


def is_vin(text: str) -> bool:
    return parse_vin(text) == text
