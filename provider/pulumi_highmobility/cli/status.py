"""`pulumi-highmobility status`: the fleet as the platform has it, beside a stack's state."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import click

from ..fleet.plan import named
from ..settings import Settings
from .comparison import DRIFT, MISSING, UNMANAGED, Filter, Line, counts_of, failing, lines_of
from .connection import ask, settings_of, stack_of, state_of, with_stack
from .output import print_json, print_rows, say, with_output
from .selection import STATUSES, filter_of, with_selection
from .stack import Stack
from .token_status import FINDINGS as TOKEN_FINDINGS
from .token_status import failing_tokens, show_tokens, token_lines

_FINDINGS = (UNMANAGED, MISSING, DRIFT)
_COLORS = {
    "approved": "green",
    "pending": "yellow",
    "rejected": "red",
    "revoked": "red",
    UNMANAGED: "yellow",
    MISSING: "red",
    DRIFT: "yellow",
}
# Of each finding the summary names so many vehicles.
_NAMED = 10


class _Number(click.FloatRange):
    """A number within bounds; "nan" is within none, though it is below and above nothing."""

    def __init__(self, least: float, most: float, unit: str) -> None:
        super().__init__(least, most)
        self._unit = unit

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value!r} is not a number of {self._unit}", param, ctx)
        return number


@click.command()
@with_selection
@with_stack
@click.option(
    "--fail-on",
    metavar="NAMES",
    help=f"Exit with 1 if a vehicle is one of these, separated by commas: {', '.join(STATUSES)}; with --stack also "
    f"{', '.join(_FINDINGS)}; with --tokens {', '.join(TOKEN_FINDINGS)}.",
)
@click.option(
    "--tokens",
    is_flag=True,
    help="Show the access tokens in the state of --stack that need attention instead; no token itself is shown.",
)
@click.option(
    "--within",
    type=_Number(0, 24 * 366, "hours"),
    default=24,
    show_default=True,
    metavar="HOURS",
    help="With --tokens: a token that expires within this time counts as expiring.",
)
@click.option("--watch", is_flag=True, help="Repeat until Ctrl-C.")
@click.option(
    "--interval",
    type=_Number(10, 3600, "seconds"),
    default=30,
    show_default=True,
    help="Seconds between two reads with --watch; each read is one request.",
)
@with_output
def status(
    stack: str | None,
    cwd: Path | None,
    fail_on: str | None,
    tokens: bool,
    within: float,
    watch: bool,
    interval: float,
    as_json: bool,
    no_color: bool,
    **chosen: Sequence[str],
) -> None:
    """
    Show the vehicles that are registered, with their clearance.

    \b
    pulumi-highmobility status --status rejected
    pulumi-highmobility status --stack production --fail-on rejected,missing,drift
    pulumi-highmobility status --stack production --tokens --within 48 --fail-on expiring

    With --stack each vehicle is compared with the stack's state: "unmanaged" is registered, but not in the state;
    "missing" is in the state, but not registered, or its clearance has ended; "drift" differs in status, brand or tags.
    """
    given = stack_of(stack, cwd)
    if tokens:
        _status_of_tokens(given, fail_on, within, chosen, watch=watch, as_json=as_json, no_color=no_color)
        return
    wanted = _fail_on(fail_on, compares=given is not None)
    selection = filter_of(**chosen)
    settings = settings_of(given)
    with suppress(KeyboardInterrupt):
        while True:
            lines = _look(settings, given, selection)
            _show(lines, settings, as_json=as_json, no_color=no_color, compares=given is not None)
            if not watch:
                break
            time.sleep(interval)
    _end_with(failing(lines, wanted))


def _end_with(guilty: Mapping[str, Sequence[str]]) -> None:
    for name, vins in guilty.items():
        say(f"{name}: {len(vins):,} ({named(vins, _NAMED)})")
    if guilty:
        raise SystemExit(1)


def _status_of_tokens(
    stack: Stack | None,
    fail_on: str | None,
    within: float,
    chosen: Mapping[str, Sequence[str]],
    *,
    watch: bool,
    as_json: bool,
    no_color: bool,
) -> None:
    """Raises: click.UsageError, click.ClickException, SystemExit."""
    state = state_of(stack)
    if stack is None or state is None:
        raise click.UsageError("--tokens needs --stack: the platform lists no tokens, a stack's state does.")
    if watch:
        raise click.UsageError(
            "--tokens cannot be combined with --watch: a state changes only with a run of Pulumi."
        )
    if others := sorted(name for name, values in chosen.items() if values and name != "vins"):
        raise click.UsageError(f"--tokens can be filtered only by --vin, not by {', '.join(others)}.")
    wanted = _names(fail_on, TOKEN_FINDINGS)
    vins = filter_of(**{**dict.fromkeys(chosen, ()), "vins": chosen["vins"]}).vins
    lines = token_lines(state.tokens, datetime.now(timezone.utc), timedelta(hours=within), vins)
    show_tokens(lines, stack=stack.name, as_json=as_json, no_color=no_color)
    _end_with(failing_tokens(lines, wanted))


def _look(settings: Settings, stack: Stack | None, selection: Filter) -> list[Line]:
    state = state_of(stack)
    registered = ask(settings, lambda api: api.list_vehicles())
    lines = lines_of(registered, None if state is None else state.vehicles)
    return [line for line in lines if selection.takes(line)]


def _show(
    lines: Sequence[Line], settings: Settings, *, as_json: bool, no_color: bool, compares: bool
) -> None:
    counts = counts_of(lines)
    if as_json:
        found: dict[str, Any] = {"server": settings.base_url, "counts": counts}
        print_json(found | {"vehicles": [line.to_json() for line in lines]})
        return
    head = ["VIN", "brand", "status", "since", "reason", *(["stack", "differs"] if compares else [])]
    rows = [
        [line.vin, line.brand, line.status, _since(line.since), line.reason]
        + ([line.finding or ("" if line.in_stack is None else "same"), line.differs] if compares else [])
        for line in lines
    ]
    print_rows(head, rows, colors=_COLORS, no_color=no_color)
    told = ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "no vehicles"
    say(f"{settings.base_url}: {told}")


def _since(instant: str) -> str:
    """In full for programs; a person wants the minute."""
    return instant if not sys.stdout.isatty() else instant[:16].replace("T", " ")


def _fail_on(text: str | None, *, compares: bool) -> frozenset[str]:
    """Raises: click.UsageError."""
    names = _names(text, (*STATUSES, *_FINDINGS))
    if not compares and names & set(_FINDINGS):
        raise click.UsageError(f"--fail-on {', '.join(sorted(names & set(_FINDINGS)))} needs --stack.")
    return names


def _names(text: str | None, known: Sequence[str]) -> frozenset[str]:
    """What --fail-on names. Raises: click.UsageError."""
    names = frozenset(name.strip() for name in (text or "").split(",") if name.strip())
    unknown = sorted(names - set(known))
    if unknown:
        raise click.UsageError(f"--fail-on does not know {', '.join(unknown)}: it takes {', '.join(known)}.")
    return names
