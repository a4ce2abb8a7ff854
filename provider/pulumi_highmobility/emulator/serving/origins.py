"""Keeps web pages of strangers away from the controls: a browser would send their forms to loopback too."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_CONTROLLED = "/_emulator"


class OwnPagesOnly:
    """
    Middleware for the page and the controls: a request is refused that calls us by another site's name, or that a
    browser sends for another site's page.

    The API itself needs a bearer token, which a stranger's page has not: any name will do there.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str] = ()) -> None:
        self._app = app
        self._hosts = {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                refusal, status = self._refusal(Request(scope)), 403
            except ValueError:
                refusal, status = "The Host or the Origin header is malformed.", 400
            if refusal:
                await PlainTextResponse(refusal, status)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, request: Request) -> str:
        """Why it may not; empty where it may."""
        # As it was sent: Starlette's own reading takes the server's address where a name has letters it does not expect.
        sent = request.headers.get("host", "localhost")
        address = urlsplit(f"//{sent}")
        path, host, _ = request.scope["path"], address.hostname, address.port
        if not (path == "/" or path.startswith(_CONTROLLED)):
            return ""
        # Always: a page that has its own name point here is of the same origin to a browser, which then sends neither
        # Origin nor Sec-Fetch-Site.
        if not self._is_ours(host):
            return (
                "The page and the controls are served by address, by localhost, by a name without a dot, and by the "
                "names that the emulator is started with (--allow-host NAME)."
            )
        origin = request.headers.get("origin")
        site = request.headers.get("sec-fetch-site")
        # A link from elsewhere may lead here: scripts of elsewhere cannot read the answer.
        is_foreign = request.method not in ("GET", "HEAD") and (
            (site is not None and site not in ("same-origin", "none"))
            or (origin is not None and urlsplit(origin).netloc != sent)
        )
        return "A page of another site may not do this." if is_foreign else ""

    def _is_ours(self, host: str | None) -> bool:
        """A name that a stranger cannot let point here: an address, localhost, one without a dot, or one allowed."""
        if not host:
            return False
        try:
            ip_address(host)
        except ValueError:
            host = host.lower()
            return "." not in host or host.endswith(".localhost") or host in self._hosts
        return True
