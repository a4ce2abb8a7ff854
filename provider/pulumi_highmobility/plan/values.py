"""The plan as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class What(str, Enum):
    """What becomes of a vehicle or token; the most dangerous first."""

    REFUSED = "refused"
    """The `up` fails here; `why` says so, with what to do."""
    REVOKED = "revoked"
    CANCELED = "canceled"
    RE_REQUESTED = "re-requested"
    """Its clearance ends, and is requested again."""
    UNKNOWN = "unknown"
    """What happens to it is known during the `up` only."""
    REQUESTED = "requested"
    ADOPTED = "adopted"
    KEPT = "kept"
    """It moves from one resource to another, and keeps its clearance."""
    RETAINED = "retained"
    """It leaves the stack, and stays registered at the platform."""
    TOKEN_REVOKED = "token revoked"  # noqa: S105 - no secret
    TOKEN_ISSUED = "token issued"  # noqa: S105 - no secret
    TOKEN_RENEWED = "token renewed"  # noqa: S105 - no secret
    TOKEN_FOLLOWS = "token follows"  # noqa: S105 - no secret
    """It is issued by the `up` that sees its vehicle approved: this one, or a later one."""


ENDS = (What.REVOKED, What.CANCELED, What.RE_REQUESTED)
TOKENS = (What.TOKEN_REVOKED, What.TOKEN_ISSUED, What.TOKEN_RENEWED, What.TOKEN_FOLLOWS)


@dataclass(frozen=True)
class Row:
    """
    One line of the plan.

    `since`: when the present status began, ISO 8601 in UTC, empty where that is not known. `urn` is the resource that has it
    now, `to` the one that has it after. `at_stake`: of what is not known, how many clearances may end by it. `maybe_adopted`: a
    request is made only if the vehicle is not registered already, which nobody was asked.
    """

    what: What
    vin: str = ""
    brand: str = ""
    status: str = ""
    since: str = ""
    urn: str = ""
    to: str = ""
    why: str = ""
    at_stake: int = 0
    maybe_adopted: bool = False


@dataclass(frozen=True)
class Plan:
    """
    What an `up` does, by row, the most dangerous first.

    `unchanged` counts the vehicles that stay where they are. `is_whole`: False where the preview ended with an error, so that
    it is not known what else the `up` does. `asked`: whether the platform told what is registered. `to_approval_s`: by brand,
    the time in seconds within which half of its requests were approved, where the fleet's own changelogs tell.
    """

    rows: tuple[Row, ...] = ()
    stack: str = ""
    unchanged: int = 0
    is_whole: bool = True
    asked: bool = False
    to_approval_s: Mapping[str, float] = field(default_factory=dict)

    def of(self, *kinds: What) -> list[Row]:
        """The rows of these kinds."""
        return [row for row in self.rows if row.what in kinds]

    @property
    def has_changes(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.rows)

    def counts(self) -> dict[str, int]:
        """How many rows of each kind there are, without those that have none."""
        return {kind.value: len(found) for kind in What if (found := self.of(kind))}


def closing(plan: Plan) -> str:
    """One line: `Plan: 1 revoked, 2 requested, 3 move, 1 token issued.`"""
    if not plan.has_changes:
        return "Plan: nothing to do."
    parts = [
        f"{count:,} {_WORDS[What(kind)][count != 1]}"
        for kind, count in plan.counts().items()
        if kind != What.REQUESTED.value
    ]
    requested = plan.of(What.REQUESTED)
    if requested:
        place = sum(kind in plan.counts() for kind in _BEFORE_REQUESTED)
        maybe = " (or adopted)" if any(row.maybe_adopted for row in requested) else ""
        parts.insert(place, f"{len(requested):,} requested{maybe}")
    text = f"Plan: {', '.join(parts)}."
    if plan.of(What.REFUSED):
        text += " This `up` would fail."
    return text


_BEFORE_REQUESTED = [kind.value for kind in What][: list(What).index(What.REQUESTED)]
# One, and several.
_WORDS = {
    What.REFUSED: ("refused", "refused"),
    What.REVOKED: ("revoked", "revoked"),
    What.CANCELED: ("canceled", "canceled"),
    What.RE_REQUESTED: ("re-requested", "re-requested"),
    What.UNKNOWN: ("unknown", "unknown"),
    What.ADOPTED: ("adopted", "adopted"),
    What.KEPT: ("moves", "move"),
    What.RETAINED: ("stays registered", "stay registered"),
    What.TOKEN_REVOKED: ("token revoked", "tokens revoked"),
    What.TOKEN_ISSUED: ("token issued", "tokens issued"),
    What.TOKEN_RENEWED: ("token renewed", "tokens renewed"),
    What.TOKEN_FOLLOWS: ("token follows its vehicle", "tokens follow their vehicles"),
}
