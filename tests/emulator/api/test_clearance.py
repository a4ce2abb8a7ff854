"""The clearance calls: every row, state and move of the contract."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import UUID

import httpx
import pytest

from pulumi_highmobility.emulator.app import Options
from pulumi_highmobility.emulator.world.machine import ENDED, MOVES, STATES
from pulumi_highmobility.emulator.world.scenarios import DAY, SCENARIOS

from ..conftest import Caller
from ..modes import MODES

VIN = "WBA8E9C50GK000001"
OTHER = "WBA8E9C50GK000002"


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def error_of(answer: httpx.Response) -> tuple[int, str, str | None, str | None]:
    error = answer.json()["errors"][0]
    return answer.status_code, error["title"], error.get("source"), error.get("detail")


def test_one_bad_row_does_not_fail_the_others(caller: Caller) -> None:
    rows = [
        {"vin": VIN, "brand": "bmw", "tags": {"foo": "bar"}},
        {"vin": "VIN01234567890123X", "brand": "bmw"},
        {"vin": OTHER, "brand": "unknown"},
    ]
    answer = caller.http.post("/fleets/vehicles", json={"vehicles": rows})
    assert answer.status_code == 200
    assert answer.json()["vehicles"] == [
        {"vin": VIN, "status": "pending", "tags": {"foo": "bar"}},
        {"vin": "VIN01234567890123X", "status": "error", "description": "vin should be 17 character(s)"},
        {"vin": OTHER, "status": "error", "description": "The brand is invalid"},
    ]
    assert [vehicle["vin"] for vehicle in caller.http.get("/fleets/vehicles").json()] == [VIN]


def test_tags_are_in_an_answer_where_they_were_in_the_request(caller: Caller) -> None:
    """As in the specification's examples, with `{}` for `{}`; the Java SDK, which knows no tags, takes no unknown field."""
    rows = [{"vin": VIN, "brand": "bmw", "tags": {}}, {"vin": OTHER, "brand": "bmw"}]
    answer = caller.http.post("/fleets/vehicles", json={"vehicles": rows})
    told = [
        answer.json()["vehicles"],
        caller.http.get("/fleets/vehicles").json(),
        [caller.http.get(f"/fleets/vehicles/{vin}").json() for vin in (VIN, OTHER)],
    ]
    for empty, without in told:
        assert empty["tags"] == {}
        assert "tags" not in without
    wish = json.dumps({"tags": {"operator": "eq", "value": {}}})
    assert len(caller.http.get("/fleets/vehicles", params={"filter": wish}).json()) == 2


def test_the_old_generation_is_answered_in_its_form(caller: Caller) -> None:
    """It sends a form and takes no field it does not know."""
    old = caller.http.post("/auth_tokens", data={"assertion": caller.assertion()})
    assert (old.status_code, set(old.json())) == (201, {"auth_token", "valid_from", "valid_until"})
    new = caller.http.post("/auth_tokens", json={"assertion": caller.assertion()})
    assert {"auth_token", "access_token", "expires_in", "token_type", "scope"} < set(new.json())


