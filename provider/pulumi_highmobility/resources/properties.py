"""Reading and writing the properties that Pulumi hands over: numbers are floats, unknowns have a mark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi.dynamic import CheckFailure
from pulumi.output import Unknown
from pulumi.runtime import rpc

PROVIDER_KEY = "__provider"


def is_unknown(value: object) -> bool:
    """True for an output that is not known at preview, in either of the SDK's notations."""
    return isinstance(value, Unknown) or (isinstance(value, str) and value == rpc.UNKNOWN)


def secret(value: str | None) -> Any:
    """A value on its way into the state as a secret, in the engine's own notation."""
    if value is None:
        return None
    # The SDK of a dynamic provider has no call for it: an Output made secret needs a monitor to ask.
    return {rpc._special_sig_key: rpc._special_secret_sig, "value": value}


def plain(value: Any) -> Any:
    """A value without the secret's wrapping, should the engine hand one over with it."""
    return rpc.unwrap_rpc_secret(value)


def without_none(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The properties that are set."""
    return {name: value for name, value in properties.items() if value is not None}


def check_flag(news: Mapping[str, Any], name: str, failures: list[CheckFailure]) -> bool | None:
    """A boolean input, None where it is not set or unknown; anything else becomes a failure."""
    value = news.get(name)
    if value is None or is_unknown(value):
        return None
    if isinstance(value, bool):
        return value
    failures.append(CheckFailure(name, f"is {value!r}; it takes True or False."))
    return None


def check_number(
    news: Mapping[str, Any], name: str, failures: list[CheckFailure], *, least: float, most: float, unit: str
) -> float | None:
    """A number within bounds, None where it is not set or unknown; anything else becomes a failure."""
    value = news.get(name)
    if value is None or is_unknown(value):
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= most:
        return float(value)
    failures.append(
        CheckFailure(name, f"is {value!r}; it takes a number of {unit} from {least:g} to {most:g}.")
    )
    return None


def check_choice(
    news: Mapping[str, Any], name: str, choices: tuple[str, ...], failures: list[CheckFailure]
) -> None:
    """One of some texts, where it is set and known; anything else becomes a failure."""
    value = news.get(name)
    if value is not None and not is_unknown(value) and value not in choices:
        wanted = " or ".join(f'"{choice}"' for choice in choices)
        failures.append(CheckFailure(name, f"is {value!r}; it takes {wanted}."))


def refuse_unknown_names(
    news: Mapping[str, Any], known: frozenset[str], failures: list[CheckFailure]
) -> None:
    """An input that the resource does not have would be ignored without a word."""
    failures.extend(
        CheckFailure(name, f"is not an input of this resource. It has: {', '.join(sorted(known))}.")
        for name in news
        if name not in known and name != PROVIDER_KEY
    )


def differs(news: Mapping[str, Any], olds: Mapping[str, Any], *names: str) -> list[str]:
    """Which of these properties an `up` would change; one that is unknown might."""
    return [name for name in names if is_unknown(news.get(name)) or news.get(name) != olds.get(name)]
