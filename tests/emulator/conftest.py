"""The emulator over HTTP, asked as a client would that knows the contract alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest

from pulumi_highmobility.emulator.app import Emulator, Options
from pulumi_highmobility.emulator.world.applications import Application

from .modes import TLS, serving


class Caller:
    """Sends requests with the present bearer token."""

    def __init__(
        self, emulator: Emulator, base_url: str, *, application: int = 0, http: httpx.Client | None = None
    ) -> None:
        self.emulator = emulator
        self.base_url = base_url
        self.origin = base_url.removesuffix("/v1")
        self.application: Application = emulator.applications[application]
        self.http = http or httpx.Client(base_url=base_url, timeout=300, trust_env=False, verify=TLS)
        self.renew_bearer()

    def bearer(self, **fields: str) -> str:
        answer = self.http.post("/access_tokens", json=self.client(grant_type="client_credentials", **fields))
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def renew_bearer(self) -> None:
        self.http.headers["Authorization"] = f"Bearer {self.bearer()}"

    def advance(self, seconds: float) -> None:
        """Move the emulator's time on; bearer tokens end by it."""
        self.emulator.clock.advance(seconds)
        self.renew_bearer()

    def client(self, **fields: str) -> dict[str, str]:
        return {
            "client_id": self.application.client_id,
            "client_secret": self.application.client_secret,
            **fields,
        }

    def assertion(self, **claims: Any) -> str:
        all_claims = {
            "iss": self.application.key_id,
            "aud": self.base_url,
            "iat": int(time.time()),
            "jti": str(uuid4()),
            "ver": 1,
            **claims,
        }
        return jwt.encode(all_claims, self.application.key_pem, algorithm="ES256")

    def request_vehicle(self, vin: str, brand: str = "bmw", **more: Any) -> dict[str, Any]:
        answer = self.http.post("/fleets/vehicles", json={"vehicles": [{"vin": vin, "brand": brand, **more}]})
        assert answer.status_code == 200, answer.text
        row: dict[str, Any] = answer.json()["vehicles"][0]
        return row

    def vehicle(self, vin: str) -> dict[str, Any]:
        answer = self.http.get(f"/fleets/vehicles/{vin}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def statuses(self, vin: str) -> list[str]:
        return [change["status"] for change in self.vehicle(vin)["changelog"]]


@pytest.fixture
def options() -> Options:
    """How the emulator of a test behaves; modules override it."""
    return Options(limits=False)


@pytest.fixture
def mode() -> str:
    """How it is run, one of serving.MODES; modules override it."""
    return "file"


@pytest.fixture
def caller(options: Options, mode: str, tmp_path: Path) -> Iterator[Caller]:
    with serving(mode, options, tmp_path) as (emulator, base_url, http):
        yield Caller(emulator, base_url, http=http)
