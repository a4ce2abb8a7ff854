"""The page at `/`: a person sees the fleet and what is asked of it, and plays the carmaker."""

from __future__ import annotations

import shlex
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from jinja2 import Environment, FileSystemLoader
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from ..parts import Parts
from ..serving.paths import PathRoute
from ..world.clock import iso, parse_iso
from ..world.durations import parse_duration
from ..world.machine import STATES
from ..world.store import Vehicle, find_vehicle, vehicle_of
from ..world.vins import normal_vin
from .control_bodies import LONGEST_TEXT

_FOLDER = Path(__file__).parent / "templates"
# Rows of a list; the rest is counted, and found by the search.
_SHOWN = 100
_LINES = 50
# Characters; SQLite refuses long patterns.
_LONGEST_SEARCH = 200
# What a carmaker, or a driver, may decide in a state: the move, and the word on the button.
_MOVES = {
    "pending": (("approved", "Approve"), ("rejected", "Reject")),
    "approved": (("revoking", "Revoke"),),
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": with that a browser says "Origin: null" of our own forms.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Page:
    """The page, its live part, and what its buttons do."""

    def __init__(self, emulator: Parts) -> None:
        self._emulator = emulator
        self._templates = Environment(
            loader=FileSystemLoader(_FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True
        )
        # Jinja's own urlencode leaves slashes as they are.
        self._templates.filters["segment"] = lambda text: quote(text, safe="")

    def routes(self) -> list[PathRoute]:
        """The routes, from the root on."""
        return [
            PathRoute("/", self.page),
            PathRoute("/_emulator/page/live", self.live),
            PathRoute("/_emulator/page/page.css", _file("page.css", "text/css")),
            PathRoute("/_emulator/page/page.js", _file("page.js", "text/javascript")),
            PathRoute("/_emulator/page/vehicles/{vin}/move", self.move, methods=["POST"]),
            PathRoute("/_emulator/page/clock", self.advance, methods=["POST"]),
        ]

    async def page(self, request: Request) -> Response:
        """GET /"""
        found = await run_in_threadpool(self._found, request)
        context = {
            "base_url": f"{request.url.scheme}://{request.url.netloc}/v1",
            "settings": self._settings(),
        }
        return self._html("page.html", found | context)

    async def live(self, request: Request) -> Response:
        """GET /_emulator/page/live: the lists alone"""
        return self._html("live.html", await run_in_threadpool(self._found, request))

    async def move(self, request: Request) -> Response:
        """A button of a vehicle."""
        fields = await _form(request)
        vin, status = normal_vin(request.path_params["vin"]), fields.get("status", "")
        refusal = await run_in_threadpool(self._move, vin, status, fields)
        if refusal:
            return PlainTextResponse(refusal, 409, _HEADERS)
        return RedirectResponse("/" + _search(dict(parse_qsl(fields.get("back", "")))), 303, _HEADERS)

    async def advance(self, request: Request) -> Response:
        """The form that moves the time on."""
        try:
            self._emulator.clock.advance(parse_duration((await _form(request)).get("duration", "")))
        except ValueError as error:
            return PlainTextResponse(f"{error}.", 422, _HEADERS)
        return RedirectResponse("/", 303, _HEADERS)

    def _move(self, vin: str, status: str, fields: dict[str, str]) -> str:
        """Carry it out; else why not."""
        emulator = self._emulator
        application = fields.get("application") or emulator.applications[0].name
        with emulator.store.transaction() as db:
            emulator.machine.settle(db)
            vehicle = find_vehicle(db, application, vin)
            if vehicle is None:
                return f"{vin} is no longer registered."
            if status not in dict(_MOVES.get(vehicle.status, ())):
                return f"{vin} is {vehicle.status} now: go back to see what can be done."
            reason = fields.get("reason", "").strip()[:LONGEST_TEXT] if status == "rejected" else ""
            emulator.machine.move(db, vehicle, status, at=emulator.clock.now(), reason=reason or None)
        return ""

    def _found(self, request: Request) -> dict[str, Any]:
        q = request.query_params.get("q", "").strip()[:_LONGEST_SEARCH]
        status = request.query_params.get("status", "")
        emulator = self._emulator
        with emulator.store.transaction() as db:
            emulator.machine.settle(db)
            total = db.execute("SELECT count(*) FROM vehicles").fetchone()[0]
            counts = _count(db, q)
            vehicles = _find(db, q, status)
        now = emulator.clock.now()
        found = sum(counts.values())
        matching = counts.get(status, 0) if status else found
        by_status = ", ".join(f"{count:,} {name}" for name, count in counts.items())
        lines = emulator.log.last(_LINES)
        return {
            "summary": _vehicles(found) + (f": {by_status}" if by_status else ""),
            "filters": _filters(counts, q, status),
            "now": iso(now)[:16].replace("T", " "),
            "caption": _caption(len(vehicles), matching, total),
            "is_cut": matching > len(vehicles),
            "vehicles": [_shown(vehicle, now) for vehicle in vehicles],
            "many_applications": len(emulator.applications) > 1,
            "requests": [line | {"clock": iso(line["time"])[11:19]} for line in reversed(lines)],
            "deliveries": emulator.webhooks.deliveries(last=_LINES)[::-1],
            "webhooks": emulator.webhooks.registered(),
            "trouble": emulator.courier.trouble,
            "q": q,
            "status": status,
            "back": _search({"q": q, "status": status}).removeprefix("?"),
        }

    def _settings(self) -> list[str]:
        path = self._emulator.options.credentials
        if path is None:
            return []
        quoted = shlex.quote(str(path.absolute()))
        return [
            f"export HIGHMOBILITY_CREDENTIALS_FILE={quoted}",
            f"pulumi config set highmobility:credentialsFile {quoted}",
        ]

    def _html(self, template: str, context: dict[str, Any]) -> Response:
        return HTMLResponse(self._templates.get_template(template).render(context), headers=_HEADERS)


def _matching(q: str) -> tuple[str, list[str]]:
    """SQL for what the search finds, with its values."""
    if not q:
        return "1", []
    pattern = "%" + q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    return "(vin LIKE ? ESCAPE '\\' OR brand LIKE ? ESCAPE '\\')", [pattern, pattern]


def _count(db: sqlite3.Connection, q: str) -> dict[str, int]:
    """How many vehicles the search finds in each status, in the order of a clearance's life."""
    where, values = _matching(q)
    rows = db.execute(
        f"SELECT status, count(*) FROM vehicles WHERE {where} GROUP BY status",  # noqa: S608 - values bound
        values,
    )
    counts = dict(tuple(row) for row in rows)
    return {status: counts[status] for status in STATES if status in counts}


def _find(db: sqlite3.Connection, q: str, status: str) -> list[Vehicle]:
    """The first rows: pending ones, then by last change."""
    where, values = _matching(q)
    if status:
        where, values = f"{where} AND status = ?", [*values, status]
    rows = db.execute(
        f"SELECT * FROM vehicles WHERE {where} "  # noqa: S608 - values bound
        f"ORDER BY status = 'pending' DESC, changed_at DESC, vin LIMIT {_SHOWN}",
        values,
    )
    return [vehicle_of(row) for row in rows.fetchall()]


def _filters(counts: dict[str, int], q: str, status: str) -> list[dict[str, Any]]:
    """The links that show all vehicles, or those in one status, each with how many there are."""
    names = ["", *(name for name in STATES if name in counts or name == status)]
    return [
        {
            "name": name,
            "count": f"{counts.get(name, 0) if name else sum(counts.values()):,}",
            "href": "/" + _search({"q": q, "status": name}),
            "is_chosen": name == status,
        }
        for name in names
    ]


def _shown(vehicle: Vehicle, now: float) -> dict[str, Any]:
    since = vehicle.changelog[-1]["timestamp"]
    return {
        "key": f"{vehicle.application}-{vehicle.vin}",
        **{
            name: getattr(vehicle, name)
            for name in ("application", "vin", "brand", "status", "tags", "changelog")
        },
        "since": since[:19],
        "ago": _ago(now - (parse_iso(since) or now)),
        "moves": _MOVES.get(vehicle.status, ()),
    }


def _caption(shown: int, matching: int, total: int) -> str:
    if not total:
        return "No vehicle is registered yet."
    if not matching:
        return "No vehicle matches."
    if matching > shown:
        return (
            f"{shown} of {_vehicles(matching)}: pending ones first, then by last change. Find others above."
        )
    return _vehicles(shown)


def _vehicles(count: int) -> str:
    return f"{count:,} vehicle{'' if count == 1 else 's'}"


def _ago(seconds: float) -> str:
    for size, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"


def _search(fields: dict[str, str]) -> str:
    kept = {name: fields[name] for name in ("q", "status") if fields.get(name)}
    return f"?{urlencode(kept)}" if kept else ""


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))


def _file(name: str, media_type: str) -> Any:
    content = (_FOLDER / name).read_bytes()

    async def endpoint(_request: Request) -> Response:
        return Response(content, media_type=media_type, headers=_HEADERS)

    return endpoint
