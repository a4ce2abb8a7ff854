"""The rules of clearance over the API client, against the emulator over HTTP."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from pulumi_highmobility.clearance.service import ClearanceService
from pulumi_highmobility.emulator.app import Options
from pulumi_highmobility.emulator.world.machine import Pace
from pulumi_highmobility.errors import (
    CancellationRefused,
    ClearanceEnded,
    ClearanceMismatch,
    ClearanceRefused,
    TransportError,
    WaitTimeout,
)
from tests.served import Served

VIN = "WBA8E9C50GK000001"
OTHER = "WBA8E9C50GK000002"


class Heard:
    """A reporter that remembers."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.something = asyncio.Event()

    def info(self, message: str) -> None:
        self.said.append(message)
        self.something.set()

    warn = progress = info


@asynccontextmanager
async def service_for(served: Served, **changes: Any) -> AsyncIterator[ClearanceService]:
    async with served.api(**changes) as api:
        yield ClearanceService(api, served.settings, clock=served.clock, rng=random.Random(1))


def row(vin: str = VIN, brand: str = "bmw", **tags: str) -> dict[str, Any]:
    return {"vin": vin, "brand": brand, "tags": tags}


def asked(served: Served, method: str, path: str) -> int:
    return sum(line[:2] == (method, path) for line in served.requests())


async def ensure(service: ClearanceService, heard: Heard | None = None, **vehicle: Any) -> Any:
    return await service.ensure_clearance(
        vehicle.get("vehicle") or row(), transition_timeout_s=60, reporter=heard or Heard()
    )


def test_concurrent_requests_leave_as_one(served: Served) -> None:
    async def story() -> None:
        async with service_for(served) as service:
            wanted = [row(f"WBA8E9C50GK{number:06}") for number in range(50)]
            found = await asyncio.gather(*(ensure(service, vehicle=vehicle) for vehicle in wanted))
            assert {vehicle.status for vehicle in found} == {"pending"}

    asyncio.run(story())
    assert asked(served, "POST", "/fleets/vehicles") == 1
    assert asked(served, "GET", "/fleets/vehicles") == 1


def test_the_same_vin_at_a_time_is_asked_for_once(served: Served) -> None:
    async def story() -> None:
        async with service_for(served) as service:
            await asyncio.gather(*(ensure(service) for _ in range(5)))

    asyncio.run(story())
    assert [line["vins"] for line in served.emulator.log.lines() if line["method"] == "POST"][1:] == [[VIN]]


def test_a_rows_error_reaches_its_own_vehicle_alone(served: Served) -> None:
    async def story() -> None:
        async with service_for(served) as service:
            found: Any = await asyncio.gather(
                ensure(service), ensure(service, vehicle=row(OTHER, "nope")), return_exceptions=True
            )
            good, bad = found
            assert good.status == "pending"
            assert isinstance(bad, ClearanceRefused)
            assert bad.vin == OTHER
            assert '"The brand is invalid"' in str(bad)

    asyncio.run(story())


def test_a_burst_of_reads_is_one_list_and_its_answer_serves_for_a_while(served: Served) -> None:
    async def story() -> None:
        async with service_for(served) as service:
            await ensure(service)
            served.emulator.log.clear()
            await served.clock.sleep(200)
            await asyncio.gather(*(service.read(f"WBA8E9C50GK{number:06}") for number in range(30)))
            await service.read(VIN)
            await served.clock.sleep(31)
            await asyncio.gather(service.read(VIN), service.read(OTHER))

    asyncio.run(story())
    assert asked(served, "GET", "/fleets/vehicles") == 2
    assert not any("WBA" in path for _, path, _ in served.requests())


def test_a_lone_read_asks_by_vin_and_the_next_one_lists(served: Served) -> None:
    async def story() -> None:
        async with service_for(served) as service:
            assert await service.read(VIN) is None
            assert await service.read(VIN) is None
            assert await service.read(OTHER) is None

    asyncio.run(story())
    assert [line[1] for line in served.requests()][1:] == [f"/fleets/vehicles/{VIN}", "/fleets/vehicles"]


def test_our_own_writes_show_in_the_listing(served: Served) -> None:
    async def story() -> None:
        async with service_for(served) as service:
            await service.listing.current()
            await ensure(service)
            found = await service.read(VIN)
            assert found is not None
            assert found.status == "pending"

    asyncio.run(story())
    assert asked(served, "GET", "/fleets/vehicles") == 1


def test_a_write_during_a_list_request_is_not_lost_to_its_answer(served: Served) -> None:
    async def story() -> None:
        async with service_for(served) as service:
            await service.listing.current()
            served.emulator.faults.add({"kind": "delay", "seconds": 0.3, "method": "GET"})
            listing = asyncio.ensure_future(service.listing.current(newer_than=served.clock.monotonic()))
            await asyncio.sleep(0.1)
            service.listing.note(VIN, None)
            row_ = (await service.api.request_clearances([row()]))[0]
            assert row_.status == "pending"
            service.listing.note(VIN, (await service.api.list_vehicles())[0])
            assert VIN in await listing

    asyncio.run(story())


