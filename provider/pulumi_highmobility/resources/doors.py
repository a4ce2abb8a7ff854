"""Which provider serves a Python program's resources: Python's dynamic one, or the native plugin, by `highmobility:plugin`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

import pulumi

from ..dynamic.sdk import construct_native
from ..run.urns import DYNAMIC, NATIVE
from ..settings import wants_plugin
from ..spelling import camel, vehicle_of
from .mistakes import shown_in_words
from .program import stack_config

# Their keys are the user's.
_MAPS = ("tags", "keepers")

# By project and stack: with the Automation API one process may run the programs of several.
_chosen: dict[str, bool | None] = {}


@shown_in_words
def chosen_door() -> bool | None:
    """True: the plugin. False: the dynamic provider, as the config says. None: the same, as it says nothing. Raises: ConfigError."""
    stack = f"{pulumi.get_project()}/{pulumi.get_stack()}"
    if stack not in _chosen:
        _chosen[stack] = wants_plugin(stack_config(), os.environ)
    return _chosen[stack]


def as_from_plugin(opts: pulumi.ResourceOptions | None, kind: str) -> pulumi.ResourceOptions | None:
    """The options of a dynamic resource that the state may have as the plugin's: it is taken over."""
    return _with_alias(opts, NATIVE + kind)


def register_native(
    resource: pulumi.CustomResource,
    kind: str,
    name: str,
    properties: Mapping[str, Any],
    opts: pulumi.ResourceOptions | None,
    *,
    has_whole_trace: bool,
) -> None:
    """Register a resource of ours as one of the plugin's; its attributes keep their names."""
    found = _with_alias(opts, DYNAMIC + kind)
    # Of several plugins that are installed, the one of this package.
    found.version = found.version or _own_version()
    found.ignore_changes = _paths(found.ignore_changes)
    found.replace_on_changes = _paths(found.replace_on_changes)
    found.additional_secret_outputs = _paths(found.additional_secret_outputs)
    construct_native(
        resource, NATIVE + kind, name, _respelled(kind, properties), found, has_whole_trace=has_whole_trace
    )
    for own in properties:
        there = vars(resource).get(camel(own))
        if there is not None:
            vars(resource)[own] = there
    if kind in ("VehicleAccessToken", "VehicleApproval") and "vehicle" in vars(resource):
        vehicle = vars(resource)["vehicle"]
        # Registered as one property: it is known as soon as the resource is.
        vars(resource)["request_id"] = vehicle.apply(lambda known: (known or {}).get("requestId"))


@cache
def _own_version() -> str:
    return version("pulumi-highmobility")


def _respelled(kind: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    found = {camel(name): value for name, value in properties.items()}
    if kind in ("VehicleAccessToken", "VehicleApproval") and properties.get("request_id") is not None:
        found["vehicle"] = vehicle_of(properties)
        found = {name: value for name, value in found.items() if name not in ("vehicleStatus", "requestId")}
        # An output, which the plugin gives.
        found["vin"] = None
    return found


def _with_alias(opts: pulumi.ResourceOptions | None, kind: str) -> pulumi.ResourceOptions:
    alias = pulumi.ResourceOptions(aliases=[pulumi.Alias(type_=kind)])
    return pulumi.ResourceOptions.merge(opts, alias)


def _paths(paths: Sequence[str] | None) -> list[str] | None:
    return None if paths is None else [path if path.startswith(_MAPS) else camel(path) for path in paths]
