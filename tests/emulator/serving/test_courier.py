"""The courier: one receiver, or one URL, that is bad holds up no other, and its own end is not silent."""

from __future__ import annotations

import json
import logging
import socket
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from pulumi_highmobility.emulator.app import Options
from pulumi_highmobility.emulator.server import open_emulator, serve_in_thread
from pulumi_highmobility.emulator.serving import courier
from pulumi_highmobility.emulator.world.machine import Pace

from ..conftest import Caller
from ..world.test_webhooks import SECRET, VIN, Receiver, receiver, until  # noqa: F401 - a fixture among them

CHANGES = ("fleet_clearance_changed",)
BAD_URLS = [
    "http://127.0.0.1:99999/",
    "https://xn--a.invalid/",
    "https://example.com:0/",
    "https://example.com:-1/",
    "https://example.com:abc/",
    "https://[::1",
    "https://a..b/",
    f"https://{'a' * 64}.com/",
    f"https://{'a.' * 200}com/",
    "https://exa mple.com/",
    "https://example.com/\n",
    "https://🚗/",
    "https://*.example.com/",
    "https:///path",
    "//example.com",
    "",
]


@pytest.fixture
def options() -> Options:
    return Options(limits=False, pace=Pace(approve_after=0.0))


@pytest.mark.parametrize("url", BAD_URLS, ids=lambda url: url[:30])
def test_a_url_that_nothing_can_be_sent_to_is_refused(caller: Caller, url: str) -> None:
    hooks = f"{caller.origin}/_emulator/webhooks"
    answer = caller.http.post(hooks, content=json.dumps({"url": url, "secret": SECRET}))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["detail"].startswith("url ")
    assert caller.http.get(hooks).json() == []


def test_a_url_kept_by_an_earlier_version_ends_no_other_webhook(
    tmp_path: Path,
    receiver: Receiver,  # noqa: F811
    options: Options,
) -> None:
    db = tmp_path / "emulator.db"
    with serve_in_thread(options, db=db) as (emulator, _):
        emulator.webhooks.register("default", receiver.url, SECRET)
    connection = sqlite3.connect(db)
    for number, url in enumerate((*BAD_URLS, "https://xn--a.invalid/", "http://127.0.0.1:1/")):
        connection.execute(
            "INSERT INTO webhooks (id, application, url, secret, events) VALUES (?, 'default', ?, 's', ?)",
            (f"bad-{number}", url.encode("utf-8", "replace").decode(), '["fleet_clearance_changed"]'),
        )
    connection.commit()
    connection.close()
    with serve_in_thread(options, db=db) as (emulator, base_url):
        caller = Caller(emulator, base_url)
        caller.request_vehicle(VIN)
        until(lambda: ("fleet_clearance_changed", "approved") in receiver.events(), "the approval")
        lines = caller.http.get(f"{caller.origin}/_emulator/deliveries").json()
        until(lambda: all(one["attempts"] for one in tried(caller, "bad-")), "an attempt at each")
        assert all(one["error"] and not one["delivered"] for one in tried(caller, "bad-"))
        assert len(lines) > len(BAD_URLS)
        assert caller.http.get(f"{caller.origin}/_emulator/state").json()["webhooks_trouble"] is None
        caller.http.close()


def tried(caller: Caller, prefix: str) -> list[dict[str, Any]]:
    """The first of each webhook's deliveries; the next waits for it."""
    lines = caller.http.get(f"{caller.origin}/_emulator/deliveries").json()
    mine = [line for line in lines if line["webhook"].startswith(prefix)]
    return [
        next(line for line in mine if line["webhook"] == name) for name in {one["webhook"] for one in mine}
    ]


