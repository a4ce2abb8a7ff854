"""Where settings come from: the stack's config, then the environment, then a credentials file."""

from __future__ import annotations

import base64
import contextlib
import difflib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .environment import refuse_unknown_variables
from .errors import ConfigError
from .secret import Secret
from .text import visible

NAMESPACE = "highmobility"

# https://docs.high-mobility.com: the servers of the Fleet Clearance API, with the version in the path.
BASE_URLS = {
    "production": "https://api.high-mobility.com/v1",
    "sandbox": "https://sandbox.api.high-mobility.com/v1",
}
# This machine, as it stands in a URL.
LOOPBACK = ("localhost", "127.0.0.1", "::1")
DEFAULT_LISTING_MAX_AGE_S = 30.0
DEFAULT_REQUEST_TIMEOUT_S = 60.0
# In less, no answer of a server across the network can be there.
LEAST_REQUEST_TIMEOUT_S = 1.0
# A longer value of a setting that takes a word, a number or a URL is not quoted in a message.
_LONGEST_SHOWN = 200
# The largest key or credentials file that is read: real ones have a kilobyte.
_MOST_BYTES = 2**20


class AuthWay(str, Enum):
    """The three ways to a bearer token, by the name that `highmobility:auth` takes."""

    SERVICE_ACCOUNT_KEY = "serviceAccountKey"
    CLIENT_CREDENTIALS = "clientCredentials"
    CLIENT_ASSERTION = "clientAssertion"


@dataclass(frozen=True)
class Setting:
    """One setting: its key in the stack's config and its variable in the environment."""

    config: str
    environment: str
    secret: bool = False
    # A twin variable that names a file with the value.
    environment_file: str | None = None

    @property
    def names(self) -> str:
        """Both names, for messages."""
        return f"{NAMESPACE}:{self.config} (or {self.environment})"


BASE_URL = Setting("baseUrl", "HIGHMOBILITY_BASE_URL")
SERVICE_ACCOUNT_KEY = Setting(
    "serviceAccountKey",
    "HIGHMOBILITY_SERVICE_ACCOUNT_KEY",
    secret=True,
    environment_file="HIGHMOBILITY_SERVICE_ACCOUNT_KEY_FILE",
)
CLIENT_ID = Setting("clientId", "HIGHMOBILITY_CLIENT_ID")
CLIENT_SECRET = Setting("clientSecret", "HIGHMOBILITY_CLIENT_SECRET", secret=True)
OAUTH_PRIVATE_KEY = Setting(
    "oauthPrivateKey",
    "HIGHMOBILITY_OAUTH_PRIVATE_KEY",
    secret=True,
    environment_file="HIGHMOBILITY_OAUTH_PRIVATE_KEY_FILE",
)
AUTH = Setting("auth", "HIGHMOBILITY_AUTH")
CREDENTIALS_FILE = Setting("credentialsFile", "HIGHMOBILITY_CREDENTIALS_FILE")
CHECK_ELIGIBILITY = Setting("checkEligibility", "HIGHMOBILITY_CHECK_ELIGIBILITY")
LISTING_MAX_AGE = Setting("listingMaxAgeSeconds", "HIGHMOBILITY_LISTING_MAX_AGE_SECONDS")
REQUEST_TIMEOUT = Setting("requestTimeoutSeconds", "HIGHMOBILITY_REQUEST_TIMEOUT_SECONDS")
MOVED_FROM = Setting("movedFrom", "HIGHMOBILITY_MOVED_FROM")
ALLOW_INSECURE_HTTP = Setting("allowInsecureHttp", "HIGHMOBILITY_ALLOW_INSECURE_HTTP")
REQUIRE_SECRET_CONFIG = Setting("requireSecretConfig", "HIGHMOBILITY_REQUIRE_SECRET_CONFIG")
CARMAKER_NOTICES = Setting("carmakerNotices", "HIGHMOBILITY_CARMAKER_NOTICES")
RETRY_INTERVAL = Setting("retryIntervalHours", "HIGHMOBILITY_RETRY_INTERVAL_HOURS")
MAX_REVOCATIONS = Setting("maxRevocations", "HIGHMOBILITY_MAX_REVOCATIONS")
REVOKE_WITHOUT_STATE = Setting("revokeWithoutState", "HIGHMOBILITY_REVOKE_WITHOUT_STATE")

