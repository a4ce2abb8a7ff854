"""A create waits until the run's other resources have told of the server, and is refused where they speak against it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timezone

import pytest

from pulumi_highmobility.errors import OtherServer
from pulumi_highmobility.operations import origin
from pulumi_highmobility.operations.server_guard import LONGEST_S, QUIET_S, ServerGuard
from pulumi_highmobility.settings import Settings, load_settings

NEW = 'FleetVehicle "new"'
HERE = {origin.PROPERTY: "https://here.example/v1 key"}
ELSEWHERE = {origin.PROPERTY: "https://elsewhere.example/v1 key"}


class Time:
    """A clock that moves only while somebody waits; `at` says what happens meanwhile, by second."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.at: dict[float, Callable[[], None]] = {}

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=timezone.utc)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        for moment in [moment for moment in self.at if moment <= self.seconds]:
            self.at.pop(moment)()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def settings() -> Settings:
    return load_settings(
        {},
        {
            "HIGHMOBILITY_BASE_URL": "https://here.example/v1",
            "HIGHMOBILITY_CLIENT_ID": "id",
            "HIGHMOBILITY_CLIENT_SECRET": "secret",
        },
    )


def hear(guard: ServerGuard) -> None:
    with guard.hearing():
        pass


def test_a_new_stack_waits_until_nothing_more_is_declared(time: Time) -> None:
    guard = ServerGuard(time)
    time.at = {0.2: lambda: hear(guard), 0.4: lambda: hear(guard)}
    asyncio.run(guard.allow_create(NEW))
    assert time.seconds == pytest.approx(0.4 + QUIET_S, abs=0.05)
    # The next one does not wait again.
    before = time.seconds
    hear(guard)
    asyncio.run(guard.allow_create(NEW))
    assert time.seconds == before


def test_a_state_of_this_server_ends_the_wait_at_once(time: Time, settings: Settings) -> None:
    guard = ServerGuard(time)
    hear(guard)
    guard.judge(HERE, settings)
    asyncio.run(guard.allow_create(NEW))
    assert time.seconds == 0


def test_a_state_that_names_no_server_confirms_none(time: Time, settings: Settings) -> None:
    guard = ServerGuard(time)
    guard.judge({}, settings)
    asyncio.run(guard.allow_create(NEW))
    assert time.seconds >= QUIET_S


def test_a_state_of_another_server_that_is_heard_while_a_create_waits_refuses_it(
    time: Time, settings: Settings
) -> None:
    guard = ServerGuard(time)

    def elsewhere() -> None:
        with guard.hearing(), pytest.raises(OtherServer):
            guard.judge(ELSEWHERE, settings)

    time.at = {0.2: elsewhere}
    with pytest.raises(OtherServer, match=r"last read from https://elsewhere\.example/v1"):
        asyncio.run(guard.allow_create(NEW))
    # And every later one, whatever others say.
    guard.judge(HERE, settings)
    with pytest.raises(OtherServer):
        asyncio.run(guard.allow_create(NEW))


def test_a_comparison_under_way_is_waited_for(time: Time) -> None:
    guard = ServerGuard(time)
    under_way = ExitStack()
    under_way.enter_context(guard.hearing())
    time.at = {1.0: under_way.close}
    asyncio.run(guard.allow_create(NEW))
    assert time.seconds == pytest.approx(1.0 + QUIET_S, abs=0.05)


def test_a_program_that_declares_without_end_is_not_waited_for(time: Time) -> None:
    guard = ServerGuard(time)
    time.at = {number / 10: lambda: hear(guard) for number in range(100)}
    asyncio.run(guard.allow_create(NEW))
    assert time.seconds == pytest.approx(LONGEST_S, abs=0.05)


def test_what_was_created_before_is_named(time: Time, settings: Settings) -> None:
    """A resource that is declared after the new one, as it depends on it."""
    guard = ServerGuard(time)
    asyncio.run(guard.allow_create(NEW))
    with pytest.raises(OtherServer) as refused:
        guard.judge(ELSEWHERE, settings)
    assert f"this run began to create {NEW} there" in str(refused.value)
    assert "Nothing was done" not in str(refused.value)
    # An adopted vehicle's clearance is somebody's: to undo the adoption must not end it.
    assert "adopted would lose its clearance" in str(refused.value)
    assert "`pulumi state delete`" in str(refused.value)


def test_what_was_created_before_the_server_was_confirmed_is_no_matter(
    time: Time, settings: Settings
) -> None:
    guard = ServerGuard(time)
    asyncio.run(guard.allow_create(NEW))
    guard.judge(HERE, settings)
    with pytest.raises(OtherServer, match="Nothing was done"):
        guard.judge(ELSEWHERE, settings)
