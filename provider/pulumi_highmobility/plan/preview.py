"""What `pulumi preview --json` tells: what each resource held before, and what the program gives it now."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..operations.values import UNKNOWN
from ..run.saved_state import is_ours
from ..run.urns import kind_of, stack_of
from ..spelling import in_snake_case

# How the engine writes what it does not know, or does not show: its own constants.
_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_SECRET = "[secret]"  # noqa: S105 - a marker
_SECRET_KEY = "4dabf18193072939515e22adb298388d"  # noqa: S105 - a marker
_PARTS = ("steps", "changeSummary", "diagnostics")

IN_PROGRAM = frozenset({"same", "create", "update", "replace", "create-replacement"})
"""The steps of a resource that the program declares."""
GOING = frozenset({"delete", "delete-replaced"})
"""The steps of one that leaves the state."""


class PreviewUnreadable(Exception):
    """The text is not what `pulumi preview --json` prints; the message says in what."""


@dataclass(frozen=True)
class Step:
    """
    What the engine would do with one of our resources.

    `old` is its state before, `new` its state after, in the engine's own form; `reasons` are the properties that replace it.
    """

    op: str
    urn: str
    old: Mapping[str, Any] | None = None
    new: Mapping[str, Any] | None = None
    reasons: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """FleetVehicle, Fleet, …"""
        return kind_of(self.urn)

    @property
    def inputs(self) -> Mapping[str, Any]:
        """What the program gives it, with UNKNOWN for what is not known or not shown."""
        found = decoded((self.new or {}).get("inputs") or {})
        return in_snake_case(found) if isinstance(found, Mapping) else {}

    @property
    def takes_part(self) -> bool:
        """False for a resource of the program that is to be created, and left out by `--target` or `--exclude`."""
        return not (
            self.op == "same" and not (self.old or {}).get("id") and not (self.new or {}).get("inputs")
        )


@dataclass(frozen=True)
class Trouble:
    """An error of the preview: the resource's URN, empty where it is of none, and the message."""

    urn: str
    message: str


@dataclass(frozen=True)
class Preview:
    """
    One preview: the steps of our resources, what a refresh before it found, and its errors.

    `unlisted` counts unchanged resources, of anybody, that it does not list: without `--show-sames` it lists none of them.
    `stack` and `project` are empty where it has no step at all.
    """

    steps: tuple[Step, ...] = ()
    refreshed: tuple[Step, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    unlisted: int = 0
    stack: str = ""
    project: str = ""


def read_preview(text: str) -> Preview:
    """Raises: PreviewUnreadable."""
    if not text.strip():
        raise PreviewUnreadable("it is empty: did `pulumi preview --json` fail before it began?")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PreviewUnreadable(f"it is not JSON ({error})") from error
    if not isinstance(found, dict) or not any(part in found for part in _PARTS):
        raise PreviewUnreadable('it has no "steps": give what `pulumi preview --json --show-sames` prints')
    try:
        return _preview(found)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise PreviewUnreadable(f"its format is not known ({type(error).__name__}: {error})") from error


def decoded(value: Any) -> Any:
    """A value of the engine's JSON, with UNKNOWN at any depth for what is not known or is a secret."""
    if isinstance(value, str):
        return UNKNOWN if value in (_UNKNOWN, _SECRET) else value
    if isinstance(value, Mapping):
        return UNKNOWN if _SECRET_KEY in value else {name: decoded(inner) for name, inner in value.items()}
    if isinstance(value, Sequence):
        return [decoded(inner) for inner in value]
    return value


def _preview(found: Mapping[str, Any]) -> Preview:
    steps = found.get("steps") or []
    stack, project = stack_of(str(steps[0]["urn"])) if steps else ("", "")
    ours = [_step(one) for one in steps if is_ours(one.get("newState") or one.get("oldState") or {})]
    listed = sum(one["op"] == "same" for one in steps)
    return Preview(
        tuple(one for one in ours if one.op != "refresh"),
        tuple(one for one in ours if one.op == "refresh"),
        tuple(
            Trouble(str(one.get("urn") or ""), _message(one))
            for one in found.get("diagnostics") or []
            if one.get("severity") == "error"
        ),
        max(0, int((found.get("changeSummary") or {}).get("same", 0)) - listed),
        stack,
        project,
    )


def _step(one: Mapping[str, Any]) -> Step:
    return Step(
        str(one["op"]),
        str(one["urn"]),
        one.get("oldState"),
        one.get("newState"),
        tuple(map(str, one.get("replaceReasons") or ())),
    )


def _message(one: Mapping[str, Any]) -> str:
    return str(one.get("message") or "no message").strip().removeprefix("error: ")
