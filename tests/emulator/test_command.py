"""The emulator as a process: its line, its port, its end, and what outlives a kill."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from pulumi_highmobility.emulator.command import emulator as emulator_command
from pulumi_highmobility.emulator.server import bind, serve_in_thread
from pulumi_highmobility.emulator.world.clock import EmulatorClock
from pulumi_highmobility.emulator.world.scenarios import SCENARIOS
from pulumi_highmobility.testing import serve_emulator, start_emulator

from .modes import own_certificate

ROOT = Path(__file__).resolve().parent.parent.parent
VIN = "WBA8E9C50GK000001"


def bearer(base_url: str, credentials: dict[str, str]) -> dict[str, str]:
    body = {"grant_type": "client_credentials"} | {
        name: credentials[name] for name in ("client_id", "client_secret")
    }
    token = httpx.post(f"{base_url}/access_tokens", json=body).raise_for_status().json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


def test_a_kill_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    with start_emulator("--speed", "0", folder=tmp_path) as emulator:
        headers = bearer(emulator.base_url, emulator.credentials())
        vehicles = [{"vin": f"WBA8E9C50GK{number:06}", "brand": "bmw"} for number in range(500)]
        httpx.post(
            f"{emulator.base_url}/fleets/vehicles", json={"vehicles": vehicles}, headers=headers
        ).raise_for_status()
        emulator.process.send_signal(signal.SIGKILL)
        emulator.process.wait(300)
    with start_emulator("--speed", "0", folder=tmp_path) as again:
        listed = httpx.get(f"{again.base_url}/fleets/vehicles", headers=headers)
        assert len(listed.json()) == 500


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_promptly_and_without_a_traceback(tmp_path: Path, number: signal.Signals) -> None:
    with start_emulator(folder=tmp_path) as emulator:
        emulator.process.send_signal(number)
        emulator.process.wait(300)
    assert "Traceback" not in (tmp_path / "emulator.log").read_text()
    assert len((tmp_path / "emulator.log").read_text().splitlines()) == 1


def test_a_port_in_use_is_a_clear_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "pulumi_highmobility.emulator", "--port", str(port)],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == 1
    assert f"port {port} on 127.0.0.1 is in use. Choose another with --port" in done.stderr


def test_an_answer_on_a_kept_connection_does_not_wait_for_an_acknowledgement() -> None:
    nodelay: list[int] = []

    async def connect() -> None:
        def accepted(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            ours = writer.get_extra_info("socket")
            nodelay.append(ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        listener = bind("127.0.0.1", 0)
        async with await asyncio.start_server(accepted, sock=listener):
            reader, writer = await asyncio.open_connection("127.0.0.1", listener.getsockname()[1])
            await reader.read()
            writer.close()

    asyncio.run(connect())
    assert nodelay
    assert all(nodelay)


def test_answers_are_dated_by_the_emulator_s_own_clock(tmp_path: Path) -> None:
    fast = EmulatorClock(wall=lambda: 1_800_000_000.0)
    with serve_in_thread(db=tmp_path / "emulator.db", clock=fast) as (_, base_url):
        for path in ("/fleets/vehicles", "/nope"):
            dates = httpx.get(base_url + path).headers.get_list("date")
            assert dates == ["Fri, 15 Jan 2027 08:00:00 GMT"]


def test_a_wrong_duration_says_how_one_is_written() -> None:
    command = [
        str(Path(sys.executable).parent / "pulumi-highmobility"),
        "emulator",
        "--approve-after",
        "soon",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 2
    assert "write 500ms, 2s, 10m, 3h or 1d" in done.stderr


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--speed", "nan"], "is not a number of 0 or more"),
        (["--speed", "inf"], "is not a number of 0 or more"),
        (["--approve-after", "9999999d"], "36525d, a hundred years, is the longest"),
        (["--application", "a/b"], "a name has letters"),
        (["--credentials", "/proc/nowhere/credentials.json"], "cannot be written"),
        (["--certfile", str(ROOT / "README.md")], "not a certificate"),
        (["--keyfile", str(ROOT / "README.md")], "--keyfile needs --certfile"),
    ],
)
def test_a_flag_s_wrong_value_is_said_without_a_traceback(flags: list[str], told: str) -> None:
    result = CliRunner().invoke(emulator_command, ["--port", "0", *flags])
    assert result.exit_code in (1, 2)
    assert told in " ".join(result.output.split())
    assert isinstance(result.exception, SystemExit)


@pytest.mark.parametrize(
    "flags", [["--host", ""], ["--host="], ["--host", " "], ["--credentials", ""], ["--application="]]
)
def test_an_empty_option_is_an_unset_variable_and_no_default(flags: list[str]) -> None:
    command = [sys.executable, "-m", "pulumi_highmobility.emulator", "--port", "0", *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 2
    assert f"{flags[0].rstrip('=')} is empty" in done.stderr


def test_time_can_run_fast(tmp_path: Path) -> None:
    with start_emulator("--speed", "864000", approve_after="1d", folder=tmp_path) as emulator:
        headers = bearer(emulator.base_url, emulator.credentials())
        body = {"vehicles": [{"vin": VIN, "brand": "bmw"}]}
        httpx.post(f"{emulator.base_url}/fleets/vehicles", json=body, headers=headers).raise_for_status()
        emulator.controls.fault("delay", seconds=0.2, path="/fleets/vehicles")
        httpx.get(f"{emulator.base_url}/fleets/vehicles", headers=headers)
        assert emulator.controls.vehicle(VIN)["status"] == "approved"


def test_without_controls_there_are_none() -> None:
    with start_emulator("--no-controls") as emulator:
        origin = emulator.base_url.removesuffix("/v1")
        assert httpx.get(f"{origin}/_emulator/vehicles").status_code == 404


def test_each_application_has_a_fleet_of_its_own(tmp_path: Path) -> None:
    with start_emulator("--application", "one", "--application", "two", folder=tmp_path) as emulator:
        two = json.loads((tmp_path / "credentials-two.json").read_text())
        mine, theirs = bearer(emulator.base_url, emulator.credentials()), bearer(emulator.base_url, two)
        body = {"vehicles": [{"vin": VIN, "brand": "bmw"}]}
        httpx.post(f"{emulator.base_url}/fleets/vehicles", json=body, headers=mine).raise_for_status()
        assert len(httpx.get(f"{emulator.base_url}/fleets/vehicles", headers=mine).json()) == 1
        assert httpx.get(f"{emulator.base_url}/fleets/vehicles", headers=theirs).json() == []


def test_it_serves_tls_with_a_certificate_of_ones_own(tmp_path: Path) -> None:
    certfile, keyfile = own_certificate(tmp_path)
    command = [sys.executable, "-m", "pulumi_highmobility.emulator", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--certfile", str(certfile), "--keyfile", str(keyfile)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        base_url = process.stdout.readline().split("listening on ")[1].split(",")[0].strip()
        assert base_url.startswith("https://")
        trusting = ssl.create_default_context(cafile=str(certfile))
        assert httpx.get(f"{base_url}/fleets/vehicles", verify=trusting).status_code == 401
    finally:
        process.terminate()
        process.communicate(timeout=300)
    with serve_emulator(certfile=str(certfile), keyfile=str(keyfile)) as emulator:
        assert emulator.base_url.startswith("https://")
        assert httpx.get(f"{emulator.base_url}/fleets/vehicles", verify=trusting).status_code == 401


def test_the_documented_scenarios_are_the_emulators() -> None:
    page = (ROOT / "docs" / "emulator.md").read_text()
    rows = re.findall(r"^\| `([A-Z0-9]{5})` \| (.+) \|$", page, re.MULTILINE)
    assert rows == [(scenario.ending, scenario.meaning) for scenario in SCENARIOS]
    assert not any(set(ending) & set("IOQ") for ending, _ in rows)
