"""
A thousand resources of each kind in one program.

Pulumi's SDK pickles a dynamic provider once a resource; one with attributes gets slower with each of them until, after some
hundreds, the program's stack runs out.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pulumi_highmobility.testing import start_emulator

from .conftest import Project

pytestmark = pytest.mark.engine

COUNT = 1000
PROGRAMS = {
    "a vehicle with its approval and its token": f"""
        for number in range({COUNT}):
            van = hm.FleetVehicle(f"van-{{number}}", vin=f"WBA8E9C50GK1{{number:05}}", brand="bmw")
            approval = hm.VehicleApproval(f"van-{{number}}", vehicle=van, timeout_minutes=5)
            hm.VehicleAccessToken(f"van-{{number}}", vehicle=approval)
        """,
    "a fleet": f"""
        for number in range({COUNT}):
            hm.Fleet(f"van-{{number}}", vehicles=[dict(vin=f"WBA8E9C50GK1{{number:05}}", brand="bmw")])
        """,
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_a_thousand_of_each_kind_work(tmp_path: Path, program: str) -> None:
    with start_emulator(
        approve_after="1s", revoke_after="500ms", token_lifetime="2h", bearer_lifetime="2h"
    ) as emulator:
        # Without these the engine writes the whole state after each step, which is most of the time and none of the matter.
        unsaved = {"PULUMI_EXPERIMENTAL": "1", "PULUMI_SKIP_CHECKPOINTS": "1"}
        project = Project(tmp_path / "project", {**emulator.environment, **unsaved})
        project.program(program)
        project.up()
        kinds = [resource["type"] for resource in project.state()]
        assert {kinds.count(kind) for kind in kinds} == {COUNT}
        asked = [
            vin
            for line in emulator.controls.requests()
            if (line["method"], line["path"]) == ("POST", "/fleets/vehicles")
            for vin in line["vins"]
        ]
        assert len(asked) == len(set(asked)) == COUNT
        project.refresh()
        project.stays_as_it_is()
