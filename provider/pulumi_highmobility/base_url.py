"""The server that is spoken to: its short names, and what a URL must have."""

from __future__ import annotations

from urllib.parse import urlsplit

from .errors import ConfigError
from .setting_names import ALLOW_INSECURE_HTTP, BASE_URL, shown

# https://docs.high-mobility.com: the servers of the Fleet Clearance API, with the version in the path.
BASE_URLS = {
    "production": "https://api.high-mobility.com/v1",
    "sandbox": "https://sandbox.api.high-mobility.com/v1",
}
# This machine, as it stands in a URL.
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def checked_base_url(text: str | None, *, allow_http: bool) -> str:
    """
    The URL of "production", "sandbox", or the URL that is given; without a text, production's.

    Raises: ConfigError where it is no URL of an API, or would send credentials in plain text.
    """
    text = (text or "production").strip()
    url = BASE_URLS.get(text.lower(), text).rstrip("/")
    quoted = shown(text)
    try:
        parts = urlsplit(url)
        # Read here, since a port that is none is only noticed when it is asked for.
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"{BASE_URL.names} is {quoted}, which is not a valid URL ({error}).") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ConfigError(
            f'{BASE_URL.names} is {quoted}; it takes "production", "sandbox" or a URL such as '
            f"{BASE_URLS['production']}."
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError(
            f"{BASE_URL.names} has a user name, password, query or fragment; use only scheme, host, port and path."
        )
    if any(not "!" <= character <= "~" for character in url):
        raise ConfigError(f"{BASE_URL.names} is {quoted}, with characters that a URL cannot contain.")
    if parts.hostname.endswith("high-mobility.com") and parts.scheme != "https":
        raise ConfigError(f"{BASE_URL.names} is {quoted}: use https, credentials go over this connection.")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK and not allow_http:
        raise ConfigError(
            f"{BASE_URL.names} is {quoted}: over http the credentials can be read by anyone on the network path. Use https. For a test "
            f'network without certificates set {ALLOW_INSECURE_HTTP.names} to "true".'
        )
    if parts.hostname.endswith("high-mobility.com") and not parts.path:
        raise ConfigError(f'{BASE_URL.names} is {quoted}, without the API\'s version: use "{url}/v1".')
    return url