SETTINGS = (
    BASE_URL,
    SERVICE_ACCOUNT_KEY,
    CLIENT_ID,
    CLIENT_SECRET,
    OAUTH_PRIVATE_KEY,
    AUTH,
    CREDENTIALS_FILE,
    CHECK_ELIGIBILITY,
    LISTING_MAX_AGE,
    REQUEST_TIMEOUT,
    MOVED_FROM,
    ALLOW_INSECURE_HTTP,
    REQUIRE_SECRET_CONFIG,
    CARMAKER_NOTICES,
    RETRY_INTERVAL,
    MAX_REVOCATIONS,
    REVOKE_WITHOUT_STATE,
)
# What the emulator writes into a credentials file.
_IN_CREDENTIALS_FILE = ("base_url", "service_account_key", "client_id", "client_secret", "oauth_private_key")
# Their names in the environment, with those that name a file.
VARIABLES = tuple(name for one in SETTINGS for name in (one.environment, one.environment_file) if name)
_WHERE_SERVER_AND_CREDENTIALS = (BASE_URL, SERVICE_ACCOUNT_KEY, CLIENT_ID, CLIENT_SECRET, OAUTH_PRIVATE_KEY)


@dataclass(frozen=True)
class PrivateKey:
    """
    A private key as the console hands it out: PKCS#8 PEM on the curve P-256, with its id.

    `client_id` is only in an OAuth private key; `instance_uri` names the server it was made for.
    """

    id: str
    private_key: Secret
    instance_uri: str = ""
    client_id: str = ""


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

    Raises: ConfigError, naming the key, its variable and what to do.
    """
    refuse_unknown_keys(config)
    refuse_unknown_variables(environ, VARIABLES)
    source = _Source(config, environ)
    from_file: Mapping[str, Any] = {}
    path = source.get(CREDENTIALS_FILE)
    if path is not None:
        _refuse_beside_credentials_file(source)
        from_file = _read_json(_read_file(path, CREDENTIALS_FILE), CREDENTIALS_FILE, what="credentials file")
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
            shown = "set" if setting.secret else _shown(value)
            found.append((f"{NAMESPACE}:{setting.config}", shown, source.where(setting)))
    return found


def wants_carmaker_notices(config: Mapping[str, Any], environ: Mapping[str, str]) -> bool:
    """Whether what is known of a new vehicle's brand is told. Raises: ConfigError."""
    return _flag(_Source(config, environ).get(CARMAKER_NOTICES), CARMAKER_NOTICES, default=True)


