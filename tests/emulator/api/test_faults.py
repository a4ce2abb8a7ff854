"""Each fault as a client meets it, and the log that tells of it."""

from __future__ import annotations

import json
import time

import httpx
import pytest

from pulumi_highmobility.testing import EmulatorControls

from ..conftest import Caller

VIN = "WBA8E9C50GK000001"


@pytest.fixture
def controls(caller: Caller) -> EmulatorControls:
    return EmulatorControls(caller.base_url.removesuffix("/v1"))


@pytest.mark.parametrize(
    ("status", "retry_after"), [(429, 7), (429, None), (500, None), (502, None), (503, 3)]
)
def test_a_status_is_answered_without_effect_and_once(
    caller: Caller, controls: EmulatorControls, status: int, retry_after: int | None
) -> None:
    controls.fault("status", status=status, **({"retry_after": retry_after} if retry_after else {}))
    body = {"vehicles": [{"vin": VIN, "brand": "bmw"}]}
    answer = caller.http.post("/fleets/vehicles", json=body)
    assert answer.status_code == status
    assert answer.headers.get("retry-after") == (str(retry_after) if retry_after else None)
    assert controls.vehicles() == []
    assert caller.http.post("/fleets/vehicles", json=body).status_code == 200
    controls.close()


@pytest.mark.parametrize(("kind", "registered"), [("close_before", 0), ("close_after", 1)])
def test_a_connection_is_closed_before_or_after_the_effect(
    caller: Caller, controls: EmulatorControls, kind: str, registered: int
) -> None:
    controls.fault(kind, method="POST", path="/fleets/*", vin=VIN)
    with pytest.raises(httpx.TransportError):
        caller.request_vehicle(VIN)
    assert len(controls.vehicles()) == registered
    line = controls.requests()[-1]
    assert (line["status"], line["fault"], line["vins"]) == (0, kind, [VIN])
    controls.close()


def test_a_truncated_body_breaks_off_half_way(caller: Caller, controls: EmulatorControls) -> None:
    caller.request_vehicle(VIN)
    controls.fault("truncate", path="/fleets/vehicles")
    with pytest.raises(httpx.RemoteProtocolError):
        caller.http.get("/fleets/vehicles")
    assert len(caller.http.get("/fleets/vehicles").json()) == 1
    controls.close()


def test_a_delay_holds_one_answer_back_and_no_other(caller: Caller, controls: EmulatorControls) -> None:
    controls.fault("delay", seconds=0.4, path="/eligibility")
    began = time.monotonic()
    caller.http.get("/fleets/vehicles")
    quick = time.monotonic() - began
    caller.http.post("/eligibility", json={"vin": VIN, "brand": "bmw"})
    assert time.monotonic() - began - quick >= 0.4
    controls.close()


def test_an_expired_token_is_told_so(caller: Caller, controls: EmulatorControls) -> None:
    controls.fault("expire_token")
    assert caller.http.get("/fleets/vehicles").status_code == 401
    controls.close()


def test_a_fault_meets_only_the_requests_that_it_is_meant_for(
    caller: Caller, controls: EmulatorControls
) -> None:
    controls.fault("status", times=2, method="GET", path="/fleets/vehicles/*")
    assert caller.http.get("/fleets/vehicles").status_code == 200
    assert [caller.http.get(f"/fleets/vehicles/{VIN}").status_code for _ in range(3)] == [500, 500, 404]
    controls.fault("status")
    assert len(controls.pending_faults()) == 1
    controls.clear_faults()
    assert caller.http.get("/fleets/vehicles").status_code == 200
    controls.close()


@pytest.mark.parametrize("fields", [{"kind": "nope"}, {"kind": "status", "color": 1}, {}])
def test_a_fault_that_makes_no_sense_is_refused(caller: Caller, fields: dict[str, object]) -> None:
    origin = caller.base_url.removesuffix("/v1")
    assert caller.http.post(f"{origin}/_emulator/faults", json=fields).status_code == 422


def test_the_log_tells_of_requests_and_holds_no_secret(caller: Caller, controls: EmulatorControls) -> None:
    caller.request_vehicle(VIN)
    lines = controls.requests()
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [
        ("POST", "/access_tokens", 200),
        ("POST", "/fleets/vehicles", 200),
    ]
    assert lines[1]["vins"] == [VIN]
    assert lines[1]["application"] == "default"
    text = json.dumps(lines)
    assert caller.application.client_secret not in text
    assert caller.http.headers["Authorization"].split()[1] not in text
    assert [line["number"] for line in controls.requests(after=1)] == [2]
    controls.clear_requests()
    assert controls.requests() == []
    controls.close()


def test_a_reset_forgets_vehicles_and_keeps_the_credentials(
    caller: Caller, controls: EmulatorControls
) -> None:
    caller.request_vehicle(VIN)
    controls.reset()
    assert controls.vehicles() == []
    assert caller.bearer()
    controls.close()
