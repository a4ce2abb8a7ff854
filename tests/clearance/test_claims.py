"""Who wants which vehicle: a clearance ends only where nobody in the run wants it to stay."""

from __future__ import annotations

import asyncio
from datetime import datetime, timezone

import pytest

from pulumi_highmobility.clearance.claims import Claims, name_of

A, B = "WBA8E9C50GK00000A", "WBA8E9C50GK00000B"


class StandingClock:
    """Moves on only by sleeping."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time, timezone.utc)

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds
        await asyncio.sleep(0)


@pytest.fixture
def claims() -> Claims:
    return Claims(StandingClock())


def test_a_run_without_a_program_keeps_nothing(claims: Claims) -> None:
    assert claims.keeper_of(A, "van") is None
    assert not claims.has_program


def test_a_renamed_resource_keeps_its_vehicle(claims: Claims) -> None:
    claims.want("new", [A], has_state=False)
    assert claims.keeper_of(A, "old") == "new"
    assert claims.keeper_of(B, "old") is None
    assert claims.has_program


def test_a_vehicle_that_its_resource_gave_away_is_kept_by_the_one_that_has_it(claims: Claims) -> None:
    claims.want("one", [B], has_state=True)
    claims.want("two", [A], has_state=True)
    assert claims.keeper_of(A, "one") == "two"
    assert claims.keeper_of(B, "two") == "one"


def test_a_second_resource_with_the_same_vehicle_is_told_of_the_first(claims: Claims) -> None:
    assert claims.want("one", [A, B], has_state=False) == {}
    assert claims.want("two", [B], has_state=False) == {B: "one"}
    assert claims.want("one", [A], has_state=False) == {}
    assert claims.want("two", [B], has_state=False) == {}


def test_a_replacement_that_nothing_demands_keeps_the_vehicle(claims: Claims) -> None:
    claims.want("van", [A], has_state=True)
    assert claims.keeper_of(A, "van") == "van"


def test_a_replacement_that_its_diff_demands_ends_the_old_clearance(claims: Claims) -> None:
    claims.want("van", [A], has_state=True)
    claims.give_up("van", [A])
    # The engine checks the new resource of a replacement once more, without its old state.
    claims.want("van", [A], has_state=False)
    assert claims.keeper_of(A, "van") is None


def test_what_was_requested_again_is_kept_from_then_on(claims: Claims) -> None:
    claims.want("van", [A], has_state=True)
    claims.give_up("van", [A])
    claims.take_back("van", [A])
    assert claims.keeper_of(A, "van") == "van"


def test_the_diff_of_a_refresh_demands_nothing(claims: Claims) -> None:
    claims.give_up("van", [A])
    claims.want("van", [A], has_state=True)
    assert claims.keeper_of(A, "van") == "van"


def test_a_demand_of_one_resource_does_not_end_what_another_wants(claims: Claims) -> None:
    claims.want("van", [A], has_state=True)
    claims.give_up("van", [A])
    claims.want("other", [A], has_state=False)
    assert claims.keeper_of(A, "van") == "other"


def test_a_resource_that_could_not_be_told_apart_wants_all_that_it_ever_wanted(claims: Claims) -> None:
    claims.want("", [A], has_state=False)
    claims.want("", [B], has_state=False)
    assert claims.keeper_of(A, "") == ""
    assert claims.keeper_of(B, "van") == ""


def test_a_fleet_waits_until_nothing_has_been_declared_for_a_second() -> None:
    clock = StandingClock()
    claims = Claims(clock)
    claims.want("van", [A], has_state=False)
    clock.time += 0.4
    asyncio.run(claims.settle())
    assert clock.time == pytest.approx(101.0)


def test_a_fleet_does_not_wait_longer_than_ten_seconds() -> None:
    clock = StandingClock()
    claims = Claims(clock)

    async def declare_for_ever() -> None:
        while True:
            claims.want("van", [A], has_state=False)
            await asyncio.sleep(0)

    async def story() -> None:
        declaring = asyncio.ensure_future(declare_for_ever())
        await claims.settle()
        declaring.cancel()

    asyncio.run(asyncio.wait_for(story(), 10))
    assert clock.time == pytest.approx(110.0)


@pytest.mark.parametrize(
    ("urn", "name"),
    [
        ("urn:pulumi:dev::p::pulumi-python:dynamic/highmobility:FleetVehicle::van", 'FleetVehicle "van"'),
        ("urn:pulumi:dev::p::my:Depot$pulumi-python:dynamic/highmobility:Fleet::a b", 'Fleet "a b"'),
        ("", "another resource"),
    ],
)
def test_a_resource_is_named_as_its_user_named_it(urn: str, name: str) -> None:
    assert name_of(urn) == name
