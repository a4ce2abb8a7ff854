"""A run that is told to stop waits for nothing and begins no change, and lets what was sent come to its end."""

from __future__ import annotations

import asyncio

import pytest

from pulumi_highmobility.clearance.service import ClearanceService
from pulumi_highmobility.clock import RealClock, Stop, StoppableClock
from pulumi_highmobility.errors import Interrupted

from ..served import Served, Silence

VEHICLE = {"vin": "WBA8E9C50GK000001", "brand": "bmw"}


def test_a_wait_ends_when_the_run_is_told_to_stop() -> None:
    async def story() -> None:
        stop = Stop()
        clock = StoppableClock(RealClock(), stop)
        waiting = [asyncio.ensure_future(clock.sleep(3600)) for _ in range(3)]
        await asyncio.sleep(0)
        stop.set()
        ends = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 10)
        assert [type(end) for end in ends] == [Interrupted] * 3
        with pytest.raises(Interrupted):
            await clock.sleep(1)
        # Company given time to come is no wait.
        await clock.sleep(0.001)

    asyncio.run(story())


def test_after_the_stop_a_look_is_let_through_and_a_change_is_not(served: Served) -> None:
    async def story() -> None:
        stop = Stop()
        async with served.api(stop=stop) as api:
            assert await api.list_vehicles() == []
            stop.set()
            assert await api.list_vehicles() == []
            with pytest.raises(Interrupted):
                await api.request_clearances([VEHICLE])
            with pytest.raises(Interrupted):
                await api.delete_clearance(VEHICLE["vin"])
            with pytest.raises(Interrupted):
                await api.create_vehicle_token(VEHICLE["vin"])

    asyncio.run(story())
    assert [line for line in served.requests() if line[0] != "GET"] == [("POST", "/auth_tokens", 201)]


def test_a_request_that_was_sent_before_the_stop_is_registered_and_known(served: Served) -> None:
    async def story() -> str:
        stop = Stop()
        async with served.api(stop=stop) as api:
            send = api.request_clearances

            async def send_and_stop(vehicles: object) -> object:
                rows = await send(vehicles)  # type: ignore[arg-type]
                stop.set()
                return rows

            api.request_clearances = send_and_stop  # type: ignore[assignment, method-assign]
            service = ClearanceService(
                api, served.settings, clock=StoppableClock(served.clock, stop), rng=served.rng
            )
            found = await service.ensure_clearance(VEHICLE, transition_timeout_s=60, reporter=Silence())
            return found.status

    assert asyncio.run(story()) == "pending"


def test_all_who_wait_for_a_vehicle_are_interrupted(served: Served) -> None:
    async def story() -> None:
        stop = Stop()
        async with served.api(stop=stop) as api:
            service = ClearanceService(
                api, served.settings, clock=StoppableClock(RealClock(), stop), rng=served.rng
            )
            await api.request_clearances([VEHICLE])
            waits = [
                asyncio.ensure_future(
                    service.wait_for_approval(VEHICLE["vin"], timeout_s=600, reporter=Silence())
                )
                for _ in range(3)
            ]
            await asyncio.sleep(0.3)
            stop.set()
            ends = await asyncio.wait_for(asyncio.gather(*waits, return_exceptions=True), 20)
            assert [type(end) for end in ends] == [Interrupted] * 3
            with pytest.raises(Interrupted):
                await service.wait_for_approval(VEHICLE["vin"], timeout_s=600, reporter=Silence())

    asyncio.run(story())