@pytest.fixture
def silent() -> Iterator[str]:
    """A receiver that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/webhook"


@pytest.fixture
def dripping() -> Iterator[str]:
    """One that sends a byte of its head now and then, so that no single wait is long."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listener:
        ended = threading.Event()

        def drip(connection: socket.socket) -> None:
            with connection:
                try:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                    while not ended.wait(0.1):
                        connection.sendall(b"x")
                except OSError:
                    return

        def accept() -> None:
            while not ended.is_set():
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=drip, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/webhook"
        ended.set()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A courier that waits for an answer longer than a test for its deliveries, so that what is held up never comes in time."""
    monkeypatch.setattr(courier, "TIMEOUT_S", 300.0)


@pytest.mark.usefixtures("patient")
def test_a_receiver_that_never_answers_holds_up_no_other(
    caller: Caller,
    receiver: Receiver,  # noqa: F811
    silent: str,
    dripping: str,
) -> None:
    for url in (silent, dripping, receiver.url):
        caller.emulator.webhooks.register("default", url, SECRET, ("fleet_clearance_changed",))
    rows = [{"vin": f"WBA8E9C50GK{number:06}", "brand": "bmw"} for number in range(50)]
    caller.http.post("/fleets/vehicles", json={"vehicles": rows}).raise_for_status()
    until(lambda: len(receiver.received) == 100, "100 deliveries")


@pytest.mark.usefixtures("patient")
def test_many_receivers_that_never_answer_hold_up_no_other(
    caller: Caller,
    receiver: Receiver,  # noqa: F811
    silent: str,
) -> None:
    for number in range(40):
        caller.emulator.webhooks.register("default", f"{silent}/{number}", SECRET, CHANGES)
    caller.emulator.webhooks.register("default", receiver.url, SECRET, CHANGES)
    rows = [{"vin": f"WBA8E9C50GK{number:06}", "brand": "bmw"} for number in range(10)]
    caller.http.post("/fleets/vehicles", json={"vehicles": rows}).raise_for_status()
    until(lambda: len(receiver.received) == 20, "20 deliveries")


@pytest.mark.usefixtures("patient")
def test_many_names_that_no_server_answers_for_hold_up_no_other(
    monkeypatch: pytest.MonkeyPatch,
    caller: Caller,
    receiver: Receiver,  # noqa: F811
) -> None:
    answered = threading.Event()

    def look_up(host: Any, *more: Any, **named: Any) -> Any:
        if b".invalid" in (host if isinstance(host, bytes) else str(host).encode()):
            answered.wait(300)
            raise socket.gaierror(socket.EAI_AGAIN, "no name server answers")
        return real(host, *more, **named)

    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    for number in range(20):
        caller.emulator.webhooks.register("default", f"https://{number}.invalid/", SECRET, CHANGES)
    by_name = receiver.url.replace("127.0.0.1", "localhost")
    caller.emulator.webhooks.register("default", by_name, SECRET, CHANGES)
    rows = [{"vin": f"WBA8E9C50GK{number:06}", "brand": "bmw"} for number in range(10)]
    try:
        caller.http.post("/fleets/vehicles", json={"vehicles": rows}).raise_for_status()
        until(lambda: len(receiver.received) == 20, "20 deliveries")
    finally:
        answered.set()


class Quoting(BaseHTTPRequestHandler):
    """Answers with a line that is no HTTP, and long."""

    def do_POST(self) -> None:
        self.wfile.write(b"x" * 10_000 + b"\r\n\r\n")

    def log_message(self, format: str, *args: Any) -> None:
        """Keeps the test's output clean."""


def test_what_a_receiver_answers_is_not_kept_at_length(caller: Caller) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Quoting) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        hook = {"url": f"http://127.0.0.1:{server.server_port}/", "secret": SECRET}
        caller.http.post(f"{caller.origin}/_emulator/webhooks", json=hook).raise_for_status()
        until(lambda: any(one["error"] for one in caller.emulator.webhooks.deliveries()), "the error")
        server.shutdown()
    error = caller.emulator.webhooks.deliveries()[0]["error"]
    assert error.startswith("RemoteProtocolError")
    assert len(error) <= 300


def test_a_receiver_is_waited_for_as_long_as_is_said_and_no_longer(
    caller: Caller, dripping: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "TIMEOUT_S", 0.4)
    caller.emulator.webhooks.register("default", dripping, SECRET)
    lines: Callable[[], Any] = caller.http.get(f"{caller.origin}/_emulator/deliveries").json
    until(
        lambda: bool(caller.http.get(f"{caller.origin}/_emulator/deliveries").json()[0]["attempts"]),
        "the time-out",
    )
    assert (
        "no answer within 0.4 s"
        in caller.http.get(f"{caller.origin}/_emulator/deliveries").json()[0]["error"]
    )
    assert lines()


