"""Fleet on the real engine: a list as one resource, exactly what changed is asked for, nothing lost by one bad row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from pulumi_highmobility.testing import RunningEmulator, serve_emulator

from .conftest import Project

PROGRAM = """
fleet = hm.Fleet("vans", vehicles={vehicles!r}{more})
pulumi.export("statuses", fleet.statuses)
pulumi.export("counts", fleet.counts)
pulumi.export("rejected", fleet.rejected)
pulumi.export("failed", fleet.failed)
pulumi.export("approved", fleet.approved)
"""


def vin(number: int, ending: str = "") -> str:
    return f"WBA8E9C50GK{number:06}"[: 17 - len(ending)] + ending


def vehicle(number: int, ending: str = "", brand: str = "bmw", **more: Any) -> dict[str, Any]:
    return {"vin": vin(number, ending), "brand": brand, **more}


def fleet(*vehicles: dict[str, Any], more: str = "") -> str:
    return PROGRAM.format(vehicles=list(vehicles), more=more)


def requested(emulator: RunningEmulator) -> Counter[str]:
    """How often each VIN was asked for."""
    lines = emulator.controls.requests()
    asked = [line for line in lines if (line["method"], line["path"]) == ("POST", "/fleets/vehicles")]
    return Counter(vin for line in asked for vin in line["vins"])


def calls(emulator: RunningEmulator) -> Counter[str]:
    return Counter(f"{line['method']} {line['path']}" for line in emulator.controls.requests())


def test_a_list_is_asked_for_in_one_request_read_by_one_and_released_by_destroy(
    project: Project, emulator: RunningEmulator
) -> None:
    project.program(fleet(*(vehicle(number, tags={"unit": str(number)}) for number in range(30))))
    assert (
        "requests the clearance of 30 vehicles, or takes over those that other resources of the program hold now: 30 bmw"
    ) in project.preview().output
    assert emulator.controls.requests() == []
    project.up()
    assert calls(emulator) == {"POST /auth_tokens": 1, "GET /fleets/vehicles": 1, "POST /fleets/vehicles": 1}
    assert project.outputs()["counts"] == {"pending": 30}
    emulator.controls.advance(5)
    emulator.controls.clear_requests()
    project.refresh()
    assert calls(emulator) == {"POST /auth_tokens": 1, "GET /fleets/vehicles": 1}
    assert project.up().summary() == {"unchanged": 3}
    outputs = project.outputs()
    assert outputs["counts"] == {"approved": 30}
    assert outputs["statuses"] == {vin(number): "approved" for number in range(30)}
    assert outputs["approved"] == sorted(outputs["statuses"])
    assert emulator.controls.vehicle(vin(7))["tags"] == {"unit": "7"}
    project.destroy()
    emulator.controls.advance(5)
    assert {registered["status"] for registered in emulator.controls.vehicles()} == {"revoked"}


def test_one_bad_row_fails_the_up_and_holds_up_no_other(project: Project, emulator: RunningEmulator) -> None:
    """What was done is in the state, the exit status tells, and the next `up` takes up what is missing."""
    project.program(fleet(vehicle(1), vehicle(2, "ERRR0"), vehicle(3)))
    run = project.up(expect=1)
    assert 'was refused: "The vehicle is not accepted"' in run.output
    assert "2 vehicles are in the stack's state; 1 remaining" in run.output
    held = project.resource("Fleet", "vans")
    assert held["counts"] == {"error": 1, "pending": 2}
    assert vin(2, "ERRR0") in held["registry"]
    again = project.up(expect=1)
    assert 'was refused: "The vehicle is not accepted"' in again.output
    assert requested(emulator) == {vin(1): 1, vin(2, "ERRR0"): 2, vin(3): 1}
    project.program(fleet(vehicle(1), vehicle(3)))
    project.up()
    assert project.outputs()["counts"] == {"pending": 2}
    assert project.outputs()["failed"] == {}
    project.stays_as_it_is()


def test_a_vehicle_that_the_fleets_state_does_not_have_yet_fails_no_run(project: Project) -> None:
    """With --target the Fleet stays as it was; with ignore_changes its list is not the program's."""
    program = """
        fleet = hm.Fleet("vans", vehicles=[{rows}], opts=pulumi.ResourceOptions({opts}))
        pulumi.export("status", fleet.vehicle("{vin}").status)
        hm.VehicleAccessToken("token", vehicle=fleet.vehicle("{vin}"))
        hm.FleetVehicle("unrelated", vin="WBA8E9C50GK000009", brand="bmw")
        """
    rows = [f'dict(vin="{vin(number)}", brand="bmw")' for number in (1, 2)]
    project.program(program.format(rows=rows[0], opts="", vin=vin(1)))
    project.up()
    project.program(program.format(rows=",".join(rows), opts="", vin=vin(2)))
    project.up("--target", "**::unrelated")
    assert project.outputs()["status"] == "unknown"
    project.program(program.format(rows=rows[1], opts='ignore_changes=["vehicles"]', vin=vin(1)))
    project.up()
    assert project.outputs()["status"] in ("pending", "approved")


