"""What goes into an operation of a resource and what comes out of it, as values."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

from ..errors import StateUnreadable
from ..text import visible
from ..vehicle.check import Problem

Props = dict[str, Any]
"""Properties of a resource by name: JSON's own types, UNKNOWN at any depth, and Secret for what is one."""


class Unknown(Enum):
    """Stands for a value that is not known yet: an output of a resource that this `up` is to create."""

    UNKNOWN = "unknown"


UNKNOWN = Unknown.UNKNOWN


def is_unknown(value: object) -> bool:
    """True for the mark itself; of a list or a map look at what is inside."""
    return value is UNKNOWN


def holds_unknown(value: object) -> bool:
    """As `is_unknown`, also for what is inside a map."""
    if isinstance(value, Mapping):
        return any(map(holds_unknown, value.values()))
    return is_unknown(value)


@dataclass(frozen=True)
class Notice:
    """
    Something to tell the user at the resource that the operation is about.

    `of_brand`: true of every vehicle of a brand, so said once a run, and not at all where a setting says so.
    """

    text: str
    severity: Literal["info", "warning", "error"] = "info"
    of_brand: bool = False


@dataclass(frozen=True)
class Checked:
    """
    What a check gives: the inputs in the form that is kept, what is wrong with them, what there is to say.

    `eligibility` are the (VIN, brand) to ask the carmakers about before anything is requested. `wants` are the
    vehicles that the resource wants to stay cleared: VIN to the property that names it.
    """

    inputs: Props
    problems: Sequence[Problem] = ()
    notices: Sequence[Notice] = ()
    eligibility: Sequence[tuple[str, str]] = ()
    wants: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Difference:
    """
    What a diff gives: which properties change, which of them replace the resource, and what is said of it.

    `changed` are inputs, and outputs that an `up` is to change, such as the status of what is requested again. `delete_first`: a replacement has to delete the old one before it creates the new one. `gives_up`: the VINs whose
    clearance it ends on purpose, to request it again.
    """

    changed: Sequence[str] = ()
    replaces: Sequence[str] = ()
    delete_first: bool = False
    notices: Sequence[Notice] = ()
    gives_up: Sequence[str] = ()

    @property
    def changes(self) -> bool:
        """Whether an `up` has anything to do."""
        return bool(self.changed or self.replaces)


@dataclass(frozen=True)
class State:
    """
    What a create, read or update gives: what is to stand in the stack's state.

    `inputs` are given by a read alone. `reasons` tell why the operation failed in part: the state holds what was
    reached all the same. `holds` are the vehicles whose clearance the resource holds by that.
    """

    id: str
    outputs: Props
    inputs: Props | None = None
    reasons: Sequence[str] = field(default=())
    holds: Collection[str] = ()


@contextmanager
def readable(what: str) -> Iterator[None]:
    """
    Around what reads a state: `what` names the properties.

    Raises: StateUnreadable, where they are not as this package writes them.
    """
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise StateUnreadable(
            f"What the stack's state holds of this resource cannot be read: {what} ({type(error).__name__}: {visible(str(error))}). Was the state "
            "edited by hand, or written by a later release? Nothing was done. Correct it with `pulumi stack export` and `pulumi stack "
            "import`, or take the resource out of the state with `pulumi state delete`: the next `pulumi up` adopts what is registered"
        ) from error


def differs(news: Mapping[str, Any], olds: Mapping[str, Any], *names: str) -> list[str]:
    """Which of these properties an `up` would change; one that is unknown might."""
    return [name for name in names if is_unknown(news.get(name)) or news.get(name) != olds.get(name)]


def check_flag(inputs: Mapping[str, Any], name: str, problems: list[Problem]) -> None:
    """A boolean, where it is set and known; anything else becomes a problem."""
    value = inputs.get(name)
    if value is not None and not is_unknown(value) and not isinstance(value, bool):
        problems.append(Problem(name, f"is {value!r}; it takes True or False."))


def check_number(
    inputs: Mapping[str, Any], name: str, problems: list[Problem], *, least: float, most: float, unit: str
) -> None:
    """A number within bounds, where it is set and known; anything else becomes a problem."""
    value = inputs.get(name)
    if value is None or is_unknown(value):
        return
    if isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= most:
        return
    problems.append(Problem(name, f"is {value!r}; it takes a number of {unit} from {least:g} to {most:g}."))


def check_choice(
    inputs: Mapping[str, Any], name: str, choices: Collection[str], problems: list[Problem]
) -> None:
    """One of some texts, where it is set and known; anything else becomes a problem."""
    value = inputs.get(name)
    if value is not None and not is_unknown(value) and value not in choices:
        wanted = " or ".join(f'"{choice}"' for choice in choices)
        problems.append(Problem(name, f"is {value!r}; it takes {wanted}."))


def transition_timeout_s(inputs: Mapping[str, Any]) -> float:
    """How long a create or delete waits for a revocation under way; 20 minutes unless told."""
    minutes = inputs.get("transition_timeout_minutes")
    return (20.0 if minutes is None else float(minutes)) * 60