def test_a_courier_that_fails_says_so_and_goes_on_once_it_can(
    caller: Caller,
    receiver: Receiver,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> list[str]:
        raise sqlite3.OperationalError("disk I/O error")

    def trouble() -> Any:
        return caller.http.get(f"{caller.origin}/_emulator/state").json()["webhooks_trouble"]

    with caplog.at_level(logging.ERROR), monkeypatch.context() as broken:
        broken.setattr(caller.emulator.webhooks, "waiting", fail)
        hook = {"url": receiver.url, "secret": SECRET}
        until(lambda: trouble() is not None, "the trouble")
        assert "disk I/O error" in trouble()
        assert (
            "disk I/O error"
            in caller.http.post(f"{caller.origin}/_emulator/webhooks", json=hook).json()["trouble"]
        )
        assert "Webhooks are not delivered" in caller.http.get(f"{caller.origin}/").text
    assert len([one for one in caplog.records if one.name == courier.__name__]) == 1
    until(lambda: receiver.events() == [("ping", None)], "the ping")
    assert trouble() is None


def test_in_process_without_a_lifespan_it_is_said_that_nothing_is_delivered() -> None:
    emulator = open_emulator(db=None, options=Options())
    assert emulator.courier.trouble.startswith("not running")
    emulator.store.close()


STRICT_RECEIVER = """
const crypto = require("crypto");
const [secret, signature, body] = process.argv.slice(1);
const again = JSON.stringify(JSON.parse(body));
const own = "sha256=" + crypto.createHmac("sha256", secret).update(again).digest("hex");
process.exit(own === signature ? 0 : 1);
"""


@pytest.mark.parametrize(
    "reason", ["plain", 'quotes " and \\ and / and <b>', "Zürich \u2028 🚗 \x7f\t\n\x01"]
)
def test_a_body_is_what_its_own_values_are_written_as(
    caller: Caller,
    receiver: Receiver,  # noqa: F811
    reason: str,
) -> None:
    """The platform's published receiver signs over JSON.stringify of the parsed body."""
    caller.emulator.webhooks.register("default", receiver.url, SECRET, ("fleet_clearance_changed",))
    caller.request_vehicle("WBA8E9C50GK1STAY0")
    move = f"{caller.origin}/_emulator/vehicles/WBA8E9C50GK1STAY0/move"
    caller.http.post(move, json={"status": "rejected", "reason": reason}).raise_for_status()
    until(lambda: len(receiver.received) == 2, "the rejection")
    for headers, body in receiver.received:
        assert body == json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False).encode()
        assert "received_at" not in json.loads(body)["event"]
        try:
            signed = subprocess.run(
                ["node", "-e", STRICT_RECEIVER, SECRET, headers["x-hm-signature-256"], body.decode()],
                timeout=300,
                check=False,
            )
        except FileNotFoundError:
            # Where there is no node, the comparison above stands for it.
            continue
        assert signed.returncode == 0


class TestRecorded:
    @pytest.fixture
    def options(self) -> Options:
        return Options(limits=False, answers="recorded", pace=Pace(approve_after=0.0))

    def test_an_event_says_when_it_was_received(self, caller: Caller, receiver: Receiver) -> None:  # noqa: F811
        caller.emulator.webhooks.register("default", receiver.url, SECRET)
        caller.request_vehicle(VIN)
        until(lambda: len(receiver.received) == 3, "the events")
        stamps = [json.loads(body)["event"]["received_at"] for _, body in receiver.received]
        assert all(len(stamp) == len("2026-01-31T10:20:37") for stamp in stamps)


def test_a_webhook_by_its_controls_has_no_trouble(caller: Caller, receiver: Receiver) -> None:  # noqa: F811
    answer: httpx.Response = caller.http.post(
        f"{caller.origin}/_emulator/webhooks", json={"url": receiver.url, "secret": SECRET}
    )
    assert set(answer.json()) == {"id", "application", "url", "events"}
