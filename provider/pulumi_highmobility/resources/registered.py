"""How every resource of ours is registered: with as little as the engine needs, since it writes the whole state at each step."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from ..dynamic.provider import HighMobilityProvider
from ..dynamic.sdk import construct, leave_to_the_registration
from ..settings import wants_whole_stack_traces
from .doors import as_from_plugin, chosen_door, register_native
from .mistakes import shown_in_words
from .program import stack_config

# By project and stack: with the Automation API one process may run the programs of several.
_whole: dict[str, bool] = {}


def register(
    resource: Resource,
    provider: HighMobilityProvider,
    name: str,
    properties: Mapping[str, Any],
    opts: pulumi.ResourceOptions | None,
) -> None:
    """In place of the constructor of Pulumi's dynamic resource, as the last thing in ours. Raises: ConfigError."""
    door, has_whole_trace = chosen_door(), _wants_whole_traces()
    if door:
        register_native(resource, provider.kind, name, properties, opts, has_whole_trace=has_whole_trace)
    else:
        # An alias stands in the state of each resource: only where the config says that the stack comes from the plugin.
        taken = opts if door is None else as_from_plugin(opts, provider.kind)
        construct(resource, provider, name, properties, taken, has_whole_trace=has_whole_trace)
    leave_to_the_registration(resource)


@shown_in_words
def _wants_whole_traces() -> bool:
    stack = f"{pulumi.get_project()}/{pulumi.get_stack()}"
    if stack not in _whole:
        _whole[stack] = wants_whole_stack_traces(stack_config(), os.environ)
    return _whole[stack]
