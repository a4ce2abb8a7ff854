"""Another server, or another application's credentials: nothing is lost, and nothing is done there."""

from __future__ import annotations

from pulumi_highmobility.testing import RunningEmulator

from ..engine.conftest import Project
from ..engine.test_wrong_server import PROGRAM


def test_a_vehicle_that_is_really_gone_is_told_at_its_delete(
    project: Project, emulator: RunningEmulator
) -> None:
    project.program('hm.FleetVehicle("van", vin="WBA8E9C50GK000001", brand="bmw")')
    project.up()
    emulator.controls.reset()
    run = project.destroy()
    assert "warning: WBA8E9C50GK000001 was pending in the stack's state" in run.output
    assert "404 to DELETE /fleets/vehicles/WBA8E9C50GK000001" in run.output
    assert project.state() == []


def test_a_fleet_whose_vehicles_are_gone_says_so_at_the_refresh(
    project: Project, emulator: RunningEmulator
) -> None:
    project.program(PROGRAM.splitlines()[-1])
    project.up()
    emulator.controls.reset()
    run = project.refresh()
    assert "4 of 4 vehicles that were pending or approved are no longer registered" in run.output
    project.up()
    assert len(emulator.controls.vehicles()) == 4


def test_the_server_is_named_once_and_an_emulators_environment_reaches_no_other(
    project: Project, emulator: RunningEmulator
) -> None:
    project.program(PROGRAM)
    told = project.up().output.rpartition("Diagnostics:")[2]
    assert told.count(f"High Mobility: using {emulator.base_url}") == 1
    project("config", "set", "highmobility:baseUrl", "production", expect=0)
    project.program(PROGRAM + 'hm.FleetVehicle("new", vin="WBA8E9C50GK000002", brand="bmw")')
    run = project.up(expect=1)
    assert "highmobility:baseUrl in the stack's config" in run.output
    assert "HIGHMOBILITY_CREDENTIALS_FILE in the environment" in run.output