def test_the_tutorials_odometer_as_a_text_is_taken(caller: Caller) -> None:
    measures = {"odometer": {"value": "110000", "unit": "kilometers"}}
    assert (
        caller.request_vehicle("WDD2130041A000001", "mercedes-benz", control_measures=measures)["status"]
        == "pending"
    )
    assert caller.request_vehicle("WDD2130041A000002", "mercedes-benz")["status"] == "error"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"{}", b'{"vehicles": {}}', b'{"vehicles": [1]}', b'{"vehicles": [{"vin": "X"}]}',
     b'{"vehicles": [{"brand": "bmw"}]}', b'{"vehicles": [{"vin": 1, "brand": "bmw"}]}',
     b'{"vehicles": [{"vin": "X", "brand": "bmw", "tags": {"a": 1}}]}'],
)  # fmt: skip
def test_a_payload_that_lacks_a_parameter_is_a_422(caller: Caller, body: bytes) -> None:
    answer = caller.http.post("/fleets/vehicles", content=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["title"]


def test_a_vehicle_is_shown_with_its_changelog(caller: Caller) -> None:
    caller.request_vehicle(VIN, tags={"a": "b"})
    caller.emulator.clock.advance(3)
    shown = caller.vehicle(VIN)
    assert {name: shown[name] for name in ("vin", "status", "brand", "tags")} == {
        "vin": VIN, "status": "approved", "brand": "bmw", "tags": {"a": "b"},
    }  # fmt: skip
    assert [change["status"] for change in shown["changelog"]] == ["pending", "approved"]
    assert caller.http.get("/fleets/vehicles").json() == [shown]


def test_an_unknown_vehicle_is_a_404(caller: Caller) -> None:
    assert error_of(caller.http.get(f"/fleets/vehicles/{VIN}"))[0] == 404
    assert error_of(caller.http.delete(f"/fleets/vehicles/{VIN}"))[0] == 404


def test_an_approved_vehicle_is_revoked_and_its_tokens_die(caller: Caller) -> None:
    caller.request_vehicle(VIN)
    caller.emulator.clock.advance(3)
    token = caller.http.post("/fleets/access_tokens", json={"vin": VIN}).json()["access_token"]
    answer = caller.http.request("DELETE", f"/fleets/vehicles/{VIN}")
    assert (answer.status_code, answer.json()["status"]) == (200, "revoking")
    assert error_of(caller.http.delete(f"/fleets/vehicles/{VIN}")) == (
        409, "Conflict", "vin", "Clearance is in transition mode",
    )  # fmt: skip
    caller.emulator.clock.advance(2)
    assert error_of(caller.http.delete(f"/fleets/vehicles/{VIN}")) == (
        409, "Conflict", "vin", "Clearance is already removed",
    )  # fmt: skip
    assert caller.statuses(VIN) == ["pending", "approved", "revoking", "revoked"]
    info = caller.http.get("/vehicleinfo", headers={"Authorization": f"Bearer {token}"})
    assert (info.status_code, info.json()["error"]) == (401, "invalid_token")


def test_a_pending_vehicle_is_canceled_only_by_some_carmakers_and_only_after_a_day(caller: Caller) -> None:
    caller.request_vehicle("WBA8E9C50GK1STAY0")
    assert error_of(caller.http.delete("/fleets/vehicles/WBA8E9C50GK1STAY0")) == (
        422, "not supported", "vin", "cancellation is not supported for this vin",
    )  # fmt: skip
    peugeot = "VF3LCYHZPHS1STAY0"
    caller.request_vehicle(peugeot, "peugeot")
    assert error_of(caller.http.delete(f"/fleets/vehicles/{peugeot}")) == (
        422, "too early", "status", "the pending status could only be canceled after 1 day it's created",
    )  # fmt: skip
    caller.emulator.clock.advance(DAY + 1)
    caller.http.headers["Authorization"] = f"Bearer {caller.bearer()}"
    assert caller.http.delete(f"/fleets/vehicles/{peugeot}").json()["status"] == "canceling"
    caller.emulator.clock.advance(2)
    assert caller.statuses(peugeot) == ["pending", "canceling", "canceled"]


@pytest.mark.parametrize("status", ENDED)
def test_after_an_end_a_vin_can_be_asked_for_again(caller: Caller, status: str) -> None:
    caller.request_vehicle(VIN)
    origin = caller.base_url.removesuffix("/v1")
    moved = caller.http.post(
        f"{origin}/_emulator/vehicles/{VIN}/move", json={"status": status, "reason": "told so"}
    )
    assert moved.status_code == 200
    assert caller.vehicle(VIN)["changelog"][-1]["reason"] == "told so"
    assert caller.request_vehicle(VIN, "mini", tags={"new": "one"})["status"] == "pending"
    shown = caller.vehicle(VIN)
    assert (shown["brand"], shown["tags"]) == ("mini", {"new": "one"})
    assert [change["status"] for change in shown["changelog"]] == ["pending", status, "pending"]


def test_a_vin_asked_for_twice_is_echoed_as_it_is(caller: Caller) -> None:
    caller.request_vehicle(VIN, tags={"a": "b"})
    caller.emulator.clock.advance(3)
    assert caller.request_vehicle(VIN, tags={"c": "d"}) == {
        "vin": VIN,
        "status": "approved",
        "tags": {"a": "b"},
    }


class TestDuplicatesAsErrors:
    @pytest.fixture
    def options(self) -> Options:
        return Options(on_duplicate="error")

    def test_a_vin_asked_for_twice_is_an_error_row(self, caller: Caller) -> None:
        caller.request_vehicle(VIN)
        assert caller.request_vehicle(VIN)["status"] == "error"


def test_the_deprecated_cancel_call_answers_with_a_row(caller: Caller) -> None:
    peugeot = "VF3LCYHZPHS1STAY0"
    caller.request_vehicle(peugeot, "peugeot")
    caller.emulator.clock.advance(DAY + 1)
    caller.http.headers["Authorization"] = f"Bearer {caller.bearer()}"
    answer = caller.http.post(f"/fleets/{peugeot}/cancel_activation")
    assert (answer.status_code, answer.json()["status"]) == (200, "canceling")


def test_moves_lead_only_to_known_states() -> None:
    assert set(MOVES) == set(STATES)
    assert {status for moves in MOVES.values() for status in moves} <= set(STATES)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.ending)
