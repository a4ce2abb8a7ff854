"""Webhooks: a receiver on loopback, which knows the contract and the secret alone."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from pulumi_highmobility.emulator.app import Options
from pulumi_highmobility.emulator.server import serve_in_thread
from pulumi_highmobility.emulator.world import webhooks
from pulumi_highmobility.emulator.world.machine import Pace
from pulumi_highmobility.testing import EmulatorControls, start_emulator

from ..conftest import Caller
from ..modes import get, post

SECRET = "a-secret-of-the-tests-9f2c"
VIN = "WBA8E9C50GK000001"


@dataclass
class Receiver:
    """What came in, and the statuses to answer with (200 once they are used up)."""

    url: str = ""
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def events(self) -> list[tuple[str, str | None]]:
        bodies = [json.loads(body) for _, body in self.received]
        return [(body["event"]["type"], body["event"].get("action")) for body in bodies]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Keeps the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/webhook"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield receiver
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def options() -> Options:
    return Options(limits=False, pace=Pace(approve_after=0.3, revoke_after=0.1, cancel_after=0.1))


@pytest.fixture
def controls(caller: Caller) -> Iterator[EmulatorControls]:
    controls = EmulatorControls(caller.base_url.removesuffix("/v1"))
    yield controls
    controls.close()


def until(condition: Callable[[], bool], what: str) -> None:
    """Deliveries come in the background."""
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end, f"{what} did not come"
        time.sleep(0.01)


def test_registering_a_webhook_pings_it(controls: EmulatorControls, receiver: Receiver) -> None:
    controls.add_webhook(receiver.url, SECRET)
    until(lambda: receiver.events() == [("ping", None)], "the ping")
    controls.add_webhook(receiver.url, "another secret")
    until(lambda: receiver.events() == [("ping", None)] * 2, "the ping after a change")


def test_every_change_of_a_clearance_is_told_without_anybody_asking(
    caller: Caller, controls: EmulatorControls, receiver: Receiver
) -> None:
    controls.add_webhook(receiver.url, SECRET, events=["fleet_clearance_changed"])
    caller.request_vehicle(VIN)
    until(lambda: len(receiver.received) == 2, "the approval")
    caller.http.request("DELETE", f"/fleets/vehicles/{VIN}").raise_for_status()
    until(lambda: len(receiver.received) == 4, "the revocation")
    actions = [action for _, action in receiver.events()]
    assert actions == ["pending", "approved", "revoking", "revoked"]
    assert {json.loads(body)["vehicle"]["vin"] for _, body in receiver.received} == {VIN}


def test_a_rejection_is_told_with_its_reason(
    caller: Caller, controls: EmulatorControls, receiver: Receiver
) -> None:
    controls.add_webhook(receiver.url, SECRET)
    caller.request_vehicle(VIN)
    controls.move(VIN, "rejected", reason="the odometer does not match")
    until(lambda: ("fleet_clearance_changed", "rejected") in receiver.events(), "the rejection")
    told = json.loads(receiver.received[-1][1])
    assert told["event"]["detail"] == "the odometer does not match"


def test_a_delivery_is_signed_over_its_raw_body_both_ways(
    controls: EmulatorControls, receiver: Receiver
) -> None:
    controls.add_webhook(receiver.url, SECRET)
    until(lambda: bool(receiver.received), "the ping")
    headers, body = receiver.received[0]
    assert headers["x-hm-signature-256"] == f"sha256={hmac.new(SECRET.encode(), body, 'sha256').hexdigest()}"
    assert headers["x-hm-signature"] == f"sha1={hmac.new(SECRET.encode(), body, hashlib.sha1).hexdigest()}"
    assert headers["user-agent"] == "HM-Webhook/1.2.0"
    assert headers["content-type"] == "application/json"
    assert headers["x-hm-event"] == "ping"
    assert headers["x-hm-delivery"] == controls.deliveries()[0]["id"]


def test_a_delivery_that_fails_is_sent_again_with_the_same_id(
    controls: EmulatorControls, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "BACKOFF_S", (0.05, 0.05))
    receiver.statuses = [500, 302]
    controls.add_webhook(receiver.url, SECRET)
    until(lambda: controls.deliveries()[0]["delivered"], "the delivery")
    assert len({headers["x-hm-delivery"] for headers, _ in receiver.received}) == 1
    line = controls.deliveries()[0]
    assert (line["attempts"], line["status"], line["error"], line["due"]) == (3, 200, None, False)


def test_a_delivery_is_given_up_after_the_last_attempt_and_can_be_sent_again(
    controls: EmulatorControls, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "BACKOFF_S", (0.05,))
    receiver.statuses = [500, 503]
    controls.add_webhook(receiver.url, SECRET)
    until(lambda: not controls.deliveries()[0]["due"], "the last attempt")
    line = controls.deliveries()[0]
    assert (line["attempts"], line["status"], line["delivered"]) == (2, 503, False)
    controls.redeliver(line["number"])
    until(lambda: controls.deliveries()[-1]["delivered"], "the delivery")
    assert controls.deliveries()[-1]["body"] == line["body"]


def test_nobody_listening_is_noted(controls: EmulatorControls, receiver: Receiver) -> None:
    controls.add_webhook("http://127.0.0.1:9/webhook", SECRET)
    until(lambda: controls.deliveries()[0]["attempts"] > 0, "an attempt")
    line = controls.deliveries()[0]
    assert (line["status"], line["due"]) == (0, True)
    assert "ConnectError" in line["error"]


def test_a_removed_webhook_is_told_nothing_more(
    caller: Caller, controls: EmulatorControls, receiver: Receiver
) -> None:
    webhook_id = controls.add_webhook(receiver.url, SECRET)
    until(lambda: len(receiver.received) == 1, "the ping")
    controls.remove_webhook(webhook_id)
    caller.request_vehicle(VIN)
    until(lambda: caller.vehicle(VIN)["status"] == "approved", "the approval")
    assert len(controls.deliveries()) == 1
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        controls.remove_webhook(webhook_id)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"url": "http://example.com/webhook", "secret": SECRET}, "https only"),
        ({"url": "ftp://example.com", "secret": SECRET}, "https://example.com/webhook"),
        ({"url": "https://me:word@example.com", "secret": SECRET}, "no user name"),
        ({"url": "https://example.com", "secret": ""}, "secret takes text"),
        ({"url": "https://example.com"}, "missing required field `secret`"),
        ({"url": "https://example.com", "secret": SECRET, "events": ["nothing"]}, "fleet_clearance_changed"),
        ({"url": "https://example.com", "secret": SECRET, "events": []}, "fleet_clearance_changed"),
        ({"url": "https://example.com", "secret": SECRET, "application": "other"}, "one of default"),
    ],
)
def test_a_webhook_that_the_platform_would_not_take_is_refused(
    caller: Caller, fields: dict[str, Any], told: str
) -> None:
    origin = caller.base_url.removesuffix("/v1")
    answer = post(f"{origin}/_emulator/webhooks", json=fields)
    assert answer.status_code == 422
    assert told in answer.text
    assert SECRET not in answer.text
    assert get(f"{origin}/_emulator/webhooks").json() == []


def test_what_is_due_outlives_a_kill_and_the_secret_is_shown_nowhere(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.statuses = [500]
    monkeypatch.setenv("HIGHMOBILITY_WEBHOOK_SECRET", SECRET)
    with start_emulator(folder=tmp_path, webhook=receiver.url) as emulator:
        until(lambda: emulator.controls.deliveries()[0]["attempts"] == 1, "the first attempt")
        shown = json.dumps(emulator.controls.deliveries()) + (tmp_path / "emulator.log").read_text()
        emulator.process.kill()
        emulator.process.wait(300)
    monkeypatch.delenv("HIGHMOBILITY_WEBHOOK_SECRET")
    with start_emulator(folder=tmp_path) as again:
        until(lambda: again.controls.deliveries()[0]["delivered"], "the second attempt")
    assert receiver.received[0][1] == receiver.received[1][1]
    assert SECRET not in shown


def test_a_webhook_by_flag_needs_a_secret_out_of_sight(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="HIGHMOBILITY_WEBHOOK_SECRET"),
        start_emulator(folder=tmp_path, webhook="https://example.com/webhook"),
    ):
        pass
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    with (
        pytest.raises(RuntimeError, match="https only"),
        start_emulator(
            folder=tmp_path,
            webhook="http://example.com/webhook",
            webhook_secret_file=str(tmp_path / "secret"),
        ),
    ):
        pass


def test_the_states_of_one_vehicle_are_told_in_their_order(tmp_path: Path, receiver: Receiver) -> None:
    """Many vehicles at once are told side by side, each of them one state after the other."""
    options = Options(limits=False, pace=Pace(approve_after=0.0))
    with serve_in_thread(options, db=tmp_path / "emulator.db") as (emulator, base_url):
        emulator.webhooks.register("default", receiver.url, SECRET, ("fleet_clearance_changed",))
        caller = Caller(emulator, base_url)
        rows = [{"vin": f"WBA8E9C50GK{number:06}", "brand": "bmw"} for number in range(50)]
        caller.http.post("/fleets/vehicles", json={"vehicles": rows}).raise_for_status()
        until(lambda: len(receiver.received) == 100, "100 deliveries")
        caller.http.close()
    told: dict[str, list[str]] = {}
    for _, body in receiver.received:
        fields = json.loads(body)
        told.setdefault(fields["vehicle"]["vin"], []).append(fields["event"]["action"])
    assert set(map(tuple, told.values())) == {("pending", "approved")}
