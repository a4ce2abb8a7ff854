"""The properties that Pulumi hands over, turned into an operation's values and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi.output import Unknown
from pulumi.runtime import rpc

from ..secret import Secret
from ..spelling import in_snake_case

PROVIDER_KEY = "__provider"


def from_pulumi(properties: Mapping[str, Any]) -> dict[str, Any]:
    """An operation's values: unknown ones marked, secrets without their wrapping, without what is Pulumi's own."""
    # Imported here: a program that only declares resources has no use for the operations.
    from ..operations.values import UNKNOWN  # noqa: PLC0415

    def read(value: Any) -> Any:
        value = rpc.unwrap_rpc_secret(value)
        if isinstance(value, Unknown) or (isinstance(value, str) and value == rpc.UNKNOWN):
            return UNKNOWN
        if isinstance(value, Mapping):
            return {name: read(inner) for name, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [read(inner) for inner in value]
        return value

    return {name: read(value) for name, value in properties.items() if name != PROVIDER_KEY}


def from_state(properties: Mapping[str, Any]) -> dict[str, Any]:
    """As `from_pulumi`, for what stands in the state, which the native plugin may have written."""
    return in_snake_case(from_pulumi(properties))


def to_pulumi(properties: Mapping[str, Any]) -> dict[str, Any]:
    """An operation's values in the SDK's notation; those that are not set are left out."""
    from ..operations.values import UNKNOWN  # noqa: PLC0415 - as above

    def write(value: Any) -> Any:
        if value is UNKNOWN:
            return rpc.UNKNOWN
        if isinstance(value, Secret):
            # The SDK has no call for it in a provider: an Output made secret needs a monitor to ask.
            return {rpc._special_sig_key: rpc._special_secret_sig, "value": value.reveal()}
        if isinstance(value, Mapping):
            return {name: write(inner) for name, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [write(inner) for inner in value]
        return value

    return {name: write(value) for name, value in properties.items() if value is not None}
