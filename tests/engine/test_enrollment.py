"""FleetEnrollment: a list with clearances and tokens, where a change touches what changed alone."""

from __future__ import annotations

import pytest

from pulumi_highmobility.testing import RunningEmulator

from .conftest import Project

pytestmark = pytest.mark.engine


def vin(number: int) -> str:
    return f"WBA8E9C50GK{number:06}"


def program(*numbers: int, more: str = "") -> str:
    rows = ", ".join(
        f'dict(vin="{vin(number)}", brand="bmw", tags=dict(customer="{"acme" if number % 2 else "bolt"}"))'
        for number in numbers
    )
    return f"""
        fleet = hm.FleetEnrollment("all", vehicles=[{rows}]{more})
        pulumi.export("statuses", fleet.statuses)
        pulumi.export("customers", fleet.by_tag("customer", fleet.statuses))
        pulumi.export("tokens", fleet.by_tag("customer", fleet.access_tokens))
        """


def test_a_list_is_enrolled_and_a_change_touches_what_changed_alone(
    project: Project, emulator: RunningEmulator
) -> None:
    project.program(program(1, 2))
    project.up()
    assert project.outputs()["customers"] == {"acme": {vin(1): "pending"}, "bolt": {vin(2): "pending"}}
    emulator.controls.advance(10)
    project.up("--refresh")
    tokens = project.outputs(secrets=True)["tokens"]
    assert all(tokens[customer][vin(number)] for customer, number in (("acme", 1), ("bolt", 2)))
    assert project.outputs()["tokens"] == "[secret]"
    # Added at the front: no other vehicle or token has a change.
    project.program(program(3, 1, 2, more=", wait_minutes=2"))
    emulator.controls.advance(10)
    summary = project.up().summary()
    assert summary["unchanged"] == 6
    assert "updated" not in summary
    assert project.outputs(secrets=True)["tokens"]["acme"][vin(3)]
    project.program(program(3, 1, more=", wait_minutes=2"))
    assert project.up().summary()["deleted"] == 3
    emulator.controls.advance(10)
    statuses = {vehicle["vin"]: vehicle["status"] for vehicle in emulator.controls.vehicles()}
    assert statuses == {vin(1): "approved", vin(2): "revoked", vin(3): "approved"}


def test_a_wrong_list_is_an_error_of_the_program(project: Project) -> None:
    project.program(
        f"""
        for rows in ([dict(vin="{vin(1)}", brand="bmw")] * 2, [dict(vin="x", brand="bmw")], ["{vin(1)}"]):
            try:
                hm.FleetEnrollment(f"all-{{rows}}", vehicles=rows)
            except Exception as error:
                print("refused:", error)
        hm.FleetEnrollment("all", vehicles=["{vin(1)}"])
        """
    )
    output = project.preview(expect=1).output
    for said in ("appears twice", "vehicles[0].vin: ", "vehicles[0] is not a dictionary"):
        assert any(said in line for line in output.splitlines() if "refused:" in line), output