def test_a_list_made_of_outputs_is_unknown_at_first_and_then_taken(
    project: Project, emulator: RunningEmulator
) -> None:
    project.program(
        f"""
        one = hm.FleetVehicle("one", vin="{vin(1)}", brand="bmw")
        hm.Fleet("vans", vehicles=[dict(vin="{vin(2)}", brand="bmw", tags=dict(beside=one.request_id))])
        """
    )
    project.preview()
    project.up()
    assert emulator.controls.vehicle(vin(2))["tags"]["beside"]
    project.stays_as_it_is()


def test_vehicles_move_between_fleet_vehicle_and_fleet_and_keep_their_clearance(
    project: Project, emulator: RunningEmulator
) -> None:
    """The ways that docs/resources/fleet.md describes."""
    project.program(
        f'hm.FleetVehicle("one", vin="{vin(1)}", brand="bmw", opts=pulumi.ResourceOptions(retain_on_delete=True))'
    )
    project.up()
    emulator.controls.advance(5)
    project.program(fleet(vehicle(1), vehicle(2)))
    project.up()
    assert [resource["type"].rpartition(":")[2] for resource in project.state()] == ["Fleet", "FleetRemovals"]
    project.program(
        fleet(vehicle(2), more=', on_removal="retain"')
        + f'\nhm.FleetVehicle("one", vin="{vin(1)}", brand="bmw")'
    )
    project.up()
    project.program(fleet(vehicle(2)) + f'\nhm.FleetVehicle("one", vin="{vin(1)}", brand="bmw")')
    project.up()
    assert requested(emulator) == {vin(1): 1, vin(2): 1}
    assert [line for line in emulator.controls.requests() if line["method"] == "DELETE"] == []
    assert emulator.controls.vehicle(vin(1))["status"] == "approved"


@pytest.fixture
def slow(tmp_path: Any) -> Iterator[RunningEmulator]:
    with serve_emulator(approve_after="1h") as running:
        yield running


def test_what_cannot_be_canceled_stays_and_the_rest_goes(tmp_path: Any, slow: RunningEmulator) -> None:
    """BMW cancels no pending clearance; Stellantis does, after a day."""
    project = Project(tmp_path / "project", slow.environment)
    project.program(fleet(vehicle(1), vehicle(2), vehicle(3, brand="opel")))
    project.up()
    slow.controls.move(vin(2), "approved")
    project.program(fleet(vehicle(3, brand="opel"), more=", max_removals=2"))
    run = project.up(expect=1)
    assert f"The pending clearance of {vin(1)} cannot be canceled" in run.output
    assert project.resource("Fleet", "vans")["counts"] == {"pending": 1}
    assert vin(1) in project.resource("Fleet", "vans")["leaving"]
    project.program(fleet(vehicle(3, brand="opel"), more=', max_removals=2, on_uncancellable="abandon"'))
    assert f"{vin(1)} stays registered at the platform" in project.up().output
    project.stays_as_it_is()
    run = project.destroy(expect=0)
    assert f"{vin(3)} stays registered at the platform" in run.output
