"""What each call of the API does; the routes in app.py name these."""

from __future__ import annotations

import re
import secrets
import sqlite3
from collections.abc import Callable
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

from .. import answers
from ..answers import OAuthProblem
from ..serving.limits import ReadLimit
from ..wire import write_json
from ..world.applications import Application
from ..world.brands import BRANDS, WITH_ELIGIBILITY, WITH_ODOMETER
from ..world.clock import EmulatorClock
from ..world.machine import ENDED, Machine
from ..world.scenarios import DATA_DELIVERY, Scenarios
from ..world.store import Store, Vehicle, find_vehicle
from ..world.vins import normal_vin
from .auth import Authenticator, digest
from .filters import condition_of
from .requests import ApiRequest

OnDuplicate = Literal["echo", "error"]
MissingOdometer = Literal["error", "accept"]
AnswerStyle = Literal["documented", "recorded"]
Answer = tuple[int, Any]
VEHICLE_SCOPE = "diagnostics.get.mileage door_locks.get.locks windows.get.windows_positions"


class Api:
    """The endpoints, over the store, the state machine and the authenticator."""

    def __init__(
        self,
        store: Store,
        clock: EmulatorClock,
        machine: Machine,
        authenticator: Authenticator,
        limit: ReadLimit,
        scenarios: Scenarios,
        *,
        on_duplicate: OnDuplicate,
        missing_odometer: MissingOdometer,
        style: AnswerStyle,
        stamp: Callable[[float], str],
        token_lifetime_s: float,
    ) -> None:
        self._store = store
        self._clock = clock
        self._machine = machine
        self.authenticator = authenticator
        self._limit = limit
        self._scenarios = scenarios
        self._on_duplicate = on_duplicate
        self._missing_odometer = missing_odometer
        self._style = style
        self._stamp = stamp
        self._token_lifetime_s = token_lifetime_s

    # -- authentication ---------------------------------------------------------------------------

    def create_auth_token(self, asked: ApiRequest) -> Answer:
        """POST /auth_tokens"""
        application = self.authenticator.by_assertion(
            asked.fields.get("assertion"), host_audience=asked.base_url
        )
        asked.application = application.name
        issued = self.authenticator.issue(application)
        if asked.is_form():
            # Clients of the generation that sent a form know three fields, and the official one takes no other.
            issued = {name: issued[name] for name in ("auth_token", "valid_from", "valid_until")}
        return 201, issued

    def delete_auth_token(self, asked: ApiRequest) -> Answer:
        """DELETE /auth_tokens/{auth_token}"""
        token = asked.path_params["auth_token"]
        validity = self.authenticator.revoke_bearer(token)
        if validity is None:
            raise answers.unknown_auth_token()
        since, until = map(self._stamp, validity)
        return 201, {"auth_token": token, "valid_from": since, "valid_until": until}

    def create_access_token(self, asked: ApiRequest) -> Answer:
        """POST /access_tokens: client credentials, a client assertion, or a refresh token"""
        fields = asked.fields
        grant = fields.get("grant_type")
        if grant == "client_credentials":
            application = self.authenticator.by_client(fields, host_audience=asked.base_url)
            asked.application = application.name
            issued = self.authenticator.issue(application, fields.get("scope"))
            return 200, {name: issued[name] for name in ("access_token", "expires_in", "scope", "token_type")}
        # The published examples say "refresh" where RFC 6749 and the schema say "refresh_token".
        if grant in ("refresh_token", "refresh"):
            application = self.authenticator.by_secret(fields)
            asked.application = application.name
            return 200, self._refresh(application, fields.get("refresh_token"))
        if grant == "authorization_code":
            raise OAuthProblem("code is invalid")
        blank = [
            f"{name} can't be blank"
            for name in ("client_id", "client_secret", "grant_type")
            if not fields.get(name)
        ]
        if not grant:
            raise OAuthProblem(", ".join(blank))
        raise OAuthProblem("grant_type is invalid", error="unsupported_grant_type")

    def revoke_access_token(self, asked: ApiRequest) -> Answer:
        """DELETE /access_tokens, RFC 7009: an unknown token is success"""
        fields = asked.fields
        application = self.authenticator.by_secret(fields)
        asked.application = application.name
        token = fields.get("token")
        if not isinstance(token, str) or not token:
            raise OAuthProblem("token can't be blank")
        hint = fields.get("token_type_hint")
        if hint not in (None, "access_token", "refresh_token"):
            raise OAuthProblem("token_type_hint is invalid", error="unsupported_token_type")
        with self._store.transaction() as db:
            db.execute(
                "UPDATE tokens SET access_alive = 0 WHERE access_digest = ? AND application = ?",
                (digest(token), application.name),
            )
            # RFC 7009, section 2.1: with a refresh token its access tokens should end too.
            db.execute(
                "UPDATE tokens SET access_alive = 0, refresh_alive = 0 WHERE refresh_digest = ? AND application = ?",
                (digest(token), application.name),
            )
        return 200, {}

    def show_vehicle_info(self, asked: ApiRequest) -> Answer:
        """GET /vehicleinfo: whose vehicle token it is"""
        kind, _, token = asked.headers.get("authorization", "").partition(" ")
        with self._store.transaction() as db:
            self._machine.settle(db)
            row = db.execute(
                "SELECT * FROM tokens WHERE access_digest = ? AND access_alive = 1 AND expires_at > ?",
                (digest(token.strip()), self._clock.service()),
            ).fetchone()
        if kind.lower() != "bearer" or row is None:
            raise OAuthProblem(
                "The access token is invalid or has expired.", error="invalid_token", status=401
            )
        asked.application = row["application"]
        return 200, {"vin": row["vin"], "sub": f"{row['id']:08d}-0000-4000-8000-000000000000"}

    # -- clearance --------------------------------------------------------------------------------

    def request_clearances(self, asked: ApiRequest) -> Answer:
        """POST /fleets/vehicles: a row a vehicle, and one bad row does not fail the others"""
        application = self._fleet(asked)
        if not application.configured:
            raise answers.invalid("application", "The application is not configured.")
        rows = self._rows(asked)
        with self._store.transaction() as db:
            self._machine.settle(db)
            return 200, {"vehicles": [self._request_one(db, application.name, row) for row in rows]}

    def list_vehicles(self, asked: ApiRequest) -> Answer:
        """GET /fleets/vehicles, all or those that the filter lets through"""
        application = self._fleet(asked)
        condition, values = condition_of(
            asked.query.get("filter"), per_second=1 if self._style == "recorded" else 1000
        )
        self._settle()
        rows = self._store.list_vehicles(f"application = ? AND ({condition})", [application.name, *values])
        return 200, _json_list(rows)

    def show_vehicle(self, asked: ApiRequest) -> Answer:
        """GET /fleets/vehicles/{vin}"""
        application = self._fleet(asked)
        self._limit.count(application.name)
        with self._store.transaction() as db:
            self._machine.settle(db)
            return 200, _item(self._known(db, application, asked))

    def delete_vehicle(self, asked: ApiRequest) -> Answer:
        """DELETE /fleets/vehicles/{vin}: revoke what is approved, cancel what is pending"""
        application = self._fleet(asked)
        with self._store.transaction() as db:
            self._machine.settle(db)
            vehicle = self._known(db, application, asked)
            self._machine.end(db, vehicle)
            return 200, _row_of(vehicle)

    def create_vehicle_token(self, asked: ApiRequest) -> Answer:
        """POST /fleets/access_tokens: a token pair for an approved vehicle"""
        application = self._fleet(asked)
        vin = asked.fields.get("vin")
        if not isinstance(vin, str) or not vin:
            raise OAuthProblem("vin can't be blank")
        with self._store.transaction() as db:
            self._machine.settle(db)
            vehicle = find_vehicle(db, application.name, normal_vin(vin))
            if vehicle is None:
                raise OAuthProblem("vin is not registered")
            if vehicle.status != "approved":
                raise OAuthProblem(f"vin is not approved, its status is {vehicle.status}")
            return 200, self._new_pair(db, application.name, vehicle.vin) | self._recorded(vehicle)

    def check_eligibility(self, asked: ApiRequest) -> Answer:
        """POST /eligibility"""
        self._bearer(asked, "vehicle:eligibility-check")
        vin, brand = asked.fields.get("vin"), asked.fields.get("brand")
        if vin is None:
            raise answers.invalid("vin", "vin can't be blank")
        if not isinstance(vin, str) or len(vin) != 17:
            raise answers.invalid("vin", "vin should be 17 character(s)")
        if not isinstance(brand, str) or brand not in WITH_ELIGIBILITY:
            raise answers.invalid("brand", "The brand is invalid")
        scenario = self._scenarios.of(vin, brand)
        delivery = scenario.data_delivery
        if delivery is None:
            delivery = DATA_DELIVERY if scenario.eligible else ()
        told: dict[str, Any] = {
            "vin": vin,
            "eligible": scenario.eligible,
            "data_delivery": list(delivery),
            "connectivity_status": scenario.connectivity_status
            or ("activated" if scenario.eligible else "unknown"),
        }
        if scenario.primary_user_assigned is not None:
            told["primary_user_assigned"] = scenario.primary_user_assigned
        return 200, told

    # -- parts ------------------------------------------------------------------------------------

    def _bearer(self, asked: ApiRequest, scope: str) -> Application:
        bearer = self.authenticator.bearer(asked.headers.get("authorization"))
        asked.application = bearer.application.name
        if scope not in bearer.scopes:
            raise answers.missing_scope(scope)
        return bearer.application

    def _fleet(self, asked: ApiRequest) -> Application:
        application = self._bearer(asked, "fleet:clearance")
        if not application.has_fleet:
            raise answers.no_fleet()
        return application

    def _settle(self) -> None:
        with self._store.transaction() as db:
            self._machine.settle(db)

    def _known(self, db: sqlite3.Connection, application: Application, asked: ApiRequest) -> Vehicle:
        vehicle = find_vehicle(db, application.name, normal_vin(asked.path_params["vin"]))
        if vehicle is None:
            raise answers.not_found()
        return vehicle

    def _rows(self, asked: ApiRequest) -> list[dict[str, Any]]:
        rows = asked.fields.get("vehicles")
        if not isinstance(rows, list):
            raise answers.invalid(
                "vehicles", "vehicles can't be blank" if rows is None else "vehicles is invalid"
            )
        for row in rows:
            if not isinstance(row, dict):
                raise answers.invalid("vehicles", "a vehicle is not an object")
            for name in ("vin", "brand"):
                if not isinstance(row.get(name), str):
                    raise answers.invalid(
                        name, f"{name} can't be blank" if row.get(name) is None else f"{name} is invalid"
                    )
            tags = row.get("tags")
            if tags is not None and not (
                isinstance(tags, dict) and all(isinstance(text, str) for text in tags.values())
            ):
                raise answers.invalid("tags", "tags is invalid")
        return rows

    def _request_one(self, db: sqlite3.Connection, application: str, row: dict[str, Any]) -> dict[str, Any]:
        vin, brand = normal_vin(row["vin"]), row["brand"]

        def error(description: str) -> dict[str, Any]:
            return {"vin": row["vin"], "status": "error", "description": description}

        if len(vin) != 17:
            return error("vin should be 17 character(s)")
        if brand not in BRANDS:
            return error("The brand is invalid")
        odometer, wrong = _odometer(row.get("control_measures"))
        if wrong or (odometer is None and brand in WITH_ODOMETER and self._missing_odometer == "error"):
            return error(wrong or "control_measures.odometer can't be blank")
        scenario = self._scenarios.of(vin, brand, row.get("tags") or {})
        if scenario.error:
            return error(scenario.error)
        present = find_vehicle(db, application, vin)
        if present is not None and present.status not in ENDED:
            if self._on_duplicate == "error":
                return error("vin is already registered")
            return _row_of(present) | {"vin": row["vin"]}
        vehicle = self._machine.request(db, application, vin, brand, row.get("tags"), odometer)
        # As it was sent: clients find their row by comparison.
        return _row_of(vehicle) | {"vin": row["vin"]}

    def _recorded(self, vehicle: Vehicle) -> dict[str, Any]:
        """What recorded answers have beside the documented fields."""
        if self._style != "recorded":
            return {}
        name = f"{vehicle.application}/{vehicle.vin}/{vehicle.requested_at}"
        return {"authorization_id": str(uuid5(NAMESPACE_URL, name)), "status": vehicle.status}

    def _refresh(self, application: Application, refresh_token: Any) -> dict[str, Any]:
        if not isinstance(refresh_token, str) or not refresh_token:
            raise OAuthProblem("refresh_token can't be blank")
        with self._store.transaction() as db:
            self._machine.settle(db)
            row = db.execute(
                "SELECT * FROM tokens WHERE refresh_digest = ? AND refresh_alive = 1 AND application = ?",
                (digest(refresh_token), application.name),
            ).fetchone()
            if row is None:
                raise OAuthProblem("refresh_token is invalid", error="invalid_grant")
            db.execute("UPDATE tokens SET access_alive = 0, refresh_alive = 0 WHERE id = ?", (row["id"],))
            return self._new_pair(db, application.name, row["vin"])

    def _new_pair(self, db: sqlite3.Connection, application: str, vin: str) -> dict[str, Any]:
        access_token, refresh_token = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        db.execute(
            "INSERT INTO tokens (application, vin, access_digest, refresh_digest, expires_at, access_alive, refresh_alive) "
            "VALUES (?, ?, ?, ?, ?, 1, 1)",
            (
                application,
                vin,
                digest(access_token),
                digest(refresh_token),
                self._clock.service() + self._token_lifetime_s,
            ),
        )
        return {
            "access_token": access_token,
            "refresh_token": refresh_token,
            "token_type": "bearer",
            "scope": VEHICLE_SCOPE,
            "expires_in": int(self._token_lifetime_s),
        }


