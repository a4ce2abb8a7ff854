"""
Five hundred resources of each kind in one program.

Pulumi's SDK pickles a dynamic provider once a resource; one with attributes gets slower with each of them until, after some
hundreds, the program's stack runs out. A program for each kind: what the SDK itself spends grows with the square of what waits.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pulumi_highmobility.testing import start_emulator

from .conftest import TYPE, UNSAVED, Project

pytestmark = pytest.mark.engine

COUNT = 500
VIN = 'f"WBA8E9C50GK1{number:05}"'
PROGRAMS = {
    "FleetVehicle": f'hm.FleetVehicle(f"van-{{number}}", vin={VIN}, brand="bmw")',
    "VehicleApproval": f'hm.VehicleApproval(f"van-{{number}}", vehicle=Known({VIN}), timeout_minutes=5)',
    "VehicleAccessToken": f'hm.VehicleAccessToken(f"van-{{number}}", vin={VIN})',
    "Fleet": f'hm.Fleet(f"van-{{number}}", vehicles=[dict(vin={VIN}, brand="bmw")])',
}
# A vehicle that is registered elsewhere, as an approval takes it.
KNOWN = """
class Known:
    def __init__(self, vin):
        self.vin, self.status, self.request_id = vin, "approved", "elsewhere"
"""


# The longest of all: a machine with other work needs several times as long.
@pytest.mark.timeout(1500)
def test_five_hundred_of_each_kind_work(tmp_path: Path) -> None:
    with start_emulator(
        approve_after="1s", revoke_after="500ms", token_lifetime="2h", bearer_lifetime="2h"
    ) as emulator:
        for kind, line in PROGRAMS.items():
            project = Project(tmp_path / kind, {**emulator.environment, **UNSAVED})
            project.program(f"{KNOWN}\nfor number in range({COUNT}):\n    {line}\n")
            if kind == "Fleet":
                # Nobody has as many of these: that the program comes to its end is what matters.
                assert project.preview().summary()["to"] == 2 * COUNT + 1
                continue
            # Approvals that wait share a poll: eight at a time would be a poll for each eight.
            project.up("--parallel", "64")
            assert [resource["type"] for resource in project.state()] == [TYPE + kind] * COUNT
            if kind == "FleetVehicle":
                assert project.up("--refresh").summary() == {"unchanged": COUNT + 1}
        asked = [
            vin
            for line in emulator.controls.requests()
            if (line["method"], line["path"]) == ("POST", "/fleets/vehicles")
            for vin in line["vins"]
        ]
        assert len(asked) == len(set(asked)) == COUNT
