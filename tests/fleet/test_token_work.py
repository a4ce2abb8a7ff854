"""The tokens of many vehicles: what is written down of them, and how work on them ends early."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from pulumi_highmobility.clearance.service import ClearanceService
from pulumi_highmobility.clearance.token_plan import TokenState, TokenStatus, TokenStep
from pulumi_highmobility.clock import Stop, StoppableClock
from pulumi_highmobility.emulator.app import Options
from pulumi_highmobility.emulator.world.machine import Pace
from pulumi_highmobility.errors import Interrupted, ServerError
from pulumi_highmobility.fleet.held_tokens import (
    Clearance,
    HeldToken,
    HeldTokens,
    read_clearances,
    write_clearances,
)
from pulumi_highmobility.fleet.token_work import Outcome, TokenWork
from pulumi_highmobility.secret import Secret

from ..served import Served, Silence

NOW = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)
VINS = [f"WBA8E9C50GK{number:06}" for number in range(60)]


def an_active(number: int = 0) -> HeldToken:
    state = TokenState(
        TokenStatus.ACTIVE, "approved", "vans/1", NOW + timedelta(seconds=600 + number // 20), NOW
    )
    return HeldToken(state, Secret(f"access-{number}"), Secret(f"refresh-{number}"))


def test_what_is_written_down_is_read_again() -> None:
    waiting = HeldToken(TokenState(TokenStatus.AWAITING_CLEARANCE, "pending", "vans/2", None))
    record = HeldTokens(
        {
            "A": an_active(),
            "B": waiting,
            "C": replace(an_active(1), refresh_token=None),
            "D": replace(an_active(2), is_leaving=True),
        },
        {"B": "refused", "D": "refused", "E": "not registered"},
    )
    found = HeldTokens.read(record.validity(), record.pairs().reveal())
    assert found == record
    # Without the pairs all but the tokens is known.
    known = HeldTokens.read(record.validity())
    assert known.expires_at() == record.expires_at() == dict.fromkeys("AC", "2026-01-31T12:10:00Z")
    assert known.awaiting() == ["B"]
    assert known.counts() == {"active": 2, "failed": 3}
    assert "access-" not in record.validity() + repr(record)
    assert HeldTokens.read("", "") == HeldTokens()


def test_clearances_are_told_by_request_and_status() -> None:
    given = [
        Clearance("B", "approved", "vans/1"),
        Clearance("A", "approved", "vans/1"),
        Clearance("C", "pending", 'van\'s "own"\n'),
    ]
    text = write_clearances(given)
    assert text.count("\n") == 1
    assert sorted(read_clearances(text)) == sorted(given)
    assert read_clearances("") == []


def test_a_vehicle_takes_less_than_a_kilobyte_of_the_state() -> None:
    """As the engine writes it: outputs and inputs, the secret in base64 of its cipher."""
    count = 5000
    secret = "x" * 43
    record = HeldTokens(
        {
            f"WBA8E9C50GK{number:06}": replace(
                an_active(number), access_token=Secret(secret), refresh_token=Secret(secret)
            )
            for number in range(count)
        }
    )
    clearances = write_clearances(Clearance(vin, "approved", "vans/1") for vin in record.tokens)
    size = len(json.dumps(record.validity())) + 2 * len(clearances)
    size += len(json.dumps(record.pairs().reveal())) * 4 // 3
    assert size / count < 300


@pytest.fixture
def options() -> Options:
    return Options(pace=Pace(approve_after=0))


async def registered(service: ClearanceService) -> None:
    rows = [{"vin": vin, "brand": "bmw"} for vin in VINS]
    await service.api.request_clearances(rows)


async def issue(service: ClearanceService, record: HeldTokens) -> Outcome:
    return await TokenWork(service, Silence()).carry_out(
        record,
        {vin: Clearance(vin, "approved", "vans/1") for vin in VINS},
        {vin: TokenStep.ISSUE for vin in VINS if vin not in record.tokens},
        [],
        were_others=False,
    )


def issued(served: Served) -> set[str]:
    with served.emulator.store.transaction() as db:
        return {row["vin"] for row in db.execute("SELECT vin FROM tokens WHERE access_alive = 1")}


def test_ctrl_c_loses_no_token_whose_request_was_sent(served: Served) -> None:
    record = HeldTokens()

    async def story() -> None:
        stop = Stop()
        async with served.api(stop=stop) as api:
            clock = StoppableClock(served.clock, stop)
            service = ClearanceService(api, served.settings, clock=clock, rng=random.Random(1))
            await registered(service)
            send, sent = api.create_vehicle_token, 0

            async def send_and_stop(vin: str) -> Any:
                nonlocal sent
                sent += 1
                if sent == 20:
                    stop.set()
                return await send(vin)

            api.create_vehicle_token = send_and_stop  # type: ignore[method-assign]
            outcome = await issue(service, record)
            assert isinstance(outcome.trouble, Interrupted)
            assert outcome.done == len(record.tokens)

    asyncio.run(story())
    assert 8 <= len(record.tokens) < 40
    assert issued(served) == record.tokens.keys()
    # All that is left undone is known, with the reason.
    assert record.failed.keys() == set(VINS) - record.tokens.keys()


def test_a_refresh_ends_at_ctrl_c_though_no_look_is_refused(served: Served) -> None:
    record = HeldTokens({f"WBA8E9C50GK{number:06}": an_alive() for number in range(400)})

    async def story() -> None:
        stop = Stop()
        async with served.api(stop=stop) as api:
            clock = StoppableClock(served.clock, stop)
            service = ClearanceService(api, served.settings, clock=clock, rng=random.Random(1))
            stop.set()
            with pytest.raises(Interrupted):
                await TokenWork(service, Silence()).refresh(record)

    asyncio.run(story())
    assert len([line for line in served.requests() if line[1] == "/vehicleinfo"]) < 130


def an_alive() -> HeldToken:
    return replace(
        an_active(), state=replace(an_active().state, expires_at=datetime(2999, 1, 1, tzinfo=timezone.utc))
    )


def test_a_platform_that_is_down_ends_the_work_and_one_bad_vehicle_does_not(served: Served) -> None:
    record = HeldTokens()

    async def story() -> None:
        async with served.api() as api:
            service = ClearanceService(api, served.settings, clock=served.clock, rng=random.Random(1))
            await registered(service)
            broken = {"kind": "status", "status": 500, "method": "POST", "path": "/fleets/access_tokens"}
            served.emulator.faults.add({**broken, "vin": VINS[5], "times": 6})
            outcome = await issue(service, record)
            assert outcome == Outcome(59, None)
            assert list(record.failed) == [VINS[5]]
            record.tokens.clear()
            served.emulator.faults.add({**broken, "times": 10_000})
            outcome = await issue(service, record)
            assert isinstance(outcome.trouble, ServerError)
            assert outcome.done == 0
            served.emulator.faults.clear()
            assert record.failed.keys() == set(VINS)

    asyncio.run(story())
    sent = [line for line in served.requests() if line[1] == "/fleets/access_tokens"]
    # Six tries each of the eight that are under way, and of what these began before all had ended.
    assert len(sent) < 60 + 6 + 2 * 8 * 6


def test_no_more_calls_run_side_by_side_than_the_platform_is_asked_at_a_time(served: Served) -> None:
    most = 0

    async def story() -> None:
        async with served.api() as api:
            service = ClearanceService(api, served.settings, clock=served.clock, rng=random.Random(1))
            await registered(service)
            send, now = api.create_vehicle_token, 0

            async def counted(vin: str) -> Any:
                nonlocal most, now
                now += 1
                most = max(most, now)
                try:
                    return await send(vin)
                finally:
                    now -= 1

            api.create_vehicle_token = counted  # type: ignore[method-assign]
            # Two resources of one run.
            await asyncio.gather(issue(service, HeldTokens()), issue(service, HeldTokens()))

    asyncio.run(story())
    assert most == 8