def test_a_vins_ending_decides_what_becomes_of_it(caller: Caller, scenario: Any) -> None:
    vin = f"WBA8E9C50GK1{scenario.ending}"[:17].rjust(17, "W")
    row = caller.request_vehicle(vin)
    if scenario.outcome == "error":
        assert row == {"vin": vin, "status": "error", "description": scenario.error}
        return
    due = caller.emulator.options.pace.approve_after if scenario.after is None else scenario.after
    if due:
        assert row["status"] == "pending"
        caller.emulator.clock.advance(due + 1)
        caller.http.headers["Authorization"] = f"Bearer {caller.bearer()}"
    shown = caller.vehicle(vin)
    outcome = "stay" if scenario.conditions else scenario.outcome
    assert shown["status"] == {"approve": "approved", "reject": "rejected", "stay": "pending"}[outcome]
    if scenario.outcome == "reject":
        assert "emulator's" in shown["changelog"][-1]["reason"]
    if scenario.then:
        caller.emulator.clock.advance(scenario.then[0].after + 5)
        assert caller.vehicle(vin)["status"] == "revoked"


FILTERS: list[tuple[dict[str, Any], set[str]]] = [
    ({"vin": {"operator": "eq", "value": VIN}}, {VIN}),
    ({"vin": {"operator": "in", "value": [VIN, OTHER]}}, {VIN, OTHER}),
    ({"status": {"operator": "eq", "value": "approved"}}, {VIN, OTHER}),
    ({"status": {"operator": "in", "value": ["pending", "rejected"]}}, {"VF3LCYHZPHS1STAY0"}),
    ({"brand": {"operator": "eq", "value": "mini"}}, {OTHER}),
    ({"brand": {"operator": "in", "value": ["mini", "peugeot"]}}, {OTHER, "VF3LCYHZPHS1STAY0"}),
    ({"tags": {"operator": "eq", "value": {"a": "b"}}}, {VIN}),
    ({"tags": {"operator": "contains", "value": {"a": "b"}}}, {VIN, OTHER}),
    ({"approved_at": {"operator": "gt", "value": "1999-03-31T00:00:00Z"}}, {VIN, OTHER}),
    ({"approved_at": {"operator": "lt", "value": "1999-03-31T00:00:00Z"}}, set()),
    ({"inserted_at": {"operator": "gte", "value": "1999-03-31T00:00:00"}}, {VIN, OTHER, "VF3LCYHZPHS1STAY0"}),
    ({"inserted_at": {"operator": "lte", "value": "1999-03-31T00:00:00Z"}}, set()),
    ({"brand": {"operator": "eq", "value": "bmw"}, "status": {"operator": "eq", "value": "pending"}}, set()),
]  # fmt: skip


