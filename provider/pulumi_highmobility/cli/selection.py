"""The options that choose vehicles, the same for every command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from ..clearance.states import Status
from ..text import composed_tags, recovered
from ..vehicle.brands import wire_name
from ..vehicle.vin import InvalidVin, parse_vin
from .comparison import Filter

F = TypeVar("F", bound=Callable[..., Any])
STATUSES = [status.value for status in Status]


def with_selection(command: F) -> F:
    """The options --brand, --status, --tag and --vin; each can be repeated."""
    command = click.option("--vin", "vins", multiple=True, metavar="VIN", help="Only this vehicle.")(command)
    command = click.option(
        "--tag", "tags", multiple=True, metavar="NAME=TEXT", help="Only vehicles with this tag."
    )(command)
    command = click.option(
        "--status", "statuses", multiple=True, type=click.Choice(STATUSES), help="Only this status."
    )(command)
    return click.option("--brand", "brands", multiple=True, metavar="BRAND", help="Only this brand.")(command)


def filter_of(
    *, brands: Sequence[str], statuses: Sequence[str], tags: Sequence[str], vins: Sequence[str]
) -> Filter:
    """What the options choose. Raises: click.UsageError."""
    wanted: dict[str, str] = {}
    for given in tags:
        name, equals, text = given.partition("=")
        if not equals or not name:
            raise click.UsageError(f"--tag {given}: write NAME=TEXT.")
        wanted[name] = text
    try:
        return Filter(
            brands=frozenset(wire_name(brand) or brand for brand in map(recovered, brands)),
            statuses=frozenset(statuses),
            vins=frozenset(map(parse_vin, vins)),
            tags=composed_tags({recovered(name): recovered(text) for name, text in wanted.items()}),
        )
    except InvalidVin as error:
        raise click.UsageError(f"--vin: {error}") from error