def may_revoke_without_state(config: Mapping[str, Any], environ: Mapping[str, str]) -> bool:
    """Whether a clearance may end where the stack's saved state cannot be read. Raises: ConfigError."""
    return _flag(_Source(config, environ).get(REVOKE_WITHOUT_STATE), REVOKE_WITHOUT_STATE)


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
    service_account_key = _private_key(source.get(SERVICE_ACCOUNT_KEY), SERVICE_ACCOUNT_KEY)
    oauth_private_key = _private_key(source.get(OAUTH_PRIVATE_KEY), OAUTH_PRIVATE_KEY)
    client_id = source.get(CLIENT_ID) or ""
    client_secret = source.get(CLIENT_SECRET)
    base_url = source.get(BASE_URL)
    auth = _auth_way(source.get(AUTH))
    if from_file:
        base_url = str(from_file.get("base_url") or "") or None
        client_id = str(from_file.get("client_id") or "")
        client_secret = str(from_file.get("client_secret") or "") or None
        service_account_key = _key_from(from_file.get("service_account_key"), CREDENTIALS_FILE)
        oauth_private_key = _key_from(from_file.get("oauth_private_key"), CREDENTIALS_FILE)
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
        base_url=_base_url(base_url, allow_http=_flag(source.get(ALLOW_INSECURE_HTTP), ALLOW_INSECURE_HTTP)),
        auth=settled,
        service_account_key=service_account_key,
        oauth_private_key=oauth_private_key,
        client_id=client_id,
        client_secret=Secret(client_secret) if client_secret else None,
        listing_max_age_s=_seconds(source.get(LISTING_MAX_AGE), LISTING_MAX_AGE, DEFAULT_LISTING_MAX_AGE_S),
        moved_from=(source.get(MOVED_FROM) or "").rstrip("/"),
        request_timeout_s=_seconds(
            source.get(REQUEST_TIMEOUT),
            REQUEST_TIMEOUT,
            DEFAULT_REQUEST_TIMEOUT_S,
            least=LEAST_REQUEST_TIMEOUT_S,
        ),
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
            raise ConfigError(
                f'{AUTH.names} is "{chosen.value}", but its credentials are not all set: {_needs(chosen)}.'
            )
        return chosen
    if not complete:
        found = ""
        if client_id and not has_secret:
            found = f" {CLIENT_ID.names} is set, but without {CLIENT_SECRET.names}."
        elif has_secret:
            found = f" {CLIENT_SECRET.names} is set, but without {CLIENT_ID.names}."
        raise ConfigError(
            f"No credentials for High Mobility are set.{found} Set one of: "
            + "; ".join(f"{_needs(way)}" for way in AuthWay)
            + ". For example: pulumi config set --secret highmobility:serviceAccountKey < key.json"
        )
    if AuthWay.CLIENT_ASSERTION not in complete:
        return complete[0]
    if len(complete) == 1:
        return complete[0]
    raise ConfigError(
        "More than one way to a bearer token is set: "
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
        raise ConfigError(f"{AUTH.names} is {_shown(text)}; it takes one of: {names}.") from None


def _base_url(text: str | None, *, allow_http: bool) -> str:
    text = (text or "production").strip()
    url = BASE_URLS.get(text.lower(), text).rstrip("/")
    shown = _shown(text)
    try:
        parts = urlsplit(url)
        # Read here, since a port that is none is only noticed when it is asked for.
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"{BASE_URL.names} is {shown}, which is no URL ({error}).") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ConfigError(
            f'{BASE_URL.names} is {shown}; it takes "production", "sandbox" or a URL such as '
            f"{BASE_URLS['production']}."
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError(
            f"{BASE_URL.names} has a user name, password, query or fragment; it takes scheme, host, port and path alone."
        )
    if any(not "!" <= character <= "~" for character in url):
        raise ConfigError(f"{BASE_URL.names} is {shown}, with characters that no URL has.")
    if parts.hostname.endswith("high-mobility.com") and parts.scheme != "https":
        raise ConfigError(f"{BASE_URL.names} is {shown}: use https, credentials go over this connection.")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK and not allow_http:
        raise ConfigError(
            f"{BASE_URL.names} is {shown}: over http the credentials can be read by everybody in between. Use https. For a test "
            f'network without certificates set {ALLOW_INSECURE_HTTP.names} to "true".'
        )
    if parts.hostname.endswith("high-mobility.com") and not parts.path:
        raise ConfigError(f'{BASE_URL.names} is {shown}, without the API\'s version: use "{url}/v1".')
    return url


def _shown(text: str) -> str:
    """A setting's value for a message; a key that was pasted into the wrong setting is not quoted."""
    if len(text) > _LONGEST_SHOWN or "PRIVATE KEY" in text or "\n" in text or text.lstrip().startswith("{"):
        return f"a text of {len(text):,} characters, not shown since it may be a key"
    return f'"{visible(text)}"'


def _private_key(text: str | None, setting: Setting) -> PrivateKey | None:
    if text is None:
        return None
    text = _key_text(text)
    if not text.startswith(("{", "-----BEGIN")):
        text = _key_text(_read_file(text, setting))
    if text.startswith("-----BEGIN"):
        raise ConfigError(
            f"{setting.names} is a bare private key, without its id. Give the JSON file as the console "
            'downloads it, with "id" and "private_key".'
        )
    return _key_from(_read_json(text, setting, what="private key's JSON"), setting)


def _key_text(text: str) -> str:
    """A key's JSON as people paste it: with a byte order mark, in quotes, or in base64."""
    text = text.strip().lstrip("\ufeff").strip()
    if len(text) > 2 and text[0] == text[-1] and text[0] in "'\"":
        # JSON within a JSON text, or within quotes of a shell that came along.
        inner: object = None
        with contextlib.suppress(ValueError):
            inner = json.loads(text)
        text = (inner if isinstance(inner, str) else text[1:-1]).strip()
    if len(text) > 100 and re.fullmatch(r"[A-Za-z0-9+/_\s-]+=*\s*", text):
        with contextlib.suppress(ValueError):
            packed = "".join(text.split()).replace("-", "+").replace("_", "/")
            decoded = (
                base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True).decode("utf-8-sig").strip()
            )
            text = decoded if decoded.startswith(("{", "-----BEGIN")) else text
    return text


