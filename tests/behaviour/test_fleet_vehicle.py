"""FleetVehicle on the real engine: a row of the behaviour table each, seen from both ends."""

from __future__ import annotations

from pulumi_highmobility.testing import RunningEmulator

from ..engine.conftest import Project
from ..engine.test_fleet_vehicle import OTHER, VIN, posts, vehicle


def test_a_rejected_vehicle_stays_with_its_reason_and_is_asked_for_again_only_when_told(
    project: Project, emulator: RunningEmulator
) -> None:
    project.program(vehicle())
    project.up()
    emulator.controls.move(VIN, "rejected", reason="no data came")
    project.refresh()
    van = project.resource("FleetVehicle", "van")
    assert (van["status"], van["status_reason"]) == ("rejected", "no data came")
    project.up("--expect-no-changes")
    assert posts(emulator) == 1
    project.program(vehicle(more=", retry_rejected=True"))
    assert project.up().summary() == {"updated": 1, "unchanged": 1}
    assert posts(emulator) == 2
    assert project.resource("FleetVehicle", "van")["status"] == "pending"
    project.up("--expect-no-changes")


def test_a_pending_vehicle_that_cannot_be_canceled_stays_and_says_how_to_let_go(
    project: Project, emulator: RunningEmulator
) -> None:
    vin = "WBA8E9C50GK1STAY0"
    project.program(vehicle(vin))
    project.up()
    run = project.destroy(expect=1)
    assert f"The pending clearance of {vin} cannot be canceled" in run.output
    assert "cancellation is not supported for this vin" in run.output
    assert 'on_uncancellable="abandon"' in run.output
    assert project.resource("FleetVehicle", "van")["vin"] == vin
    project.program(vehicle(vin, more=', on_uncancellable="abandon"'))
    assert project.up().summary() == {"updated": 1, "unchanged": 1}
    abandoned = project.destroy()
    assert "stays registered at the platform, pending" in abandoned.output
    assert emulator.controls.vehicle(vin)["status"] == "pending"


def test_a_pending_vehicle_can_be_canceled_after_a_day_and_is_told_from_when(
    project: Project, emulator: RunningEmulator
) -> None:
    vin = "WDD2130041A1STAY0"
    odometer = ', control_measures={"odometer": {"value": 1, "unit": "miles"}}'
    project.program(vehicle(vin, "mercedes-benz", odometer))
    project.up()
    run = project.destroy(expect=1)
    assert "the pending status could only be canceled after 1 day" in run.output
    assert "It can be canceled from 20" in run.output
    emulator.controls.advance(86_401)
    project.destroy()
    emulator.controls.advance(5)
    assert emulator.controls.vehicle(vin)["status"] == "canceled"


def test_inputs_that_are_not_known_yet_do_not_disturb_a_preview(project: Project) -> None:
    project.program(
        f"""
        first = hm.FleetVehicle("first", vin="{VIN}", brand="bmw")
        tag = first.status.apply(lambda status: "after-" + status)
        vin = first.request_id.apply(lambda _: "{OTHER}")
        hm.FleetVehicle("second", vin=vin, brand="bmw", tags={{"order": tag}})
        """
    )
    project.preview()
    project.up()
    assert project.resource("FleetVehicle", "second")["tags"] == {"order": "after-pending"}
