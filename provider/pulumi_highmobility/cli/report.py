"""`pulumi-highmobility report`: how long clearance takes, by brand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..clock import RealClock, parse_instant
from ..settings import Settings
from .connection import ask, settings_of, stack_of, with_stack
from .output import say, write_file

if TYPE_CHECKING:
    from ..api.shapes import RegisteredVehicle

_STDOUT = "-"


def instant(_context: click.Context, _option: click.Parameter, value: str | None) -> datetime | None:
    """An ISO 8601 instant, aware, in UTC; without an offset it is in UTC."""
    if value is None:
        return None
    found = parse_instant(value)
    if found is None:
        raise click.BadParameter(f"{value!r} is not a valid time; write 2026-06-01T12:00:00Z")
    return found


@click.command("report")
@click.option(
    "--output",
    metavar="FILE.html",
    type=click.Path(path_type=Path),
    help="Write a page to read in a browser.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--csv", "csv_file", metavar="FILE", help="Write the figures as a table; - prints it.")
@click.option("--brand", "brands", multiple=True, help="Only vehicles of this brand; can be repeated.")
@with_stack
@click.option("--force", is_flag=True, help="Overwrite files that exist.")
@click.option("--now", callback=instant, hidden=True, help="The time of the report, for tests.")
def report(
    output: Path | None,
    as_json: bool,
    csv_file: str | None,
    brands: tuple[str, ...],
    stack: str | None,
    cwd: Path | None,
    force: bool,
    now: datetime | None,
) -> None:
    """
    Report how long clearance takes, by brand.

    The times come from the vehicles' changelogs: quartiles of the time to approval with confidence limits, the
    vehicles that are late for their brand, and rejections by reason. The list of vehicles is one request.

    \b
    Examples:
      pulumi-highmobility report --output clearance.html
      pulumi-highmobility report --json | jq '.brands[] | {brand, late}'
      pulumi-highmobility report --brand ford --csv ford.csv
    """
    _check_wishes(output, as_json=as_json, csv_file=csv_file)
    csv_path = Path(csv_file) if csv_file and csv_file != _STDOUT else None
    # Before anything is requested: nobody wants to wait for a refusal.
    for file in (output, csv_path):
        if file is not None and not force and file.exists():
            raise click.ClickException(f"{file} exists. Give another name, or --force to overwrite it.")
    if output is not None:
        _require_page()
    vehicles = load_vehicles(settings_of(stack_of(stack, cwd)), brands)
    _write(vehicles, now or RealClock().now(), output=output, as_json=as_json, csv_file=csv_file, force=force)


def _check_wishes(output: Path | None, *, as_json: bool, csv_file: str | None) -> None:
    if output is None and not as_json and csv_file is None:
        raise click.UsageError("Say where the report goes: --output FILE.html, --json or --csv FILE.")
    if as_json and csv_file == _STDOUT:
        raise click.UsageError("--json and --csv - would both print: give the CSV a file.")
    if output is not None and csv_file is not None and output == Path(csv_file):
        raise click.UsageError("--output and --csv name the same file.")


def _require_page() -> None:
    try:
        from ..report import html  # noqa: F401, PLC0415 - the figures alone need neither matplotlib nor Jinja2
    except ImportError as error:
        raise click.ClickException(str(error)) from error


def _write(
    vehicles: Sequence[RegisteredVehicle],
    now: datetime,
    *,
    output: Path | None,
    as_json: bool,
    csv_file: str | None,
    force: bool,
) -> None:
    from ..report.documents import csv_text, json_text  # noqa: PLC0415 - `--help` has no use for them
    from ..report.episodes import histories_of  # noqa: PLC0415
    from ..report.summary import summarize  # noqa: PLC0415

    summary = summarize(histories_of(vehicles, now), now)
    late = f", {summary.total.late:,} late" if summary.total.late else ""
    say(f"{summary.total.vehicles:,} vehicles, {len(summary.pending):,} pending{late}.")
    if as_json:
        _print(json_text(summary))
    if csv_file == _STDOUT:
        _print(csv_text(summary))
    elif csv_file is not None:
        _save(Path(csv_file), csv_text(summary), force=force)
    if output is not None:
        from ..report.html import html_page  # noqa: PLC0415 - see _require_page

        say("Drawing the page …")
        _save(output, html_page(summary), force=force)


def _print(text: str) -> None:
    """To stdout as it is, in UTF-8 whatever the locale, with no line end changed."""
    click.echo(text.encode(), nl=False)


def _save(file: Path, text: str, *, force: bool) -> None:
    write_file(file, text, force=force)
    say(f"Wrote {file}")


def load_vehicles(settings: Settings, brands: Sequence[str]) -> list[RegisteredVehicle]:
    """
    The registered vehicles, all or of some brands; one request.

    Raises: click.ClickException.
    API: GET /fleets/vehicles
    """
    from ..vehicle.brands import wire_name  # noqa: PLC0415 - `--help` has no use for it

    wanted = [wire_name(brand) or brand for brand in brands]
    filter_by = {"brand": {"operator": "in", "value": wanted}} if wanted else None
    say(f"Reading the fleet at {settings.base_url} …")
    return ask(settings, lambda api: api.list_vehicles(filter_by))
