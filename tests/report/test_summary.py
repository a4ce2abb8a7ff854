"""The figures by brand and in total."""

from __future__ import annotations

import csv
import io
import json
import math
from datetime import timedelta
from itertools import pairwise

import pytest

from pulumi_highmobility.api.shapes import Changelog, RegisteredVehicle
from pulumi_highmobility.report.documents import csv_text, json_text, to_json
from pulumi_highmobility.report.durations import span, span_between
from pulumi_highmobility.report.episodes import Outcome, histories_of
from pulumi_highmobility.report.summary import Summary, summarize
from pulumi_highmobility.report.thinning import MOST_POINTS, thinned

from .fleets import NOW, fleet, stamp, vin_of


def summary_of(vehicles: list[RegisteredVehicle]) -> Summary:
    return summarize(histories_of(vehicles, NOW), NOW)


def vehicle(
    number: int,
    *,
    brand: str = "bmw",
    after_h: float | None = None,
    waiting_h: float = 5000,
    reason: str = "",
) -> RegisteredVehicle:
    """Requested `waiting_h` ago and, unless None, approved `after_h` later, or rejected for a reason."""
    start = NOW - timedelta(hours=waiting_h)
    log = [Changelog(stamp(start), "pending")]
    if after_h is not None:
        end = stamp(start + timedelta(hours=after_h))
        log.append(Changelog(end, "rejected", reason) if reason else Changelog(end, "approved"))
    return RegisteredVehicle(vin_of(number), log[-1].status, brand, {}, log)


@pytest.fixture(scope="module")
def large() -> Summary:
    return summary_of(fleet(10_000))


def test_a_brand_with_few_approvals_has_no_late_vehicles() -> None:
    few = [vehicle(number, after_h=1) for number in range(4)]
    found = summary_of([*few, vehicle(9, waiting_h=4000)])
    assert found.brands[0].late_after_s is None
    assert [one.is_late for one in found.pending] == [None]
    assert found.late == ()


def test_a_pending_vehicle_is_late_after_nine_tenths_of_its_brands_approvals() -> None:
    ten = [vehicle(number, after_h=number + 1) for number in range(10)]
    rejected = [vehicle(20 + number, after_h=50, reason="old") for number in range(10)]
    waiting = [vehicle(40, waiting_h=8), vehicle(41, waiting_h=12), vehicle(42, waiting_h=30)]
    other = [vehicle(50, brand="ford", waiting_h=300)]
    found = summary_of([*ten, *rejected, *waiting, *other])
    bmw, ford = found.brands
    assert bmw.late_after_s is not None
    # The one that has waited 8 hours leaves its share to the two approvals after.
    assert 9 * 3600 <= bmw.late_after_s <= 10 * 3600
    assert (bmw.late, ford.late, found.total.late) == (2, 0, 2)
    assert [(one.vin, one.is_late) for one in found.pending] == [
        (vin_of(42), True),
        (vin_of(41), True),
        (vin_of(50), None),
        (vin_of(40), False),
    ]


def test_rejections_are_counted_by_brand_and_reason() -> None:
    found = summary_of(
        [
            vehicle(1, after_h=1, reason="old"),
            vehicle(2, after_h=1, reason="old "),
            vehicle(3, after_h=1, reason="new", brand="ford"),
        ]
    )
    assert [(one.brand, one.reason, one.count) for one in found.rejections] == [
        ("bmw", "old", 2),
        ("ford", "new", 1),
    ]


@pytest.mark.parametrize("size", [0, 1, 50, 10_000])
def test_the_parts_sum_to_the_whole(large: Summary, size: int) -> None:
    found = large if size == 10_000 else summary_of(fleet(size))
    assert found.total.vehicles == size == sum(found.total.statuses.values())
    for field in ("vehicles", "requests", "late", "unknown_starts", "unknown_ends"):
        assert getattr(found.total, field) == sum(getattr(group, field) for group in found.brands)
    assert len(found.pending) == found.total.statuses.get("pending", 0)
    assert len(found.pending) == found.total.outcomes[Outcome.PENDING]
    assert sum(one.count for one in found.rejections) == found.total.outcomes[Outcome.REJECTED]


def test_the_figures_of_a_large_fleet_are_those_it_was_made_with(large: Summary) -> None:
    """The median of BMW's lognormal times is two hours; the quarter of all is a little earlier than of the approved."""
    bmw = large.brands[0]
    assert bmw.brand == "bmw"
    quarter, half, _ = bmw.quartiles
    assert half.low is not None
    assert half.high is not None
    assert half.low < half.seconds < half.high  # type: ignore[operator]
    assert half.seconds == pytest.approx(2.1 * 3600, rel=0.1)
    assert quarter.seconds == pytest.approx(2 * 3600 * math.exp(-0.62 * 0.9), rel=0.1)


def test_json_and_csv_have_the_same_figures() -> None:
    found = summary_of(fleet(200))
    document = json.loads(json_text(found))
    assert document == json.loads(json.dumps(to_json(found)))
    assert document["now"] == "2026-06-01T12:00:00Z"
    rows = list(csv.DictReader(io.StringIO(csv_text(found))))
    by_kind = {
        kind: [row for row in rows if row["record"] == kind] for kind in {row["record"] for row in rows}
    }
    groups = [document["total"], *document["brands"]]
    for group, row in zip(groups, [*by_kind["total"], *by_kind["brand"]], strict=True):
        assert row["brand"] == group.get("brand", "")
        assert int(row["vehicles"]) == group["vehicles"]
        assert int(row["requests_approved"]) == group["outcomes"]["approved"]
        for one in group["time_to_approval"]:
            cell = row[f"p{one['share'] * 100:.0f}_time_s"]
            assert (float(cell) if cell else None) == one["seconds"]
    assert [row["vin"] for row in by_kind["pending"]] == [one["vin"] for one in document["pending"]]
    assert sum(int(row["count"]) for row in by_kind["rejection"]) == document["total"]["outcomes"]["rejected"]


def test_a_cell_is_no_formula_and_has_no_control_characters() -> None:
    found = summary_of([vehicle(1, after_h=1, reason="=HYPERLINK(1)\x1b[2J"), vehicle(2, brand="+x")])
    text = csv_text(found)
    assert "'=HYPERLINK(1)\\x1b[2J" in text
    assert "'+x" in text
    assert "\x1b" not in text + json_text(found)


def test_a_fleet_of_none_has_a_header_and_a_total() -> None:
    empty = summary_of([])
    assert [row["record"] for row in csv.DictReader(io.StringIO(csv_text(empty)))] == ["total"]
    assert to_json(empty)["brands"] == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (59.96, "1 minute"),
        (90, "1.5 minutes"),
        (3600, "1 hour"),
        (15 * 3600, "15 hours"),
        (86_400 * 2.25, "2.2 days"),
        (86_400 * 1234, "1,234 days"),
    ],
)
def test_spans_are_said_in_their_largest_unit(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_a_unit_is_said_once() -> None:
    assert span_between(3960, 5400) == "1.1 to 1.5 hours"
    assert span_between(1800, 7200) == "30 minutes to 2 hours"


def test_a_thinned_curve_keeps_its_ends_and_its_order(large: Summary) -> None:
    curve = large.total.curve
    few = thinned(curve)
    assert len(curve) > len(few)
    assert len(few) <= MOST_POINTS
    assert (few[0], few[-1]) == (curve[0], curve[-1])
    assert few == sorted(few, key=lambda point: point.seconds)
    highest = max(b.incidence - a.incidence for a, b in pairwise(few))
    assert highest < 0.05
