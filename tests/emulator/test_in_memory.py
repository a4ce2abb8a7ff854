"""The emulator without a database in a file, as the README's own line starts it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx

from pulumi_highmobility.emulator.app import Options
from pulumi_highmobility.emulator.server import serve_in_thread

ROWS = 50


@contextmanager
def signed_in(credentials: Path) -> Iterator[httpx.Client]:
    known = json.loads(credentials.read_text())
    pair = {name: known[name] for name in ("client_id", "client_secret")}
    with httpx.Client(base_url=known["base_url"], timeout=300, trust_env=False) as http:
        token = http.post("/access_tokens", json={"grant_type": "client_credentials", **pair}).json()
        http.headers["Authorization"] = f"Bearer {token['access_token']}"
        yield http


def test_lists_side_by_side_and_one_after_the_other_are_answered(tmp_path: Path) -> None:
    """Several hundred, from several clients: a lock that one thread took was given back on another."""
    credentials = tmp_path / "credentials.json"
    with serve_in_thread(Options(), db=None, credentials=credentials):

        def call_many(client: int) -> set[int]:
            with signed_in(credentials) as http:
                vehicles = [{"vin": f"WBA8E9C50GK{client:03}{row:03}", "brand": "bmw"} for row in range(ROWS)]
                http.post("/fleets/vehicles", json={"vehicles": vehicles}).raise_for_status()
                return {
                    len(http.get("/fleets/vehicles").raise_for_status().json()) // ROWS for _ in range(80)
                }

        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(call_many, range(8)))
    assert all(counts <= set(range(1, 9)) for counts in found)
    assert max(max(counts) for counts in found) == 8


def test_answers_are_json_without_blanks(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials.json"
    with serve_in_thread(Options(), db=None, credentials=credentials), signed_in(credentials) as http:
        row = {"vin": "WBA8E9C50GK000001", "brand": "bmw", "tags": {"a": "b", "c": "d"}}
        answers = [
            http.post("/fleets/vehicles", json={"vehicles": [row]}),
            http.get("/fleets/vehicles"),
            http.get("/fleets/vehicles/WBA8E9C50GK000001"),
            http.get("/fleets/vehicles/WBA8E9C50GK000002"),
        ]
    for answer in answers:
        assert answer.text == json.dumps(answer.json(), separators=(",", ":"))
