"""Options of the command lines: an empty one is refused."""

from __future__ import annotations

from collections.abc import Sequence

import click


def refuse_empty(args: Sequence[str]) -> None:
    """
    An empty option is a variable of the shell that is not set, and never "the default" or "all".

    An empty `--stack` would run the stack that happens to be selected, an empty `--host` listen everywhere.
    Raises: click.UsageError.
    """
    for place, text in enumerate(args):
        option, equals, value = text.partition("=") if text.startswith("--") else (text, "", "")
        if equals and not value.strip():
            empty = option
        elif not text.strip():
            empty = args[place - 1] if place and args[place - 1].startswith("-") else "An argument"
        else:
            continue
        raise click.UsageError(
            f"{empty} is empty. Is a variable of the shell not set? Give it a value, or leave the option out."
        )


class StrictCommand(click.Command):
    """A command that refuses empty options by itself, for those that run without the group of all commands."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Raises: click.UsageError."""
        refuse_empty(args)
        return super().parse_args(ctx, args)
