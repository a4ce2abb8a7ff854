"""What a command prints: a table on a terminal, tab-separated lines in a pipe, JSON where it is wanted."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, TypeVar

import click

from ..streams import tell
from ..text import recovered, visible

# Of one message, whatever the platform's words in it are.
_MOST = 4000
_NOT_PLAIN = re.compile(r"[^\n\x20-\x7e]")

F = TypeVar("F", bound=Callable[..., Any])


def with_output(command: F) -> F:
    """The options --json and --no-color."""
    command = click.option(
        "--no-color", is_flag=True, help="No colour; NO_COLOR in the environment does the same."
    )(command)
    return click.option(
        "--json", "as_json", is_flag=True, help="JSON on standard output, everything else on standard error."
    )(command)


def say(message: str) -> None:
    """A message for people, on standard error, in one line; the platform's words in it cannot steer the terminal."""
    tell(visible(recovered(message), _MOST))


def print_json(value: Any) -> None:
    """One document."""
    click.echo(json_text(value, indent=2))


def json_text(value: Any, *, indent: int | None = None, for_yaml: bool = False) -> str:
    """
    JSON whose texts are readable, and hold nothing that a terminal obeys: what is not printable is an escape.

    `for_yaml`: beyond U+FFFF an escape is YAML's, which cannot read JSON's pairs of halves.
    """

    def escaped(found: re.Match[str]) -> str:
        character = found[0]
        if character.isprintable():
            return character
        if for_yaml and ord(character) > 0xFFFF:
            return f"\\U{ord(character):08x}"
        return json.dumps(character)[1:-1]

    return _NOT_PLAIN.sub(escaped, json.dumps(value, ensure_ascii=False, indent=indent))


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
    Write a file whole or not at all. One that is replaced keeps its mode; a link is replaced itself, and not followed.

    Raises: click.ClickException where it exists and `force` is False, or cannot be written.
    """
    try:
        # In the same folder, so that the move is atomic.
        with NamedTemporaryFile("wb", dir=path.parent, prefix=f".{path.name}.", delete=False) as draft:
            draft.write(content.encode())
        try:
            Path(draft.name).chmod(_mode_for(path))
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


def _mode_for(path: Path) -> int:
    """That of the file which is replaced, else what a new one has. Raises: OSError."""
    # NamedTemporaryFile lets nobody else read.
    mask = os.umask(0)
    os.umask(mask)
    new = 0o666 & ~mask
    try:
        found = path.lstat().st_mode
    except FileNotFoundError:
        return new
    if stat.S_ISLNK(found):
        # The mode of what it leads to is not ours to take over.
        return new
    if not stat.S_ISREG(found):
        raise OSError(errno.EINVAL, "it is not a regular file")
    return stat.S_IMODE(found) & 0o777
