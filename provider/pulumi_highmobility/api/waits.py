"""Telling the person who waits why a call does not go out yet."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

# Shorter waits are not worth a word.
SAY_FROM_S = 3.0

listener: ContextVar[Callable[[str], None] | None] = ContextVar("listener", default=None)
"""Who is told of a wait: set within an operation, and inherited by the tasks that it starts."""


def say_wait(why: str, seconds: float) -> None:
    """Tell of a wait of this many seconds that begins now."""
    told = listener.get()
    if told is not None and seconds >= SAY_FROM_S:
        told(f"waiting {seconds:,.0f} s: {why}")