@pytest.mark.parametrize("kind", ["close_before", "close_after", "truncate"])
@pytest.mark.parametrize("on_duplicate", ["echo", "error"])
def test_a_lost_answer_is_looked_for_before_it_is_asked_again(
    served: Served, kind: str, on_duplicate: Any
) -> None:
    served.emulator.api._on_duplicate = on_duplicate

    async def story() -> None:
        async with service_for(served) as service:
            await service.listing.current()
            served.emulator.faults.add({"kind": kind, "method": "POST", "path": "/fleets/vehicles"})
            assert (await ensure(service)).status in ("pending", "approved")

    asyncio.run(story())
    with served.emulator.store.transaction() as db:
        changelog = db.execute("SELECT changelog FROM vehicles").fetchall()
    assert len(changelog) == 1
    assert changelog[0]["changelog"].count("pending") == 1
    assert asked(served, "POST", "/fleets/vehicles") == (2 if kind == "close_before" else 1)


class TestDuplicates:
    @pytest.fixture(params=["echo", "error"])
    def options(self, request: pytest.FixtureRequest) -> Options:
        return Options(on_duplicate=request.param)

    def test_a_vehicle_that_somebody_else_registered_meanwhile_is_adopted(self, served: Served) -> None:
        heard = Heard()

        async def story() -> None:
            async with service_for(served) as service:
                await service.listing.current()
                await service.api.request_clearances([row()])
                assert (await ensure(service, heard)).status == "pending"

        asyncio.run(story())

    def test_one_that_somebody_registered_with_other_tags_is_not_taken_over(self, served: Served) -> None:
        async def story() -> None:
            async with service_for(served) as service:
                await service.listing.current()
                await service.api.request_clearances([row(customer="acme")])
                with pytest.raises(ClearanceMismatch, match="acme"):
                    await ensure(service, vehicle=row(customer="globex"))

        asyncio.run(story())


class TestTransitions:
    @pytest.fixture
    def options(self) -> Options:
        return Options(pace=Pace(approve_after=0, revoke_after=3600))

    def test_one_being_revoked_is_waited_for_and_then_asked_for(self, served: Served) -> None:
        heard = Heard()

        async def story() -> None:
            async with service_for(served) as service:
                await ensure(service)
                await service.api.delete_clearance(VIN)
                service.listing.forget()
                asking = asyncio.ensure_future(ensure(service, heard))
                await asyncio.wait_for(heard.something.wait(), 10)
                served.emulator.clock.advance(3601)
                assert (await asking).status == "approved"

        asyncio.run(story())
        assert "is revoking; waiting for it to end its old clearance" in heard.said[0]

    def test_a_transition_that_takes_too_long_is_a_time_out(self, served: Served) -> None:
        async def story() -> None:
            async with service_for(served) as service:
                await ensure(service)
                await service.api.delete_clearance(VIN)
                service.listing.forget()
                with pytest.raises(WaitTimeout, match="waited 60 s"):
                    await ensure(service)

        asyncio.run(story())

    def test_a_delete_is_not_over_by_one_list_that_lacks_the_vehicle(self, served: Served) -> None:
        async def story() -> None:
            async with service_for(served) as service:
                await ensure(service)
                await service.api.delete_clearance(VIN)
                served.emulator.faults.add({"kind": "answer", "method": "GET", "path": "/fleets/vehicles"})
                with pytest.raises(WaitTimeout):
                    await service.release(
                        VIN, on_uncancellable="fail", transition_timeout_s=5, reporter=Heard()
                    )
                assert served.emulator.faults.pending() == []

        asyncio.run(story())

    def test_a_delete_of_one_in_transition_waits_for_its_end(self, served: Served) -> None:
        async def story() -> None:
            async with service_for(served) as service:
                await ensure(service)
                await service.api.delete_clearance(VIN)
                with pytest.raises(WaitTimeout):
                    await service.release(
                        VIN, on_uncancellable="fail", transition_timeout_s=5, reporter=Heard()
                    )
                served.emulator.clock.advance(3601)
                await service.release(VIN, on_uncancellable="fail", transition_timeout_s=5, reporter=Heard())

        asyncio.run(story())


def test_waits_share_a_poll_and_end_with_what_each_waits_for(served: Served) -> None:
    rejected = "WBA8E9C50GK1REJ01"

    async def story() -> None:
        async with service_for(served) as service:
            for vin in (VIN, OTHER, rejected):
                await ensure(service, vehicle=row(vin))
            served.emulator.log.clear()
            waits = [
                asyncio.ensure_future(service.wait_for_approval(vin, timeout_s=600, reporter=Heard()))
                for vin in (VIN, OTHER, rejected)
            ]
            while not served.requests():  # noqa: ASYNC110 - it is told by another thread
                await asyncio.sleep(0.005)
            served.emulator.clock.advance(5)
            found = await asyncio.gather(*waits, return_exceptions=True)
            assert [getattr(vehicle, "status", None) for vehicle in found[:2]] == ["approved", "approved"]
            assert isinstance(found[2], ClearanceEnded)
            assert "not eligible" in str(found[2])

    asyncio.run(story())
    # The clock of the waits runs ahead, so that their bearer token may be renewed once.
    paths = {line[1] for line in served.requests()} - {"/auth_tokens"}
    assert paths == {"/fleets/vehicles"}


