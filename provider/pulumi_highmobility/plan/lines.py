"""The words of a plan's rows, the same in a table and in Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ..clock import parse_instant
from ..report.durations import span
from ..run.urns import shown
from .values import Plan, Row, What

TITLES = {
    What.REFUSED: "Refused: the `up` would fail",
    What.REVOKED: "Revoked",
    What.CANCELED: "Canceled",
    What.RE_REQUESTED: "Revoked and requested again",
    What.UNKNOWN: "Known only during the `up`",
    What.REQUESTED: "Requested",
    What.ADOPTED: "Adopted, without a request",
    What.KEPT: "Moved, and kept",
    What.RETAINED: "Left registered at the platform",
    What.TOKEN_REVOKED: "Tokens revoked",
    What.TOKEN_ISSUED: "Tokens issued",
    What.TOKEN_RENEWED: "Tokens renewed",
    What.TOKEN_FOLLOWS: "Tokens that follow their vehicles",
}
DANGEROUS = (What.REFUSED, What.REVOKED, What.CANCELED, What.RE_REQUESTED, What.UNKNOWN)


def since(row: Row) -> str:
    """`approved since 2026-11-26`, as far as it is known."""
    instant = parse_instant(row.since) if row.since else None
    day = f" since {instant:%Y-%m-%d}" if instant else ""
    return f"{row.status}{day}" if row.status else ""


def place(row: Row) -> str:
    """The resource that has it, or from which to which it moves."""
    places = [shown(urn) for urn in (row.urn, row.to) if urn]
    return " → ".join(dict.fromkeys(places))


def why(row: Row, plan: Plan) -> str:
    """The reason, and for what is requested again how long an approval takes."""
    half = plan.to_approval_s.get(row.brand)
    if row.what is not What.RE_REQUESTED or half is None:
        return row.why
    return f"{row.why}; half of the requests of {row.brand} took up to {span(half)} to be approved"


def by_brand(rows: Iterable[Row]) -> str:
    """`3 bmw, 2 mini`, as far as brands are known."""
    counts = Counter(row.brand or "of unknown brand" for row in rows)
    return ", ".join(f"{count:,} {brand}" for brand, count in sorted(counts.items()))