def _odometer(measures: Any) -> tuple[str | None, str]:
    """The reading as a text, and what is wrong with it; the tutorial's own line sends the value as a text."""
    if measures is None:
        return None, ""
    reading = measures.get("odometer") if isinstance(measures, dict) else measures
    if reading is None:
        return None, ""
    if not isinstance(reading, dict):
        return None, "control_measures.odometer is invalid"
    value, unit = reading.get("value"), reading.get("unit")
    is_number = isinstance(value, (int, str)) and not isinstance(value, bool)
    if not is_number or not re.fullmatch("[0-9]{1,18}", str(value)):
        return None, "control_measures.odometer.value is invalid"
    if unit not in ("kilometers", "miles"):
        return None, "control_measures.odometer.unit is invalid"
    return f"{value} {unit}", ""


def _row_of(vehicle: Vehicle) -> dict[str, Any]:
    return {"vin": vehicle.vin, "status": vehicle.status, **_tags_of(vehicle)}


def _item(vehicle: Vehicle) -> dict[str, Any]:
    return {
        "vin": vehicle.vin,
        "status": vehicle.status,
        "brand": vehicle.brand,
        **_tags_of(vehicle),
        "changelog": vehicle.changelog,
    }


def _tags_of(vehicle: Vehicle) -> dict[str, Any]:
    return {} if vehicle.tags is None else {"tags": vehicle.tags}


def _json_list(rows: list[sqlite3.Row]) -> bytes:
    """The list as it is sent: tags and changelog are stored as the JSON that goes out."""
    items = (
        f'{{"vin":{write_json(row["vin"])},"status":"{row["status"]}","brand":"{row["brand"]}",'
        + ("" if row["tags"] == "null" else f'"tags":{row["tags"]},')
        + f'"changelog":{row["changelog"]}}}'
        for row in rows
    )
    return f"[{','.join(items)}]".encode()
