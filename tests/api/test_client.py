"""The API client: authentication, retries and limits, against the emulator over HTTP."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from pulumi_highmobility.api.filters import split_filter
from pulumi_highmobility.api.shapes import RegisteredVehicle
from pulumi_highmobility.errors import (
    InvalidRequest,
    NotAuthorized,
    RateLimited,
    ServerError,
    TokenRefused,
    TransportError,
    VehicleNotFound,
)
from pulumi_highmobility.secret import Secret
from pulumi_highmobility.settings import AuthWay
from tests.served import QuickClock, Served

VIN = "WBA8E9C50GK000001"
ROW = {"vin": VIN, "brand": "bmw"}


@pytest.mark.parametrize("way", list(AuthWay))
def test_each_way_to_authenticate_yields_a_bearer_token(served: Served, way: AuthWay) -> None:
    async def story() -> None:
        async with served.api(auth=way) as api:
            assert await api.list_vehicles() == []

    asyncio.run(story())


def test_the_bearer_token_is_fetched_once_for_all(served: Served) -> None:
    async def story() -> None:
        async with served.api() as api:
            await asyncio.gather(*(api.list_vehicles() for _ in range(10)))

    asyncio.run(story())
    assert served.requests().count(("POST", "/auth_tokens", 201)) == 1


def test_the_bearer_token_is_renewed_before_it_expires(served: Served) -> None:
    async def story() -> None:
        async with served.api() as api:
            await api.list_vehicles()
            await served.clock.sleep(280)
            await api.list_vehicles()

    asyncio.run(story())
    assert [status for _, _, status in served.requests()] == [201, 200, 201, 200]


def test_a_bearer_token_that_ends_early_is_renewed_once(served: Served) -> None:
    async def story() -> None:
        async with served.api() as api:
            await api.list_vehicles()
            served.emulator.faults.add({"kind": "expire_token"})
            await api.list_vehicles()

    asyncio.run(story())
    assert [status for _, _, status in served.requests()] == [201, 200, 401, 201, 200]


@pytest.mark.parametrize("skew_s", [-60.0, 60.0, 3600.0])
def test_a_clock_that_is_off_is_made_up_for_by_the_platforms(served: Served, skew_s: float) -> None:
    served.clock = QuickClock(skew_s)

    async def story() -> None:
        async with served.api() as api:
            await api.list_vehicles()

    asyncio.run(story())
    assert served.requests()[0] == ("POST", "/auth_tokens", 401)


def test_a_wrong_key_names_the_setting_and_the_keys_id(served: Served) -> None:
    oauth = served.settings.oauth_private_key
    key = served.settings.service_account_key
    assert oauth is not None
    assert key is not None

    async def story() -> None:
        async with served.api(service_account_key=replace(key, private_key=oauth.private_key)) as api:
            await api.list_vehicles()

    with pytest.raises(NotAuthorized, match="highmobility:serviceAccountKey") as raised:
        asyncio.run(story())
    assert key.id in str(raised.value)


@pytest.mark.parametrize(
    ("skew_s", "told"), [(60.0, "clock is [+](59|60|61) s off"), (-60.0, "clock is -(59|60|61) s off")]
)
def test_a_refused_sign_in_tells_the_clock_skew_as_doctor_does(
    served: Served, skew_s: float, told: str
) -> None:
    oauth, key = served.settings.oauth_private_key, served.settings.service_account_key
    assert oauth is not None
    assert key is not None
    served.clock = QuickClock(skew_s)

    async def story() -> None:
        async with served.api(service_account_key=replace(key, private_key=oauth.private_key)) as api:
            await api.list_vehicles()

    with pytest.raises(NotAuthorized, match=told):
        asyncio.run(story())


def test_a_wrong_client_secret_is_said_in_the_platforms_words(served: Served) -> None:
    async def story() -> None:
        async with served.api(auth=AuthWay.CLIENT_CREDENTIALS, client_secret=Secret("wrong")) as api:
            await api.list_vehicles()

    with pytest.raises(TokenRefused, match="client_secret is invalid") as raised:
        asyncio.run(story())
    assert "wrong" not in str(raised.value)


RETRIED: list[dict[str, object]] = [
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 502},
    {"kind": "status", "status": 429},
    {"kind": "close_before"},
    {"kind": "close_after"},
    {"kind": "truncate"},
]


@pytest.mark.parametrize("fault", RETRIED, ids=lambda fault: f"{fault['kind']} {fault.get('status', '')}")
def test_a_read_survives_any_fault(served: Served, fault: dict[str, object]) -> None:
    async def story() -> None:
        async with served.api() as api:
            await api.list_vehicles()
            served.emulator.faults.add({**fault, "times": 2})
            assert await api.list_vehicles() == []

    asyncio.run(story())
    assert len(served.clock.slept) >= 2


@pytest.mark.parametrize("fault", [fault for fault in RETRIED if fault.get("status") != 429], ids=str)
def test_a_request_for_clearance_is_never_repeated_blindly(served: Served, fault: dict[str, object]) -> None:
    async def story() -> None:
        async with served.api() as api:
            await api.list_vehicles()
            served.emulator.faults.add({**fault, "method": "POST"})
            with pytest.raises((TransportError, ServerError)) as raised:
                await api.request_clearances([ROW])
            if isinstance(raised.value, TransportError):
                assert raised.value.may_have_happened

    asyncio.run(story())
    posts = [line for line in served.requests() if line[:2] == ("POST", "/fleets/vehicles")]
    assert len(posts) == 1


def test_a_request_for_clearance_turned_away_with_429_is_repeated(served: Served) -> None:
    async def story() -> None:
        async with served.api() as api:
            served.emulator.faults.add(
                {
                    "kind": "status",
                    "status": 429,
                    "retry_after": 7,
                    "method": "POST",
                    "path": "/fleets/vehicles",
                }
            )
            rows = await api.request_clearances([ROW])
            assert [row.status for row in rows] == ["pending"]

    asyncio.run(story())
    assert max(served.clock.slept) >= 7


def test_a_retry_after_that_is_too_long_ends_the_call(served: Served) -> None:
    async def story() -> None:
        async with served.api() as api:
            served.emulator.faults.add(
                {"kind": "status", "status": 429, "retry_after": 900, "path": "/fleets/*"}
            )
            await api.list_vehicles()

    with pytest.raises(RateLimited) as raised:
        asyncio.run(story())
    assert raised.value.retry_after_s == 900


def test_a_retry_after_holds_for_everybody_on_the_route(served: Served) -> None:
    async def story() -> None:
        async with served.api() as api:
            await api.list_vehicles()
            served.emulator.faults.add({"kind": "status", "status": 429, "retry_after": 30})
            await asyncio.gather(*(api.list_vehicles() for _ in range(5)))

    asyncio.run(story())
    assert [status for _, _, status in served.requests()].count(429) == 1 or len(served.clock.slept) >= 5


def test_reads_by_vin_keep_to_the_platforms_limit(served: Served) -> None:
    async def story() -> None:
        async with served.api() as api:
            await api.request_clearances([ROW])
            for _ in range(60):
                await api.get_vehicle(VIN)
            assert sum(served.clock.slept) < 1
            served.emulator.limit.clear()
            await api.get_vehicle(VIN)

    asyncio.run(story())
    assert 50 < sum(served.clock.slept) <= 60
    assert not any(status == 429 for _, _, status in served.requests())


def test_attempts_are_bounded(served: Served) -> None:
    async def story() -> None:
        async with served.api() as api:
            await api.list_vehicles()
            served.emulator.faults.add({"kind": "status", "status": 500, "times": 100})
            await api.list_vehicles()

    with pytest.raises(ServerError):
        asyncio.run(story())
    assert len(served.requests()) == 2 + 6


def test_a_server_that_is_not_there_is_said_so(served: Served) -> None:
    async def story() -> None:
        async with served.api(base_url="http://127.0.0.1:9/v1") as api:
            await api.request_clearances([ROW])

    with pytest.raises(TransportError, match="Is the emulator running") as raised:
        asyncio.run(story())
    assert not raised.value.may_have_happened


def test_the_tutorials_flow(served: Served) -> None:
    async def story() -> None:
        async with served.api() as api:
            rows = await api.request_clearances(
                [ROW, {"vin": "SHORT", "brand": "bmw"}, {**ROW, "brand": "nope"}]
            )
            assert [row.status for row in rows] == ["pending", "error", "error"]
            assert rows[1].description == "vin should be 17 character(s)"
            with pytest.raises(TokenRefused):
                await api.create_vehicle_token(VIN)
            served.emulator.clock.advance(3)
            assert (await api.get_vehicle(VIN)).status == "approved"
            pair = await api.create_vehicle_token(VIN)
            info = await api.vehicle_of_token(pair.access_token)
            assert info is not None
            assert info.vin == VIN
            assert pair.refresh_token is not None
            renewed = await api.refresh_vehicle_token(pair.refresh_token)
            assert await api.vehicle_of_token(pair.access_token) is None
            with pytest.raises(TokenRefused):
                await api.refresh_vehicle_token(pair.refresh_token)
            await api.revoke_vehicle_token(renewed.access_token, hint="access_token")
            assert await api.vehicle_of_token(renewed.access_token) is None
            assert (await api.delete_clearance(VIN)).status == "revoking"

    asyncio.run(story())


def test_errors_carry_the_platforms_words(served: Served) -> None:
    async def story() -> None:
        async with served.api() as api:
            with pytest.raises(VehicleNotFound, match=f"404 to GET /fleets/vehicles/{VIN}"):
                await api.get_vehicle(VIN)
            with pytest.raises(InvalidRequest, match="The brand is invalid"):
                await api.check_eligibility(VIN, "porsche")

    asyncio.run(story())


def test_a_filter_reaches_the_platform(served: Served) -> None:
    async def story() -> None:
        async with served.api() as api:
            await api.request_clearances([ROW, {"vin": "WBA8E9C50GK000002", "brand": "mini"}])
            found = await api.list_vehicles({"brand": {"operator": "eq", "value": "mini"}})
            assert [vehicle.vin for vehicle in found] == ["WBA8E9C50GK000002"]

    asyncio.run(story())


def numbered(count: int) -> list[str]:
    return [f"WBA8E9C50GK{number:06}" for number in range(count)]


def test_thousands_of_vins_are_one_request_with_a_url_that_every_server_takes(served: Served) -> None:
    vins = numbered(3000)

    async def story() -> None:
        async with served.api() as api:
            rows = [{"vin": vin, "brand": "bmw"} for vin in numbered(3)]
            await api.request_clearances([*rows, {"vin": "WBA8E9C50GK900000", "brand": "bmw"}])
            found = await api.list_vehicles(
                {"vin": {"operator": "in", "value": vins}, "brand": {"operator": "eq", "value": "bmw"}}
            )
            assert sorted(vehicle.vin for vehicle in found) == vins[:3]

    asyncio.run(story())
    assert served.requests().count(("GET", "/fleets/vehicles", 200)) == 1


@pytest.mark.parametrize(
    ("filter_by", "left"),
    [
        ({"vin": {"operator": "in", "value": numbered(100)}}, {"vin"}),
        ({"vin": {"operator": "in", "value": numbered(200)}}, set()),
        (
            {
                "vin": {"operator": "in", "value": numbered(200)},
                "status": {"operator": "eq", "value": "pending"},
            },
            {"status"},
        ),
        ({"tags": {"operator": "contains", "value": {"a": "ö" * 2000}}}, set()),
        ({"brand": {"operator": "in", "value": ["bmw" * 10] * 200}}, set()),
        ({"inserted_at": {"operator": "gt", "value": "2026" * 2000}}, {"inserted_at"}),
    ],
)
def test_what_is_too_long_for_a_url_is_left_out_of_the_filter(
    filter_by: dict[str, object], left: set[str]
) -> None:
    asked, _ = split_filter(filter_by)
    assert set(json.loads(asked or "{}")) == left


def test_what_was_left_out_is_looked_through_here() -> None:
    long = "x" * 5000
    vehicle = RegisteredVehicle(
        vin=VIN.lower(), status="pending", brand="bmw", tags={"a": long, "b": 1}, changelog=[]
    )
    cases: list[tuple[dict[str, object], bool]] = [
        ({"vin": {"operator": "in", "value": [VIN, *numbered(300)]}}, True),
        ({"vin": {"operator": "in", "value": numbered(300)[2:]}}, False),
        ({"status": {"operator": "in", "value": ["pending", long]}}, True),
        ({"status": {"operator": "eq", "value": long}}, False),
        ({"tags": {"operator": "contains", "value": {"a": long}}}, True),
        ({"tags": {"operator": "eq", "value": {"a": long}}}, False),
        ({"tags": {"operator": "eq", "value": {"a": long, "b": "1"}}}, True),
    ]
    for filter_by, taken in cases:
        asked, takes = split_filter(filter_by)
        assert asked is None
        assert takes(vehicle) is taken, filter_by


def test_tokens_do_not_show_in_repr(served: Served) -> None:
    async def story() -> str:
        async with served.api() as api:
            await api.request_clearances([ROW])
            served.emulator.clock.advance(3)
            pair = await api.create_vehicle_token(VIN)
            assert pair.access_token.reveal() not in repr(pair)
            return repr(pair)

    assert "*****" in asyncio.run(story())
