"""The provider that one writes first: a client for each operation, a read for each vehicle, nothing shared, a wait where it is refused."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import httpx
from pulumi.dynamic import CreateResult, ReadResult, ResourceProvider


def _call(method: str, path: str, body: Any = None) -> Any:
    credentials = json.loads(Path(os.environ["HIGHMOBILITY_CREDENTIALS_FILE"]).read_text())
    fields = {name: credentials[name] for name in ("client_id", "client_secret")}
    with httpx.Client(base_url=credentials["base_url"], trust_env=False) as http:
        granted = http.post("/access_tokens", json={"grant_type": "client_credentials", **fields})
        token = granted.raise_for_status().json()["access_token"]
        while True:
            answer = http.request(method, path, json=body, headers={"Authorization": f"Bearer {token}"})
            if answer.status_code != 429:
                return answer.raise_for_status().json()
            time.sleep(float(answer.headers["Retry-After"]))


class NaiveProvider(ResourceProvider):
    """Works, for a handful of vehicles."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        """One POST a vehicle."""
        row = _call(
            "POST", "/fleets/vehicles", {"vehicles": [{"vin": props["vin"], "brand": props["brand"]}]}
        )
        return CreateResult(props["vin"], {**props, "status": row["vehicles"][0]["status"]})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """One GET a vehicle."""
        return ReadResult(id_, {**props, "status": _call("GET", f"/fleets/vehicles/{id_}")["status"]})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """One DELETE a vehicle."""
        _call("DELETE", f"/fleets/vehicles/{_id}")
