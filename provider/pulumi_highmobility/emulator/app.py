"""The ASGI application: routes as data, each request read, logged, failed on demand, answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from .answers import OAuthProblem, Problem
from .api.endpoints import Answer
from .api.faults import Fault
from .api.requests import ApiRequest
from .controls.calls import Controls
from .controls.page import Page
from .parts import Options, Parts
from .serving.date_header import Dated
from .serving.limits import SmallBodies, SmallHeads
from .serving.origins import OwnPagesOnly
from .serving.paths import OriginForm, PathRoute, raw_path, segments
from .wire import write_json
from .world.applications import Application
from .world.clock import EmulatorClock
from .world.store import Store

__all__ = ["Emulator", "Options"]

# What is below these answers in OAuth's shape, whatever is wrong.
_OAUTH_CALLS = ("access_tokens", "vehicleinfo")


class Emulator(Parts):
    """The application with what it stands on, for those who serve it and for tests."""

    def __init__(
        self, store: Store, clock: EmulatorClock, applications: list[Application], options: Options
    ) -> None:
        super().__init__(store, clock, applications, options)
        self.app = self._build()

    def _build(self) -> Starlette:
        api = self.api
        calls: list[tuple[str, str, Callable[[ApiRequest], Answer]]] = [
            ("POST", "/auth_tokens", api.create_auth_token),
            ("DELETE", "/auth_tokens/{auth_token}", api.delete_auth_token),
            ("POST", "/access_tokens", api.create_access_token),
            ("DELETE", "/access_tokens", api.revoke_access_token),
            ("GET", "/vehicleinfo", api.show_vehicle_info),
            ("POST", "/fleets/vehicles", api.request_clearances),
            ("GET", "/fleets/vehicles", api.list_vehicles),
            ("GET", "/fleets/vehicles/{vin}", api.show_vehicle),
            ("DELETE", "/fleets/vehicles/{vin}", api.delete_vehicle),
            ("POST", "/fleets/{vin}/cancel_activation", api.delete_vehicle),
            ("POST", "/fleets/access_tokens", api.create_vehicle_token),
            ("POST", "/eligibility", api.check_eligibility),
        ]
        by_path: dict[str, dict[str, Callable[[ApiRequest], Answer]]] = {}
        for method, path, call in calls:
            by_path.setdefault(path, {})[method] = call
        # One route a path, not a call: a 405 then says in Allow every method that the path takes.
        routes = [
            PathRoute(f"/v1{path}", self._endpoint(has), methods=[*has]) for path, has in by_path.items()
        ]
        if self.options.controls:
            routes += Page(self).routes() + Controls(self).routes()
        app = Starlette(
            routes=routes,
            middleware=[
                Middleware(Dated, self.clock),
                Middleware(SmallHeads, _http_problem),
                Middleware(OriginForm),
                Middleware(OwnPagesOnly, self.options.hosts),
                Middleware(SmallBodies),
            ],
            lifespan=lambda _app: self.courier.running(),
            exception_handlers={
                HTTPException: _http_problem,
                Problem: _problem,
                OAuthProblem: _problem,
                ClientDisconnect: _gone,
            },
        )
        # A path that ends with a slash has an empty VIN, and is no call for the whole list.
        app.router.redirect_slashes = False
        return app

    def _endpoint(
        self, calls: dict[str, Callable[[ApiRequest], Answer]]
    ) -> Callable[[Request], Awaitable[ASGIApp]]:
        async def endpoint(request: Request) -> ASGIApp:
            call = calls["GET" if request.method == "HEAD" else request.method]
            asked = await _read(request)
            vins = asked.vins()
            fault = self.faults.take(asked.method, asked.path, vins)
            if self.options.latency_s:
                await asyncio.sleep(self.options.latency_s)
            response = await self._answer(call, asked, fault)
            status = 0 if isinstance(response, _Closed) else response.status_code
            self.log.add(
                self.clock.wall(), asked, _shown(request), status, vins, fault.kind if fault else None
            )
            return response

        return endpoint

    async def _answer(
        self, call: Callable[[ApiRequest], Answer], asked: ApiRequest, fault: Fault | None
    ) -> Response | _Closed | _Truncated:
        match fault:
            case Fault(kind="delay"):
                await asyncio.sleep(fault.seconds)
            case Fault(kind="expire_token"):
                await run_in_threadpool(self.authenticator.expire_bearers)
            case Fault(kind="close_before"):
                return _Closed()
            case Fault(kind="status"):
                return _faulty_status(fault)
            case Fault(kind="answer"):
                return Response(fault.body, media_type="application/json")
            case _:
                pass
        try:
            status, body = await run_in_threadpool(call, asked)
        except (Problem, OAuthProblem) as problem:
            response: Response = _response_to(problem)
        else:
            response = _response(status, body)
        match fault:
            case Fault(kind="close_after"):
                return _Closed()
            case Fault(kind="truncate"):
                return _Truncated(response.status_code, bytes(response.body))
            case _:
                return response


class _Closed:
    """An answer that never comes: the connection is closed under the client."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's form
        abort = scope.get("extensions", {}).get("emulator.abort")
        if abort is None:
            raise ConnectionResetError("the emulator closed the connection, as the fault says")
        abort()
        while (await receive())["type"] != "http.disconnect":
            pass