def test_the_list_can_be_filtered_by_every_field_and_operator(caller: Caller) -> None:
    caller.request_vehicle(VIN, tags={"a": "b"})
    caller.request_vehicle(OTHER, "mini", tags={"a": "b", "c": "d"})
    caller.request_vehicle("VF3LCYHZPHS1STAY0", "peugeot")
    caller.emulator.clock.advance(3)
    for wish, expected in FILTERS:
        answer = caller.http.get("/fleets/vehicles", params={"filter": json.dumps(wish)})
        assert {vehicle["vin"] for vehicle in answer.json()} == expected, wish


def test_an_instant_equal_to_the_changelogs_is_found(caller: Caller) -> None:
    caller.request_vehicle(VIN)
    caller.emulator.clock.advance(3)
    approved = caller.vehicle(VIN)["changelog"][-1]["timestamp"]
    for operator, count in (("eq", 1), ("lt", 0), ("gte", 1)):
        wish = {"approved_at": {"operator": operator, "value": approved + "Z"}}
        assert len(caller.http.get("/fleets/vehicles", params={"filter": json.dumps(wish)}).json()) == count


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"color": {"operator": "eq", "value": 1}}', '{"vin": "X"}', '{"vin": {"operator": "lt", "value": "X"}}',
     '{"status": {"operator": "eq", "value": "nope"}}', '{"approved_at": {"operator": "eq", "value": "soon"}}',
     '{"tags": {"operator": "in", "value": {}}}'],
)  # fmt: skip
def test_a_wrong_filter_is_a_422(caller: Caller, text: str) -> None:
    assert caller.http.get("/fleets/vehicles", params={"filter": text}).status_code == 422


def test_eligibility_is_told_for_the_brands_that_have_a_look_up(caller: Caller) -> None:
    yes = caller.http.post("/eligibility", json={"vin": VIN, "brand": "bmw"}).json()
    assert yes["eligible"] is True
    assert yes["data_delivery"] == ["pull", "push"]
    no = caller.http.post("/eligibility", json={"vin": "WBA8E9C50GK1NTEL0", "brand": "bmw"}).json()
    assert no["eligible"] is False
    assert caller.http.post("/eligibility", json={"vin": VIN, "brand": "tesla"}).status_code == 422
    assert caller.http.post("/eligibility", json={"vin": "X", "brand": "bmw"}).status_code == 422
    assert caller.http.post("/eligibility", content=b"[").status_code == 422


