"""A curve with fewer points, for the eye and for files."""

from __future__ import annotations

from collections.abc import Sequence

from .incidence import Point

# More steps cannot be told apart in a plot of this size.
MOST_POINTS = 70


def thinned(curve: Sequence[Point], most: int = MOST_POINTS) -> list[Point]:
    """At most `most` of the points, spread evenly over the height of the curve, with the first and the last."""
    if len(curve) <= most:
        return list(curve)
    lowest, highest = curve[0].incidence, curve[-1].incidence
    kept = [curve[0]]
    # Between the two ends; a point stands for the step of the grid that it is the first to reach.
    steps = most - 2
    reached = 0
    for point in curve[1:-1]:
        step = int(steps * (point.incidence - lowest) / (highest - lowest)) if highest > lowest else 0
        if step > reached and len(kept) < most - 1:
            reached = step
            kept.append(point)
    return [*kept, curve[-1]]
