"""What the stack's saved state holds: read once a run, by the engine's own command."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from ..errors import StateUnreadable
from ..fleet.held import read_registry
from ..spelling import in_snake_case
from .urns import DYNAMIC, NATIVE, kind_of, name_of_urn, stack_of

# Of a state of a hundred thousand vehicles the engine takes seconds.
_LONGEST_S = 300.0
_PROC = Path("/proc")


def in_each(copies: Sequence[frozenset[str]]) -> frozenset[str]:
    """What all have; nothing where there are none."""
    return frozenset.intersection(*copies) if copies else frozenset()


@dataclass(frozen=True)
class Record:
    """
    One record of ours in a stack's state.

    `vins`: what it holds, None where that cannot be read (a secret). `is_live`: False for an old copy that is still to be
    deleted, and for one that was deleted to be created again. `server`: where it was last read from, with whose credentials.
    """

    urn: str
    id: str
    vins: frozenset[str] | None = frozenset()
    is_live: bool = True
    is_old_copy: bool = False
    statuses: Mapping[str, str] = field(default_factory=dict)
    server: str = ""
    replaced_with: tuple[str, ...] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """FleetVehicle, Fleet, …"""
        return kind_of(self.urn)

    @property
    def name(self) -> str:
        """Its name in the program."""
        return name_of_urn(self.urn)


@dataclass(frozen=True)
class SavedState:
    """Our records of a stack, in the order in which they stand."""

    records: Sequence[Record] = ()

    @cached_property
    def live(self) -> Sequence[Record]:
        """Those that hold what they say."""
        return [record for record in self.records if record.is_live]

    @cached_property
    def unreadable(self) -> Sequence[Record]:
        """The live ones that may hold anything."""
        return [record for record in self.live if record.vins is None]

    @cached_property
    def urns(self) -> frozenset[str]:
        """Of all records."""
        return frozenset(record.urn for record in self.records)

    def holding(self, vin: str) -> Sequence[Record]:
        """The live ones that hold `vin` for certain."""
        return self._by_vin.get(vin, ())

    def at(self, urn: str, id_: str) -> Sequence[Record]:
        """The copies of one URN with this id, live or not."""
        return [record for record in self._by_urn.get(urn, ()) if record.id == id_]

    def named(self, kind: str, name: str) -> Sequence[Record]:
        """The live ones of this kind and name, whatever their parents are."""
        return self._by_name.get((kind, name), ())

    def with_id(self, kind: str, id_: str) -> Sequence[Record]:
        """All of this kind and id: a rename by alias changes the URN."""
        return self._by_id.get((kind, id_), ())

    def signalled(self, fleet_id: str, gone: Iterable[frozenset[str]] = ()) -> frozenset[str]:
        """
        The leaves of a Fleet whose end was decided already: those that every record of its removals has, live or old copy,
        and every one that this run deleted (`gone`).
        """
        copies = [
            frozenset(record.properties.get("keys", "").split())
            for record in self.records
            if record.kind == "FleetRemovals" and record.properties.get("fleet_id") == fleet_id
        ]
        return in_each([*gone, *copies])

    @cached_property
    def _by_vin(self) -> Mapping[str, Sequence[Record]]:
        found: dict[str, list[Record]] = {}
        for record in self.live:
            for vin in record.vins or ():
                found.setdefault(vin, []).append(record)
        return found

    @cached_property
    def _by_urn(self) -> Mapping[str, Sequence[Record]]:
        return _grouped(self.records, lambda record: record.urn)

    @cached_property
    def _by_name(self) -> Mapping[tuple[str, str], Sequence[Record]]:
        return _grouped(self.live, lambda record: (record.kind, record.name))

    @cached_property
    def _by_id(self) -> Mapping[tuple[str, str], Sequence[Record]]:
        return _grouped(self.records, lambda record: (record.kind, record.id))


K = TypeVar("K")


def _grouped(records: Iterable[Record], key: Callable[[Record], K]) -> dict[K, list[Record]]:
    found: dict[K, list[Record]] = {}
    for record in records:
        found.setdefault(key(record), []).append(record)
    return found


def read_export(text: str, stack: str, project: str) -> SavedState:
    """
    Our records in what `pulumi stack export` printed.

    Raises: StateUnreadable (no such text, or another stack's).
    """
    try:
        resources = (json.loads(text).get("deployment") or {}).get("resources") or []
        for resource in resources:
            if stack_of(resource["urn"]) != (stack, project):
                raise StateUnreadable(f"it is the state of {'/'.join(reversed(stack_of(resource['urn'])))}")
        return SavedState(tuple(map(record_of, filter(is_ours, resources))))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise StateUnreadable(f"its format is not known ({type(error).__name__}: {error})") from error


def export_state(
    names: Sequence[str], stack: str, project: str, must_hold: tuple[str, str] | None
) -> SavedState:
    """
    The state of the first of these stacks that is the one at hand.

    `names`: as `pulumi --stack` takes them, most certain first. `must_hold`: kind and id of a record that is in it for certain.

    Raises: StateUnreadable.
    """
    command = engine_command()
    reasons = []
    for name in dict.fromkeys(names):
        try:
            found = read_export(_export(command, name), stack, project)
        except StateUnreadable as error:
            reasons.append(f"{name}: {error}")
            continue
        if must_hold is None or found.with_id(*must_hold):
            return found
        reasons.append(f"{name}: it does not have the resource at hand")
    raise StateUnreadable("; ".join(reasons))


def _export(command: str, name: str) -> str:
    environment = {
        **os.environ,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
    try:
        done = subprocess.run(  # noqa: S603 - the engine's own command
            [command, "stack", "export", "--stack", name, "--non-interactive", "--color=never"],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LONGEST_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StateUnreadable(f"`pulumi stack export` could not be run ({type(error).__name__})") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise StateUnreadable(
            f"`pulumi stack export` ended with status {done.returncode}: {said[-1] if said else 'no message'}"
        )
    return done.stdout.decode(errors="replace")


def engine_command() -> str:
    """The engine's own executable, where this process descends from it, else the one on PATH. Raises: StateUnreadable."""
    for process in ancestors():
        try:
            executable = Path(f"/proc/{process}/exe").readlink()
        except OSError:
            break
        if executable.name in ("pulumi", "pulumi.exe") and executable.exists():
            return str(executable)
    found = shutil.which("pulumi")
    if found is None:
        raise StateUnreadable("there is no `pulumi` on PATH")
    return found


def stack_argument() -> str | None:
    """What the engine's own command line says of the stack, as far as the system tells."""
    words = _command_line()
    for word, following in zip(words, (*words[1:], ""), strict=False):
        if word in ("--stack", "-s") and following:
            return following
        if word.startswith("--stack="):
            return word.removeprefix("--stack=")
    return os.environ.get("PULUMI_STACK") or None


def has_targets() -> bool:
    """Whether the engine's own command line lets only some resources take part, as far as the system tells."""
    return any(word.startswith(("--target", "--exclude", "-t")) for word in _command_line())


def _command_line() -> Sequence[str]:
    for process in ancestors():
        try:
            words = _words_of(process)
        except (OSError, ValueError):
            break
        if words and Path(words[0]).name in ("pulumi", "pulumi.exe"):
            return words
    return ()


def ancestors() -> Iterable[int]:
    """The processes that this one descends from, nearest first; none where the system does not tell."""
    process = os.getppid()
    for _ in range(16):
        if process <= 1:
            return
        yield process
        try:
            process = _parent_of(process)
        except (OSError, ValueError, IndexError):
            return


def _words_of(process: int) -> list[str]:
    """A process's command line. Raises: OSError, ValueError."""
    if _PROC.is_dir():
        return (_PROC / str(process) / "cmdline").read_text().split("\0")
    return _by_ps(process, "args").split()


def _parent_of(process: int) -> int:
    """Raises: OSError, ValueError, IndexError."""
    if _PROC.is_dir():
        # The name in brackets may hold anything, brackets too.
        return int((_PROC / str(process) / "stat").read_text().rpartition(")")[2].split()[1])
    return int(_by_ps(process, "ppid"))


def _by_ps(process: int, what: str) -> str:
    """As macOS tells it. Raises: OSError."""
    try:
        done = subprocess.run(  # noqa: S603 - what POSIX has
            ["ps", "-ww", "-o", f"{what}=", "-p", str(process)],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise OSError("ps does not answer") from error
    return done.stdout.strip()


def is_ours(resource: Mapping[str, Any]) -> bool:
    """Whether a resource, as a state has it, is of this provider."""
    return str(resource.get("type", "")).startswith((DYNAMIC, NATIVE))


def record_of(resource: Mapping[str, Any]) -> Record:
    """A resource of ours as a state has it. Raises: StateUnreadable."""
    try:
        return _read_record(resource)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise StateUnreadable(
            f"what it has of {resource.get('urn')} is not in a format that is known ({type(error).__name__}: {error})"
        ) from error


def _read_record(resource: Mapping[str, Any]) -> Record:
    outputs = in_snake_case(resource.get("outputs") or {})
    is_old_copy = bool(resource.get("delete"))
    is_live = not (is_old_copy or resource.get("external") or resource.get("pendingReplacement"))
    urn, id_ = str(resource["urn"]), str(resource.get("id") or "")
    server = outputs.get("registered_with")
    vins: frozenset[str] | None = frozenset()
    statuses: Mapping[str, str] = {}
    if kind_of(urn) == "FleetVehicle":
        # By its id: an input that is a secret stands there in cipher.
        vins = frozenset({id_.upper()})
        status = outputs.get("status")
        statuses = {id_.upper(): status} if isinstance(status, str) else {}
    elif kind_of(urn) == "Fleet":
        registry = outputs.get("registry") or ""
        if isinstance(registry, str):
            statuses = read_registry(registry).statuses
            vins = frozenset(statuses)
        else:
            vins = None
    return Record(
        urn,
        id_,
        vins,
        is_live,
        is_old_copy,
        statuses,
        server if isinstance(server, str) else "",
        tuple(resource.get("replaceWith") or ()),
        {
            name: outputs[name]
            for name in ("fleet_id", "keys", "leaving")
            if isinstance(outputs.get(name), str)
        },
    )
