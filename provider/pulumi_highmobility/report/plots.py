"""The plots: cumulative incidence of approval over time, as SVG that stands within a page."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .durations import DAY, HOUR, MINUTE
from .incidence import Point
from .svg import inline
from .thinning import thinned

if TYPE_CHECKING:
    from matplotlib.axes import Axes

try:
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator
except ImportError as error:
    raise ImportError(
        f'The page needs matplotlib ({error}): pip install "pulumi-highmobility[report]"', name=error.name
    ) from error

# Inches. Small, so that the letters keep a readable size on a phone; a page puts several side by side.
_SIZE = (3.6, 2.3)
# Left, bottom, width and height as shares of it: the same in each plot, so that they line up.
_PLACE = (0.2, 0.2, 0.755, 0.755)
_SETTINGS: dict[Any, Any] = {
    # Text stays text: it takes the page's font, and can be searched.
    "svg.fonttype": "none",
    # The same figures give the same bytes.
    "svg.hashsalt": "pulumi-highmobility",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "path.simplify": False,
}
# Stand-ins that become classes: the page's style sheet has a colour for each, in light and in dark.
INK, GRID, CURVE, BAND, TOTAL = "#010101", "#020202", "#030303", "#040404", "#050505"
CLASSES = {INK: "ink", GRID: "grid", CURVE: "curve", BAND: "band", TOTAL: "total"}

_TICKS: tuple[tuple[float, str], ...] = (
    (1, "1 s"), (10, "10 s"),
    (MINUTE, "1 min"), (10 * MINUTE, "10 min"),
    (HOUR, "1 h"), (6 * HOUR, "6 h"),
    (DAY, "1 d"), (3 * DAY, "3 d"), (10 * DAY, "10 d"), (30 * DAY, "30 d"), (100 * DAY, "100 d"),
    (365 * DAY, "1 y"), (3650 * DAY, "10 y"), (36_500 * DAY, "100 y"),
)  # fmt: skip
# What is left of them where there are too many for the width.
_MAIN_TICKS = ("1 s", "1 min", "1 h", "1 d", "10 d", "100 d", "10 y")
_MOST_TICKS = 6


def limits_of(curves: Sequence[Sequence[Point]]) -> tuple[float, float]:
    """The ends of a time axis in seconds, at ticks, that holds all of the curves."""
    times = [max(1.0, curve[end].seconds) for curve in curves if curve for end in (0, -1)]
    least, most = (min(times), max(times)) if times else (HOUR, 10 * DAY)
    low = max((at for at, _ in _TICKS if at <= least), default=1.0)
    high = min((at for at, _ in _TICKS if at > most), default=most)
    return low, high


def incidence_plot(
    curve: Sequence[Point],
    *,
    limits: tuple[float, float],
    name: str,
    title: str,
    compared: Sequence[Point] = (),
) -> str:
    """
    The share approved over the time since the request, with its confidence band, as an `<svg>` element.

    `limits` are the ends of the time axis in seconds. `name` begins every id and is unique in a page; `title` is the
    alternative text. `compared` is drawn beside it, dashed and without a band.
    """
    with mpl.rc_context():
        # Without what the user has set for plots of their own.
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        figure = Figure(figsize=_SIZE)
        figure.patch.set_visible(False)
        axes = figure.add_axes(_PLACE)
        axes.patch.set_visible(False)
        _draw(axes, thinned(compared), limits, colour=TOTAL, dashed=True)
        shown = thinned(curve)
        _draw_band(axes, shown, limits)
        _draw(axes, shown, limits, colour=CURVE, dashed=False)
        _scale(axes, limits)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return inline(file.getvalue(), name=name, title=title, classes=CLASSES)


def _draw(
    axes: Axes, curve: Sequence[Point], limits: tuple[float, float], *, colour: str, dashed: bool
) -> None:
    if not curve:
        return
    times = [limits[0], *(max(limits[0], point.seconds) for point in curve), limits[1]]
    shares = [0.0, *(point.incidence for point in curve), curve[-1].incidence]
    style = (0, (4, 2)) if dashed else "-"
    axes.step(times, shares, where="post", color=colour, linewidth=1.1 if dashed else 1.7, linestyle=style)


def _draw_band(axes: Axes, curve: Sequence[Point], limits: tuple[float, float]) -> None:
    # The band pauses where there are no limits.
    nan = float("nan")
    known = [point for point in curve if point.low is not None]
    if not known:
        return
    times = [max(limits[0], point.seconds) for point in curve]
    low = [nan if point.low is None else point.low for point in curve]
    high = [nan if point.high is None else point.high for point in curve]
    axes.fill_between(
        [*times, limits[1]], [*low, low[-1]], [*high, high[-1]], step="post", color=BAND, linewidth=0
    )


def _scale(axes: Axes, limits: tuple[float, float]) -> None:
    ticks = [(at, text) for at, text in _TICKS if limits[0] <= at <= limits[1]]
    if len(ticks) > _MOST_TICKS:
        ticks = [(at, text) for at, text in ticks if text in _MAIN_TICKS]
    axes.set_xscale("log")
    axes.set_xlim(*limits)
    axes.set_ylim(0, 1)
    axes.xaxis.set_major_locator(FixedLocator([at for at, _ in ticks]))
    axes.xaxis.set_major_formatter(FixedFormatter([text for _, text in ticks]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
    axes.yaxis.set_major_formatter(FixedFormatter(["0 %", "25 %", "50 %", "75 %", "100 %"]))
    axes.grid(visible=True, color=GRID, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.tick_params(color=GRID, labelcolor=INK)
    axes.set_xlabel("time since the request", color=INK)
    axes.set_ylabel("approved", color=INK)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GRID)
