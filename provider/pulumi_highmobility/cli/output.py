"""What a command prints: a table on a terminal, tab-separated lines in a pipe, JSON where it is wanted."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, TypeVar

import click

from ..text import visible

F = TypeVar("F", bound=Callable[..., Any])


def with_output(command: F) -> F:
    """The options --json and --no-color."""
    command = click.option(
        "--no-color", is_flag=True, help="No colour; so does NO_COLOR in the environment."
    )(command)
    return click.option(
        "--json", "as_json", is_flag=True, help="JSON on standard output, all else on standard error."
    )(command)


def say(message: str) -> None:
    """A message for people, on standard error."""
    click.echo(message, err=True)


def print_json(value: Any) -> None:
    """One document."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def print_rows(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    colors: dict[str, str] | None = None,
    no_color: bool = False,
) -> None:
    """
    Rows under a head; the first column is never cut.

    A pipe gets all of them, without head, colour or padding, with tabs; a terminal no column that is empty throughout.
    `colors` are styles by the text of a cell.
    """
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(visible(cell) for cell in row))
        return
    # Imported for a terminal alone: it costs more than all the rest.
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    plain = no_color or bool(os.environ.get("NO_COLOR"))
    console = Console(color_system=None if plain else "auto", highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    shown = [place for place in range(len(head)) if place == 0 or any(row[place] for row in rows)]
    for place in shown:
        first = place == 0
        width = max((len(row[0]) for row in rows), default=0) if first else None
        table.add_column(head[place], no_wrap=first, min_width=width, overflow="fold")
    for row in rows:
        # Text, not markup: a carmaker's "[red]" is shown as it is.
        table.add_row(
            *(Text(visible(row[place]), style=(colors or {}).get(row[place], "")) for place in shown)
        )
    console.print(table)


def write_file(path: Path, content: str, *, force: bool) -> None:
    """
    Write a file whole or not at all.

    Raises: click.ClickException where it exists and `force` is False, or cannot be written.
    """
    try:
        # In the same folder, so that the move is atomic.
        with NamedTemporaryFile("wb", dir=path.parent, prefix=f".{path.name}.", delete=False) as draft:
            draft.write(content.encode())
        try:
            # NamedTemporaryFile lets nobody else read; the file gets what a new one would have.
            mask = os.umask(0)
            os.umask(mask)
            Path(draft.name).chmod(0o666 & ~mask)
            if force:
                Path(draft.name).replace(path)
            else:
                # Unlike a rename, a link refuses a file that came into being in the meantime.
                os.link(draft.name, path)
        finally:
            Path(draft.name).unlink(missing_ok=True)
    except FileExistsError as error:
        raise click.ClickException(
            f"{path} exists: choose another name, or --force to replace it."
        ) from error
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror or error}.") from error
