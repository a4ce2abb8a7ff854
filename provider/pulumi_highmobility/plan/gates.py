"""What a CI job may refuse a plan for."""

from __future__ import annotations

from dataclasses import dataclass

from ..fleet.plan import named
from .values import ENDS, Plan, Row, What

FAIL_ON = {
    "revoke": (What.REVOKED, What.CANCELED),
    "re-request": (What.RE_REQUESTED,),
    "unknown": (What.UNKNOWN,),
    "refused": (What.REFUSED,),
}
_NAMED = 10


@dataclass(frozen=True)
class Gates:
    """How many clearances may end and be requested, None for any number, and names of FAIL_ON that may not be at all."""

    max_revocations: int | None = None
    max_requests: int | None = None
    fail_on: frozenset[str] = frozenset()


def tripped(plan: Plan, gates: Gates) -> list[str]:
    """
    What the plan is refused for, a sentence each.

    What is not known counts as if it were to happen: a gate is passed only by what is known to pass it.
    """
    found = []
    if gates.max_revocations is not None:
        found += _too_many("--max-revocations", "may end", gates.max_revocations, *_ends(plan), plan)
    if gates.max_requests is not None:
        rows = plan.of(What.REQUESTED, What.RE_REQUESTED)
        open_ones = [row for row in plan.of(What.UNKNOWN) if not row.vin]
        found += _too_many("--max-requests", "are requested", gates.max_requests, rows, len(rows), plan)
        if open_ones and not found and plan.is_whole:
            found.append(f"--max-requests {gates.max_requests}: the number of requests is not known")
    for name, kinds in FAIL_ON.items():
        rows = plan.of(*kinds)
        if name in gates.fail_on and rows:
            found.append(f"--fail-on {name}: {len(rows):,}{_which(rows)}")
    return found


def _ends(plan: Plan) -> tuple[list[Row], int]:
    rows = [row for row in plan.rows if row.what in ENDS or row.at_stake]
    return rows, sum(row.at_stake or 1 for row in rows)


def _too_many(option: str, what: str, most: int, rows: list[Row], count: int, plan: Plan) -> list[str]:
    if not plan.is_whole:
        return [f"{option} {most}: the preview ended with an error, so the number of {what} is not known"]
    return [f"{option} {most}: {count:,} {what}{_which(rows)}"] if count > most else []


def _which(rows: list[Row]) -> str:
    vins = [row.vin for row in rows if row.vin]
    return f" ({named(vins, _NAMED)})" if vins else ""
