"""A person's decision stands: what a driver revoked or a carmaker rejected is requested again only where the program says so."""

from __future__ import annotations

import pytest

from pulumi_highmobility.testing import RunningEmulator, serve_emulator

from .conftest import Project
from .test_ending import OTHERS, approved
from .test_moves import fleet, is_settled, urn, vehicle, vin, writes

pytestmark = pytest.mark.engine


def test_what_a_driver_revoked_is_not_requested_again_wherever_it_moves(
    project: Project, emulator: RunningEmulator
) -> None:
    """Renamed, into a Fleet and out of it, also before any refresh has seen it."""
    approved(project, emulator, vehicle("van", 1) + vehicle("single", 2) + fleet(3, *OTHERS))
    for number in (1, 2, 3):
        emulator.controls.move(vin(number), "revoked", reason="by the driver")
    project.program(vehicle("renamed", 1) + fleet(2, *OTHERS) + vehicle("out", 3))
    run = project.up()
    assert writes(emulator) == [("DELETE", [vin(3)])] or writes(emulator) == []
    assert "a person's decision, so it is not requested again" in run.output
    for name in ("renamed", "out"):
        assert project.resource("FleetVehicle", name)["status"] == "revoked"
    assert project.resource("Fleet", "fleet")["counts"] == {"approved": 10, "revoked": 1}
    emulator.controls.clear_requests()
    is_settled(project, emulator)
    assert writes(emulator) == []
    again = ", retry_revoked=True"
    project.program(vehicle("renamed", 1, again) + fleet(2, *OTHERS, more=again) + vehicle("out", 3))
    project.up()
    assert sorted(number for _, vins in writes(emulator) for number in vins) == [vin(1), vin(2)]


def test_a_vehicle_is_requested_again_once_a_day_at_most(project: Project) -> None:
    """A carmaker that rejects at once, and an `up` for each webhook: a request each, without end."""
    rejected = "WBA8E9C50GK0REJ01"
    retry = ", retry_rejected=True"
    program = f'hm.FleetVehicle("van", vin="{rejected}", brand="bmw"{retry})\n'
    program += f'hm.Fleet("fleet", vehicles=[dict(vin="{rejected[:-1]}2", brand="bmw")]{retry})\n'
    with serve_emulator(approve_after="0s") as emulator:
        project.environment |= emulator.environment
        project.program(program)
        for _ in range(4):
            project.up("--refresh")
        requested = [vins for method, vins in writes(emulator) if method == "POST"]
        assert sorted(number for vins in requested for number in vins) == sorted(
            [rejected, f"{rejected[:-1]}2"] * 2
        )
        project.stays_as_it_is()
        project.environment["HIGHMOBILITY_RETRY_INTERVAL_HOURS"] = "0"
        emulator.controls.clear_requests()
        project.up()
        assert [sorted(vins) for _, vins in writes(emulator)] == [sorted([rejected, f"{rejected[:-1]}2"])]


def test_a_program_that_lost_many_single_vehicles_ends_none(
    project: Project, emulator: RunningEmulator
) -> None:
    """More than ten, and more than a tenth: a brake as a Fleet has it, for all single resources together."""
    singles = [vehicle(f"van-{number}", number) for number in range(30)]
    approved(project, emulator, "".join(singles))
    project.program("".join(singles[:15]))
    run = project.up(expect=1)
    assert (
        f"would end the clearances of 15 single vehicles ({vin(15)}, {vin(16)}, {vin(17)} and 12 more)"
        in run.output
    )
    assert "of 30 that the stack holds, and 10 are allowed" in run.output
    tagged = "".join(singles).replace('brand="bmw"', 'brand="bmw", tags={"customer": "acme"}')
    project.program(tagged)
    assert "would end the clearances of 11 single vehicles" in project.preview(expect=1).output
    assert writes(emulator) == []
    project.program("".join(singles[:15]))
    project.environment["HIGHMOBILITY_MAX_REVOCATIONS"] = "50%"
    project.up()
    assert len(writes(emulator)) == 15
    del project.environment["HIGHMOBILITY_MAX_REVOCATIONS"]
    emulator.controls.clear_requests()
    # Ten are no accident that weighs, and a destroy is meant.
    project.program("".join(singles[:5]) + fleet(50))
    project.up()
    assert len([1 for method, _ in writes(emulator) if method == "DELETE"]) == 10
    project.destroy("--target", urn(project, "FleetVehicle", "van-1"))
    emulator.controls.advance(60)
    project.destroy()