class _Truncated:
    """The first half of a body whose length promises the whole."""

    def __init__(self, status_code: int, body: bytes) -> None:
        self.status_code = status_code
        self._body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(self._body)).encode())]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        half = self._body[: len(self._body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        await _Closed()(scope, receive, send)


async def _read(request: Request) -> ApiRequest:
    return ApiRequest(
        method=request.method,
        path="/".join(["", *segments(request.scope)[2:]]),
        query=dict(request.query_params),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.body(),
        base_url=f"{request.url.scheme}://{request.url.netloc}/v1",
        path_params={name: str(value) for name, value in request.path_params.items()},
    )


def _shown(request: Request) -> str:
    """The path for the log: as it was sent, but for the token that one call has in it."""
    if "auth_token" in request.path_params:
        return "/auth_tokens/…"
    return raw_path(request.scope).decode("ascii", "replace").removeprefix("/v1")


def _response(status: int, body: Any, headers: dict[str, str] | None = None) -> Response:
    content = body if isinstance(body, bytes) else write_json(body).encode()
    return Response(content, status, headers, media_type="application/json")


def _response_to(problem: Problem | OAuthProblem) -> Response:
    return _response(problem.status, problem.body(), problem.headers)


def _faulty_status(fault: Fault) -> Response:
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    if fault.status == 429:
        detail = "retry after 10s" if fault.retry_after is None else f"retry after {fault.retry_after}s"
        return _response_to(Problem(429, "Too many requests", "fleet-manager-api:fault", detail, headers))
    if fault.status == 502:
        return Response("<html><body>Bad Gateway</body></html>", 502, headers, media_type="text/html")
    return _response_to(Problem(fault.status, "Fault", None, "A fault that was requested.", headers))


async def _problem(request: Request, error: Exception) -> Response:  # noqa: ARG001 - Starlette's form
    assert isinstance(error, (Problem, OAuthProblem))  # noqa: S101 - registered for these
    return _response_to(error)


async def _gone(request: Request, error: Exception) -> Response:  # noqa: ARG001 - Starlette's form
    """To a client that went away before its request was complete, which happens, and reaches nobody."""
    return Response(status_code=400)


async def _http_problem(request: Request, error: Exception) -> Response:
    """Unknown paths and wrong methods, in the shape of their part of the API."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for these
    headers = dict(error.headers or {})
    part = segments(request.scope)[1:3]
    if part in [["v1", call] for call in _OAUTH_CALLS]:
        return _response_to(OAuthProblem(error.detail, status=error.status_code, headers=headers))
    return _response_to(Problem(error.status_code, error.detail, None, None, headers))
