"""How a request's target is read: as it was sent, segment by segment, so that no VIN is out of reach."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

_ABSOLUTE = re.compile(rb"https?://([^/?#]*)", re.IGNORECASE)


class PathRoute(Route):
    """
    A route that is matched to the path as it was sent: a parameter is one segment, whatever is encoded in it.

    Starlette matches the decoded path instead, where `%2F` divides a VIN and `%0A` ends it. A parameter may be empty:
    the call then says what is wrong, after it looked who asks.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """What Starlette's router asks each route."""
        if scope["type"] != "http":
            return Match.NONE, {}
        params = _params(self.path.split("/"), segments(scope))
        if params is None:
            return Match.NONE, {}
        found: dict[str, Any] = {"endpoint": self.endpoint, "path_params": params}
        is_allowed = not self.methods or scope["method"] in self.methods
        return (Match.FULL if is_allowed else Match.PARTIAL), found


class OriginForm:
    """
    Middleware: a target in absolute form is served as the path that it names.

    RFC 9112, section 3.2.2: a server takes that form, and its host in place of the Host header.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        absolute = _ABSOLUTE.match(raw_path(scope)) if scope["type"] == "http" else None
        if absolute:
            rest = raw_path(scope)[absolute.end() :] or b"/"
            host = absolute[1].rpartition(b"@")[2]
            others = [header for header in scope["headers"] if header[0] != b"host"]
            path = unquote_to_bytes(rest).decode("utf-8", "replace")
            scope = {**scope, "raw_path": rest, "path": path, "headers": [(b"host", host), *others]}
        await self._app(scope, receive, send)


def raw_path(scope: Scope) -> bytes:
    """The path with its percent-encoding, below where the application is mounted; not every server hands it over."""
    raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    return raw.removeprefix(quote(scope.get("root_path", "")).encode())


def segments(scope: Scope) -> list[str]:
    """The path's parts between slashes, each decoded on its own; the first is empty."""
    return [unquote_to_bytes(part).decode("utf-8", "replace") for part in raw_path(scope).split(b"/")]


def _params(template: list[str], sent: list[str]) -> dict[str, str] | None:
    """What stands in the places of the template's parameters; None where the path is another one."""
    if len(template) != len(sent):
        return None
    params: dict[str, str] = {}
    for wanted, part in zip(template, sent, strict=True):
        if wanted.startswith("{"):
            params[wanted.strip("{}")] = part
        elif wanted != part:
            return None
    return params
