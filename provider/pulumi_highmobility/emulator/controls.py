"""The emulator's controls, under a path of their own: never mixed with the API's."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .answers import Problem, invalid
from .clock import iso
from .machine import STATES
from .scenarios import SCENARIOS
from .store import Vehicle, find_vehicle, vehicle_of
from .webhooks import EVENTS, InvalidWebhook, Webhook

if TYPE_CHECKING:
    from .app import Emulator

_JsonObject = dict[str, Any]
# What a control names, and what keeps the carmaker from approving: at which value of it.
_CONDITION_OF = {
    "privacy_mode": ("privacy-mode", True),
    "sends_data": ("no-data", False),
    "consent": ("no-consent", False),
}


class Controls:
    """What tests and people may do to the emulator that the platform would not let them."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def routes(self) -> list[Route]:
        """The routes, below /_emulator."""
        calls: list[tuple[str, str, Callable[[Request, _JsonObject], Any]]] = [
            ("GET", "/state", self.state),
            ("GET", "/vehicles", self.vehicles),
            ("POST", "/vehicles/{vin}/move", self.move),
            ("POST", "/vehicles/{vin}/conditions", self.conditions),
            ("GET", "/tokens", self.tokens),
            ("GET", "/requests", self.requests),
            ("DELETE", "/requests", self.clear_requests),
            ("GET", "/faults", self.faults),
            ("POST", "/faults", self.add_fault),
            ("DELETE", "/faults", self.clear_faults),
            ("POST", "/clock/advance", self.advance),
            ("POST", "/reset", self.reset),
            ("GET", "/scenarios", self.scenarios),
            ("GET", "/webhooks", self.webhooks),
            ("POST", "/webhooks", self.add_webhook),
            ("DELETE", "/webhooks/{id}", self.remove_webhook),
            ("GET", "/deliveries", self.deliveries),
            ("POST", "/deliveries/{number}/redeliver", self.redeliver),
        ]
        return [Route(path, _endpoint(call), methods=[method]) for method, path, call in calls]

    def state(self, request: Request, fields: _JsonObject) -> Any:  # noqa: ARG002 - the routes' form
        """GET /state: the time, and how many vehicles are in which state"""
        with self._emulator.store.transaction() as db:
            self._emulator.machine.settle(db)
            counts = db.execute("SELECT status, count(*) AS n FROM vehicles GROUP BY status").fetchall()
        return {
            "now": iso(self._emulator.clock.now()),
            "vehicles": {row["status"]: row["n"] for row in counts},
        }

    def vehicles(self, request: Request, fields: _JsonObject) -> Any:  # noqa: ARG002 - the routes' form
        """GET /vehicles: everything about every vehicle, with how many of its tokens live"""
        with self._emulator.store.transaction() as db:
            self._emulator.machine.settle(db)
            rows = db.execute("SELECT * FROM vehicles ORDER BY application, vin").fetchall()
            tokens = db.execute(
                "SELECT application, vin, access_digest, refresh_digest, access_alive, refresh_alive, expires_at FROM tokens ORDER BY id"
            ).fetchall()
        now = self._emulator.clock.service()
        by_vehicle: dict[tuple[str, str], list[_JsonObject]] = {}
        for token in tokens:
            by_vehicle.setdefault((token["application"], token["vin"]), []).append(
                {
                    "access_sha256": token["access_digest"],
                    "refresh_sha256": token["refresh_digest"],
                    "access_lives": bool(token["access_alive"]) and token["expires_at"] > now,
                    "refresh_lives": bool(token["refresh_alive"]),
                }
            )
        found = []
        for vehicle in map(vehicle_of, rows):
            kept = {
                name: getattr(vehicle, name)
                for name in (
                    "application",
                    "vin",
                    "brand",
                    "tags",
                    "status",
                    "changelog",
                    "odometer",
                    "conditions",
                )
            }
            found.append({**kept, "tokens": by_vehicle.get((vehicle.application, vehicle.vin), [])})
        return found

    def move(self, request: Request, fields: _JsonObject) -> Any:
        """POST /vehicles/{vin}/move {"status", "reason"?, "application"?}: to any state, whatever the rules"""
        status = fields.get("status")
        if status not in STATES:
            raise invalid("status", f"status takes one of {', '.join(STATES)}")
        emulator = self._emulator
        with emulator.store.transaction() as db:
            vehicle = self._known(db, request, fields)
            emulator.machine.move(db, vehicle, status, at=emulator.clock.now(), reason=fields.get("reason"))
        return {"vin": vehicle.vin, "status": vehicle.status}

    def conditions(self, request: Request, fields: _JsonObject) -> Any:
        """POST /vehicles/{vin}/conditions {"privacy_mode"?, "sends_data"?, "consent"?, "application"?}, each true or false"""
        with self._emulator.store.transaction() as db:
            vehicle = self._known(db, request, fields)
            holding = set(vehicle.conditions)
            for name, (condition, when) in _CONDITION_OF.items():
                value = fields.get(name)
                if value is not None and not isinstance(value, bool):
                    raise invalid(name, f"{name} takes true or false")
                if value is not None:
                    holding = holding | {condition} if value is when else holding - {condition}
            self._emulator.machine.set_conditions(db, vehicle, sorted(holding))
        return {"vin": vehicle.vin, "status": vehicle.status, "conditions": vehicle.conditions}

    def _known(self, db: sqlite3.Connection, request: Request, fields: _JsonObject) -> Vehicle:
        self._emulator.machine.settle(db)
        names = [application.name for application in self._emulator.applications]
        application = fields.get("application") or names[0]
        if application not in names:
            raise Problem(404, "Not found", "application", f"There are: {', '.join(names)}.")
        vehicle = find_vehicle(db, application, str(request.path_params["vin"]).upper())
        if vehicle is None:
            raise Problem(404, "Not found", "vin", "The vehicle is not registered.")
        return vehicle

    def tokens(self, request: Request, fields: _JsonObject) -> Any:  # noqa: ARG002 - the routes' form
        """GET /tokens: SHA-256 digests of every token that lives, to search a place for them without knowing them"""
        with self._emulator.store.transaction() as db:
            bearers = db.execute("SELECT digest FROM bearers").fetchall()
            pairs = db.execute("SELECT access_digest, refresh_digest FROM tokens").fetchall()
        return [row["digest"] for row in bearers] + [digest for pair in pairs for digest in tuple(pair)]

    def requests(self, request: Request, fields: _JsonObject) -> Any:  # noqa: ARG002 - the routes' form
        """GET /requests?after=N: the log of requests to the API"""
        after = request.query_params.get("after", "0")
        return self._emulator.log.lines(after=int(after) if after.isdigit() else 0)

    def clear_requests(self, request: Request, fields: _JsonObject) -> Any:  # noqa: ARG002 - the routes' form
        """DELETE /requests"""
        self._emulator.log.clear()
        return {}

    def faults(self, request: Request, fields: _JsonObject) -> Any:  # noqa: ARG002 - the routes' form
        """GET /faults: those still to come"""
        return self._emulator.faults.pending()

    def add_fault(self, request: Request, fields: _JsonObject) -> Any:  # noqa: ARG002 - the routes' form
        """POST /faults {"kind", "times"?, "method"?, "path"?, "vin"?, "status"?, "retry_after"?, "seconds"?}"""
        try:
            return vars(self._emulator.faults.add(fields)).copy()
        except (ValueError, TypeError) as error:
            raise invalid("fault", str(error)) from error

    def clear_faults(self, request: Request, fields: _JsonObject) -> Any:  # noqa: ARG002 - the routes' form
        """DELETE /faults"""
        self._emulator.faults.clear()
        return {}

    def advance(self, request: Request, fields: _JsonObject) -> Any:
        """POST /clock/advance {"seconds"}"""
        seconds = fields.get("seconds")
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or seconds < 0:
            raise invalid("seconds", "seconds takes a number from 0")
        self._emulator.clock.advance(seconds)
        return self.state(request, fields)

    def reset(self, request: Request, fields: _JsonObject) -> Any:  # noqa: ARG002 - the routes' form
        """POST /reset: forget vehicles, tokens, faults, deliveries and the log; credentials and webhooks stay"""
        with self._emulator.store.transaction() as db:
            for table in ("vehicles", "tokens", "bearers"):
                db.execute(f"DELETE FROM {table}")  # noqa: S608 - the names stand here
            self._emulator.webhooks.forget_deliveries(db)
        self._emulator.faults.clear()
        self._emulator.log.clear()
        self._emulator.limit.clear()
        return {}

    def scenarios(self, request: Request, fields: _JsonObject) -> Any:  # noqa: ARG002 - the routes' form
        """GET /scenarios: the rules of the file, and what the endings of VINs mean"""
        rules = [{"rule": rule.meaning} for rule in self._emulator.scenarios.rules]
        return rules + [{"ending": scenario.ending, "meaning": scenario.meaning} for scenario in SCENARIOS]

    def webhooks(self, request: Request, fields: _JsonObject) -> Any:  # noqa: ARG002 - the routes' form
        """GET /webhooks: the registered ones, without their secrets"""
        return [_shown(hook) for hook in self._emulator.webhooks.registered()]

    def add_webhook(self, request: Request, fields: _JsonObject) -> Any:  # noqa: ARG002 - the routes' form
        """POST /webhooks {"url", "secret", "events"?, "application"?}: register or change the one with this URL"""
        names = [application.name for application in self._emulator.applications]
        application = fields.get("application") or names[0]
        if application not in names:
            raise invalid("application", f"application takes one of {', '.join(names)}")
        url, secret, events = fields.get("url"), fields.get("secret"), fields.get("events", list(EVENTS))
        if not isinstance(url, str) or not isinstance(secret, str) or not isinstance(events, list):
            raise invalid("webhook", 'a webhook takes {"url": text, "secret": text, "events"?: [text]}')
        try:
            return _shown(self._emulator.webhooks.register(application, url, secret, tuple(events)))
        except InvalidWebhook as error:
            raise invalid("webhook", str(error)) from error

    def remove_webhook(self, request: Request, fields: _JsonObject) -> Any:  # noqa: ARG002 - the routes' form
        """DELETE /webhooks/{id}"""
        if not self._emulator.webhooks.remove(str(request.path_params["id"])):
            raise Problem(404, "Not found", "id", "No webhook has this id.")
        return {}

    def deliveries(self, request: Request, fields: _JsonObject) -> Any:  # noqa: ARG002 - the routes' form
        """GET /deliveries?after=N: what webhooks were told, or are still to be told"""
        after = request.query_params.get("after", "0")
        return self._emulator.webhooks.deliveries(after=int(after) if after.isdigit() else 0)

    def redeliver(self, request: Request, fields: _JsonObject) -> Any:  # noqa: ARG002 - the routes' form
        """POST /deliveries/{number}/redeliver: send it again, as a new delivery"""
        number = str(request.path_params["number"])
        if not number.isdigit() or not self._emulator.webhooks.redeliver(int(number)):
            raise Problem(404, "Not found", "number", "No delivery to a present webhook has this number.")
        return {}


def _shown(hook: Webhook) -> _JsonObject:
    return {"id": hook.id, "application": hook.application, "url": hook.url, "events": list(hook.events)}


def _endpoint(call: Callable[[Request, _JsonObject], Any]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        body = await request.body()
        try:
            fields = json.loads(body) if body else {}
        except ValueError:
            raise invalid("body", "the body is not JSON") from None
        if not isinstance(fields, dict):
            raise invalid("body", "the body is not a JSON object")
        return JSONResponse(await run_in_threadpool(call, request, fields))

    return endpoint
