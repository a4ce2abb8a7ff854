"""A stack as the `pulumi` command tells of it: its settings, and the vehicles in its state."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from ..fleet.held import HeldFleet
from ..fleet.held_tokens import HeldTokens
from ..run.saved_state import is_ours
from ..settings import NAMESPACE
from ..spelling import in_snake_case
from ..text import visible

_TIMEOUT_S = 120.0
# Of a program with a hundred thousand vehicles, or one that reads much else.
_PREVIEW_TIMEOUT_S = 3600.0
# By which Pulumi's state marks an encrypted value.
_SECRET = "4dabf18193072939515e22adb298388d"  # noqa: S105 - a marker
# In a folder, Pulumi 3.259.0 writes what lies beside the state in two steps: a run that saves its state is read half-way.
_READ_TOO_SOON = re.compile(r"^error: failed to load checkpoint: (unexpected )?EOF$", re.MULTILINE)
_TRIES = 4


class StackError(Exception):
    """`pulumi` could not tell of the stack; the message has its own words."""


@dataclass(frozen=True)
class InStack:
    """A vehicle in a stack's state. `tags` is None where the state does not have them."""

    vin: str
    brand: str
    status: str
    tags: Mapping[str, str] | None
    urn: str


@dataclass(frozen=True)
class TokenInStack:
    """
    A vehicle's access token in a stack's state, without the token itself.

    `status` is that of VehicleAccessToken or "failed"; `expires_at` is empty where there is no token, `reason` where nothing failed.
    """

    vin: str
    status: str
    expires_at: str
    urn: str
    reason: str = ""


