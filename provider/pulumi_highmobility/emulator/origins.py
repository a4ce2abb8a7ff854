"""Keeps web pages of strangers away from the controls: a browser would send their forms to loopback too."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class OwnPagesOnly:
    """Middleware: what a browser sends for another site's page, or by another site's name for us, is refused."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _is_foreign(Request(scope)):
            answer = PlainTextResponse("A page of another site may not do this.", 403)
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _is_foreign(request: Request) -> bool:
    if not (request.url.path == "/" or request.url.path.startswith("/_emulator")):
        return False
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site")
    if origin is None and site is None:
        # No browser.
        return False
    if request.method in ("GET", "HEAD"):
        # A link from elsewhere may lead here; scripts of elsewhere cannot read the answer, unless by a name of theirs.
        return not _is_ours(request.url.hostname)
    if site is not None and site not in ("same-origin", "none"):
        return True
    if origin is not None and urlsplit(origin).netloc != request.url.netloc:
        return True
    return not _is_ours(request.url.hostname)


def _is_ours(host: str | None) -> bool:
    """A name that a stranger cannot let point here: an address, localhost, or one without a dot."""
    if not host:
        return False
    try:
        ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(".localhost")
    return True
