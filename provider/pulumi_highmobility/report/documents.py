"""The report as JSON and as CSV, with the figures of the page."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from typing import Any

from ..clearance.states import Status
from ..clock import write_instant
from ..text import FORMULA, visible
from .episodes import Outcome
from .summary import Group, PendingVehicle, Summary
from .thinning import thinned

# Other statuses than those known here.
OTHER = "other"
_STATUSES = tuple(status.value for status in Status)


def to_json(summary: Summary) -> dict[str, Any]:
    """
    The report as JSON values; `format` grows when a field changes its meaning. All times are in seconds.

    ```
    {format: 1, now,
     total: GROUP, brands: [{brand, …GROUP}],
     pending: [{vin, brand, since|null, waiting_s|null, late: true|false|null}],
     rejections: [{brand, reason, count}]}

    GROUP: {vehicles, statuses: {status: count}, requests, outcomes: {approved, rejected, canceled, pending},
            time_to_approval: [{share, seconds|null, low|null, high|null}],
            late_after_s|null, late,
            unknown: {starts, ends, timestamps},
            curve: [{seconds, approved, low|null, high|null, ended_otherwise}]}
    ```

    Instants are ISO 8601 in UTC. Texts of the platform are as it gave them; a brand that it left out is "".
    """
    return {
        "format": 1,
        "now": write_instant(summary.now),
        "total": _group(summary.total),
        "brands": [{"brand": group.brand, **_group(group)} for group in summary.brands],
        "pending": [
            {
                "vin": vehicle.vin,
                "brand": vehicle.brand,
                "since": _instant(vehicle.since),
                "waiting_s": vehicle.waiting_s,
                "late": vehicle.is_late,
            }
            for vehicle in summary.pending
        ],
        "rejections": [
            {"brand": one.brand, "reason": one.reason, "count": one.count} for one in summary.rejections
        ],
    }


def json_text(summary: Summary) -> str:
    """The same as text, in ASCII: a control character in a reason stays an escape."""
    return json.dumps(to_json(summary), indent=2) + "\n"


def _group(group: Group) -> dict[str, Any]:
    return {
        "vehicles": group.vehicles,
        "statuses": dict(group.statuses),
        "requests": group.requests,
        "outcomes": {outcome.value: count for outcome, count in group.outcomes.items()},
        "time_to_approval": [
            {"share": one.share, "seconds": one.seconds, "low": one.low, "high": one.high}
            for one in group.quartiles
        ],
        "late_after_s": group.late_after_s,
        "late": group.late,
        "unknown": {
            "starts": group.unknown_starts,
            "ends": group.unknown_ends,
            "timestamps": group.unreadable,
        },
        "curve": [
            {
                "seconds": point.seconds,
                "approved": point.incidence,
                "low": point.low,
                "high": point.high,
                "ended_otherwise": point.competing,
            }
            for point in thinned(group.curve)
        ],
    }


_COLUMNS = (
    "record", "brand", "vin", "reason", "count",
    "vehicles", *_STATUSES, OTHER,
    "requests", *(f"requests_{outcome.value}" for outcome in Outcome),
    *(f"p{share}_{part}_s" for share in (25, 50, 75) for part in ("time", "low", "high")),
    "late_after_s", "late", "unknown_starts", "unknown_ends", "unknown_timestamps",
    "pending_since", "waiting_s", "is_late",
)  # fmt: skip


def csv_text(summary: Summary) -> str:
    """
    The report as one table (RFC 4180); the column `record` tells what a row is: total, brand, rejection or pending.

    Cells that say nothing about such a row are empty. Texts of the platform have control characters written out, and
    an apostrophe before what a spreadsheet would take for a formula.
    """
    file = io.StringIO()
    writer = csv.DictWriter(file, _COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerow({"record": "total", **_row(summary.total)})
    writer.writerows({"record": "brand", "brand": _cell(one.brand), **_row(one)} for one in summary.brands)
    writer.writerows(
        {"record": "rejection", "brand": _cell(one.brand), "reason": _cell(one.reason), "count": one.count}
        for one in summary.rejections
    )
    writer.writerows(_pending_row(vehicle) for vehicle in summary.pending)
    return file.getvalue()


def _row(group: Group) -> dict[str, Any]:
    row: dict[str, Any] = {
        "vehicles": group.vehicles,
        "requests": group.requests,
        "late_after_s": group.late_after_s,
        "late": group.late,
        "unknown_starts": group.unknown_starts,
        "unknown_ends": group.unknown_ends,
        "unknown_timestamps": group.unreadable,
        **{status: group.statuses.get(status, 0) for status in _STATUSES},
    }
    row[OTHER] = group.vehicles - sum(row[status] for status in _STATUSES)
    row |= {f"requests_{outcome.value}": count for outcome, count in group.outcomes.items()}
    for one in group.quartiles:
        parts = (("time", one.seconds), ("low", one.low), ("high", one.high))
        row |= {f"p{one.share * 100:.0f}_{part}_s": seconds for part, seconds in parts}
    return row


def _pending_row(vehicle: PendingVehicle) -> dict[str, Any]:
    return {
        "record": "pending",
        "brand": _cell(vehicle.brand),
        "vin": _cell(vehicle.vin),
        "pending_since": _instant(vehicle.since),
        "waiting_s": vehicle.waiting_s,
        "is_late": {None: "", True: "true", False: "false"}[vehicle.is_late],
    }


def _cell(text: str) -> str:
    shown = visible(text)
    return f"'{shown}" if shown.startswith(FORMULA) else shown


def _instant(instant: datetime | None) -> str | None:
    return write_instant(instant) if instant else None
