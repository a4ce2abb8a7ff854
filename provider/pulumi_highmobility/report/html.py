"""The report as one HTML file: no script, nothing from elsewhere, and a strict content security policy."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..clearance.states import Status
from ..text import visible
from .durations import span, span_between
from .episodes import Outcome
from .incidence import Quantile
from .plots import incidence_plot, limits_of
from .summary import LATE_SHARE, LEAST_APPROVALS, Group, PendingVehicle, Summary

try:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup
except ImportError as error:
    raise ImportError(
        f'The page needs Jinja2 ({error}): pip install "pulumi-highmobility[report]"', name=error.name
    ) from error

_FOLDER = Path(__file__).parent / "templates"
# VINs of a list that are shown; the rest is counted.
MOST_VINS = 200
# Rows of the table of reasons; carmakers may write something else each time.
MOST_REASONS = 100
# Brands with a plot, those with the most approvals: the page stays near 100 KB.
MOST_PLOTS = 6
NO_BRAND = "(brand not given)"


@dataclass(frozen=True)
class _Plot:
    name: str
    svg: Markup


def html_page(summary: Summary) -> str:
    """The whole document; the same summary gives the same text."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(span=span, quantile=_quantile, limits=_limits, brand=_brand, visible=visible)
    css = (_FOLDER / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    statuses = [status.value for status in Status if summary.total.statuses.get(status.value)]
    late = summary.late
    waiting = [vehicle for vehicle in summary.pending if not vehicle.is_late]
    return environment.get_template(
        "report.html"
    ).render(
        summary=summary,
        total=summary.total,
        now=f"{summary.now:%Y-%m-%d %H:%M} UTC",
        css=Markup(css),  # noqa: S704 - our own file
        css_digest=digest,
        statuses=statuses,
        others_of=lambda group: group.vehicles - sum(group.statuses.get(status, 0) for status in statuses),
        outcomes=list(Outcome),
        plots=_plots(summary),
        undrawn=", ".join(_brand(group.brand) for group in _with_approvals(summary)[MOST_PLOTS:]),
        lists=[_list("late", "Late for their brand", late), _list("waiting", "Also pending", waiting)],
        rejections=summary.rejections[:MOST_REASONS],
        more_rejections=summary.rejections[MOST_REASONS:],
        late_share=f"{LATE_SHARE:.0%}".replace("%", "\N{NO-BREAK SPACE}%"),
        least_approvals=LEAST_APPROVALS,
    )


def _list(name: str, title: str, vehicles: Sequence[PendingVehicle]) -> dict[str, object]:
    rest = Counter(_brand(vehicle.brand) for vehicle in vehicles[MOST_VINS:])
    return {
        "name": name,
        "title": title,
        "count": len(vehicles),
        "vehicles": vehicles[:MOST_VINS],
        "rest": rest.total(),
        "rest_by_brand": ", ".join(f"{count:,} {brand}" for brand, count in rest.most_common(5)),
        "rest_has_more": len(rest) > 5,
    }


def _with_approvals(summary: Summary) -> list[Group]:
    """The brands with approvals, those with the most first."""
    found = [group for group in summary.brands if group.outcomes[Outcome.APPROVED]]
    return sorted(found, key=lambda group: (-group.outcomes[Outcome.APPROVED], group.brand))


def _plots(summary: Summary) -> list[_Plot]:
    drawn = _with_approvals(summary)[:MOST_PLOTS]
    if not drawn:
        return []
    limits = limits_of([summary.total.curve, *(group.curve for group in drawn)])
    plots = [("All brands", summary.total)] if len(summary.brands) > 1 else []
    plots += [(_brand(group.brand), group) for group in drawn]
    return [
        _Plot(
            name,
            Markup(  # noqa: S704 - by ElementTree, which escapes the text
                incidence_plot(
                    group.curve,
                    limits=limits,
                    name=f"plot{place}",
                    title=_told(name, group),
                    compared=() if group is summary.total or len(plots) == 1 else summary.total.curve,
                )
            ),
        )
        for place, (name, group) in enumerate(plots)
    ]


def _told(name: str, group: Group) -> str:
    """What the plot shows, for those who do not see it."""
    last = group.curve[-1]
    median = group.quartiles[1]
    half = f"half of them within {_quantile(median)}" if median.seconds is not None else "half not reached"
    return f"{name}: {last.incidence:.0%} of {group.requests:,} requests approved after {span(last.seconds)}, {half}."


def _brand(brand: str) -> str:
    return visible(brand) or NO_BRAND


def _quantile(one: Quantile) -> str:
    return "not reached" if one.seconds is None else span(one.seconds)


def _limits(one: Quantile) -> str:
    """The confidence limits in words, empty where there are none."""
    if one.seconds is None or (one.low is None and one.high is None):
        return ""
    if one.high is None:
        return f"{span(one.low or 0.0)} or more"
    return span_between(one.low or 0.0, one.high)
