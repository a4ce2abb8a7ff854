"""The emulator as a server that others in a network reach: what it warns of, and what it does not put up with."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from pulumi_highmobility.emulator.app import Options
from pulumi_highmobility.emulator.server import serve_in_thread
from pulumi_highmobility.emulator.serving.limits import LARGEST_BODY

from ..conftest import Caller
from ..modes import post


@contextmanager
def connected(base_url: str) -> Iterator[socket.socket]:
    url = httpx.URL(base_url)
    with socket.create_connection((url.host, url.port or 0), timeout=10) as connection:
        yield connection


def status_of(connection: socket.socket) -> int:
    """Of the answer; 0 where the connection is closed without one."""
    try:
        head = connection.recv(65_536)
    except ConnectionResetError:
        return 0
    return int(head.split(b" ", 2)[1]) if head else 0


def received(connection: socket.socket) -> bytes:
    """All that comes until the other side ends it, in order or not."""
    pieces = []
    try:
        while piece := connection.recv(65_536):
            pieces.append(piece)
    except ConnectionResetError:
        pass
    return b"".join(pieces)


@pytest.mark.parametrize(
    ("flags", "base_url"),
    [
        ((), r"http://127\.0\.0\.1:\d+/v1"),
        (("--base-url", "http://emulator:8480/v1/"), r"http://emulator:8480/v1"),
    ],
)
def test_the_credentials_name_an_address_that_clients_can_call(
    tmp_path: Path, flags: tuple[str, ...], base_url: str
) -> None:
    credentials = tmp_path / "credentials.json"
    command = [sys.executable, "-m", "pulumi_highmobility.emulator", "--port", "0"]
    command += ["--host", "0.0.0.0", "--no-controls", "--credentials", str(credentials)]  # noqa: S104 - what is tested
    process = subprocess.Popen([*command, *flags], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    process.terminate()
    process.communicate(timeout=300)
    assert re.fullmatch(base_url, json.loads(credentials.read_text())["base_url"])


@pytest.mark.parametrize(("flags", "warns"), [((), True), (("--no-controls",), False)])
def test_on_every_address_it_says_that_the_controls_need_no_login(
    flags: tuple[str, ...], warns: bool
) -> None:
    command = [
        sys.executable,
        "-m",
        "pulumi_highmobility.emulator",
        "--port",
        "0",
        "--host",
        "0.0.0.0",  # noqa: S104 - what is tested
        *flags,
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    process.terminate()
    told = process.communicate(timeout=300)[1]
    assert ("need no login" in told and "--no-controls" in told) is warns
    assert warns or not told


@pytest.mark.parametrize("path", ["/v1/fleets/vehicles", "/v1/access_tokens", "/v1/auth_tokens", "/_emulator/faults", "/_emulator/page/clock"])  # fmt: skip
def test_a_body_that_is_too_large_is_refused_without_credentials(caller: Caller, path: str) -> None:
    answer = post(caller.origin + path, content=b" " * (LARGEST_BODY + 1))
    assert answer.status_code == 413
    assert "8 MiB" in answer.text
    assert "error" in answer.json() or answer.json()["errors"]


def test_a_large_body_is_never_held_in_memory(caller: Caller) -> None:
    def endless() -> Iterator[bytes]:
        piece = b" " * 2**20
        for _ in range(60):
            yield piece

    tracemalloc.start()
    answer = caller.http.post("/fleets/vehicles", content=endless())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert answer.status_code == 413
    assert peak < 4 * LARGEST_BODY


def test_a_body_just_small_enough_is_read(caller: Caller) -> None:
    body = b'{"vehicles":[]}'
    answer = caller.http.post("/fleets/vehicles", content=body + b" " * (LARGEST_BODY - len(body)))
    assert answer.json() == {"vehicles": []}


@pytest.fixture
def short(tmp_path: Path) -> Iterator[str]:
    """The base URL of an emulator that waits for a request half a second long."""
    with serve_in_thread(Options(limits=False), db=tmp_path / "emulator.db", request_timeout_s=0.5) as (
        _,
        base_url,
    ):
        yield base_url


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET /v1/fleets/vehicles HTTP/1.1\r\nHost: x\r\nX-Half: ",
        b"POST /v1/auth_tokens HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
        b"POST /v1/auth_tokens HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ],
    ids=["nothing", "half a head", "half a body", "half a chunk"],
)
def test_a_connection_on_which_a_request_stays_half_sent_is_closed(short: str, begun: bytes) -> None:
    with connected(short) as connection:
        connection.sendall(begun)
        assert status_of(connection) == 0


def test_a_byte_now_and_then_is_no_reprieve(short: str) -> None:
    with connected(short) as connection:
        connection.sendall(b"GET /v1/fleets/vehicles HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        began = time.monotonic()
        while is_open(connection):
            assert time.monotonic() - began < 60
            time.sleep(0.05)


def is_open(connection: socket.socket) -> bool:
    try:
        connection.sendall(b"x")
    except OSError:
        return False
    return True


def test_a_connection_on_which_an_answer_stays_unread_is_closed(tmp_path: Path) -> None:
    options = Options(limits=False)
    with serve_in_thread(options, db=tmp_path / "emulator.db", request_timeout_s=1) as (emulator, base_url):
        caller = Caller(emulator, base_url)
        rows = [
            {"vin": f"WBA8E9C50GK{n:06}", "brand": "bmw", "tags": {"a": "x" * 20_000}} for n in range(350)
        ]
        for _ in range(2):
            caller.http.post("/fleets/vehicles", json={"vehicles": rows}).raise_for_status()
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            url = httpx.URL(base_url)
            connection.connect((url.host, url.port))
            token = caller.http.headers["Authorization"]
            connection.sendall(
                f"GET /v1/fleets/vehicles HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n\r\n".encode()
            )
            time.sleep(2.5)
            size = len(received(connection))
        assert size < 7_000_000
        assert caller.http.get("/fleets/vehicles/WBA8E9C50GK000001").status_code == 200
        caller.http.close()


def test_a_kept_connection_serves_request_after_request(short: str) -> None:
    with httpx.Client(base_url=short) as http:
        for _ in range(4):
            assert http.get("/fleets/vehicles").status_code == 401
            time.sleep(0.2)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 403),
        ("evil.example:80", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1", 200),
        ("[::1]:80", 200),
        ("localhost", 200),
        ("evil_x.example", 403),
        ("evil$.example", 403),
        ("", 403),
        ("emulator:8480", 200),
        ("a.localhost", 200),
        ("CI.example:8480", 200),
        ("[::1", 400),
    ],
)
@pytest.mark.parametrize("path", ["/", "/_emulator/vehicles"])
def test_the_host_is_checked_without_a_browser_s_headers_too(
    tmp_path: Path, path: str, host: str, status: int
) -> None:
    with (
        serve_in_thread(Options(hosts=("ci.example",)), db=tmp_path / "emulator.db") as (_, base_url),
        connected(base_url) as connection,
    ):
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert status_of(connection) == status


@pytest.mark.parametrize("header", ["Host: [::1", "Host: a]b", "Host: ", "Host: a:b", "Host: \\", "Host: a\r\nOrigin: http://[x"])  # fmt: skip
def test_a_malformed_host_is_no_server_error(caller: Caller, header: str) -> None:
    for call in ("GET /v1/fleets/vehicles", "GET /", "POST /_emulator/reset", "POST /v1/auth_tokens"):
        with connected(caller.base_url) as connection:
            connection.sendall(f"{call} HTTP/1.1\r\n{header}\r\nContent-Length: 0\r\n\r\n".encode())
            assert status_of(connection) in (200, 400, 401, 403)


def test_the_api_is_served_by_any_name(caller: Caller) -> None:
    """It needs a bearer token, which a stranger's page has not."""
    answer = caller.http.get("/fleets/vehicles", headers={"Host": "api.high-mobility.example"})
    assert answer.status_code == 200
