"""Pulumi's own resource options on our resources."""

from __future__ import annotations

import pytest

from pulumi_highmobility.testing import RunningEmulator

from .conftest import Project

pytestmark = pytest.mark.engine

VINS = {
    name: f"WBA8E9C50GK00000{number}"
    for number, name in enumerate(
        ("protected", "retained", "ignoring", "renamed", "parent", "child", "flagged")
    )
}


def van(name: str, options: str = "", more: str = "", vin: str = "") -> str:
    return (
        f'{name} = hm.FleetVehicle("{name}", vin="{vin or VINS[name]}", brand="bmw"{more}, '
        f"opts=pulumi.ResourceOptions({options}))\n"
    )


def tags(customer: str) -> str:
    return f', tags={{"customer": "{customer}"}}'


def test_the_options_work_as_for_any_resource(project: Project, emulator: RunningEmulator) -> None:
    """One story for all of them: the first `up`, one with changes, and the end."""
    same = (
        van("protected", "protect=True")
        + van("retained", "retain_on_delete=True")
        + van("parent")
        + van("child", "parent=parent, depends_on=[parent]")
    )
    flagged = 'replace_on_changes=["retry_rejected"]'
    project.program(
        same
        + van("ignoring", 'ignore_changes=["tags"]', tags("acme"))
        + van("renamed")
        + van("flagged", flagged, ", retry_rejected=False")
    )
    project.up()
    # What depends on another is requested after it.
    asked = [
        line["vins"] for line in emulator.controls.requests() if line["method"] == "POST" and line["vins"]
    ]
    order = [vin for vins in asked for vin in vins]
    assert sorted(order) == sorted(VINS.values())
    assert not any({VINS["parent"], VINS["child"]} <= set(vins) for vins in asked)
    assert order.index(VINS["parent"]) < order.index(VINS["child"])

    project.program(
        same
        + van("ignoring", 'ignore_changes=["tags"]', tags("globex"))
        + van("another", 'aliases=[pulumi.Alias(name="renamed")]', vin=VINS["renamed"])
        # The SDK (3.259.0) does not tell the engine which properties changed, so that `replace_on_changes` cannot
        # work for a dynamic provider; once it does, docs and test change.
        + van("flagged", flagged, ", retry_rejected=True")
    )
    assert project.up().summary() == {"updated": 1, "unchanged": len(VINS)}
    assert [line["method"] for line in emulator.controls.requests()].count("DELETE") == 0

    emulator.controls.advance(2)
    project.destroy(expect=1)
    assert emulator.controls.vehicle(VINS["protected"])["status"] == "approved"
    project.destroy("--exclude-protected")
    assert [resource["id"] for resource in project.state()] == [VINS["protected"]]
    emulator.controls.advance(2)
    kept = {vehicle["vin"] for vehicle in emulator.controls.vehicles() if vehicle["status"] == "approved"}
    assert kept == {VINS["protected"], VINS["retained"]}
