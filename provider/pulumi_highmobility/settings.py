"""Where settings come from: the stack's config, then the environment, then a credentials file."""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any

from .base_url import LOOPBACK, checked_base_url
from .environment import refuse_unknown_variables
from .errors import ConfigError, NoCredentials
from .keys import PrivateKey, key_from, read_file, read_json_object, read_private_key
from .secret import Secret
from .setting_names import (
    ALLOW_INSECURE_HTTP,
    AUTH,
    BASE_URL,
    CARMAKER_NOTICES,
    CHECK_ELIGIBILITY,
    CLIENT_ID,
    CLIENT_SECRET,
    CREDENTIALS_FILE,
    LISTING_MAX_AGE,
    MAX_REVOCATIONS,
    MOVED_FROM,
    NAMESPACE,
    OAUTH_PRIVATE_KEY,
    PLUGIN,
    REFRESH_BEFORE_UPDATE,
    REQUEST_TIMEOUT,
    REQUIRE_SECRET_CONFIG,
    RETRY_INTERVAL,
    REVOKE_WITHOUT_STATE,
    SERVICE_ACCOUNT_KEY,
    SETTINGS,
    VARIABLES,
    WHOLE_STACK_TRACES,
    Setting,
    shown,
)
from .text import visible

# Also the names of the modules below that others need.
__all__ = [
    "BASE_URL",
    "CLIENT_ID",
    "CLIENT_SECRET",
    "CREDENTIALS_FILE",
    "LOOPBACK",
    "MAX_REVOCATIONS",
    "MOVED_FROM",
    "NAMESPACE",
    "OAUTH_PRIVATE_KEY",
    "SERVICE_ACCOUNT_KEY",
    "SETTINGS",
    "VARIABLES",
    "AuthWay",
    "PrivateKey",
    "Settings",
    "load_settings",
    "max_revocations",
    "may_revoke_without_state",
    "plain_secrets",
    "refuse_unknown_keys",
    "requires_secret_config",
    "retry_interval",
    "wants_carmaker_notices",
    "wants_eligibility_check",
    "wants_plugin",
    "wants_refresh_before_update",
    "where_found",
    "why_not_plain",
]

DEFAULT_LISTING_MAX_AGE_S = 30.0
DEFAULT_REQUEST_TIMEOUT_S = 60.0
# In less, no answer of a server across the network can be there.
LEAST_REQUEST_TIMEOUT_S = 1.0


class AuthWay(str, Enum):
    """The three ways to a bearer token, by the name that `highmobility:auth` takes."""

    SERVICE_ACCOUNT_KEY = "serviceAccountKey"
    CLIENT_CREDENTIALS = "clientCredentials"
    CLIENT_ASSERTION = "clientAssertion"


# What the emulator writes into a credentials file.
_IN_CREDENTIALS_FILE = ("base_url", "service_account_key", "client_id", "client_secret", "oauth_private_key")
_WHERE_SERVER_AND_CREDENTIALS = (BASE_URL, SERVICE_ACCOUNT_KEY, CLIENT_ID, CLIENT_SECRET, OAUTH_PRIVATE_KEY)


@dataclass(frozen=True)
class Settings:
    """All that a client of the platform needs to know, checked; secrets are masked in `repr`."""

    base_url: str
    auth: AuthWay
    service_account_key: PrivateKey | None = None
    oauth_private_key: PrivateKey | None = None
    client_id: str = ""
    client_secret: Secret | None = None
    listing_max_age_s: float = DEFAULT_LISTING_MAX_AGE_S
    request_timeout_s: float = DEFAULT_REQUEST_TIMEOUT_S
    moved_from: str = ""
    """A base URL, or the id of a key or client, from which a stack is meant to move."""

    @property
    def credentials_id(self) -> str:
        """The id of the key or client that signs in; no secret."""
        key = {
            AuthWay.SERVICE_ACCOUNT_KEY: self.service_account_key,
            AuthWay.CLIENT_ASSERTION: self.oauth_private_key,
        }.get(self.auth)
        return key.id if key is not None else self.client_id

    @property
    def can_refresh_and_revoke(self) -> bool:
        """True where client id and secret are set: the platform asks for both to refresh or revoke."""
        return bool(self.client_id and self.client_secret)


