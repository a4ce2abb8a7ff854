"""The plan as JSON, for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .values import Plan, Row, closing

FORMAT = 1
"""Raised when a name changes its meaning or goes; more names may come without."""


def document(plan: Plan, gates: Sequence[str] = ()) -> dict[str, Any]:
    """As docs/plan.md documents it; `gates` are the sentences of those that tripped."""
    return {
        "format": FORMAT,
        "stack": plan.stack or None,
        "summary": closing(plan),
        "complete": plan.is_whole,
        "platform_asked": plan.asked,
        "counts": plan.counts(),
        "unchanged": plan.unchanged,
        "median_seconds_to_approval": {
            name: round(plan.to_approval_s[name]) for name in sorted(plan.to_approval_s)
        },
        "gates": list(gates),
        "rows": [_row(row) for row in plan.rows],
    }


def _row(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {
        "what": row.what.value,
        "vin": row.vin or None,
        "brand": row.brand or None,
        "status": row.status or None,
        "since": row.since or None,
        "from": row.urn or None,
        "to": row.to or None,
        "why": row.why or None,
    }
    if row.at_stake:
        found["clearances_at_stake"] = row.at_stake
    if row.maybe_adopted:
        found["maybe_adopted"] = True
    return found
