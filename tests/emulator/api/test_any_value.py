"""Any JSON value in any place of any call, over a socket: refused in the API's own form, and without effect."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from pulumi_highmobility.emulator.app import Options
from pulumi_highmobility.emulator.world.machine import Pace

from ..conftest import Caller
from ..modes import serving

VIN = "WBA8E9C50GK000001"
OTHER = "WBA8E9C50GK000002"
SURROGATE = "\ud800"
# What broke it once, and its kin; hypothesis's own texts have no surrogates beside these.
NASTY: list[Any] = [
    None, True, False, 0, -1, 1.5, 10**30, 1e300, "", "²", "\0", SURROGATE, "a" + SURROGATE, "\udfff",
    "x" * 3000, [], [[]], {}, {"": ""}, {"a": 1}, {SURROGATE: "x"}, {"x": SURROGATE}, {"operator": [], "value": {}},
]  # fmt: skip
values = st.one_of(
    st.sampled_from(NASTY),
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    ),
)
MANY = settings(max_examples=70)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """One emulator for the examples of this module: each puts back what it changes."""
    # Approved at once: no vehicle changes by itself while a slow machine compares what was before.
    options = Options(limits=False, pace=Pace(approve_after=0))
    with serving("file", options, tmp_path_factory.mktemp("any")) as (emulator, base_url, http):
        caller = Caller(emulator, base_url, http=http)
        caller.request_vehicle(OTHER)
        yield caller


def places(value: Any) -> list[tuple[Any, ...]]:
    """The path to each place of a JSON value, the whole first."""
    found: list[tuple[Any, ...]] = [()]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        found += [(name, *rest) for rest in places(inner)]
    return found


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    """A copy with another value at that place."""
    if not path:
        return by
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], by)
    return copy


def bodies(caller: Caller) -> list[tuple[str, str, Any]]:
    client = caller.client()
    row = {"vin": VIN, "brand": "bmw", "tags": {"a": "b"}}
    measured = {
        "vin": VIN,
        "brand": "mercedes-benz",
        "control_measures": {"odometer": {"value": 5, "unit": "miles"}},
    }
    grant = {"grant_type": "client_credentials", **client, "scope": "vehicle:data"}
    signed = {
        "grant_type": "client_credentials",
        "client_id": client["client_id"],
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": "x",
    }
    return [
        ("POST", "/fleets/vehicles", {"vehicles": [row, measured]}),
        ("POST", "/eligibility", {"vin": VIN, "brand": "bmw"}),
        ("POST", "/fleets/access_tokens", {"vin": OTHER}),
        ("POST", "/access_tokens", grant),
        ("POST", "/access_tokens", signed),
        ("POST", "/access_tokens", {"grant_type": "refresh_token", "refresh_token": "x", **client}),
        ("DELETE", "/access_tokens", {"token": "x", "token_type_hint": "access_token", **client}),
        ("POST", "/auth_tokens", {"assertion": "x"}),
    ]


def sent(caller: Caller, method: str, path: str, body: Any) -> httpx.Response:
    headers = {"Content-Type": "application/json"}
    return caller.http.request(method, path, content=json.dumps(body).encode(), headers=headers)


def state(caller: Caller) -> Any:
    shown = caller.http.get(f"{caller.origin}/_emulator/vehicles").json()
    return [{name: text for name, text in one.items() if name != "changelog"} for one in shown]


def is_in_form(answer: httpx.Response) -> bool:
    told = answer.json()
    return "error" in told or all(
        error["title"] for error in (told if isinstance(told, list) else told["errors"])
    )


@given(data=st.data())
@MANY
def test_any_value_anywhere_in_a_body_is_answered_and_has_no_effect_where_refused(
    asked: Caller, data: st.DataObject
) -> None:
    asked.renew_bearer()
    method, path, good = data.draw(st.sampled_from(bodies(asked)))
    body = replaced(good, data.draw(st.sampled_from(places(good))), data.draw(values))
    before = state(asked)
    answer = sent(asked, method, path, body)
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert is_in_form(answer)
        assert state(asked) == before
    elif path == "/fleets/vehicles":
        told = answer.json()["vehicles"]
        assert [row["vin"] for row in told] == [row["vin"] for row in body["vehicles"]]
        registered = {one["vin"] for one in state(asked)} - {one["vin"] for one in before}
        assert len(registered) <= sum(row["status"] != "error" for row in told)
        assert asked.http.get("/fleets/vehicles").status_code == 200
        asked.http.post(f"{asked.origin}/_emulator/reset", content=b"").raise_for_status()
        asked.renew_bearer()
        asked.request_vehicle(OTHER)


@given(
    field=st.sampled_from(["vin", "status", "brand", "tags", "approved_at", "inserted_at", "color"])
    | st.text(max_size=5),
    operator=st.sampled_from(["eq", "in", "contains", "lt", "gte"]) | values,
    value=values | st.lists(values, max_size=3),
    whole=st.booleans(),
)
@MANY
def test_any_filter_is_answered_with_a_whole_list_or_a_422(
    asked: Caller, field: str, operator: Any, value: Any, whole: bool
) -> None:
    asked.renew_bearer()
    wish = value if whole else {field: {"operator": operator, "value": value}}
    answer = asked.http.get("/fleets/vehicles", params={"filter": json.dumps(wish)})
    assert answer.status_code in (200, 422)
    assert answer.json() is not None


@given(text=st.text(max_size=30) | st.sampled_from(["²", "%ED%A0%80", "%00", "%FF%FE", "..", "x" * 3000]))
@settings(max_examples=25)
def test_any_path_is_answered(asked: Caller, text: str) -> None:
    asked.renew_bearer()
    part = text if text.startswith("%") else quote(text, safe="")
    for method, path in (
        ("GET", "/fleets/vehicles/"),
        ("DELETE", "/fleets/vehicles/"),
        ("DELETE", "/auth_tokens/"),
        ("GET", "/"),
    ):
        answer = asked.http.request(method, path + part)
        assert answer.status_code < 500
    assert asked.http.post(f"/fleets/{part}/cancel_activation").status_code < 500
    for control in (f"vehicles/{part}/move", f"vehicles/{part}/conditions", f"deliveries/{part}/redeliver"):
        assert asked.http.post(f"{asked.origin}/_emulator/{control}", json={}).status_code in (404, 405, 422)
    for query in (
        f"_emulator/requests?after={part}",
        f"_emulator/deliveries?after={part}",
        f"?q={part}&status={part}",
    ):
        assert asked.http.get(f"{asked.origin}/{query}").status_code in (200, 422)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5000,
        '{"vin":' * 1500,
        json.dumps({"approved_at": {"operator": [], "value": "2026-01-01T00:00:00"}}),
        json.dumps({"vin": {"operator": "eq", "value": SURROGATE}}),
        json.dumps({"tags": {"operator": "contains", "value": {"a": SURROGATE}}}),
        '{"inserted_at": {"operator": "eq", "value": NaN}}',
        "1e999",
        "9" * 5000,
    ],
    ids=lambda text: text[:20],
)
def test_a_filter_of_no_use_is_a_422(asked: Caller, text: str) -> None:
    asked.renew_bearer()
    assert asked.http.get("/fleets/vehicles", params={"filter": text}).status_code == 422


def test_a_filter_may_name_any_number_of_tags(asked: Caller) -> None:
    asked.renew_bearer()
    tags = {f"t{n}": "x" for n in range(1200)}
    asked.request_vehicle(VIN, tags=tags)
    for operator, wanted, count in (
        ("contains", tags, 1),
        ("eq", tags, 1),
        ("eq", {"t1": "x"}, 0),
        ("contains", tags | {"u": "x"}, 0),
    ):
        wish = json.dumps({"tags": {"operator": operator, "value": wanted}}, separators=(",", ":"))
        answer = asked.http.get("/fleets/vehicles", params={"filter": wish})
        assert (answer.status_code, len(answer.json())) == (200, count)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/fleets/vehicles", b'{"vehicles":[{"vin":"WBA8E9C50GK00000\\ud800","brand":"bmw"}]}', 422),
        ("/fleets/vehicles", b'{"vehicles":[{"vin":"WBA8E9C50GK000003","brand":"bmw","tags":{"a":"\\udc00"}}]}', 422),
        ("/fleets/vehicles", b'{"vehicles":[{"vin":"WBA8E9C50GK000003","brand":"\\uD800"}]}', 422),
        ("/fleets/vehicles", b'{"vehicles":[{"vin":"WBA8E9C50GK000003","brand":"bmw","x":NaN}]}', 422),
        ("/fleets/vehicles", b'{"vehicles":[{"vin":"WBA8E9C50GK000003","brand":"bmw","x":"\xff"}]}', 422),
        ("/fleets/vehicles", b"[" * 100_000, 422),
        ("/eligibility", b'{"vin":"WBA8E9C50GK000003","brand":[]}', 422),
        ("/access_tokens", b'{"grant_type":"client_credentials","client_id":"x","client_secret":"\\ud800"}', 400),
        ("/fleets/access_tokens", b'{"vin":"\\ud800"}', 400),
    ],
)  # fmt: skip
def test_what_has_no_utf_8_or_is_no_json_is_refused_and_registers_nothing(
    asked: Caller, path: str, body: bytes, status: int
) -> None:
    asked.renew_bearer()
    before = state(asked)
    assert asked.http.post(path, content=body).status_code == status
    assert state(asked) == before


def test_a_whole_surrogate_pair_is_a_letter(asked: Caller) -> None:
    asked.renew_bearer()
    body = b'{"vehicles":[{"vin":"WBA8E9C50GK000009","brand":"bmw","tags":{"a":"\\ud83d\\ude97"}}]}'
    assert asked.http.post("/fleets/vehicles", content=body).json()["vehicles"][0]["tags"] == {"a": "🚗"}
