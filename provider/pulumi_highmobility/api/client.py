"""The calls of the platform's API, each with its retries, pace and bearer token."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal
from urllib.parse import quote
from uuid import uuid4

import httpx

from ..clock import Clock, RealClock, Stop
from ..errors import ConfigError, NotAuthorized, RateLimited, ServerError
from ..secret import Secret
from ..settings import CLIENT_ID, CLIENT_SECRET, Settings
from .auth import BearerSource
from .connection import open_http
from .filters import split_filter
from .limits import READS_BY_VIN, READS_BY_VIN_WINDOW_S, Route
from .retry import RetryPolicy, call_with_retries
from .shapes import (
    ClearanceAnswer,
    ClearanceRow,
    Eligibility,
    RegisteredVehicle,
    VehicleInfo,
    VehicleTokenPair,
)
from .wire import Wire


class FleetApi:
    """
    The platform's API for one application; safe to share by everything in one event loop.

    Every call can raise NotAuthorized, Forbidden, RateLimited, ServerError and TransportError
    beside what it names itself.
    """

    def __init__(
        self,
        settings: Settings,
        http: httpx.AsyncClient,
        *,
        clock: Clock,
        rng: random.Random,
        policy: RetryPolicy | None = None,
        new_id: Callable[[], str] = lambda: str(uuid4()),
        stop: Stop | None = None,
    ) -> None:
        self._settings = settings
        self._stop = stop
        self._clock = clock
        self._rng = rng
        self._policy = policy or RetryPolicy()
        self._wire = Wire(settings.base_url, http, clock, timeout_s=settings.request_timeout_s)
        self._bearer = BearerSource(
            settings, self._wire, clock=clock, rng=rng, policy=self._policy, new_id=new_id
        )
        self._routes: dict[str, Route] = {
            "GET /fleets/vehicles/{vin}": self._route(calls=READS_BY_VIN, window_s=READS_BY_VIN_WINDOW_S)
        }

    @property
    def clock_skew_s(self) -> float:
        """How many seconds the platform's clock is ahead of this machine's, by its last answer; 0 before the first."""
        return self._wire.skew_s

    async def list_vehicles(
        self,
        filter_by: Mapping[str, Any] | None = None,
        *,
        unreadable: Callable[[str, str], None] = lambda _vin, _why: None,
    ) -> list[RegisteredVehicle]:
        """
        All registered vehicles, or those that `filter_by` lets through, in one call.

        A row that cannot be read costs that vehicle alone: `unreadable` is told its VIN (empty where that is not known) and why.

        `filter_by` is the platform's: field → {"operator", "value"}, with fields vin, status, brand,
        tags, approved_at, inserted_at. What of it is too long for a URL is looked through here.

        API: GET /fleets/vehicles
        """
        asked, takes = split_filter(filter_by)
        params = {"filter": asked} if asked else None
        content = await self._authorized("GET", "/fleets/vehicles", params=params)
        found = self._wire.read_rows(content, unreadable)
        return [vehicle for vehicle in found if takes(vehicle)]

    async def get_vehicle(self, vin: str) -> RegisteredVehicle:
        """
        One registered vehicle. The platform allows 60 of these calls a minute; further ones wait.

        Raises: VehicleNotFound.
        API: GET /fleets/vehicles/{vin}
        """
        path = f"/fleets/vehicles/{quote(vin, safe='')}"
        content = await self._authorized("GET", path, route="GET /fleets/vehicles/{vin}")
        found = self._wire.read_vehicle(content, path)
        self._wire.refuse_another_vehicle(found.vin, vin, method="GET", path=path)
        return found

    async def request_clearances(self, vehicles: Sequence[Mapping[str, Any]]) -> list[ClearanceRow]:
        """
        Ask for clearance of many vehicles in one call; each is `{vin, brand, control_measures?, tags?}`.

        A row with status "error" does not fail the others. Never sent twice where it may have taken
        effect: after a ServerError, or a TransportError that `may_have_happened`, look before asking again.

        Raises: InvalidRequest.
        API: POST /fleets/vehicles
        """
        content = await self._authorized(
            "POST", "/fleets/vehicles", body={"vehicles": list(vehicles)}, repeatable=False
        )
        return self._wire.read(ClearanceAnswer, content, method="POST", path="/fleets/vehicles").vehicles

    async def delete_clearance(self, vin: str) -> ClearanceRow:
        """
        Revoke an approved clearance, or cancel a pending one; the answer's status is revoking or canceling.

        Raises: VehicleNotFound, ClearanceConflict (already removed, or in transition), InvalidRequest
        (cannot be canceled, or not yet).
        API: DELETE /fleets/vehicles/{vin}
        """
        path = f"/fleets/vehicles/{quote(vin, safe='')}"
        content = await self._authorized("DELETE", path, route="DELETE /fleets/vehicles/{vin}")
        row = self._wire.read(ClearanceRow, content, method="DELETE", path=path)
        self._wire.refuse_another_vehicle(row.vin, vin, method="DELETE", path=path)
        return row

    async def create_vehicle_token(self, vin: str) -> VehicleTokenPair:
        """
        A new vehicle token; the clearance must be approved.

        Raises: TokenRefused (not approved, or unknown).
        API: POST /fleets/access_tokens
        """
        path = "/fleets/access_tokens"
        content = await self._authorized("POST", path, body={"vin": vin})
        return self._wire.read_tokens(content, method="POST", path=path)

    async def refresh_vehicle_token(self, refresh_token: Secret) -> VehicleTokenPair:
        """
        A new pair for an old one, which is dead from then on.

        Raises: TokenRefused (the refresh token is dead), ConfigError (no client id and secret).
        API: POST /access_tokens, grant_type refresh_token
        """
        body = {"grant_type": "refresh_token", "refresh_token": refresh_token, **self._client_pair()}
        content = await self._send("POST", "/access_tokens", body=body)
        return self._wire.read_tokens(content, method="POST", path="/access_tokens")

    async def revoke_vehicle_token(
        self, token: Secret, *, hint: Literal["access_token", "refresh_token"]
    ) -> None:
        """
        Revoke one token of a pair; one that is unknown or expired is no error (RFC 7009, section 2.2).

        Raises: TokenRefused, ConfigError (no client id and secret).
        API: DELETE /access_tokens
        """
        body = {"token": token, "token_type_hint": hint, **self._client_pair()}
        await self._send("DELETE", "/access_tokens", body=body)

    async def vehicle_of_token(self, access_token: Secret) -> VehicleInfo | None:
        """
        Whose vehicle a token is for, None where the token lives no longer.

        API: GET /vehicleinfo
        """
        try:
            content = await self._send("GET", "/vehicleinfo", bearer=access_token)
        except NotAuthorized:
            return None
        return self._wire.read(VehicleInfo, content, method="GET", path="/vehicleinfo")

    async def check_eligibility(self, vin: str, brand: str) -> Eligibility:
        """
        Whether the carmaker would take the vehicle; no clearance is requested.

        Raises: InvalidRequest (the brand has no look-up, or is not activated for the application).
        API: POST /eligibility
        """
        content = await self._authorized("POST", "/eligibility", body={"vin": vin, "brand": brand})
        return self._wire.read(Eligibility, content, method="POST", path="/eligibility")

    def _client_pair(self) -> dict[str, str | Secret]:
        secret = self._settings.client_secret
        if not self._settings.client_id or secret is None:
            raise ConfigError(
                "Refreshing and revoking vehicle tokens needs the OAuth client: set "
                f"{CLIENT_ID.names} and {CLIENT_SECRET.names}."
            )
        return {"client_id": self._settings.client_id, "client_secret": secret}

    def _route(self, *, calls: int | None = None, window_s: float = 60.0) -> Route:
        longest_s = self._policy.max_retry_after_s
        return Route(self._clock, calls=calls, window_s=window_s, longest_pause_s=longest_s)

    async def _authorized(
        self,
        method: str,
        path: str,
        *,
        route: str | None = None,
        body: Any = None,
        params: Mapping[str, str] | None = None,
        repeatable: bool = True,
    ) -> bytes:
        """Send with our bearer token; one that the platform no longer takes is renewed once."""
        token = await self._bearer.get()
        try:
            return await self._send(
                method, path, route=route, bearer=token, body=body, params=params, repeatable=repeatable
            )
        except NotAuthorized:
            self._bearer.drop(token)
        token = await self._bearer.get()
        return await self._send(
            method, path, route=route, bearer=token, body=body, params=params, repeatable=repeatable
        )

    async def _send(
        self,
        method: str,
        path: str,
        *,
        route: str | None = None,
        bearer: Secret | None = None,
        body: Any = None,
        params: Mapping[str, str] | None = None,
        repeatable: bool = True,
    ) -> bytes:
        pace = self._routes.setdefault(route or f"{method} {path}", self._route())

        async def send() -> bytes:
            await pace.wait_for_turn()
            if self._stop is not None and method != "GET":
                # Once the run is told to stop no change is begun; a look at what has been done is none.
                self._stop.refuse()
            try:
                return await self._wire.exchange(method, path, bearer=bearer, body=body, params=params)
            except (RateLimited, ServerError) as error:
                pace.pause(error)
                raise

        return await call_with_retries(
            send, policy=self._policy, repeatable=repeatable, clock=self._clock, rng=self._rng
        )


@asynccontextmanager
async def open_api(
    settings: Settings,
    *,
    clock: Clock | None = None,
    rng: random.Random | None = None,
    policy: RetryPolicy | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    stop: Stop | None = None,
) -> AsyncIterator[FleetApi]:
    """
    A client with its connections, closed at the end; `transport` swaps the network for something else.

    Once `stop` is set, its calls that change something raise Interrupted instead of being sent.
    """
    async with open_http(settings, transport) as http:
        yield FleetApi(
            settings,
            http,
            clock=clock or RealClock(),
            rng=rng or random.Random(),  # noqa: S311 - jitter of waits, no secret
            policy=policy,
            stop=stop,
        )
