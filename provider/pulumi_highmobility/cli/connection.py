"""The provider's own settings and client, for a command: the stack's config first, then the environment."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from ..api.client import FleetApi, open_api
from ..errors import ConfigError, HighMobilityError
from ..settings import Settings, load_settings
from ..text import visible
from .stack import Stack, StackError, StackState

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


def with_stack(command: F) -> F:
    """The options --stack and --cwd."""
    command = click.option(
        "--cwd",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Folder of the stack's program. Default: the current folder.",
    )(command)
    return click.option(
        "--stack",
        metavar="NAME",
        help="Take the settings from this stack's config, then from the environment.",
    )(command)


def stack_of(stack: str | None, cwd: Path | None) -> Stack | None:
    """The stack that was named. Raises: click.UsageError."""
    if stack is None:
        if cwd is not None:
            raise click.UsageError("--cwd needs --stack.")
        return None
    return Stack(stack, cwd)


def settings_of(stack: Stack | None) -> Settings:
    """Raises: click.ClickException."""
    try:
        config: Mapping[str, Any] = stack.config() if stack else {}
        return load_settings(config, os.environ)
    except (ConfigError, StackError) as error:
        raise click.ClickException(visible(str(error), 4000)) from error


def state_of(stack: Stack | None) -> StackState | None:
    """Raises: click.ClickException."""
    try:
        return stack.state() if stack else None
    except StackError as error:
        raise click.ClickException(str(error)) from error


def ask(settings: Settings, work: Callable[[FleetApi], Awaitable[T]]) -> T:
    """Run `work` with a client. Raises: click.ClickException with the platform's words."""

    async def connected() -> T:
        async with open_api(settings, rng=random.Random()) as api:  # noqa: S311 - spreads retries
            return await work(api)

    try:
        return asyncio.run(connected())
    except HighMobilityError as error:
        raise click.ClickException(visible(str(error), 4000)) from error
