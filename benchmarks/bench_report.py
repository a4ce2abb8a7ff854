"""Medians and ratios of measured lives, as rows, a table, JSON and a plot."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any

from bench_lives import FLEET_OPERATIONS, OPERATIONS, Measured
from rich.table import Table

Life = dict[str, Measured]
Row = dict[str, Any]

_STYLES = {
    "nothing": ("a provider that does nothing", "#888888", "o"),
    "naive": ("a naive provider", "#c03030", "s"),
    "ours": ("FleetVehicle", "#1060c0", "^"),
    "Fleet": ("Fleet", "#108040", "D"),
    "plugin": ("FleetVehicle of the plugin", "#8040c0", "v"),
    "YAML": ("FleetVehicle in YAML", "#c08000", "<"),
    "Fleet of the plugin": ("Fleet of the plugin", "#40a0a0", "d"),
}


def rows_of(latency: str, size: int, lives: dict[str, list[Life]]) -> list[Row]:
    """
    A row for each operation and provider: medians of its lives, beside the provider that does nothing.

    Where a life was ended early, `seconds` is extrapolated from the vehicles that were through, whose share is in `done`.
    """
    rows: list[Row] = [
        {
            "latency": latency,
            "vehicles": size,
            "operation": operation,
            "provider": provider,
            "runs": 1,
            "seconds": round(one.seconds / (one.done or float("nan")), 2),
            "each_s": [round(one.seconds, 2)],
            "done": one.done,
            "requests": one.requests,
            "peak_mib": one.peak_mib,
            "cpu_s": {part: round(seconds, 1) for part, seconds in one.cpu_s.items()},
            "state_bytes": one.state_bytes,
        }
        for provider, measured in lives.items()
        for life in measured
        for operation, one in life.items()
    ]
    order = list(FLEET_OPERATIONS | OPERATIONS)
    return sorted(medians_of([rows]), key=lambda row: order.index(row["operation"]))


def medians_of(runs: Sequence[Sequence[Row]]) -> list[Row]:
    """
    All rows of an operation and provider as one: the median, and its ratio to the one that does nothing. A run may lack a provider.

    Those of a Fleet have `beyond_empty_s`, the seconds on top of the `up` of an empty stack, in place of `ratio`.
    """
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in (row for rows in runs for row in rows):
        found.setdefault(_place(row, row["provider"], row["operation"]), []).append(row)
    seconds = {place: median(row["seconds"] for row in rows) for place, rows in found.items()}
    made = []
    for place, rows in found.items():
        row = {
            **rows[-1],
            "runs": sum(row["runs"] for row in rows),
            "seconds": round(seconds[place], 2),
            "each_s": [each for row in rows for each in row["each_s"]],
        }
        if row["provider"].startswith("Fleet"):
            row["beyond_empty_s"] = round(seconds[place] - seconds[_place(row, row["provider"], "empty")], 2)
        else:
            row["ratio"] = round(seconds[place] / seconds[_place(row, "nothing", row["operation"])], 3)
        made.append(row)
    return made


def _place(row: Row, provider: str, operation: str) -> tuple[Any, ...]:
    return row["latency"], row["vehicles"], operation, provider


def table_of(rows: Sequence[Row]) -> Table:
    """All rows as one table; an extrapolated time has "about" before it and says from which share."""
    table = Table(
        "latency", "vehicles", "operation", "provider", "median s", "beside", "requests", "peak MiB"
    )
    for row in rows:
        seconds = f"{row['seconds']:.1f}"
        if row["done"] < 1:
            seconds = f"about {seconds}, from {row['done']:.0%}"
        beside = f"{row['ratio']:.2f} ×" if "ratio" in row else f"{row['beyond_empty_s']:+.1f} s"
        table.add_row(
            row["latency"], str(row["vehicles"]), row["operation"], row["provider"], seconds, beside,
            _listed(row["requests"]), _listed(row["peak_mib"]), _listed(row["cpu_s"]),
        )  # fmt: skip
    return table


BEGIN, END = "<!-- begin of the figures -->", "<!-- end of the figures -->"


LINE_BEGIN, LINE_END = "<!-- begin of the line -->", "<!-- end of the line -->"


def page_with(page: str, rows: Sequence[Row]) -> str:
    """A page with the table of the largest size, or the one line of it, between the markers that it has."""
    for begin, end, made in ((BEGIN, END, _markdown), (LINE_BEGIN, LINE_END, _line)):
        if begin in page:
            before, _, rest = page.partition(begin)
            page = f"{before}{begin}\n\n{made(rows)}\n{end}{rest.partition(end)[2]}"
    return page


def digest_of(rows: Sequence[Row]) -> str:
    """What tells a plot of these figures from one of others."""
    return sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()


def _largest(rows: Sequence[Row]) -> tuple[int, dict[tuple[str, str], Row]]:
    """The largest number of vehicles, and its rows by operation and provider, of the first latency."""
    size = max(row["vehicles"] for row in rows if row["provider"] == "ours")
    return size, {
        (row["operation"], row["provider"]): row
        for row in rows
        if row["vehicles"] == size and row["latency"] == rows[0]["latency"]
    }


def _line(rows: Sequence[Row]) -> str:
    """What a user wants to know, of the largest size: three ways to have as many vehicles."""
    size, found = _largest(rows)
    names = {"naive": "a naive provider", "ours": "`FleetVehicle`", "Fleet": "`Fleet`"}
    lines = [
        f"| {size:,} vehicles | " + " | ".join(names.values()) + " |",
        "| --- | --- | --- | --- |",
    ]
    for operation, shown in (
        ("create", "first `up`"),
        ("no-op up", "`up` without changes"),
        ("refresh", "`refresh`"),
    ):
        cells = []
        for name in names:
            row = found[operation, name]
            requests = sum(row["requests"].values())
            # A life that was ended early says nothing of all of its requests.
            sent = f", {requests:,} requests" if row["done"] == 1 else ""
            cells.append(("about " if row["done"] < 1 else "") + f"{row['seconds']:,.0f} s{sent}")
        lines.append(f"| {shown} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _markdown(rows: Sequence[Row]) -> str:
    size, found = _largest(rows)
    lines = [
        f"| {size:,} vehicles | nothing | `FleetVehicle` | beside nothing | its requests | `Fleet` |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for operation in OPERATIONS:
        ours, fleet = found[operation, "ours"], found.get((operation, "Fleet"))
        seconds = [f"{found[operation, name]['seconds']:.1f} s" for name in ("nothing", "ours")]
        beside = [f"{ours['ratio']:.2f}"]
        last = f"{fleet['seconds']:.1f} s" if fleet else ""
        lines.append(
            "| " + " | ".join([operation, *seconds, *beside, _listed(ours["requests"]), last]) + " |"
        )
    each = [found["create", name]["state_bytes"] / size for name in ("nothing", "ours")]
    held = " | ".join(f"{one:,.0f}" for one in each)
    lines.append(f"| state, bytes a vehicle | {held} | {each[1] / each[0]:.2f} | | |")
    return "\n".join(lines) + "\n"


def _listed(counts: dict[str, Any]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"


def plot(rows: Sequence[Row], file: Path) -> None:
    """Seconds by vehicles, both on logarithmic axes: a column for each operation, a line of them for each latency."""
    # Here, so that measuring works where nothing that draws is installed.
    import matplotlib as mpl  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    # Text stays text, and the same figures give the same file.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "pulumi-highmobility", "font.size": 9})
    latencies = list(dict.fromkeys(row["latency"] for row in rows))
    figure = Figure(figsize=(3 * len(OPERATIONS), 3.2 * len(latencies) + 0.4), layout="constrained")
    grid = figure.subplots(len(latencies), len(OPERATIONS), sharex=True, sharey=True, squeeze=False)
    for latency, line_of_plots in zip(latencies, grid, strict=True):
        for operation, axes in zip(OPERATIONS, line_of_plots, strict=True):
            for provider, (label, colour, marker) in _STYLES.items():
                points = sorted(
                    (row["vehicles"], row["seconds"], row["done"] == 1)
                    for row in rows
                    if (row["latency"], row["operation"], row["provider"]) == (latency, operation, provider)
                )
                if not points:
                    continue
                sizes, seconds, _ = zip(*points, strict=True)
                axes.plot(sizes, seconds, color=colour, label=label)
                for vehicles, at, whole in points:
                    axes.plot(vehicles, at, marker, color=colour, fillstyle="full" if whole else "none")
            axes.set(xscale="log", yscale="log", title=operation)
            axes.grid(visible=True, which="major", linewidth=0.4)
        line_of_plots[0].set_ylabel("seconds" if latency == "0ms" else f"seconds, {latency} of latency")
    for axes in grid[-1]:
        axes.set_xlabel("vehicles")
    handles = {
        label: handle
        for axes in grid.flat
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        handles.values(), handles.keys(), loc="outside lower center", ncols=len(handles), frameon=False
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, format="svg", metadata={"Date": None, "Description": digest_of(rows)})
