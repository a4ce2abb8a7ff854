"""The provider's own config: the settings by their names, typed, and checked before anything else is asked."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any

from ..errors import ConfigError, NoCredentials
from ..operations.values import is_unknown
from ..setting_names import NAMESPACE, SETTINGS
from ..settings import load_settings, plain_secrets, requires_secret_config, why_not_plain
from ..vehicle.check import Problem

# What the engine adds to every provider's config.
_ENGINES_OWN = frozenset({"version", "pluginDownloadURL", "parameterization"})
SECRETS = frozenset(setting.config for setting in SETTINGS if setting.secret)


def problems_of(config: Mapping[str, Any], environ: Mapping[str, str]) -> list[Problem]:
    """What is wrong with it: misspelt keys, and values that cannot be taken. Missing credentials are none: a preview needs none."""
    known = [setting.config for setting in SETTINGS]
    found = []
    for name in config:
        if name in known or name in _ENGINES_OWN:
            continue
        near = difflib.get_close_matches(name, known, n=1)
        advice = f'Did you mean "{near[0]}"?' if near else f"It takes: {', '.join(known)}."
        found.append(Problem(name, f"is not a setting of this provider. {advice}"))
    if not found:
        try:
            load_settings(settings_of(config), environ)
        except NoCredentials:
            pass
        except ConfigError as error:
            found.append(Problem(_named_in(str(error), known), str(error)))
    return found


def plain_text_of(
    config: Mapping[str, Any], secrets: Collection[str], environ: Mapping[str, str]
) -> tuple[str, bool]:
    """
    What is said of secrets that are none in this config, empty where there is nothing to say, and whether that is an error.

    `secrets`: the names of those that the engine handed over as secrets.
    """
    settings = settings_of(config)
    plain = plain_secrets(settings, {f"{NAMESPACE}:{name}" for name in secrets})
    return (why_not_plain(plain), requires_secret_config(settings, environ)) if plain else ("", False)


def settings_of(config: Mapping[str, Any]) -> dict[str, str]:
    """The settings with full keys, as texts; one that is not known yet counts as not set."""
    return {
        f"{NAMESPACE}:{name}": _text(value)
        for name, value in config.items()
        if name not in _ENGINES_OWN and value is not None and not is_unknown(value)
    }


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _named_in(message: str, known: list[str]) -> str:
    return next((name for name in known if f"{NAMESPACE}:{name} " in message), "")
