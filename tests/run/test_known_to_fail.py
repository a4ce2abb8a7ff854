"""What is known to fail, or cannot be known, ends nothing: over the operations, against an emulator in this process."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from typing import Any

import pytest

from pulumi_highmobility.clearance.listing import CONFIRMS_AT_MOST
from pulumi_highmobility.clearance.service import ClearanceService
from pulumi_highmobility.errors import ListIncomplete
from pulumi_highmobility.operations import fleet_vehicle
from pulumi_highmobility.operations.eligibility import look_up
from pulumi_highmobility.operations.work import Work
from pulumi_highmobility.secret import Secret
from pulumi_highmobility.settings import AuthWay

from ..lifecycle import Declared, Outcome, Played, Stack, a_fleet, vehicle
from ..served import Silence
from .conftest import Platform

V, W = "WBA8E9C50GK000001", "WBA8E9C50GK000002"


class AskingStack(Stack):
    """Each run asks the carmakers of `asked` (VIN, brand) first, as a check with `check_eligibility` does."""

    asked: Sequence[tuple[str, str]] = ()

    def _run(self, declared: Any, constructs: Any, outcome: Outcome) -> Played:
        played = super()._run(declared, constructs, outcome)
        asking = look_up(self.service, self.asked, Silence(), played.run.ineligible)
        outcome.said += [notice.text for notice in self.loop.run_until_complete(asking)]
        return played


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (vehicle("van", V), vehicle("van", V, brand="mini")),
        (a_fleet("vans", V, W), a_fleet("vans", V, W, tags={"depot": "north"})),
    ],
    ids=["single", "fleet"],
)
def test_a_vehicle_that_is_not_eligible_keeps_its_clearance_where_its_row_changes(
    platform: Platform, stack: Stack, before: Declared, after: Declared
) -> None:
    asking = AskingStack(stack.service, stack.loop, stack.clock)
    assert asking.up(before).is_good
    platform.clear()
    held = platform.active()
    brand = "mini" if after.kind == "FleetVehicle" else "bmw"
    asking.asked = [(V, brand)]
    refused = {"vin": V, "eligible": False, "data_delivery": []}
    platform.served.emulator.faults.add(
        {"kind": "answer", "method": "POST", "path": "/eligibility", "body": json.dumps(refused)}
    )
    outcome = asking.up(after)
    assert "not eligible according to the carmaker (POST /eligibility)" in outcome.failures[0]
    assert V in outcome.failures[0]
    assert "Nothing was done" in outcome.failures[0]
    assert [write for write in platform.writes() if write[0] == "DELETE"] == []
    assert platform.active() == held
    # The carmaker takes it now: the same program is carried out.
    assert asking.up(after).is_good
    assert ("DELETE", V) in platform.writes()


def test_a_list_that_lacks_more_than_fifty_single_vehicles_loses_none(
    platform: Platform, stack: Stack
) -> None:
    vins = [f"WBA8E9C50GK1{number:05}" for number in range(CONFIRMS_AT_MOST + 20)]
    assert stack.up(*(vehicle(vin, vin) for vin in vins)).is_good

    def refresh() -> list[Any]:
        """All reads at once, in a process of its own, as the engine does."""
        service = ClearanceService(
            stack.service.api, platform.served.settings, clock=stack.clock, rng=random.Random(1)
        )
        stack.service, outcome = service, Outcome()
        run = stack._run((), (), outcome).run
        run.saved(stack.records[0].urn)

        async def all_reads() -> list[Any]:
            reads = (
                fleet_vehicle.read(Work(service, Silence(), run, one.urn, one.id), one.id, one.outputs)
                for one in stack.records
            )
            return await asyncio.gather(*reads, return_exceptions=True)

        return list(stack.loop.run_until_complete(all_reads()))

    platform.served.emulator.faults.add({"kind": "answer", "method": "GET", "path": "/fleets/vehicles"})
    found = refresh()
    failed = [one for one in found if isinstance(one, ListIncomplete)]
    assert len(failed) == 20
    assert f"lacks more than {CONFIRMS_AT_MOST}" in str(failed[0])
    assert "Run the same command again" in str(failed[0])
    # Those that were asked for by VIN are there, and no read said that one is gone.
    assert {one.outputs["status"] for one in found if one not in failed} == {"approved"}
    # As the error says: once the list is whole, all is as before.
    assert {one.outputs["status"] for one in refresh()} == {"approved"}


def test_the_advice_after_a_rotated_secret_helps_where_the_last_resource_left_the_program(
    platform: Platform, stack: Stack
) -> None:
    """Pulumi then gives the settings of the last `up`, with the old secret, to the delete."""
    program = vehicle("van", V)
    assert stack.up(program).is_good
    good = stack.service
    opened = platform.served.api(auth=AuthWay.CLIENT_CREDENTIALS, client_secret=Secret("old"))
    api = stack.loop.run_until_complete(opened.__aenter__())
    stack.service = ClearanceService(api, platform.served.settings, clock=stack.clock, rng=random.Random(1))
    outcome = stack.up()
    stack.loop.run_until_complete(opened.__aexit__(None, None, None))
    assert (
        "put the last one back, run `pulumi up`, then remove it and run `pulumi up` again"
        in (outcome.failures[0])
    )
    assert stack.held() == {V: [program.urn]}
    assert platform.active() == {V}
    # Done as it says; a program with a resource gets the settings of today.
    stack.service = good
    assert stack.up(program).is_good
    assert stack.up().is_good
    assert (stack.held(), platform.active()) == ({}, set())
