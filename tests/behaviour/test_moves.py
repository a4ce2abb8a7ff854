"""A vehicle that moves between resources keeps its clearance: Pulumi knows resources by name, the platform vehicles by VIN."""

from __future__ import annotations

import pytest

from pulumi_highmobility.testing import RunningEmulator

from ..engine.conftest import Project
from ..engine.test_moves import fleet, is_settled, statuses, vehicle, vin, writes


def test_tokens_and_approvals_follow_a_vehicle_that_moves(
    project: Project, emulator: RunningEmulator
) -> None:
    more = """
approval = hm.VehicleApproval("van", vehicle=van, timeout_minutes=2)
hm.VehicleAccessToken("van", vehicle=approval)
"""
    project.program("van = " + vehicle("van", 1) + more)
    project.up()
    issued = project.resource("VehicleAccessToken", "van")
    emulator.controls.clear_requests()
    project.program("van = " + vehicle("renamed", 1) + more)
    project.up()
    assert writes(emulator) == []
    assert project.resource("VehicleAccessToken", "van")["issued_at"] == issued["issued_at"]
    project.program(f"fleet = {fleet(1)}van = fleet.vehicle('{vin(1)}')\n" + more)
    project.up()
    assert writes(emulator) == []
    moved = project.resource("VehicleAccessToken", "van")
    assert (moved["status"], moved["issued_at"]) == ("active", issued["issued_at"])
    assert sum(token["access_lives"] for token in emulator.controls.vehicle(vin(1))["tokens"]) == 1


def test_changed_tags_still_revoke_and_request_again(project: Project, emulator: RunningEmulator) -> None:
    """Also with a refresh in the same run that sees drift, whose diff comes before the program's."""
    project.program(vehicle("van", 1, ', tags={"customer": "acme"}'))
    project.up()
    emulator.controls.advance(5)
    project.refresh()
    emulator.controls.clear_requests()
    project.program(vehicle("van", 1, ', tags={"customer": "globex"}'))
    project.up("--refresh")
    assert writes(emulator) == [("DELETE", [vin(1)]), ("POST", [vin(1)])]
    assert project.resource("FleetVehicle", "van")["tags"] == {"customer": "globex"}
    is_settled(project, emulator)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (vehicle("one", 1), vehicle("two", 1)),
        (vehicle("one", 1), fleet(2, 1, name="two")),
        (fleet(3, 1, name="one"), fleet(2, 1, name="two")),
    ],
    ids=["vehicles", "a vehicle and a fleet", "fleets"],
)
def test_two_resources_with_one_vin_are_an_error_at_both(
    project: Project, emulator: RunningEmulator, one: str, two: str
) -> None:
    project.program(one + two)
    run = project.preview(expect=1)
    kinds = [line.split("(")[0].split(".")[1] for line in (one, two)]
    assert f'{vin(1)} is declared twice, by {kinds[0]} "one" too' in run.output
    assert f'{vin(1)} is declared twice, by {kinds[1]} "two" too' in run.output
    assert emulator.controls.requests() == []


def test_what_a_fleet_loses_is_told_at_preview(project: Project, emulator: RunningEmulator) -> None:
    project.program(fleet(1, 2))
    project.up()
    project.program(fleet(1))
    assert f"1 removed ({vin(2)}): clearance is revoked or canceled" in project.preview().output
    project.program(fleet(1) + vehicle("late", 2))
    emulator.controls.advance(5)
    project.up()
    assert statuses(emulator) == {vin(1): "approved", vin(2): "approved"}
