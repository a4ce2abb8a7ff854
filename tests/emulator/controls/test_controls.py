"""The controls check what they are given: no call of theirs, however malformed, disturbs a later one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pulumi_highmobility.emulator.api.requests import LONGEST_TEXT, ApiRequest, RequestLog
from pulumi_highmobility.emulator.world.clock import LATEST, EmulatorClock
from pulumi_highmobility.emulator.world.durations import LONGEST_S, parse_duration

from ..conftest import Caller
from ..modes import post

VIN = "WBA8E9C50GK000001"
MALFORMED: list[tuple[str, Any]] = [
    ("/clock/advance", {"seconds": 1e300}),
    ("/clock/advance", {"seconds": 10**400}),
    ("/clock/advance", {"seconds": 9_999_999 * 86_400}),
    ("/clock/advance", {"seconds": -1}),
    ("/clock/advance", {"seconds": "5"}),
    ("/clock/advance", {"seconds": True}),
    ("/clock/advance", {"seconds": None}),
    ("/clock/advance", {"second": 5}),
    ("/clock/advance", {}),
    ("/clock/advance", []),
    ("/faults", {"kind": "status", "times": "x"}),
    ("/faults", {"kind": "status", "times": 0}),
    ("/faults", {"kind": "status", "times": 1.5}),
    ("/faults", {"kind": "status", "times": None}),
    ("/faults", {"kind": "status", "status": "500"}),
    ("/faults", {"kind": "status", "status": 42}),
    ("/faults", {"kind": "status", "status": 204}),
    ("/faults", {"kind": "status", "status": 10**10}),
    ("/faults", {"kind": "status", "method": 5}),
    ("/faults", {"kind": "status", "method": "BREW"}),
    ("/faults", {"kind": "status", "path": []}),
    ("/faults", {"kind": "status", "path": {}}),
    ("/faults", {"kind": "status", "vin": 7}),
    ("/faults", {"kind": "status", "retry_after": "soon"}),
    ("/faults", {"kind": "status", "retry_after": -1}),
    ("/faults", {"kind": "delay", "seconds": "x"}),
    ("/faults", {"kind": "delay", "seconds": -1}),
    ("/faults", {"kind": "delay", "seconds": 1e300}),
    ("/faults", {"kind": []}),
    ("/faults", {"kind": {"a": 1}}),
    (f"/vehicles/{VIN}/move", {"status": []}),
    (f"/vehicles/{VIN}/move", {"status": "error"}),
    (f"/vehicles/{VIN}/move", {"status": "approved", "reason": 5}),
    (f"/vehicles/{VIN}/move", {"status": "approved", "reason": {"a": 1}}),
    (f"/vehicles/{VIN}/move", {"status": "approved", "application": []}),
    (f"/vehicles/{VIN}/move", {"status": "approved", "raeson": "x"}),
    (f"/vehicles/{VIN}/conditions", {"consent": "yes"}),
    (f"/vehicles/{VIN}/conditions", {"consent": 1}),
    (f"/vehicles/{VIN}/conditions", {"privacy-mode": True}),
    ("/webhooks", {"url": 5, "secret": "s"}),
    ("/webhooks", {"url": "https://example.com", "secret": "\ud800"}),
    ("/webhooks", {"url": "https://example.com", "secret": "s", "events": "ping"}),
    ("/webhooks", {"url": "https://example.com", "secret": "s", "events": [[]]}),
    ("/webhooks", {"url": "https://example.com", "secret": "s", "application": {}}),
    ("/deliveries/99999999999999999999/redeliver", {}),
    ("/deliveries/²/redeliver", {}),
    ("/reset", {"really": True}),
]


@pytest.mark.parametrize(("path", "body"), MALFORMED, ids=lambda part: str(part)[:40])
def test_a_malformed_control_is_a_422_without_effect(caller: Caller, path: str, body: Any) -> None:
    caller.request_vehicle(VIN)
    # Approved by then: what the carmaker does in time is no effect of the control.
    caller.http.post(f"{caller.origin}/_emulator/clock/advance", json={"seconds": 60}).raise_for_status()
    before = caller.http.get(f"{caller.origin}/_emulator/vehicles").json()
    assert before[0]["status"] == "approved"
    answer = caller.http.post(f"{caller.origin}/_emulator{path}", content=json.dumps(body))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["detail"]
    assert caller.http.get("/fleets/vehicles").status_code == 200
    assert caller.http.get(f"{caller.origin}/").status_code == 200
    assert caller.http.get(f"{caller.origin}/_emulator/faults").json() == []
    assert caller.http.get(f"{caller.origin}/_emulator/webhooks").json() == []
    assert caller.http.get(f"{caller.origin}/_emulator/vehicles").json() == before


@pytest.mark.parametrize("body", [b"{", b'"x"', b'{"seconds": NaN}', b'{"seconds": Infinity}', b'{"seconds": 1e999}', b"[" * 50_000, b"\xff"])  # fmt: skip
def test_a_control_that_is_not_json_is_a_422(caller: Caller, body: bytes) -> None:
    assert caller.http.post(f"{caller.origin}/_emulator/clock/advance", content=body).status_code == 422
    assert caller.http.get("/fleets/vehicles").status_code == 200


@pytest.mark.parametrize("after", ["²", "x", "-1", "1.5", "9" * 30, ""])
def test_a_number_in_a_query_is_checked(caller: Caller, after: str) -> None:
    for path in ("requests", "deliveries"):
        answer = caller.http.get(f"{caller.origin}/_emulator/{path}", params={"after": after})
        assert answer.status_code == 422


@pytest.mark.parametrize("duration", ["9999999d", "9" * 400, "1e300", "nan", "inf", "-1s", "²", "", "36526d"])
def test_the_clock_s_form_takes_no_time_that_dates_do_not_have(caller: Caller, duration: str) -> None:
    answer = caller.http.post(f"{caller.origin}/_emulator/page/clock", data={"duration": duration})
    assert answer.status_code == 422
    assert caller.http.get(f"{caller.origin}/").status_code == 200
    assert caller.http.get("/fleets/vehicles").status_code == 200


def test_the_clock_stops_before_dates_end(caller: Caller) -> None:
    """However often it is moved: all that is dated can still be written."""
    caller.request_vehicle(VIN)
    advance = f"{caller.origin}/_emulator/clock/advance"
    told = [caller.http.post(advance, json={"seconds": LONGEST_S}).status_code for _ in range(80)]
    assert set(told) == {200, 422}
    assert told[-1] == 422
    caller.renew_bearer()
    assert caller.vehicle(VIN)["status"] == "approved"
    assert caller.http.get(f"{caller.origin}/").status_code == 200


def test_a_clock_that_runs_very_fast_stops_before_dates_end() -> None:
    moment = 1_800_000_000.0
    clock = EmulatorClock(speed=1e300, wall=lambda: moment)
    moment += 1
    assert clock.now() == LATEST


@pytest.mark.parametrize("speed", [float("nan"), float("inf"), -1.0])
def test_a_speed_is_a_number_from_0(speed: float) -> None:
    with pytest.raises(ValueError, match="is not a number of 0 or more"):
        EmulatorClock(speed=speed)


def test_the_longest_duration_is_a_hundred_years() -> None:
    assert parse_duration("36525d") == LONGEST_S
    with pytest.raises(ValueError, match="too long"):
        parse_duration("36525.1d")


def test_a_long_search_is_answered(caller: Caller) -> None:
    assert caller.http.get(f"{caller.origin}/?q={'x' * 55_000}").status_code == 200


def test_the_log_keeps_the_beginning_of_a_long_text(caller: Caller) -> None:
    caller.http.get("/fleets/vehicles/" + "x" * 50_000)
    caller.http.post("/fleets/vehicles", json={"vehicles": [{"vin": "y" * 5_000_000, "brand": "bmw"}]})
    caller.http.post("/eligibility", json={"vin": "z" * 5_000_000, "brand": "bmw"})
    lines = caller.http.get(f"{caller.origin}/_emulator/requests").json()[-3:]
    assert lines[0]["path"] == "/fleets/vehicles/" + "x" * (LONGEST_TEXT - 18) + "…"
    assert [line["vins"] for line in lines] == [
        [letter * (LONGEST_TEXT - 1) + "…"] for letter in ("X", "Y", "Z")
    ]


def test_a_log_of_many_long_lists_drops_the_oldest_and_keeps_every_vin_of_the_newest() -> None:
    log = RequestLog()
    asked = ApiRequest("POST", "/fleets/vehicles", {}, {}, b"", "http://emulator/v1")
    vins = [f"WBA8E9C50GK{number:06}" for number in range(80_000)]
    log.add(0.0, asked, asked.path, 200, ["WBA8E9C50GK999999"], None)
    for _ in range(30):
        log.add(0.0, asked, asked.path, 200, vins, None)
    kept = log.lines()
    assert kept[-1]["vins"] == vins
    assert [line["number"] for line in kept] == list(range(32 - len(kept), 32))
    assert 5 < len(kept) < 15
    log.clear()
    log.add(0.0, asked, asked.path, 200, vins, None)
    assert len(log.lines()) == 1


def test_a_log_of_small_requests_keeps_two_hundred_thousand() -> None:
    log = RequestLog()
    asked = ApiRequest("GET", f"/fleets/vehicles/{VIN}", {}, {}, b"", "http://emulator/v1")
    for _ in range(200_010):
        log.add(0.0, asked, asked.path, 200, [VIN], None)
    assert len(log.lines(after=0)) == 200_000
    assert log.last(1)[0]["number"] == 200_010


def test_a_scope_that_is_named_many_times_is_kept_once(caller: Caller) -> None:
    asked = caller.client(grant_type="client_credentials", scope="fleet:clearance " * 10_000)
    assert caller.http.post("/access_tokens", json=asked).json()["scope"] == "fleet:clearance"


def test_a_reason_from_the_page_is_kept_as_long_as_one_from_the_controls(caller: Caller) -> None:
    caller.request_vehicle(VIN)
    form = {"status": "rejected", "reason": "x" * 100_000}
    post(f"{caller.origin}/_emulator/page/vehicles/{VIN}/move", data=form)
    assert len(caller.vehicle(VIN)["changelog"][-1]["reason"]) == 1000
