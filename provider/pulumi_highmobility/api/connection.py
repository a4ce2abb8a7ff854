"""The HTTP client: its connections, proxies and certificates, from the environment as far as they are needed."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import urlsplit

import httpx

from ..errors import ConfigError
from ..settings import LOOPBACK, Settings

CONNECT_TIMEOUT_S = 10.0
# Where a company's own certificate authority is named, in this order: OpenSSL's, requests', curl's variable.
CA_FILES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
CA_FOLDER = "SSL_CERT_DIR"
PROXIES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")


def open_http(settings: Settings, transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """
    A client for the server of the settings; `transport` swaps the network for something else.

    An emulator on this machine needs neither proxy nor, over http, certificates: what the environment says of them,
    right or wrong, has no business in between.

    Raises: ConfigError, naming the variable of the environment that cannot be used.
    """
    url = urlsplit(settings.base_url)
    local = url.hostname in LOOPBACK
    verify: ssl.SSLContext | bool = False
    if transport is None and url.scheme == "https":
        verify = ssl_context(os.environ)
    try:
        return httpx.AsyncClient(
            # The whole exchange is bounded elsewhere; what is bounded here is the way to the server.
            timeout=httpx.Timeout(settings.request_timeout_s, connect=CONNECT_TIMEOUT_S, pool=None),
            headers={"User-Agent": f"pulumi-highmobility/{_version()}"},
            transport=transport,
            verify=verify,
            trust_env=not local,
        )
    except Exception as error:
        # Of a proxy of a kind that is not supported, or a list of hosts that cannot be read; httpx has no class for it.
        named = [name for name in PROXIES if os.environ.get(name) or os.environ.get(name.lower())]
        raise ConfigError(
            f"The proxy settings of the environment cannot be used ({type(error).__name__}). Check {', '.join(named or PROXIES)}: write a "
            "proxy as http://HOST:PORT, and NO_PROXY as a comma-separated list of hosts and domains."
        ) from None


def ssl_context(environ: Mapping[str, str]) -> ssl.SSLContext:
    """
    Certificates to trust: those of the file or folder that the environment names, else those that httpx comes with.

    Raises: ConfigError.
    """
    for name in (*CA_FILES, CA_FOLDER):
        path = environ.get(name, "").strip()
        if not path:
            continue
        try:
            if name == CA_FOLDER:
                return ssl.create_default_context(capath=path)
            return ssl.create_default_context(cafile=path)
        except (OSError, ValueError) as error:
            # ssl.SSLError is an OSError.
            why = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            raise ConfigError(
                f"{name} names certificates that cannot be read ({why}): {path}. It takes a PEM file with the certificates of "
                "the authorities to trust. Correct it, or unset it."
            ) from None
    return httpx.create_ssl_context()


def _version() -> str:
    try:
        return version("pulumi-highmobility")
    except PackageNotFoundError:
        return "unknown"
