"""A vehicle can rest in many states for weeks: in each of them nothing is shown as a change."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulumi_highmobility.testing import serve_emulator

from .conftest import Project

pytestmark = pytest.mark.engine

STATES = ("pending", "approved", "rejected", "revoking", "canceling")


def test_every_state_that_a_vehicle_can_rest_in_is_clean(tmp_path: Path) -> None:
    vins = {state: f"WBA8E9C50GK00000{number}" for number, state in enumerate(STATES)}
    of_the_fleet = {state: f"WBA8E9C50GK00001{number}" for number, state in enumerate(STATES)}
    # Time stands still, so that a revocation or cancellation under way stays so.
    with serve_emulator("--speed", "0") as emulator:
        project = Project(tmp_path / "project", emulator.environment)
        project.program(
            f"""
            for state, vin in {vins!r}.items():
                van = hm.FleetVehicle(state, vin=vin, brand="bmw")
                hm.VehicleAccessToken(state, vehicle=van)
            hm.Fleet("all", vehicles=[dict(vin=vin, brand="bmw") for vin in {list(of_the_fleet.values())!r}])
            """
        )
        project.up()
        for state in STATES[1:]:
            emulator.controls.move(vins[state], state)
            emulator.controls.move(of_the_fleet[state], state)
        # This one sees where they are, and issues the token of the approved one.
        project.up("--refresh")
        asked = len(emulator.controls.requests())
        again = project.up()
        assert set(again.summary()) == {"unchanged"}
        project.refresh()
        project.stays_as_it_is()
        again = project.up("--refresh")
        assert set(again.summary()) == {"unchanged"}
        assert project.resource("Fleet", "all")["counts"] == dict.fromkeys(STATES, 1)
        for state in STATES:
            assert project.resource("FleetVehicle", state)["status"] == state
            token = project.resource("VehicleAccessToken", state)["status"]
            assert token == ("active" if state == "approved" else "awaiting_clearance")
        writes = [
            line for line in emulator.controls.requests()[asked:] if line["method"] in ("POST", "DELETE")
        ]
        assert not [line for line in writes if line["path"] != "/auth_tokens"]
