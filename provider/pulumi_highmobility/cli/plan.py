"""`pulumi-highmobility plan`: what `pulumi up` does to clearances, before it does it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from ..api.shapes import RegisteredVehicle
from ..clearance.registered import by_vin
from ..errors import ConfigError, StateUnreadable
from ..plan.compare import Facts, make_plan, wrong_server
from ..plan.document import document
from ..plan.gates import FAIL_ON, Gates, tripped
from ..plan.lines import DANGEROUS, by_brand, place, since, why
from ..plan.markdown import markdown
from ..plan.preview import Preview, PreviewUnreadable, read_preview
from ..plan.stock import resources_of, stock_of
from ..plan.values import Plan, Row, What, closing
from ..plan.waiting import changelogs_of, to_approval_s
from ..settings import Settings, load_settings, max_revocations, retry_interval, where_found
from ..text import visible
from .connection import ask, stack_of, with_stack
from .output import print_json, print_rows, say, with_output
from .stack import Stack, StackError

_CREDENTIALS = ("serviceAccountKey", "clientId", "clientSecret", "oauthPrivateKey", "credentialsFile")
_COLORS = {
    "refused": "red",
    "revoked": "red",
    "canceled": "red",
    "re-requested": "red",
    "unknown": "yellow",
    "requested": "green",
    "adopted": "green",
}
# Of what is not dangerous a terminal shows so many vehicles one by one, else their number by brand.
_ONE_BY_ONE = 20
_NARROW = 80
# A longer reason stands below the table.
_IN_THE_TABLE = 40


@click.command()
@with_stack
@click.option(
    "--target", "targets", multiple=True, metavar="URN", help="As for `pulumi up`; can be repeated."
)
@click.option("--refresh", is_flag=True, help="As for `pulumi up`: read the platform first.")
@click.option(
    "--from",
    "source",
    type=click.File(encoding="utf-8"),
    help="Read what `pulumi preview --json --show-sames` printed, instead of running a preview; - is standard input.",
)
@click.option("--markdown", "as_markdown", is_flag=True, help="Markdown, for a comment on a pull request.")
@click.option(
    "--max-revocations",
    type=click.IntRange(0),
    help="Exit with 1 if more clearances than this may end, including those that are requested again.",
)
@click.option(
    "--max-requests", type=click.IntRange(0), help="Exit with 1 if more clearances than this are requested."
)
@click.option(
    "--fail-on",
    metavar="NAMES",
    help=f"Exit with 1 on any of these, separated by commas: {', '.join(FAIL_ON)}.",
)
@click.option("--detailed-exit-code", is_flag=True, help="Exit with 3 if there is anything to do.")
@with_output
def plan(
    stack: str | None,
    cwd: Path | None,
    targets: Sequence[str],
    refresh: bool,
    source: Any,
    as_markdown: bool,
    max_revocations: int | None,
    max_requests: int | None,
    fail_on: str | None,
    detailed_exit_code: bool,
    as_json: bool,
    no_color: bool,
) -> None:
    """
    Show what `pulumi up` will do to clearances.

    \b
    pulumi-highmobility plan --stack production
    pulumi-highmobility plan --stack production --markdown --max-revocations 10

    Says which are revoked, which are requested, and which vehicles only move; nothing is changed. It runs
    `pulumi preview`, or reads one with --from, and compares it by VIN with the stack's state. With credentials it
    also asks the platform, by one request, which vehicles are registered already.
    """
    given = stack_of(stack, cwd)
    _refuse_what_does_not_go_together(given, source, refresh, as_json and as_markdown)
    gates = Gates(max_revocations, max_requests, _fail_on(fail_on))
    found = _plan(given, source, targets, refresh=refresh)
    guilty = tripped(found, gates)
    _show(found, guilty, as_json=as_json, as_markdown=as_markdown, no_color=no_color)
    for sentence in guilty:
        say(sentence)
    if guilty:
        raise SystemExit(1)
    if detailed_exit_code and found.has_changes:
        raise SystemExit(3)


def _plan(given: Stack | None, source: Any, targets: Sequence[str], *, refresh: bool) -> Plan:
    """Raises: click.ClickException."""
    try:
        preview = read_preview(_text(given, source, targets, refresh))
        _refuse_another_stack(preview, given)
        return _compare(preview, given, has_targets=bool(targets))
    except PreviewUnreadable as error:
        raise click.ClickException(f"The preview cannot be read: {visible(str(error))}.") from error
    except (ConfigError, StackError, StateUnreadable) as error:
        raise click.ClickException(visible(str(error), 4000)) from error


def _text(given: Stack | None, source: Any, targets: Sequence[str], refresh: bool) -> str:
    if source is None:
        assert given is not None  # noqa: S101 - one of the two is there
        return given.preview(targets=targets, refresh=refresh)
    try:
        return str(source.read())
    except (OSError, UnicodeDecodeError) as error:
        raise PreviewUnreadable(f"{source.name}: {error}") from error


def _compare(preview: Preview, given: Stack | None, *, has_targets: bool) -> Plan:
    now = datetime.now(timezone.utc)
    if given is None:
        facts = Facts(now, has_targets=has_targets)
        return _with_waiting(make_plan(preview, facts), changelogs_of(_old(preview)), now)
    config, state = given.config(), given.resources()
    facts = Facts(
        now,
        state,
        has_targets=has_targets,
        max_revocations=max_revocations(config, os.environ),
        retry_interval=retry_interval(config, os.environ),
        settings=_settings(config),
    )
    if facts.settings is not None and not preview.troubles:
        facts = replace(facts, registered=_registered(preview, facts))
    known = state if facts.registered is None else ()
    vehicles = changelogs_of(known) if facts.registered is None else list(facts.registered.values())
    return _with_waiting(make_plan(preview, facts), vehicles, now)


def _registered(preview: Preview, facts: Facts) -> dict[str, RegisteredVehicle] | None:
    """What the platform has, from one list; None where it is another than the state's, which then is not asked."""
    if (
        facts.settings is None
        or wrong_server(stock_of(resources_of(preview, facts.state)), facts) is not None
    ):
        return None
    return by_vin(ask(facts.settings, lambda api: api.list_vehicles()))


