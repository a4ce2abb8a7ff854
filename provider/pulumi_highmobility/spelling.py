"""
The two spellings of a resource's properties: `request_id` in Python programs and their states, `requestId` at the native plugin.

The rules know the first one alone. Only the names of properties are respelled: the keys of `tags` and `keepers` are the user's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_VEHICLE = {"vin": "vin", "status": "vehicle_status", "requestId": "request_id"}
"""What the plugin's `vehicle` holds, and as which properties the rules know it."""


def snake(name: str) -> str:
    """`requestId` as `request_id`; any other name as it is."""
    return re.sub(r"(?<=[a-z0-9])[A-Z]", lambda letter: f"_{letter.group().lower()}", name)


def camel(name: str) -> str:
    """`request_id` as `requestId`; one that begins with an underscore is Pulumi's own, and stays."""
    return name if name.startswith("_") else re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name)


def in_snake_case(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of a state of either spelling as the rules know them: a `vehicle` as the three that it holds."""
    found: dict[str, Any] = {}
    for name, value in properties.items():
        if name == "vehicle" and isinstance(value, Mapping):
            found |= {_VEHICLE[key]: inner for key, inner in value.items() if key in _VEHICLE}
        elif name == "vehicle":
            # Not known yet, so that nothing in it is.
            found |= dict.fromkeys(_VEHICLE.values(), value)
        else:
            found[snake(name)] = value
    return found


def vehicle_of(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The plugin's `vehicle`, of the three as the rules know them, as far as they are there."""
    return {name: properties[own] for name, own in _VEHICLE.items() if properties.get(own) is not None}


def is_camel_case(properties: Mapping[str, Any]) -> bool:
    """Whether a state was written by the native plugin, as far as its names tell."""
    return any(name != snake(name) for name in properties)


def is_snake_case(properties: Mapping[str, Any]) -> bool:
    """Whether a state was written by a dynamic resource, as far as its names tell."""
    return any(name.startswith("__") or name != camel(name) for name in properties)