@dataclass(frozen=True)
class Stack:
    """
    One stack: `name` as in `--stack`, `folder` with its Pulumi.yaml; None for the present one.

    The `pulumi` command has to be on PATH, with what it needs to reach the backend.
    """

    name: str
    folder: Path | None = None

    def __post_init__(self) -> None:
        if not self.name.strip():
            # Pulumi would take the stack that is selected.
            raise ValueError("a stack needs a name")

    def config(self) -> dict[str, Any]:
        """The keys of our namespace, secrets in plain, as load_settings takes them. Raises: StackError."""
        # By a pipe, never by an argument or a file.
        told = self._json("config", "--json", "--show-secrets")
        return {
            name: entry.get("objectValue", entry.get("value"))
            for name, entry in told.items()
            if name.startswith(f"{NAMESPACE}:")
        }

    def state(self) -> StackState:
        """What its state holds of our resources. Raises: StackError."""
        return read_state(self._json("stack", "export"))

    def resources(self) -> list[dict[str, Any]]:
        """All resources of its state, in the engine's form, secrets encrypted. Raises: StackError."""
        return (self._json("stack", "export").get("deployment") or {}).get("resources") or []

    def preview(self, *, targets: Sequence[str] = (), refresh: bool = False) -> str:
        """
        What `pulumi preview --json` prints, unchanged resources included; nothing is changed.

        A preview that ends with an error tells of it in the JSON. Raises: StackError (it tells nothing).
        """
        arguments = ["preview", "--json", "--show-sames", *(["--refresh"] if refresh else [])]
        arguments += [word for target in targets for word in ("--target", target)]
        done = self._whole(*arguments, timeout_s=_PREVIEW_TIMEOUT_S)
        if done.returncode != 0 and not done.stdout.lstrip().startswith("{"):
            self._refuse("preview --json", done)
        return done.stdout

    def _json(self, *arguments: str) -> dict[str, Any]:
        try:
            found = json.loads(self._pulumi(*arguments))
        except ValueError:
            found = None
        if not isinstance(found, dict):
            # Not quoted: it may hold secrets.
            raise StackError(
                f'Stack "{self.name}": what `pulumi {" ".join(arguments)}` prints is not a JSON object. Is another program '
                "named pulumi on PATH?"
            )
        return found

    def _pulumi(self, *arguments: str) -> str:
        done = self._whole(*arguments)
        if done.returncode != 0:
            self._refuse(" ".join(arguments), done)
        return done.stdout

    def _whole(self, *arguments: str, timeout_s: float = _TIMEOUT_S) -> subprocess.CompletedProcess[str]:
        done = self._run(*arguments, timeout_s=timeout_s)
        for _ in range(_TRIES - 1):
            if done.returncode == 0 or not _READ_TOO_SOON.search(done.stderr):
                break
            done = self._run(*arguments, timeout_s=timeout_s)
        return done

    def _refuse(self, command: str, done: subprocess.CompletedProcess[str]) -> NoReturn:
        said = done.stderr.strip() or done.stdout.strip()
        said = said.removeprefix("error: ") or f"exit status {done.returncode}"
        raise StackError(f'Stack "{self.name}": `pulumi {command}` says: {visible(said)}')

    def _run(self, *arguments: str, timeout_s: float = _TIMEOUT_S) -> subprocess.CompletedProcess[str]:
        command = ["pulumi", *arguments, "--stack", self.name, "--non-interactive", "--color", "never"]
        try:
            return subprocess.run(  # noqa: S603 - the stack's name is one argument
                command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                # Whatever the locale says: another one would show as drift of every tag outside ASCII.
                encoding="utf-8",
                errors="backslashreplace",
                timeout=timeout_s,
                check=False,
            )
        except FileNotFoundError as error:
            where = (
                "" if self.folder is None or self.folder.is_dir() else f": there is no folder {self.folder}"
            )
            raise StackError(
                f"The `pulumi` command could not be started{where or ': is it on PATH?'}"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise StackError(f"`pulumi {arguments[0]}` took longer than {timeout_s:.0f} s") from error


@dataclass(frozen=True)
class StackState:
    """Vehicles by VIN, access tokens, and the servers that they were last seen at (base URL and credentials' id, no secret)."""

    vehicles: dict[str, InStack] = field(default_factory=dict)
    registered_with: frozenset[str] = frozenset()
    tokens: tuple[TokenInStack, ...] = ()


def read_state(exported: Mapping[str, Any]) -> StackState:
    """From what `pulumi stack export` prints."""
    vehicles: dict[str, InStack] = {}
    origins: set[str] = set()
    tokens: list[TokenInStack] = []
    for resource in (exported.get("deployment") or {}).get("resources") or []:
        if resource.get("delete") or not is_ours(resource):
            continue
        kind = str(resource["type"]).rpartition(":")[2]
        resource = {**resource, "outputs": in_snake_case(resource.get("outputs") or {})}  # noqa: PLW2901 - the same one, read
        outputs = resource["outputs"]
        if kind in ("VehicleAccessToken", "FleetAccessTokens"):
            tokens += _of_token(resource) if kind == "VehicleAccessToken" else _of_tokens(resource)
        if kind not in ("Fleet", "FleetVehicle"):
            continue
        if isinstance(origin := outputs.get("registered_with"), str):
            origins.add(origin)
        for vehicle in _of_fleet(resource) if kind == "Fleet" else _of_vehicle(resource):
            vehicles[vehicle.vin] = vehicle
    return StackState(
        dict(sorted(vehicles.items())),
        frozenset(origins),
        tuple(sorted(tokens, key=lambda token: (token.vin, token.urn))),
    )


def _of_fleet(resource: Mapping[str, Any]) -> list[InStack]:
    outputs = resource["outputs"]
    roster, registry = _text(outputs.get("vehicles")), _text(outputs.get("registry"))
    record = HeldFleet.read(roster, registry)
    return [
        InStack(
            vin, str(member.row["brand"]), member.status, dict(member.row.get("tags") or {}), resource["urn"]
        )
        for vin, member in record.members.items()
    ]


def _of_vehicle(resource: Mapping[str, Any]) -> list[InStack]:
    outputs = resource["outputs"]
    vin = _text(outputs.get("vin")) or str(resource.get("id", ""))
    tags = outputs.get("tags")
    is_hidden = isinstance(tags, Mapping) and _SECRET in tags
    known = None if is_hidden else {str(name): _text(text) for name, text in (tags or {}).items()}
    return [
        InStack(
            vin.upper(), _text(outputs.get("brand")), _text(outputs.get("status")), known, resource["urn"]
        )
    ]


def _of_token(resource: Mapping[str, Any]) -> list[TokenInStack]:
    outputs = resource.get("outputs") or {}
    vin, status, expires_at = (_text(outputs.get(name)) for name in ("vin", "status", "expires_at"))
    return [TokenInStack(vin, status, expires_at, resource["urn"])]


def _of_tokens(resource: Mapping[str, Any]) -> list[TokenInStack]:
    held = HeldTokens.read(_text((resource.get("outputs") or {}).get("validity")))
    expires_at = held.expires_at()
    statuses = {vin: one.state.status.value for vin, one in held.tokens.items()} | dict.fromkeys(
        held.failed, "failed"
    )
    return [
        TokenInStack(vin, status, expires_at.get(vin, ""), resource["urn"], held.failed.get(vin, ""))
        for vin, status in statuses.items()
    ]


def _text(value: object) -> str:
    # A value that the program made a secret is encrypted: it counts as not known.
    return value if isinstance(value, str) else ""
