"""A stack whose programs run over the operations, against an emulator in this process."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from pulumi_highmobility.clearance.service import ClearanceService
from pulumi_highmobility.emulator.app import Options
from pulumi_highmobility.emulator.world.machine import Pace

from ..lifecycle import Stack
from ..served import Served


@dataclass
class Platform:
    """The emulator as a test sees it."""

    served: Served
    new_stack: Callable[[], Stack]

    def statuses(self) -> dict[str, str]:
        with self.served.emulator.store.transaction() as db:
            return {row["vin"]: row["status"] for row in db.execute("SELECT vin, status FROM vehicles")}

    def active(self) -> set[str]:
        return {vin for vin, status in self.statuses().items() if status in ("pending", "approved")}

    def writes(self) -> list[tuple[str, str]]:
        """What was requested or ended, one vehicle each."""
        return [
            (line["method"], vin)
            for line in self.served.emulator.log.lines()
            if line["path"].startswith("/fleets/vehicles") and line["method"] != "GET"
            for vin in line["vins"]
        ]

    def clear(self) -> None:
        self.served.emulator.log.clear()

    def reset(self) -> None:
        with self.served.emulator.store.transaction() as db:
            db.execute("DELETE FROM vehicles")
        self.clear()

    def advance(self, seconds: float) -> None:
        self.served.emulator.clock.advance(seconds)

    def execute(self, statement: str) -> None:
        with self.served.emulator.store.transaction() as db:
            db.execute(statement)


@pytest.fixture
def options() -> Options:
    """Everything is approved and ended at once."""
    return Options(pace=Pace(approve_after=0, revoke_after=0, cancel_after=0), limits=False)


@pytest.fixture
def platform(served: Served) -> Iterator[Platform]:
    loop = asyncio.new_event_loop()
    opened = served.api(listing_max_age_s=0)
    api = loop.run_until_complete(opened.__aenter__())

    def new_stack() -> Stack:
        service = ClearanceService(api, served.settings, clock=served.clock, rng=random.Random(1))
        # Each run of the engine is a process with a listing of its own.
        service.listing.max_age_s = 0
        return Stack(service, loop, served.clock)

    yield Platform(served, new_stack)
    loop.run_until_complete(opened.__aexit__(None, None, None))
    loop.close()


@pytest.fixture
def stack(platform: Platform) -> Stack:
    return platform.new_stack()
