"""How every resource of ours is registered: with as little as the engine needs, since it writes the whole state at each step."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import Resource, ResourceProvider

from ..dynamic.sdk import construct, leave_to_the_registration
from ..settings import wants_whole_stack_traces
from .mistakes import shown_in_words
from .program import stack_config

# By project and stack: with the Automation API one process may run the programs of several.
_whole: dict[str, bool] = {}


def register(
    resource: Resource,
    provider: ResourceProvider,
    name: str,
    properties: Mapping[str, Any],
    opts: pulumi.ResourceOptions | None,
) -> None:
    """In place of the constructor of Pulumi's dynamic resource, as the last thing in ours. Raises: ConfigError."""
    construct(resource, provider, name, properties, opts, has_whole_trace=_wants_whole_traces())
    leave_to_the_registration(resource)


@shown_in_words
def _wants_whole_traces() -> bool:
    stack = f"{pulumi.get_project()}/{pulumi.get_stack()}"
    if stack not in _whole:
        _whole[stack] = wants_whole_stack_traces(stack_config(), os.environ)
    return _whole[stack]
