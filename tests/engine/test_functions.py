"""The functions beside the resources, called by programs on the real engine."""

from __future__ import annotations

import pytest

from pulumi_highmobility.testing import RunningEmulator

from .conftest import Project

pytestmark = pytest.mark.engine

VIN = "WBA8E9C50GK000001"


def test_a_program_reads_its_fleet(project: Project, emulator: RunningEmulator) -> None:
    project.program(
        f"""
        van = hm.FleetVehicle("van", vin="{VIN}", brand="bmw", tags={{"customer": "acme"}})
        mini = hm.FleetVehicle("mini", vin="WBA8E9C50GK000002", brand="mini")
        seen = hm.get_fleet_vehicle_output(van.vin)
        pulumi.export("seen", seen.apply(lambda vehicle: [vehicle.vin, vehicle.brand, dict(vehicle.tags)]))
        minis = mini.status.apply(lambda _: "mini")
        pulumi.export("minis", hm.get_fleet_output(brand=minis).apply(lambda found: [one.vin for one in found]))
        pulumi.export("before", [vehicle.vin for vehicle in hm.get_fleet()])
        pulumi.export("tagged", [vehicle.vin for vehicle in hm.get_fleet(tags={{"customer": "acme"}}, status=["pending", "approved"])])
        """
    )
    project.up()
    assert project.outputs() == {
        "seen": [VIN, "bmw", {"customer": "acme"}],
        "minis": ["WBA8E9C50GK000002"],
        "before": [],
        "tagged": [],
    }
    project.up()
    outputs = project.outputs()
    assert outputs["before"] == [VIN, "WBA8E9C50GK000002"]
    assert outputs["tagged"] == [VIN]


def test_a_program_asks_whether_a_carmaker_would_take_a_vehicle(
    project: Project, emulator: RunningEmulator
) -> None:
    project.program(
        f"""
        pulumi.export("yes", hm.check_eligibility("{VIN}", "bmw").eligible)
        pulumi.export("no", hm.check_eligibility_output("WBA8E9C50GK1NTEL0", "bmw").apply(lambda found: found.eligible))
        """
    )
    project.up()
    assert project.outputs() == {"yes": True, "no": False}
    assert emulator.controls.vehicles() == []


def test_a_preview_that_checks_eligibility_warns_of_what_a_carmaker_will_not_take(
    project: Project, emulator: RunningEmulator
) -> None:
    project.program(
        f"""
        hm.FleetVehicle("yes", vin="{VIN}", brand="bmw", check_eligibility=True)
        hm.FleetVehicle("no", vin="WBA8E9C50GK1NTEL0", brand="bmw", check_eligibility=True)
        hm.FleetVehicle("tesla", vin="5YJ8E9C50GK1NTEL0", brand="tesla", check_eligibility=True)
        """
    )
    run = project.preview()
    assert "WBA8E9C50GK1NTEL0 is not eligible according to bmw" in run.output
    assert f"{VIN} is not eligible" not in run.output
    assert "tesla has no eligibility look-up" in run.output
    assert emulator.controls.vehicles() == []
