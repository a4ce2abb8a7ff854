"""Pulumi's own resource options on our resources."""

from __future__ import annotations

import pytest

from pulumi_highmobility.testing import RunningEmulator

from .conftest import Project

pytestmark = pytest.mark.engine

VIN = "WBA8E9C50GK000001"


def van(options: str, tags: str = "acme", name: str = "van") -> str:
    return (
        f'hm.FleetVehicle("{name}", vin="{VIN}", brand="bmw", tags={{"customer": "{tags}"}}, '
        f"opts=pulumi.ResourceOptions({options}))"
    )


def test_a_protected_vehicle_is_not_revoked(project: Project, emulator: RunningEmulator) -> None:
    project.program(van("protect=True"))
    project.up()
    emulator.controls.advance(2)
    project.destroy(expect=1)
    assert emulator.controls.vehicle(VIN)["status"] == "approved"


def test_a_retained_vehicle_leaves_the_stack_and_keeps_its_clearance(
    project: Project, emulator: RunningEmulator
) -> None:
    project.program(van("retain_on_delete=True"))
    project.up()
    emulator.controls.advance(2)
    project.destroy()
    assert emulator.controls.vehicle(VIN)["status"] == "approved"


def test_ignored_changes_are_no_changes(project: Project) -> None:
    project.program(van('ignore_changes=["tags"]'))
    project.up()
    project.program(van('ignore_changes=["tags"]', tags="globex"))
    project.up("--expect-no-changes")


def test_a_renamed_vehicle_with_an_alias_stays(project: Project, emulator: RunningEmulator) -> None:
    project.program(van(""))
    project.up()
    project.program(van('aliases=[pulumi.Alias(name="van")]', name="renamed"))
    project.up("--expect-no-changes")
    assert [line["method"] for line in emulator.controls.requests()].count("DELETE") == 0


def test_parent_and_depends_on_order_the_vehicles(project: Project, emulator: RunningEmulator) -> None:
    project.program(
        """
        first = hm.FleetVehicle("first", vin="WBA8E9C50GK000002", brand="bmw")
        hm.FleetVehicle(
            "second", vin="WBA8E9C50GK000003", brand="bmw",
            opts=pulumi.ResourceOptions(parent=first, depends_on=[first]),
        )
        """
    )
    project.up()
    asked = [
        line["vins"]
        for line in emulator.controls.requests()
        if line["path"] == "/fleets/vehicles" and line["vins"]
    ]
    assert asked == [["WBA8E9C50GK000002"], ["WBA8E9C50GK000003"]]


def test_replace_on_changes_cannot_work_for_a_dynamic_provider(project: Project) -> None:
    """The SDK (3.259.0) does not tell the engine which properties changed; once it does, docs and test change."""
    program = """
        hm.FleetVehicle(
            "van", vin="WBA8E9C50GK000003", brand="bmw", retry_rejected={flag},
            opts=pulumi.ResourceOptions(replace_on_changes=["retry_rejected"]),
        )
        """
    project.program(program.format(flag="False"))
    project.up()
    project.program(program.format(flag="True"))
    assert project.up().summary() == {"updated": 1, "unchanged": 1}