def test_refreshing_rotates_the_pair_and_revoking_follows_the_rfc(caller: Caller) -> None:
    caller.request_vehicle(VIN)
    assert caller.http.post("/fleets/access_tokens", json={"vin": VIN}).status_code == 400
    assert (
        caller.http.post("/fleets/access_tokens", json={}).json()["error_description"] == "vin can't be blank"
    )
    caller.emulator.clock.advance(3)
    old = caller.http.post("/fleets/access_tokens", json={"vin": VIN}).json()
    assert old["token_type"] == "bearer"
    assert old["expires_in"] == 600
    fields = caller.client(grant_type="refresh_token", refresh_token=old["refresh_token"])
    new = caller.http.post("/access_tokens", data=fields).json()
    assert caller.http.post("/access_tokens", data=fields).json()["error"] == "invalid_grant"

    def lives(token: str) -> bool:
        return (
            caller.http.get("/vehicleinfo", headers={"Authorization": f"Bearer {token}"}).status_code == 200
        )

    assert not lives(old["access_token"])
    assert lives(new["access_token"])
    revoke = caller.client(token=new["refresh_token"], token_type_hint="refresh_token")
    assert caller.http.request("DELETE", "/access_tokens", json=revoke).status_code == 200
    assert not lives(new["access_token"])
    assert caller.http.request("DELETE", "/access_tokens", json=revoke).status_code == 200
    assert caller.http.request("DELETE", "/access_tokens", json=caller.client()).status_code == 400


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "POST"])
@pytest.mark.parametrize(
    "path", ["/nope", "/fleets", "/fleets/vehicles/a/b", "/eligibility", "/auth_tokens", "/access_tokens"]
)
def test_unknown_paths_and_methods_get_an_error_in_shape(caller: Caller, method: str, path: str) -> None:
    answer = caller.http.request(method, path)
    assert answer.headers["content-type"] == "application/json"
    assert 400 <= answer.status_code < 500
    assert "errors" in answer.json() or "error" in answer.json()


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/fleets/vehicles", {"GET", "HEAD", "POST"}),
        (f"/fleets/vehicles/{VIN}", {"GET", "HEAD", "DELETE"}),
        ("/access_tokens", {"POST", "DELETE"}),
        ("/eligibility", {"POST"}),
    ],
)
def test_a_refused_method_says_every_one_that_the_path_takes(
    caller: Caller, path: str, allowed: set[str]
) -> None:
    answer = caller.http.request("PATCH", path)
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == allowed


def test_the_tutorial_s_requests_work_as_they_stand_there(caller: Caller) -> None:
    """Its odometer is a number between quotes, and its request for a token carries a JWT's claims beside the VIN."""
    asked = (
        f'{{"vehicles": [{{"vin": "{VIN}", "brand": "mercedes-benz", "control_measures": '
        '{"odometer": {"value": "12500", "unit": "kilometers"}}}] }'
    )
    headers = {"Content-Type": "application/json"}
    assert caller.http.post("/fleets/vehicles", content=asked, headers=headers).json()["vehicles"] == [
        {"vin": VIN, "status": "pending"}
    ]
    caller.advance(60)
    caller.renew_bearer()
    wanted = f'''{{
    "vin": "{VIN}",
    "iss": "API Key uuid",
    "aud": "https://api.high-mobility.com/v1",
    "iat": "Current datetime in UNIX timestamp",
    "jti": "A random and unique UUIDv4",
    "ver": 1
}}'''
    answer = caller.http.post("/fleets/access_tokens", content=wanted, headers=headers)
    assert answer.status_code == 200
    assert answer.json()["access_token"]


class TestLimits:
    @pytest.fixture
    def options(self) -> Options:
        return Options(limits=True)

    def test_sixty_reads_by_vin_a_minute(self, caller: Caller) -> None:
        caller.request_vehicle(VIN)
        answers = [caller.http.get(f"/fleets/vehicles/{VIN}") for _ in range(61)]
        assert [answer.status_code for answer in answers[:60]] == [200] * 60
        refused = answers[60]
        wait = refused.headers["retry-after"]
        assert error_of(refused) == (
            429,
            "Too many requests",
            "fleet-manager-api:default",
            f"retry after {wait}s",
        )
        assert 50 <= int(wait) <= 60
        assert caller.http.get("/fleets/vehicles").status_code == 200


def test_a_row_has_the_vin_as_it_was_sent_and_the_fleet_has_it_in_upper_case(caller: Caller) -> None:
    """hmkit-fleet finds its row by exact comparison."""
    for _ in range(2):
        assert caller.request_vehicle(VIN.lower()) == {"vin": VIN.lower(), "status": "pending"}
    assert caller.request_vehicle(VIN.lower(), "nope")["vin"] == VIN.lower()
    assert [shown["vin"] for shown in caller.http.get("/fleets/vehicles").json()] == [VIN]
    assert caller.vehicle(VIN.lower())["vin"] == VIN
    wish = json.dumps({"vin": {"operator": "in", "value": [VIN.lower()]}})
    assert len(caller.http.get("/fleets/vehicles", params={"filter": wish}).json()) == 1


