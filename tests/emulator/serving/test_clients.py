"""Clients that send in small segments, read slowly, talk nonsense or go away, over a socket."""

from __future__ import annotations

import json
import logging
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from pulumi_highmobility.emulator.app import Options
from pulumi_highmobility.emulator.server import bind, open_emulator, serve_in_thread, serving
from pulumi_highmobility.emulator.serving.limits import LARGEST_HEAD

from ..conftest import Caller
from ..modes import TLS, own_certificate
from .test_network import connected, received

# What one packet holds on most networks.
SEGMENT = 1400
PATIENCE_S = 1.0


def head(caller: Caller, target: str, *, method: str = "GET", padding: int = 0) -> bytes:
    lines = [
        f"{method} {target} HTTP/1.1",
        f"Host: {httpx.URL(caller.base_url).netloc.decode()}",
        f"Authorization: {caller.http.headers['Authorization']}",
        "Connection: close",
    ]
    bare = "\r\n".join(lines) + "\r\n"
    if padding:
        bare += "X: " + "x" * (padding - len(bare) - len("X: \r\n")) + "\r\n"
    return (bare + "\r\n").encode()


def answered(caller: Caller, sent: bytes, *, segment: int = SEGMENT) -> tuple[int, bytes]:
    """The status and the body, where each segment arrives by itself."""
    with connected(caller.base_url) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(sent), segment):
            connection.sendall(sent[start : start + segment])
            time.sleep(0.0005)
        answer = received(connection)
    first, _, body = answer.partition(b"\r\n\r\n")
    return int(first.split(b" ", 2)[1]), body


def test_a_filter_of_many_vins_is_answered_in_whatever_segments_it_comes(caller: Caller) -> None:
    vins = [f"WBA8E9C50GK{number:06}" for number in range(2_300)]
    caller.request_vehicle(vins[-1])
    for count in (700, 2_300):
        wish = json.dumps({"vin": {"operator": "in", "value": vins[-count:]}}, separators=(",", ":"))
        request = head(caller, f"/v1/fleets/vehicles?filter={quote(wish, safe='')}")
        for segment in (SEGMENT, len(request)):
            status, body = answered(caller, request, segment=segment)
            assert (status, [row["vin"] for row in json.loads(body)]) == (200, [vins[-1]])


@pytest.mark.parametrize("segment", [SEGMENT, 10**6])
@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 431), (300_000, 431)])
def test_how_long_a_head_is_counts_and_not_how_it_comes(
    caller: Caller, more: int, status: int, segment: int
) -> None:
    request = head(caller, "/v1/fleets/vehicles", padding=LARGEST_HEAD + more)
    told, body = answered(caller, request, segment=segment)
    assert told == status
    if status == 431:
        assert "larger than 64 KiB" in json.loads(body)["errors"][0]["title"]


@pytest.mark.parametrize(
    ("path", "form"), [("/v1/access_tokens", "error"), ("/v1/auth_tokens", "errors"), ("/", "errors")]
)
def test_a_head_that_is_too_long_is_refused_in_the_form_of_the_call(
    caller: Caller, path: str, form: str
) -> None:
    status, body = answered(caller, head(caller, path, method="POST", padding=2 * LARGEST_HEAD))
    assert status == 431
    assert form in json.loads(body)


@contextmanager
def complaints() -> Iterator[list[str]]:
    """What the running server logs as an error meanwhile."""
    told: list[str] = []

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(f"{record.getMessage()} {record.exc_info}")

    handler = Listening(logging.ERROR)
    loggers = [logging.getLogger(name) for name in ("uvicorn.error", "asyncio")]
    for logger in loggers:
        logger.addHandler(handler)
    yield told
    for logger in loggers:
        logger.removeHandler(handler)


