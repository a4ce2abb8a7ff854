"""Many calls at once and one after the other, over a socket, with a database in a file and in memory."""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from pulumi_highmobility.emulator.app import Options
from pulumi_highmobility.emulator.server import open_emulator

from .conftest import Caller
from .modes import TLS, serving


@pytest.fixture(params=["file", "memory"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def rows(client: int) -> list[dict[str, str]]:
    return [{"vin": f"WBA8E9C50GK{client:02}{number:04}", "brand": "bmw"} for number in range(20)]


def test_hundreds_of_lists_one_after_the_other(caller: Caller) -> None:
    caller.http.post("/fleets/vehicles", json={"vehicles": rows(0)}).raise_for_status()
    assert {len(caller.http.get("/fleets/vehicles").json()) for _ in range(400)} == {20}


def test_eight_clients_at_once_read_and_write(options: Options, mode: str, tmp_path: Path) -> None:
    with serving(mode, options, tmp_path) as (emulator, base_url, http):
        headers = {"Authorization": f"Bearer {Caller(emulator, base_url, http=http).bearer()}"}

        def work(client: int) -> Counter[int]:
            with httpx.Client(base_url=base_url, headers=headers, verify=TLS, timeout=300) as own:
                answers = []
                for row in rows(client):
                    answers.append(own.post("/fleets/vehicles", json={"vehicles": [row]}))
                    answers.append(own.get("/fleets/vehicles"))
                    answers.append(own.get(f"/fleets/vehicles/{row['vin']}"))
                return Counter(answer.status_code for answer in answers)

        with ThreadPoolExecutor(8) as pool:
            told = list(pool.map(work, range(8)))
        assert told == [Counter({200: 60})] * 8
        assert len(http.get("/fleets/vehicles", headers=headers).json()) == 160


def test_eight_calls_at_once_in_process() -> None:
    async def run() -> list[int]:
        emulator = open_emulator(db=None, options=Options(limits=False))
        transport = httpx.ASGITransport(app=emulator.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://emulator/v1") as http:
            application = emulator.applications[0]
            grant = {
                "grant_type": "client_credentials",
                "client_id": application.client_id,
                "client_secret": application.client_secret,
            }
            token = (await http.post("/access_tokens", json=grant)).json()["access_token"]
            headers = {"Authorization": f"Bearer {token}"}
            calls = (http.get("/fleets/vehicles", headers=headers) for _ in range(8) for _ in range(20))
            answers = await asyncio.gather(*calls)
        emulator.store.close()
        return [answer.status_code for answer in answers]

    assert asyncio.run(asyncio.wait_for(run(), 30)) == [200] * 160
