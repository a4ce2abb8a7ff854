"""How every resource of ours is registered: with as little as the engine needs, since it writes the whole state at each step."""

from __future__ import annotations

import contextlib
import os
import sys

import pulumi
from pulumi.dynamic import Resource

from ..dynamic.sdk import leave_to_the_registration, short_stack_trace
from ..settings import wants_whole_stack_traces
from .mistakes import shown_in_words
from .program import stack_config

# By project and stack: with the Automation API one process may run the programs of several.
_whole: dict[str, bool] = {}


class registered:  # noqa: N801 - read as a word: `with registered(self):`
    """Around the constructor of Pulumi's dynamic resource, within ours. Raises: ConfigError."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource
        self._trace = contextlib.ExitStack()

    def __enter__(self) -> None:
        if not _wants_whole_traces():
            self._trace.enter_context(short_stack_trace(sys._getframe(1)))

    def __exit__(self, kind: object, *_: object) -> None:
        self._trace.close()
        if kind is None:
            leave_to_the_registration(self._resource)


@shown_in_words
def _wants_whole_traces() -> bool:
    stack = f"{pulumi.get_project()}/{pulumi.get_stack()}"
    if stack not in _whole:
        _whole[stack] = wants_whole_stack_traces(stack_config(), os.environ)
    return _whole[stack]