def load_settings(config: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """
    Read and check all settings.

    `config` is the stack's config with full keys ("highmobility:baseUrl"); other namespaces are
    ignored. `environ` is the environment. Files that a setting names are read.

    Raises: ConfigError, naming the key, its variable and what to do; NoCredentials, where only they are missing.
    """
    refuse_unknown_keys(config)
    refuse_unknown_variables(environ, VARIABLES)
    source = _Source(config, environ)
    from_file: Mapping[str, Any] = {}
    path = source.get(CREDENTIALS_FILE)
    if path is not None:
        _refuse_beside_credentials_file(source)
        from_file = read_json_object(
            read_file(path, CREDENTIALS_FILE), CREDENTIALS_FILE, what="credentials file"
        )
        _refuse_another_file(from_file)
    return _settle(source, from_file)


def _refuse_beside_credentials_file(source: _Source) -> None:
    # Whichever of the two were taken, the other would be ignored: a shell with an emulator's file on a stack set up for
    # production must reach neither by mistake.
    others = [where for setting in _WHERE_SERVER_AND_CREDENTIALS if (where := source.where(setting))]
    if others:
        raise ConfigError(
            f"A credentials file ({source.where(CREDENTIALS_FILE)}) names server and credentials, and so does "
            f"{', '.join(others)}. Nothing was done. Unset one of the two: "
            "`unset VARIABLE` or `pulumi config rm KEY`."
        )


def _refuse_another_file(fields: Mapping[str, Any]) -> None:
    # Without its base URL a file of the emulator, or one with a typing error, would lead to production.
    unknown = [name for name in fields if name not in _IN_CREDENTIALS_FILE]
    if "private_key" in unknown:
        raise ConfigError(
            f"{CREDENTIALS_FILE.names} names the file of a key, not a credentials file. Set "
            f"{SERVICE_ACCOUNT_KEY.names} or {OAUTH_PRIVATE_KEY.names} to its path instead."
        )
    if unknown:
        near = difflib.get_close_matches(unknown[0], _IN_CREDENTIALS_FILE, n=1)
        advice = f'Did you mean "{near[0]}"?' if near else f"It may have: {', '.join(_IN_CREDENTIALS_FILE)}."
        raise ConfigError(
            f'{CREDENTIALS_FILE.names}: the credentials file has an unknown key "{visible(unknown[0], 100)}". {advice}'
        )
    if not str(fields.get("base_url") or "").strip():
        raise ConfigError(
            f'{CREDENTIALS_FILE.names}: the credentials file has no "base_url". Add the server that its credentials '
            'are for: "production", "sandbox" or a URL.'
        )


def plain_secrets(config: Mapping[str, Any], secret_keys: Collection[str]) -> list[str]:
    """The keys of the stack's config that hold a secret, and were set without --secret."""
    keys = [f"{NAMESPACE}:{setting.config}" for setting in SETTINGS if setting.secret]
    return [key for key in keys if config.get(key) and key not in secret_keys and not _is_path(config[key])]


def why_not_plain(keys: Collection[str]) -> str:
    """What is said of secrets that were set without --secret."""
    commands = "; ".join(f"pulumi config set --secret {key}" for key in keys)
    return (
        f"{', '.join(keys)} in the stack's config: a secret, set without --secret, so it is in plain text in the stack's "
        f"file, state, history and event log. Set it again: {commands}. Then rotate it"
    )


def _is_path(value: Any) -> bool:
    # The name of a key's file is no secret.
    return isinstance(value, str) and value.endswith((".json", ".pem", ".key")) and len(value) < 300


def requires_secret_config(config: Mapping[str, Any], environ: Mapping[str, str]) -> bool:
    """Whether a secret that is set in plain is an error instead of a warning. Raises: ConfigError."""
    return _flag(_Source(config, environ).get(REQUIRE_SECRET_CONFIG), REQUIRE_SECRET_CONFIG)


def wants_eligibility_check(config: Mapping[str, Any], environ: Mapping[str, str]) -> bool:
    """Whether the setting asks for the eligibility check; needs no credentials. Raises: ConfigError."""
    return _flag(_Source(config, environ).get(CHECK_ELIGIBILITY), CHECK_ELIGIBILITY)


def where_found(config: Mapping[str, Any], environ: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Each setting that is set: its key, its value ("set" for a secret), and where it was found."""
    source = _Source(config, environ)
    found = []
    for setting in SETTINGS:
        value = source.get(setting)
        if value is not None:
            # Whatever a secret setting holds, be it a path, is not shown.
            told = "set" if setting.secret else shown(value)
            found.append((f"{NAMESPACE}:{setting.config}", told, source.where(setting)))
    return found


def wants_carmaker_notices(config: Mapping[str, Any], environ: Mapping[str, str]) -> bool:
    """Whether what is known of a new vehicle's brand is told. Raises: ConfigError."""
    return _flag(_Source(config, environ).get(CARMAKER_NOTICES), CARMAKER_NOTICES, default=True)


def may_revoke_without_state(config: Mapping[str, Any], environ: Mapping[str, str]) -> bool:
    """Whether a clearance may end where the stack's saved state cannot be read. Raises: ConfigError."""
    return _flag(_Source(config, environ).get(REVOKE_WITHOUT_STATE), REVOKE_WITHOUT_STATE)


def wants_whole_stack_traces(config: Mapping[str, Any], environ: Mapping[str, str]) -> bool:
    """Whether the state keeps the whole stack trace of each resource. Raises: ConfigError."""
    return _flag(_Source(config, environ).get(WHOLE_STACK_TRACES), WHOLE_STACK_TRACES)


def wants_plugin(config: Mapping[str, Any], environ: Mapping[str, str]) -> bool | None:
    """Whether a Python program's resources are the native plugin's; None where nothing is said. Raises: ConfigError."""
    text = _Source(config, environ).get(PLUGIN)
    return None if text is None else _flag(text, PLUGIN)


def wants_refresh_before_update(config: Mapping[str, Any], environ: Mapping[str, str]) -> bool:
    """Whether the plugin has an `up` read what is pending before it compares. Raises: ConfigError."""
    return _flag(_Source(config, environ).get(REFRESH_BEFORE_UPDATE), REFRESH_BEFORE_UPDATE)


def retry_interval(config: Mapping[str, Any], environ: Mapping[str, str]) -> timedelta:
    """How long a vehicle is not requested again by `retry_rejected` and `retry_revoked`. Raises: ConfigError."""
    text = _Source(config, environ).get(RETRY_INTERVAL)
    return timedelta(hours=_hours(text, RETRY_INTERVAL, 24.0))


def max_revocations(config: Mapping[str, Any], environ: Mapping[str, str]) -> str | None:
    """How many clearances of single resources an `up` may end, as written; None where it is not set."""
    return _Source(config, environ).get(MAX_REVOCATIONS)


class _Source:
    """The stack's config first, then the environment; empty texts count as not set."""

    def __init__(self, config: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        self._config = config
        self._environ = environ

    def get(self, setting: Setting) -> str | None:
        in_config = self._config.get(f"{NAMESPACE}:{setting.config}")
        if in_config not in (None, ""):
            # Config written as a structure (`pulumi config set --path`) arrives as JSON's own types.
            # A value that was read from a file may end with its line break.
            return in_config.strip() if isinstance(in_config, str) else json.dumps(in_config)
        in_environment = self._environ.get(setting.environment, "").strip()
        if in_environment:
            return in_environment
        if setting.environment_file:
            return self._environ.get(setting.environment_file, "").strip() or None
        return None

    def where(self, setting: Setting) -> str:
        """Where a setting was found, for messages: its key or its variable; empty where it is not set."""
        if self._config.get(f"{NAMESPACE}:{setting.config}") not in (None, ""):
            return f"{NAMESPACE}:{setting.config} in the stack's config"
        for name in (setting.environment, setting.environment_file):
            if name and self._environ.get(name, "").strip():
                return f"{name} in the environment"
        return ""


def _settle(source: _Source, from_file: Mapping[str, Any]) -> Settings:
    base_url = source.get(BASE_URL)
    if from_file:
        base_url = str(from_file.get("base_url") or "") or None
    # What needs no credentials comes first: it is told at a preview that has none.
    base_url = checked_base_url(
        base_url, allow_http=_flag(source.get(ALLOW_INSECURE_HTTP), ALLOW_INSECURE_HTTP)
    )
    listing_max_age_s = _seconds(source.get(LISTING_MAX_AGE), LISTING_MAX_AGE, DEFAULT_LISTING_MAX_AGE_S)
    request_timeout_s = _seconds(
        source.get(REQUEST_TIMEOUT), REQUEST_TIMEOUT, DEFAULT_REQUEST_TIMEOUT_S, least=LEAST_REQUEST_TIMEOUT_S
    )
    auth = _auth_way(source.get(AUTH))
    service_account_key = read_private_key(source.get(SERVICE_ACCOUNT_KEY), SERVICE_ACCOUNT_KEY)
    oauth_private_key = read_private_key(source.get(OAUTH_PRIVATE_KEY), OAUTH_PRIVATE_KEY)
    client_id = source.get(CLIENT_ID) or ""
    client_secret = source.get(CLIENT_SECRET)
    if from_file:
        client_id = str(from_file.get("client_id") or "")
        client_secret = str(from_file.get("client_secret") or "") or None
        service_account_key = key_from(from_file.get("service_account_key"), CREDENTIALS_FILE)
        oauth_private_key = key_from(from_file.get("oauth_private_key"), CREDENTIALS_FILE)
        if auth is None and service_account_key is not None:
            auth = AuthWay.SERVICE_ACCOUNT_KEY
    if oauth_private_key is not None and not client_id:
        client_id = oauth_private_key.client_id
    ways = {
        AuthWay.SERVICE_ACCOUNT_KEY: service_account_key is not None,
        AuthWay.CLIENT_CREDENTIALS: bool(client_id and client_secret),
        AuthWay.CLIENT_ASSERTION: bool(client_id and oauth_private_key is not None),
    }
    settled = _choose_way(auth, ways, client_id=client_id, has_secret=bool(client_secret))
    return Settings(
        base_url=base_url,
        auth=settled,
        service_account_key=service_account_key,
        oauth_private_key=oauth_private_key,
        client_id=client_id,
        client_secret=Secret(client_secret) if client_secret else None,
        listing_max_age_s=listing_max_age_s,
        moved_from=(source.get(MOVED_FROM) or "").rstrip("/"),
        request_timeout_s=request_timeout_s,
    )


def _choose_way(
    chosen: AuthWay | None, ways: Mapping[AuthWay, bool], *, client_id: str, has_secret: bool
) -> AuthWay:
    """
    The way to a bearer token that the settings name.

    A service account key beside client id and secret is the tutorial's own set-up, not a
    contradiction: the key yields the bearer token, the pair refreshes and revokes vehicle tokens.
    """
    complete = [way for way, is_complete in ways.items() if is_complete]
    if chosen is not None:
        if chosen not in complete:
            raise NoCredentials(
                f'{AUTH.names} is "{chosen.value}", but its credentials are not all set: {_needs(chosen)}.'
            )
        return chosen
    if not complete:
        found = ""
        if client_id and not has_secret:
            found = f" {CLIENT_ID.names} is set, but without {CLIENT_SECRET.names}."
        elif has_secret:
            found = f" {CLIENT_SECRET.names} is set, but without {CLIENT_ID.names}."
        raise NoCredentials(
            f"No credentials for High Mobility are set.{found} Set one of: "
            + "; ".join(f"{_needs(way)}" for way in AuthWay)
            + ". For example: pulumi config set --secret highmobility:serviceAccountKey < key.json"
        )
    if AuthWay.CLIENT_ASSERTION not in complete:
        return complete[0]
    if len(complete) == 1:
        return complete[0]
    raise ConfigError(
        "More than one authentication method is configured: "
        + ", ".join(way.value for way in complete)
        + f". Choose one with {AUTH.names}, or unset the others."
    )


def _needs(way: AuthWay) -> str:
    return {
        AuthWay.SERVICE_ACCOUNT_KEY: f"{SERVICE_ACCOUNT_KEY.names}",
        AuthWay.CLIENT_CREDENTIALS: f"{CLIENT_ID.names} with {CLIENT_SECRET.names}",
        AuthWay.CLIENT_ASSERTION: f"{OAUTH_PRIVATE_KEY.names} with {CLIENT_ID.names}",
    }[way]


def _auth_way(text: str | None) -> AuthWay | None:
    if text is None:
        return None
    try:
        return AuthWay(text)
    except ValueError:
        names = ", ".join(way.value for way in AuthWay)
        raise ConfigError(f"{AUTH.names} is {shown(text)}; it takes one of: {names}.") from None


def _flag(text: str | None, setting: Setting, *, default: bool = False) -> bool:
    if text is None:
        return default
    if text.lower() in ("false", "0", "no"):
        return False
    if text.lower() in ("true", "1", "yes"):
        return True
    raise ConfigError(f'{setting.names} is {shown(text)}; it takes "true" or "false".')


def _seconds(text: str | None, setting: Setting, default: float, *, least: float = 0.0) -> float:
    if text is None:
        return default
    try:
        # Python also takes "1_0", which others read as 1.
        seconds = float(text) if "_" not in text else -1.0
    except ValueError:
        seconds = -1.0
    if not least <= seconds <= 3600:
        raise ConfigError(f"{setting.names} is {shown(text)}; it takes seconds, from {least:.0f} to 3600.")
    return seconds


def _hours(text: str | None, setting: Setting, default: float) -> float:
    try:
        hours = default if text is None else float(text) if "_" not in text else -1.0
    except ValueError:
        hours = -1.0
    if not 0 <= hours <= 24 * 366:
        raise ConfigError(f"{setting.names} is {shown(str(text))}; it takes hours, from 0 to {24 * 366}.")
    return hours


def refuse_unknown_keys(config: Mapping[str, Any]) -> None:
    """A key with a typing error would be ignored without a word, and production used instead."""
    known = [setting.config for setting in SETTINGS]
    prefix = f"{NAMESPACE}:"
    for key in config:
        name = key.removeprefix(prefix)
        if not key.startswith(prefix) or name in known:
            continue
        near = difflib.get_close_matches(name, known, n=1)
        advice = f'Did you mean "{prefix}{near[0]}"?' if near else f"It takes: {', '.join(known)}."
        raise ConfigError(
            f'The stack\'s config has an unknown key "{visible(key, 100)}". {advice} If the Pulumi project is itself named '
            f'"{NAMESPACE}", its own config is in the same namespace: rename the project.'
        )