def _key_from(fields: Any, setting: Setting) -> PrivateKey | None:
    if fields is None:
        return None
    if not isinstance(fields, Mapping):
        raise ConfigError(f"{setting.names}: the private key is not a JSON object.")
    missing = [name for name in ("id", "private_key") if not str(fields.get(name) or "").strip()]
    if missing:
        raise ConfigError(
            f"{setting.names}: the private key's JSON has no {' and no '.join(missing)}. Download the key "
            "from the console once more, or check which file was given."
        )
    # A key that was copied through a shell or a YAML file has its line breaks written out, or Windows' ones.
    pem = (
        str(fields["private_key"]).replace("\\r", "").replace("\\n", "\n").replace("\r\n", "\n").strip()
        + "\n"
    )
    if "PRIVATE KEY-----" not in pem:
        raise ConfigError(
            f'{setting.names}: "private_key" is not a PEM text (PKCS#8, curve P-256). Give the JSON file as downloaded.'
        )
    return PrivateKey(
        id=str(fields["id"]).strip(),
        private_key=Secret(pem),
        instance_uri=str(fields.get("instance_uri") or ""),
        client_id=str(fields.get("client_id") or ""),
    )


def _read_file(path: str, setting: Setting) -> str:
    try:
        # Of a user that is not known here, "~nobody/key.json" cannot be worked out.
        file = Path(path).expanduser()
        if not file.is_file():
            # A pipe or a device would be waited for, or read for ever.
            reason = "there is no such file" if not file.exists() else "it is no regular file"
        elif file.stat().st_size > _MOST_BYTES:
            reason = f"it is larger than {_MOST_BYTES // 2**20} MB"
        else:
            return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        reason = "it is not UTF-8 text"
    except (OSError, ValueError, RuntimeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "that is no name of a file here"
    # A secret given in the wrong place would be quoted here as a path: name the setting, not the value.
    is_path = path.endswith((".json", ".pem", ".key")) and len(path) < _LONGEST_SHOWN
    shown = f' "{visible(path)}"' if is_path else ""
    where = "" if Path(path[:_LONGEST_SHOWN]).is_absolute() else f" (looked for in {Path.cwd()})"
    raise ConfigError(f"{setting.names} names a file{shown} that cannot be read{where}: {reason}.")


def _read_json(text: str, setting: Setting, *, what: str) -> Mapping[str, Any]:
    try:
        # Not strict: a key that was pasted may have raw line breaks within its texts.
        fields = json.loads(text.lstrip("\ufeff"), strict=False)
    except (ValueError, RecursionError) as error:
        where = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "its start"
        raise ConfigError(f"{setting.names}: the {what} is not JSON (at {where}).") from None
    if not isinstance(fields, Mapping):
        raise ConfigError(f"{setting.names}: the {what} is not a JSON object.")
    return fields


def _flag(text: str | None, setting: Setting, *, default: bool = False) -> bool:
    if text is None:
        return default
    if text.lower() in ("false", "0", "no"):
        return False
    if text.lower() in ("true", "1", "yes"):
        return True
    raise ConfigError(f'{setting.names} is {_shown(text)}; it takes "true" or "false".')


def _seconds(text: str | None, setting: Setting, default: float, *, least: float = 0.0) -> float:
    if text is None:
        return default
    try:
        # Python also takes "1_0", which others read as 1.
        seconds = float(text) if "_" not in text else -1.0
    except ValueError:
        seconds = -1.0
    if not least <= seconds <= 3600:
        raise ConfigError(f"{setting.names} is {_shown(text)}; it takes seconds, from {least:.0f} to 3600.")
    return seconds


def _hours(text: str | None, setting: Setting, default: float) -> float:
    try:
        hours = default if text is None else float(text) if "_" not in text else -1.0
    except ValueError:
        hours = -1.0
    if not 0 <= hours <= 24 * 366:
        raise ConfigError(f"{setting.names} is {_shown(str(text))}; it takes hours, from 0 to {24 * 366}.")
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
            f'"{NAMESPACE}", its own config stands in the same namespace: rename the project.'
        )
