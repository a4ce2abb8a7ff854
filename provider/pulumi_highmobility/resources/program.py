"""The settings of the stack within a program, and what a program is told of them."""

from __future__ import annotations

import os
from typing import Any

import pulumi

from ..dynamic.sdk import program_config
from ..errors import ConfigError
from ..settings import NAMESPACE, SETTINGS, plain_secrets, requires_secret_config, why_not_plain
from .mistakes import WrongValue, shown_in_words

_KNOWN = [setting.config for setting in SETTINGS]


def stack_config() -> dict[str, Any]:
    """The stack's config in our namespace, with full keys, as its program sees it."""
    return program_config(NAMESPACE, _KNOWN)[0]


@shown_in_words
def tell_of_plain_secrets() -> None:
    """
    Warn of secrets that were set without --secret: they stand in plain in state, history and backups.

    Only a program can tell. Once a run, by its first resource. Raises: ConfigError, where the settings are strict.
    """
    # The stack of a process can change (Automation API): each is looked at once, not once for each resource.
    stack = f"{pulumi.get_project()}/{pulumi.get_stack()}"
    if stack in _told:
        return
    _told.add(stack)
    config, secret_keys = program_config(NAMESPACE, _KNOWN)
    plain = plain_secrets(config, secret_keys)
    if not plain:
        return
    message = why_not_plain(plain)
    if requires_secret_config(config, os.environ):
        raise ConfigError(message)
    pulumi.log.warn(message)


def refuse_replace_with(opts: pulumi.ResourceOptions | None) -> None:
    """
    Raises: ValueError where a vehicle's or a fleet's options have `replace_with`.

    Pulumi would delete it in the middle of the program, whatever becomes of the vehicle: a clearance takes weeks to get.
    """
    if opts is not None and getattr(opts, "replace_with", None):
        raise WrongValue(
            "`replace_with` would revoke clearances whenever another resource is replaced, before it is known which resources "
            "of the program want the vehicles. Remove it. To renew tokens, use `keepers` of a VehicleAccessToken"
        )


_told: set[str] = set()
