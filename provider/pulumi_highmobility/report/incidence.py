"""
The cumulative incidence of approval with competing risks, by the Aalen-Johansen estimator.

Estimator: O. Aalen and S. Johansen, "An Empirical Transition Matrix for Non-homogeneous Markov Chains Based on Censored
Observations", Scandinavian Journal of Statistics 5 (1978). Variance: the delta method of G. Dinse and M. Larson, "A Note
on Semi-Markov Models for Partially Censored Data", Biometrika 73 (1986), as in E. Marubini and M. G. Valsecchi, "Analysing
Survival Data from Clinical Trials and Observational Studies" (1995). Confidence limits: on the log(-log) scale. Limits of a
quantile: R. Brookmeyer and J. Crowley, "A Confidence Interval for the Median Survival Time", Biometrics 38 (1982).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from .episodes import Outcome

CONFIDENCE = 0.95
_Z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
# Rounding leaves a sum of probabilities this far from 1.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Point:
    """
    The estimate from `seconds` after the request on, until the next point.

    `incidence` is the share approved by then, with its `variance`; `competing` the share rejected or canceled by then,
    `survival` the share neither. `low` and `high` are None where the scale has no limits: at shares of 0 and 1.
    """

    seconds: float
    at_risk: int
    incidence: float
    competing: float
    survival: float
    variance: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Quantile:
    """By when a `share` of all requests was approved, in seconds; None: not reached, or no limit known."""

    share: float
    seconds: float | None
    low: float | None
    high: float | None


def cumulative_incidence(observed: Iterable[tuple[float, Outcome]]) -> list[Point]:
    """
    A point for each time, in seconds, at which at least one request ended; empty where none has.

    `observed` has each request's time and outcome; a pending one is censored at its time, after the ends at that time.
    """
    counts: dict[float, Counter[Outcome]] = {}
    for seconds, outcome in observed:
        counts.setdefault(seconds, Counter())[outcome] += 1
    sums = _Sums()
    points = []
    at_risk = sum(counter.total() for counter in counts.values())
    for seconds, counter in sorted(counts.items()):
        ended = counter.total() - counter[Outcome.PENDING]
        if ended:
            points.append(sums.step(seconds, at_risk, counter[Outcome.APPROVED], ended))
        at_risk -= counter.total()
    return points


@dataclass
class _Sums:
    """
    What the estimate and its variance need of the times so far.

    With n at risk, d ended and e of them approved at time t_j, S the survival before it, the variance at t is the sum of
    (F(t) - F(t_j))^2 d / (n (n - d)) + S^2 e (n - e) / n^3 - 2 (F(t) - F(t_j)) S e / n^2. It is kept as sums of the
    parts that do not depend on t, so that all points together take one pass.
    """

    survival: float = 1.0
    incidence: float = 0.0
    competing: float = 0.0
    a: float = 0.0
    a_f: float = 0.0
    a_ff: float = 0.0
    b: float = 0.0
    b_f: float = 0.0
    c: float = 0.0

    def step(self, seconds: float, n: int, approved: int, ended: int) -> Point:
        """Take what ended at one time, and return the estimate from it on."""
        before = self.survival
        # From the counts, so that the last of all leaves exactly nothing.
        self.survival = before * (n - ended) / n
        self.incidence += before * approved / n
        self.competing += before * (ended - approved) / n
        f = self.incidence
        # Nothing follows the time at which nobody is left, so F(t) - F(t_j) stays zero.
        a = ended / (n * (n - ended)) if ended < n else 0.0
        b = before * approved / n**2
        self.a += a
        self.a_f += a * f
        self.a_ff += a * f * f
        self.b += b
        self.b_f += b * f
        self.c += before**2 * approved * (n - approved) / n**3
        variance = f * f * self.a - 2 * f * self.a_f + self.a_ff + self.c - 2 * (f * self.b - self.b_f)
        variance = max(0.0, variance)
        low, high = _limits(f, variance)
        return Point(seconds, n, f, self.competing, self.survival, variance, low, high)


def _limits(share: float, variance: float) -> tuple[float | None, float | None]:
    if not _ROUNDING < share < 1 - _ROUNDING:
        return None, None
    spread = _Z * math.sqrt(variance) / (share * math.log(share))
    # A spread beyond what exp can take stands for "anything".
    low, high = (share ** math.exp(max(-700.0, min(700.0, sign * spread))) for sign in (-1, 1))
    return low, high


def quantile(points: Sequence[Point], share: float) -> Quantile:
    """
    When the incidence reaches `share`; the limits are where the upper and the lower limit of the incidence do.

    A limit that is not reached is None, and so is every limit where all of the limits of the incidence are unknown.
    """
    reached = share - _ROUNDING
    return Quantile(
        share,
        seconds=_first(points, lambda point: point.incidence >= reached),
        low=_first(points, lambda point: point.high is not None and point.high >= reached),
        high=_first(points, lambda point: point.low is not None and point.low >= reached),
    )


def time_of_eventual_share(points: Sequence[Point], share: float) -> float | None:
    """By when `share` of those approvals had come that come at all, in seconds; None without approvals."""
    if not points or points[-1].incidence <= 0:
        return None
    return quantile(points, share * points[-1].incidence).seconds


def _first(points: Sequence[Point], is_reached: Callable[[Point], bool]) -> float | None:
    return next((point.seconds for point in points if is_reached(point)), None)