def test_trouble_on_the_way_is_waited_out(served: Served) -> None:
    heard = Heard()

    async def story() -> None:
        async with service_for(served) as service:
            await ensure(service)
            served.emulator.faults.add({"kind": "close_before", "times": 8, "method": "GET"})
            served.emulator.clock.advance(5)
            assert (await service.wait_for_approval(VIN, timeout_s=600, reporter=heard)).status == "approved"

    asyncio.run(story())
    assert any("is not known at the moment" in said for said in heard.said)


def test_a_wait_for_one_that_is_not_registered_ends_at_once(served: Served) -> None:
    async def story() -> None:
        async with service_for(served) as service:
            with pytest.raises(ClearanceEnded, match="is not registered"):
                await service.wait_for_approval(VIN, timeout_s=600, reporter=Heard())

    asyncio.run(story())


@pytest.mark.parametrize("others", [0, 120])
def test_a_wait_is_not_ended_by_one_list_that_lacks_its_vehicle(served: Served, others: int) -> None:
    """Filtered, and the whole list where more wait than a filter takes."""
    vins = [VIN, *(f"WBA8E9C50GK1{number:05}" for number in range(others))]

    async def story() -> list[Any]:
        async with service_for(served) as service:
            await asyncio.gather(*(ensure(service, vehicle=row(vin)) for vin in vins))
            served.emulator.log.clear()
            body = json.dumps(
                [
                    {"vin": vin, "status": "pending", "brand": "bmw", "tags": {}, "changelog": []}
                    for vin in vins[1:]
                ]
            )
            served.emulator.faults.add(
                {"kind": "answer", "method": "GET", "path": "/fleets/vehicles", "body": body}
            )
            waits = [
                asyncio.ensure_future(service.wait_for_approval(vin, timeout_s=600, reporter=Heard()))
                for vin in vins
            ]
            while served.emulator.faults.pending():  # noqa: ASYNC110 - it is told by another thread
                await asyncio.sleep(0.005)
            served.emulator.clock.advance(5)
            return await asyncio.gather(*waits)

    assert {vehicle.status for vehicle in asyncio.run(story())} == {"approved"}
    assert asked(served, "GET", f"/fleets/vehicles/{VIN}") == 1


def test_a_wait_goes_on_where_a_list_lacks_its_vehicle_and_it_cannot_be_asked_for(served: Served) -> None:
    heard = Heard()

    async def story() -> str:
        async with service_for(served) as service:
            await ensure(service)
            served.emulator.faults.add({"kind": "answer", "method": "GET", "path": "/fleets/vehicles"})
            by_vin = {"kind": "status", "status": 503, "path": f"/fleets/vehicles/{VIN}", "times": 8}
            served.emulator.faults.add(by_vin)
            served.emulator.clock.advance(5)
            return (await service.wait_for_approval(VIN, timeout_s=600, reporter=heard)).status

    assert asyncio.run(story()) == "approved"
    assert any("could not be looked up by VIN" in said for said in heard.said)


class TestMany:
    @pytest.fixture
    def options(self) -> Options:
        """The clock of these tests runs ahead of the emulator's minute, and the client's own limit with it."""
        return Options(limits=False)

    def test_more_than_can_be_asked_for_at_a_time_have_their_turn_later(self, served: Served) -> None:
        vins = [f"WBA8E9C50GK1{number:05}" for number in range(70)]

        async def story() -> list[Any]:
            async with service_for(served) as service:
                waits = (service.wait_for_approval(vin, timeout_s=600, reporter=Heard()) for vin in vins)
                return await asyncio.gather(*waits, return_exceptions=True)

        found = asyncio.run(story())
        assert {type(error) for error in found} == {ClearanceEnded}
        assert all("is not registered" in str(error) for error in found)
        assert sum("/fleets/vehicles/" in path for _, path, _ in served.requests()) == 70


def test_what_cannot_be_canceled_fails_or_is_abandoned(served: Served) -> None:
    heard = Heard()

    async def story() -> None:
        async with service_for(served) as service:
            await ensure(service)
            with pytest.raises(CancellationRefused, match="cancellation is not supported"):
                await service.release(VIN, on_uncancellable="fail", transition_timeout_s=5, reporter=heard)
            await service.release(VIN, on_uncancellable="abandon", transition_timeout_s=5, reporter=heard)

    asyncio.run(story())
    assert any("stays registered at the platform" in said for said in heard.said)


def test_a_server_that_cannot_be_reached_is_an_error_and_not_asked_blindly(served: Served) -> None:
    async def story() -> None:
        async with service_for(served, base_url="http://127.0.0.1:9/v1") as service:
            await ensure(service)

    with pytest.raises(TransportError):
        asyncio.run(story())
