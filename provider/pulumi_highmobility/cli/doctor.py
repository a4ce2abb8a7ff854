"""`pulumi-highmobility doctor`: whether everything is set up right, and what to do where it is not."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path

import click

from ..text import visible
from .checks import Check, checks_of
from .connection import stack_of, with_stack
from .output import print_json, with_output

_MARKS = {
    "ok": ("ok", "green"),
    "warning": ("warn", "yellow"),
    "failure": ("FAIL", "red"),
    "skipped": ("skip", "blue"),
}


@click.command()
@with_stack
@with_output
def doctor(stack: str | None, cwd: Path | None, as_json: bool, no_color: bool) -> None:
    """
    Check the versions, the settings, the platform and the stack.

    \b
    pulumi-highmobility doctor
    pulumi-highmobility doctor --stack production --cwd infra

    No secret is shown, and nothing is changed. Exit status 1: something has to be fixed.
    """
    color = sys.stdout.isatty() and not no_color and not os.environ.get("NO_COLOR")
    found: list[Check] = []
    for check in checks_of(stack_of(stack, cwd), os.environ):
        found.append(check)
        if not as_json:
            _print(check, color=color)
    if as_json:
        print_json({"checks": [asdict(check) for check in found]})
    if any(check.outcome == "failure" for check in found):
        raise SystemExit(1)


def _print(check: Check, *, color: bool) -> None:
    mark, style = _MARKS[check.outcome]
    if not sys.stdout.isatty():
        click.echo("\t".join(map(_shown, (check.outcome, check.name, check.found, check.advice))))
        return
    click.echo(
        f"{click.style(f'{mark:4}', fg=style) if color else f'{mark:4}'}  {_shown(check.name)}: {_shown(check.found)}"
    )
    if check.advice:
        click.echo(f"      {_shown(check.advice)}")


def _shown(text: str) -> str:
    return visible(text, 2000)
