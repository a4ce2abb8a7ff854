"""The emulator's controls, under a path of their own: never mixed with the API's."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any

from msgspec.structs import asdict
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ..answers import Problem, invalid
from ..parts import Parts
from ..serving.paths import PathRoute
from ..wire import write_json
from ..world.clock import iso
from ..world.scenarios import SCENARIOS
from ..world.store import Vehicle, find_vehicle, vehicle_of
from ..world.vins import normal_vin
from ..world.webhooks import EVENTS, InvalidWebhook, Webhook
from .control_bodies import Advance, Conditions, Move, NewFault, NewWebhook, Order, read_number, read_order

_JsonObject = dict[str, Any]
# What a control names, and what keeps the carmaker from approving: at which value of it.
_CONDITION_OF = {
    "privacy_mode": ("privacy-mode", True),
    "sends_data": ("no-data", False),
    "consent": ("no-consent", False),
}


class Controls:
    """What tests and people may do to the emulator that the platform would not let them."""

    def __init__(self, emulator: Parts) -> None:
        self._emulator = emulator

    def routes(self) -> list[PathRoute]:
        """The routes, from the root on."""
        calls: list[tuple[str, str, type[Order], Callable[[Request, Any], Any]]] = [
            ("GET", "/state", Order, self.state),
            ("GET", "/vehicles", Order, self.vehicles),
            ("POST", "/vehicles/{vin}/move", Move, self.move),
            ("POST", "/vehicles/{vin}/conditions", Conditions, self.conditions),
            ("GET", "/tokens", Order, self.tokens),
            ("GET", "/requests", Order, self.requests),
            ("DELETE", "/requests", Order, self.clear_requests),
            ("GET", "/faults", Order, self.faults),
            ("POST", "/faults", NewFault, self.add_fault),
            ("DELETE", "/faults", Order, self.clear_faults),
            ("POST", "/clock/advance", Advance, self.advance),
            ("POST", "/reset", Order, self.reset),
            ("GET", "/scenarios", Order, self.scenarios),
            ("GET", "/webhooks", Order, self.webhooks),
            ("POST", "/webhooks", NewWebhook, self.add_webhook),
            ("DELETE", "/webhooks/{id}", Order, self.remove_webhook),
            ("GET", "/deliveries", Order, self.deliveries),
            ("POST", "/deliveries/{number}/redeliver", Order, self.redeliver),
        ]
        return [
            PathRoute(f"/_emulator{path}", _endpoint(call, shape), methods=[method])
            for method, path, shape, call in calls
        ]

    def state(self, request: Request, order: Order) -> Any:  # noqa: ARG002 - the routes' form
        """GET /state: the time, how many vehicles are in each state, and why webhooks are not delivered (null: they are)"""
        with self._emulator.store.transaction() as db:
            self._emulator.machine.settle(db)
            counts = db.execute("SELECT status, count(*) AS n FROM vehicles GROUP BY status").fetchall()
        return {
            "now": iso(self._emulator.clock.now()),
            "vehicles": {row["status"]: row["n"] for row in counts},
            "webhooks_trouble": self._emulator.courier.trouble or None,
        }

    def vehicles(self, request: Request, order: Order) -> Any:  # noqa: ARG002 - the routes' form
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

    def move(self, request: Request, order: Move) -> Any:
        """POST /vehicles/{vin}/move {"status", "reason"?, "application"?}: to any state, whatever the rules"""
        emulator = self._emulator
        with emulator.store.transaction() as db:
            vehicle = self._known(db, request, order.application)
            emulator.machine.move(db, vehicle, order.status, at=emulator.clock.now(), reason=order.reason)
        return {"vin": vehicle.vin, "status": vehicle.status}

    def conditions(self, request: Request, order: Conditions) -> Any:
        """POST /vehicles/{vin}/conditions {"privacy_mode"?, "sends_data"?, "consent"?, "application"?}, each true or false"""
        with self._emulator.store.transaction() as db:
            vehicle = self._known(db, request, order.application)
            holding = set(vehicle.conditions)
            for name, (condition, when) in _CONDITION_OF.items():
                value = getattr(order, name)
                if value is not None:
                    holding = holding | {condition} if value is when else holding - {condition}
            self._emulator.machine.set_conditions(db, vehicle, sorted(holding))
        return {"vin": vehicle.vin, "status": vehicle.status, "conditions": vehicle.conditions}

    def _known(self, db: sqlite3.Connection, request: Request, wanted: str | None) -> Vehicle:
        self._emulator.machine.settle(db)
        names = [application.name for application in self._emulator.applications]
        application = wanted or names[0]
        if application not in names:
            raise Problem(404, "Not found", "application", f"There are: {', '.join(names)}.")
        vehicle = find_vehicle(db, application, normal_vin(request.path_params["vin"]))
        if vehicle is None:
            raise Problem(404, "Not found", "vin", "The vehicle is not registered.")
        return vehicle

    def tokens(self, request: Request, order: Order) -> Any:  # noqa: ARG002 - the routes' form
        """GET /tokens: SHA-256 digests of every token that lives, to search a place for them without knowing them"""
        with self._emulator.store.transaction() as db:
            bearers = db.execute("SELECT digest FROM bearers").fetchall()
            pairs = db.execute("SELECT access_digest, refresh_digest FROM tokens").fetchall()
        return [row["digest"] for row in bearers] + [digest for pair in pairs for digest in tuple(pair)]

    def requests(self, request: Request, order: Order) -> Any:  # noqa: ARG002 - the routes' form
        """GET /requests?after=N: the log of requests to the API"""
        return self._emulator.log.lines(after=read_number(request.query_params.get("after", "0"), "after"))

    def clear_requests(self, request: Request, order: Order) -> Any:  # noqa: ARG002 - the routes' form
        """DELETE /requests"""
        self._emulator.log.clear()
        return {}

    def faults(self, request: Request, order: Order) -> Any:  # noqa: ARG002 - the routes' form
        """GET /faults: those still to come"""
        return self._emulator.faults.pending()

    def add_fault(self, request: Request, order: NewFault) -> Any:  # noqa: ARG002 - the routes' form
        """POST /faults {"kind", "times"?, "method"?, "path"?, "vin"?, "status"?, "retry_after"?, "seconds"?}"""
        return vars(self._emulator.faults.add(asdict(order))).copy()

    def clear_faults(self, request: Request, order: Order) -> Any:  # noqa: ARG002 - the routes' form
        """DELETE /faults"""
        self._emulator.faults.clear()
        return {}

    def advance(self, request: Request, order: Advance) -> Any:
        """POST /clock/advance {"seconds"}"""
        try:
            self._emulator.clock.advance(order.seconds)
        except ValueError as error:
            raise invalid("seconds", str(error)) from error
        return self.state(request, order)

    def reset(self, request: Request, order: Order) -> Any:  # noqa: ARG002 - the routes' form
        """POST /reset: forget vehicles, tokens, faults, deliveries and the log; credentials and webhooks stay"""
        with self._emulator.store.transaction() as db:
            for table in ("vehicles", "tokens", "bearers"):
                db.execute(f"DELETE FROM {table}")  # noqa: S608 - the names stand here
            self._emulator.webhooks.forget_deliveries(db)
        self._emulator.faults.clear()
        self._emulator.log.clear()
        self._emulator.limit.clear()
        return {}

    def scenarios(self, request: Request, order: Order) -> Any:  # noqa: ARG002 - the routes' form
        """GET /scenarios: the rules of the file, and what the endings of VINs mean"""
        rules = [{"rule": rule.meaning} for rule in self._emulator.scenarios.rules]
        return rules + [{"ending": scenario.ending, "meaning": scenario.meaning} for scenario in SCENARIOS]

    def webhooks(self, request: Request, order: Order) -> Any:  # noqa: ARG002 - the routes' form
        """GET /webhooks: the registered ones, without their secrets"""
        return [_shown(hook) for hook in self._emulator.webhooks.registered()]

    def add_webhook(self, request: Request, order: NewWebhook) -> Any:  # noqa: ARG002 - the routes' form
        """POST /webhooks {"url", "secret", "events"?, "application"?}: register or change the one with this URL"""
        names = [application.name for application in self._emulator.applications]
        application = order.application or names[0]
        if application not in names:
            raise invalid("application", f"application takes one of {', '.join(names)}")
        events = EVENTS if order.events is None else order.events
        try:
            hook = self._emulator.webhooks.register(application, order.url, order.secret, events)
        except InvalidWebhook as error:
            raise invalid("webhook", str(error)) from error
        trouble = self._emulator.courier.trouble
        return _shown(hook) | ({"trouble": trouble} if trouble else {})

    def remove_webhook(self, request: Request, order: Order) -> Any:  # noqa: ARG002 - the routes' form
        """DELETE /webhooks/{id}"""
        if not self._emulator.webhooks.remove(str(request.path_params["id"])):
            raise Problem(404, "Not found", "id", "No webhook has this id.")
        return {}

    def deliveries(self, request: Request, order: Order) -> Any:  # noqa: ARG002 - the routes' form
        """GET /deliveries?after=N: what webhooks were told, or are still to be told"""
        after = read_number(request.query_params.get("after", "0"), "after")
        return self._emulator.webhooks.deliveries(after=after)

    def redeliver(self, request: Request, order: Order) -> Any:  # noqa: ARG002 - the routes' form
        """POST /deliveries/{number}/redeliver: send it again, as a new delivery"""
        if not self._emulator.webhooks.redeliver(read_number(request.path_params["number"], "number")):
            raise Problem(404, "Not found", "number", "No delivery to a present webhook has this number.")
        return {}


def _shown(hook: Webhook) -> _JsonObject:
    return {"id": hook.id, "application": hook.application, "url": hook.url, "events": list(hook.events)}


def _endpoint(
    call: Callable[[Request, Any], Any], shape: type[Order]
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        order = read_order(await request.body(), shape)
        told = write_json(await run_in_threadpool(call, request, order))
        return Response(told, media_type="application/json")

    return endpoint