def _settings(config: Mapping[str, Any]) -> Settings | None:
    """None without any credentials; what is wrong with those that are there is an error. Raises: ConfigError."""
    found = {name.partition(":")[2] for name, _, _ in where_found(config, os.environ)}
    return load_settings(config, os.environ) if found & set(_CREDENTIALS) else None


def _with_waiting(found: Plan, vehicles: Sequence[RegisteredVehicle], now: datetime) -> Plan:
    brands = {row.brand for row in found.of(What.RE_REQUESTED)}
    return replace(found, to_approval_s=to_approval_s(vehicles, brands, now)) if brands else found


def _old(preview: Preview) -> list[Mapping[str, Any]]:
    return [step.old for step in preview.steps if step.old]


def _refuse_another_stack(preview: Preview, given: Stack | None) -> None:
    """Raises: StackError."""
    if given is not None and preview.stack not in ("", given.name.rpartition("/")[2]):
        raise StackError(
            f'The preview is of the stack "{visible(preview.stack)}", but --stack names "{visible(given.name)}": give a preview of the same stack'
        )


def _refuse_what_does_not_go_together(
    given: Stack | None, source: object, refresh: bool, two_forms: bool
) -> None:
    """Raises: click.UsageError."""
    if given is None and source is None:
        raise click.UsageError("Give --stack NAME, or --from FILE with a preview.")
    if source is not None and refresh:
        raise click.UsageError(
            "--refresh applies to a preview that this command runs, not to one that is read with --from."
        )
    if two_forms:
        raise click.UsageError("--json and --markdown are two forms: choose one.")


def _fail_on(text: str | None) -> frozenset[str]:
    """Raises: click.UsageError."""
    names = frozenset(name.strip() for name in (text or "").split(",") if name.strip())
    unknown = sorted(names - FAIL_ON.keys())
    if unknown:
        raise click.UsageError(
            f"--fail-on does not know {', '.join(unknown)}: it takes {', '.join(FAIL_ON)}."
        )
    return names


def _show(found: Plan, guilty: Sequence[str], *, as_json: bool, as_markdown: bool, no_color: bool) -> None:
    if as_json:
        print_json(document(found, guilty))
    elif as_markdown:
        click.echo(markdown(found, guilty), nl=False)
    elif sys.stdout.isatty():
        _show_table(found, no_color=no_color)
        click.echo(closing(found))
    else:
        head = ["what", "VIN", "brand", "status", "since", "from", "to", "why"]
        print_rows(head, [_cells(row, found) for row in found.rows], no_color=no_color)
        say(closing(found))


def _cells(row: Row, found: Plan) -> list[str]:
    return [row.what.value, row.vin, row.brand, row.status, row.since, row.urn, row.to, why(row, found)]


def _show_table(found: Plan, *, no_color: bool) -> None:
    """What a person sees: the VINs of what is dangerous, numbers by brand of what is not where they are many."""
    rows: list[list[str]] = []
    below: list[str] = []
    for kind in What:
        of_kind = found.of(kind)
        if len(of_kind) > _ONE_BY_ONE and kind not in DANGEROUS:
            rows.append([f"{len(of_kind):,} vehicles", kind.value, by_brand(of_kind), "", "", ""])
            continue
        for row in of_kind:
            # That it may be adopted the closing line says for all.
            reason = "" if row.maybe_adopted else why(row, found)
            if len(reason) > _IN_THE_TABLE:
                below.append(": ".join(filter(None, (row.what.value, row.vin or place(row), reason))))
                reason = ""
            if row.vin or reason:
                rows.append([row.vin or "-", row.what.value, row.brand, since(row), place(row), reason])
    if rows:
        head = ["VIN", "plan", "brand", "status", "resource", ""]
        if shutil.get_terminal_size().columns < _NARROW:
            # On a phone: what happens to which vehicle, and where it is.
            head, rows = [head[0], head[1], head[4]], [[row[0], row[1], row[4] or row[5]] for row in rows]
        print_rows(head, rows, colors=_COLORS, no_color=no_color)
    for text in dict.fromkeys(below):
        click.echo(visible(text, 4000))