@pytest.mark.parametrize("vin", ["WBA8E9C50GK00000ß", "WBA8E9C50GK00000ﬁ"])
def test_a_letter_whose_upper_case_is_longer_stays_one_letter(caller: Caller, vin: str) -> None:
    assert len(vin) == 17
    assert caller.request_vehicle(vin) == {"vin": vin, "status": "pending"}
    assert caller.vehicle(vin)["vin"] == vin


@pytest.mark.parametrize("value", ["²", "١٢", "", " 5", "-1", -1, 1.5, True, [], "1e3", "9" * 5000])
def test_an_odometer_that_is_no_number_is_an_error_row(caller: Caller, value: Any) -> None:
    measures = {"odometer": {"value": value, "unit": "kilometers"}}
    row = caller.request_vehicle(VIN, "mercedes-benz", control_measures=measures)
    assert row["status"] == "error"
    assert caller.http.get("/fleets/vehicles").json() == []


def test_all_json_is_compact_and_in_utf_8(caller: Caller) -> None:
    """Recorded Content-Length values are those of JSON without blanks."""
    caller.request_vehicle(VIN, tags={"città": "Zürich, 3"})
    for answer in (
        caller.http.get("/fleets/vehicles"),
        caller.http.get(f"/fleets/vehicles/{VIN}"),
        caller.http.post("/fleets/vehicles", json={"vehicles": [{"vin": VIN, "brand": "bmw"}]}),
        caller.http.delete(f"/fleets/vehicles/{VIN}"),
        caller.http.get("/nope"),
        caller.http.get(f"{caller.origin}/_emulator/vehicles"),
    ):
        compact = json.dumps(answer.json(), separators=(",", ":"), ensure_ascii=False).encode()
        assert answer.content == compact
        assert int(answer.headers["content-length"]) == len(compact)


class TestWithoutOdometer:
    @pytest.fixture
    def options(self) -> Options:
        return Options(missing_odometer="accept")

    def test_a_mercedes_without_odometer_is_pending_where_that_is_chosen(self, caller: Caller) -> None:
        assert caller.request_vehicle(VIN, "mercedes-benz")["status"] == "pending"
        wrong = {"odometer": {"value": 1, "unit": "leagues"}}
        assert caller.request_vehicle(OTHER, "mercedes-benz", control_measures=wrong)["status"] == "error"


class TestRecordedAnswers:
    @pytest.fixture
    def options(self) -> Options:
        return Options(answers="recorded")

    def test_timestamps_have_whole_seconds(self, caller: Caller) -> None:
        caller.request_vehicle(VIN)
        stamp = caller.vehicle(VIN)["changelog"][0]["timestamp"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", stamp)
        for operator, count in (("eq", 1), ("lte", 1), ("gt", 0)):
            wish = json.dumps({"inserted_at": {"operator": operator, "value": stamp}})
            assert len(caller.http.get("/fleets/vehicles", params={"filter": wish}).json()) == count
        issued = caller.http.post("/auth_tokens", json={"assertion": caller.assertion()}).json()
        assert "." not in issued["valid_from"] + issued["valid_until"]

    def test_a_vehicle_token_comes_with_an_authorization_and_a_status(self, caller: Caller) -> None:
        caller.request_vehicle(VIN)
        caller.emulator.clock.advance(3)
        first, second = (
            caller.http.post("/fleets/access_tokens", json={"vin": VIN}).json() for _ in range(2)
        )
        assert first["status"] == "approved"
        assert UUID(first["authorization_id"]) == UUID(second["authorization_id"])


def test_what_only_recorded_answers_have_is_left_out_unless_chosen(caller: Caller) -> None:
    caller.request_vehicle(VIN)
    caller.emulator.clock.advance(3)
    issued = caller.http.post("/fleets/access_tokens", json={"vin": VIN}).json()
    assert set(issued) == {"access_token", "refresh_token", "token_type", "scope", "expires_in"}
    assert "." in caller.vehicle(VIN)["changelog"][0]["timestamp"]
