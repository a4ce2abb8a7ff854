"""The Aalen-Johansen estimate: against a statistics library, and by what must hold for any fleet."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_highmobility.report.episodes import Outcome
from pulumi_highmobility.report.incidence import (
    Point,
    cumulative_incidence,
    quantile,
    time_of_eventual_share,
)

REFERENCE: dict[str, Any] = json.loads(Path(__file__).with_name("reference.json").read_text(encoding="utf-8"))
OUTCOMES = (Outcome.PENDING, Outcome.APPROVED, Outcome.REJECTED)
A, R, C, P = Outcome.APPROVED, Outcome.REJECTED, Outcome.CANCELED, Outcome.PENDING

Observed = list[tuple[float, Outcome]]


def incidence_at(points: Sequence[Point], seconds: float) -> float:
    """The share approved by a time, in seconds after the request."""
    return max((point.incidence for point in points if point.seconds <= seconds), default=0.0)


fleets = st.lists(st.tuples(st.integers(0, 30).map(float), st.sampled_from(Outcome)), max_size=60)


@pytest.mark.parametrize("sample", REFERENCE["samples"], ids=lambda sample: str(len(sample["observed"])))
def test_the_estimate_and_its_limits_are_those_of_scikit_survival(sample: dict[str, Any]) -> None:
    """See make_reference.py; where the log-log scale has no limits, we give none."""
    observed = [(float(at), OUTCOMES[outcome]) for at, outcome in sample["observed"]]
    points = cumulative_incidence(observed)
    assert [point.seconds for point in points] == [row[0] for row in sample["rows"]]
    compared = 0
    for point, (_, approved, rejected, low, high) in zip(points, sample["rows"], strict=True):
        assert point.incidence == pytest.approx(approved, abs=1e-10)
        assert point.competing == pytest.approx(rejected, abs=1e-10)
        if point.low is not None:
            assert point.low == pytest.approx(low, abs=1e-9)
            assert point.high == pytest.approx(high, abs=1e-9)
            compared += 1
    assert compared >= len(points) - 2


@given(fleets)
def test_shares_grow_and_sum_to_one(observed: Observed) -> None:
    points = cumulative_incidence(observed)
    for point in points:
        assert point.incidence + point.competing + point.survival == pytest.approx(1)
        assert -1e-12 <= point.incidence <= 1 + 1e-12
        assert point.variance >= 0
        if point.low is not None and point.high is not None:
            assert 0 <= point.low <= point.incidence <= point.high <= 1
    for earlier, later in pairwise(points):
        assert earlier.seconds < later.seconds
        assert earlier.incidence <= later.incidence
        assert earlier.competing <= later.competing
        assert earlier.at_risk > later.at_risk


@given(fleets.map(lambda fleet: [(at, outcome) for at, outcome in fleet if outcome is not P]))
def test_without_censoring_it_is_the_share_with_the_binomial_variance(observed: Observed) -> None:
    size = len(observed)
    for point in cumulative_incidence(observed):
        share = sum(outcome is A and at <= point.seconds for at, outcome in observed) / size
        assert point.incidence == pytest.approx(share)
        assert point.variance == pytest.approx(share * (1 - share) / size, abs=1e-12)


@given(fleets, st.randoms(use_true_random=False))
def test_the_order_of_vehicles_does_not_matter(observed: Observed, rng: Any) -> None:
    shuffled = list(observed)
    rng.shuffle(shuffled)
    assert cumulative_incidence(shuffled) == cumulative_incidence(observed)


@given(fleets)
def test_quantiles_are_where_the_curve_crosses(observed: Observed) -> None:
    points = cumulative_incidence(observed)
    previous = 0.0
    for share in (0.25, 0.5, 0.75):
        found = quantile(points, share)
        if found.seconds is None:
            assert not points or points[-1].incidence < share
            continue
        assert found.seconds >= previous
        previous = found.seconds
        assert incidence_at(points, found.seconds) >= share - 1e-9
        assert incidence_at(points, math.nextafter(found.seconds, -1)) < share
        assert found.low is None or found.low <= found.seconds
        assert found.high is None or found.high >= found.seconds


def test_nothing_is_estimated_where_nothing_ended() -> None:
    assert cumulative_incidence([]) == []
    assert cumulative_incidence([(5.0, P), (7.0, P)]) == []
    assert quantile([], 0.5).seconds is None
    assert time_of_eventual_share([], 0.9) is None
    assert time_of_eventual_share(cumulative_incidence([(1.0, R)]), 0.9) is None


def test_one_vehicle_has_a_median_but_no_limits() -> None:
    points = cumulative_incidence([(60.0, A)])
    assert [(point.incidence, point.low, point.high) for point in points] == [(1.0, None, None)]
    median = quantile(points, 0.5)
    assert (median.seconds, median.low, median.high) == (60.0, None, None)


def test_a_pending_vehicle_counts_at_the_time_of_its_censoring() -> None:
    """One approved and one still pending after the same time: two were at risk."""
    assert cumulative_incidence([(10.0, A), (10.0, P)])[0].incidence == 0.5


def test_a_cancellation_competes_as_a_rejection_does() -> None:
    rejected = cumulative_incidence([(1.0, R), (2.0, A)])
    canceled = cumulative_incidence([(1.0, C), (2.0, A)])
    assert rejected == canceled
    assert rejected[-1].incidence == 0.5
    # Had it been censored, the one left would have stood for both.
    assert cumulative_incidence([(1.0, P), (2.0, A)])[-1].incidence == 1.0


def test_a_quantile_that_is_never_reached_is_none() -> None:
    points = cumulative_incidence([(1.0, A), (2.0, R), (3.0, R)])
    assert quantile(points, 0.25).seconds == 1.0
    assert quantile(points, 0.5).seconds is None


def test_the_eventual_share_leaves_out_those_who_are_never_approved() -> None:
    observed: Observed = [(float(day), A) for day in range(1, 11)] + [(100.0, R)] * 90
    assert time_of_eventual_share(cumulative_incidence(observed), 0.9) == 9.0