POST = b"POST /v1/auth_tokens HTTP/1.1\r\nHost: localhost\r\n"
NOWHERE = b"POST /v1/nowhere HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
# Each with what is sent, in pieces that arrive apart.
RUDE: dict[str, list[bytes]] = {
    "nothing": [],
    "half a head": [b"GET /v1/fleets/veh"],
    "half a body": [POST + b"Content-Length: 100\r\n\r\n{"],
    "half a body of a DELETE": [b"DELETE /v1/access_tokens HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"],
    "half a form": [b"POST /_emulator/page/clock HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nd"],
    "half a control": [b"POST /_emulator/faults HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"],
    "half a chunk": [POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"],
    "half of what is too large": [POST + b"Content-Length: 9000000\r\n\r\n" + b" " * 8_500_000],
    "no body after a promise": [POST + b"Content-Length: 100\r\nExpect: 100-continue\r\n\r\n"],
    "a bad chunk": [POST + b"Transfer-Encoding: chunked\r\n\r\n", b"zz\r\nab"],
    "a bad chunk at once": [NOWHERE + b"zz\r\n"],
    "a bad chunk after the answer": [NOWHERE, b"zz\r\n"],
    "no HTTP": [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
    "a tunnel": [b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", b"abcd"],
    "another protocol": [b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\n"],
    "many at once": [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20],
}  # fmt: skip


@pytest.mark.parametrize("how", ["reset", "close", "half-close"])
def test_a_client_that_goes_away_or_talks_nonsense_leaves_no_traceback(tmp_path: Path, how: str) -> None:
    options = Options(limits=False, latency_s=0.02)
    with serve_in_thread(options, db=tmp_path / "emulator.db") as (_, base_url), complaints() as told:
        for name, pieces in RUDE.items():
            with connected(base_url) as connection:
                try:
                    for piece in pieces:
                        connection.sendall(piece)
                        time.sleep(0.06)
                    if how == "half-close":
                        connection.shutdown(socket.SHUT_WR)
                        received(connection)
                except OSError:
                    pass
                if how == "reset":
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            assert httpx.get(f"{base_url}/fleets/vehicles", trust_env=False).status_code == 401
            assert told == [], name


@contextmanager
def large_fleet(tmp_path: Path, scheme: str) -> Iterator[tuple[Caller, ssl.SSLContext | None]]:
    """An emulator that waits PATIENCE_S for its clients, with a list of 7 MB, and how to trust it."""
    emulator = open_emulator(db=tmp_path / "emulator.db", options=Options(limits=False))
    listener, files, trust = bind("127.0.0.1", 0), {}, None
    if scheme == "https":
        certfile, keyfile = own_certificate(tmp_path)
        files = {"certfile": certfile, "keyfile": keyfile}
        trust = ssl.create_default_context(cafile=str(certfile))
    base_url = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/v1"
    with (
        listener,
        serving(emulator, listener, request_timeout_s=PATIENCE_S, **files),
        httpx.Client(base_url=base_url, timeout=300, trust_env=False, verify=trust or TLS) as http,
    ):
        caller = Caller(emulator, base_url, http=http)
        tags = {"a": "x" * 20_000}
        rows = [{"vin": f"WBA8E9C50GK{n:06}", "brand": "bmw", "tags": tags} for n in range(350)]
        caller.http.post("/fleets/vehicles", json={"vehicles": rows}).raise_for_status()
        yield caller, trust


@contextmanager
def asking_for_the_list(caller: Caller, trust: ssl.SSLContext | None) -> Iterator[socket.socket]:
    """A connection with a small buffer, on which the list was asked for."""
    url = httpx.URL(caller.base_url)
    with socket.socket() as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.settimeout(20)
        plain.connect((url.host, url.port))
        with trust.wrap_socket(plain, server_hostname=url.host) if trust else plain as connection:
            connection.sendall(head(caller, "/v1/fleets/vehicles"))
            yield connection


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_client_that_reads_slowly_gets_the_whole_answer(tmp_path: Path, scheme: str) -> None:
    with large_fleet(tmp_path, scheme) as (caller, trust), asking_for_the_list(caller, trust) as connection:
        began, answer = time.monotonic(), bytearray()
        while piece := connection.recv(16_384):
            # At most 2 MB a second.
            if len(answer) // 60_000 < (len(answer) + len(piece)) // 60_000:
                time.sleep(0.03)
            answer += piece
        assert time.monotonic() - began > 3 * PATIENCE_S
    assert len(json.loads(answer.partition(b"\r\n\r\n")[2])) == 350


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_client_that_stops_reading_is_cut(tmp_path: Path, scheme: str) -> None:
    with large_fleet(tmp_path, scheme) as (caller, trust), asking_for_the_list(caller, trust) as connection:
        connection.recv(100)
        time.sleep(2.5 * PATIENCE_S)
        try:
            size = len(received(connection))
        except ssl.SSLError:
            size = 0
        assert size < 7_000_000
        assert caller.http.get("/fleets/vehicles/WBA8E9C50GK000001").status_code == 200
