"""`pulumi-highmobility plan`, then `pulumi up`: what the one says is what the other does, on the real engine."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from pulumi_highmobility.testing import RunningEmulator

from .conftest import Project

pytestmark = pytest.mark.engine

VINS = [f"WBA8E9C50GK00010{number}" for number in range(6)]
# As examples/quickstart has it: a list in a file, and one vehicle by itself with its token.
PROGRAM = """
    fleet = hm.Fleet("{name}", vehicles=hm.vehicles_from_csv("vehicles.csv"))
    van = hm.FleetVehicle("van", vin="WBA8E9C50GK000200", brand="bmw", tags={{"depot": "north"}})
    token = hm.VehicleAccessToken("van", vehicle=van)
"""


@dataclass(frozen=True)
class Planned:
    """What the command printed with --json, how it ended, and what it said."""

    status: int
    found: Mapping[str, Any]
    said: str

    def vins(self, what: str) -> list[str]:
        return [row["vin"] for row in self.found["rows"] if row["what"] == what]


def plan(project: Project, *options: str, without: str = "") -> Planned:
    environment = {name: text for name, text in project.environment.items() if name != without}
    done = subprocess.run(
        ["pulumi-highmobility", "plan", "--stack", "test", "--json", *options],
        cwd=project.folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout, done.stderr
    return Planned(done.returncode, json.loads(done.stdout), done.stderr)


def listed(project: Project, *vins: str) -> None:
    rows = "".join(f"{vin},bmw\n" for vin in vins)
    (project.folder / "vehicles.csv").write_text(f"vin,brand\n{rows}")


def writes(emulator: RunningEmulator) -> list[tuple[str, str]]:
    """What was requested or ended since the last look, one vehicle each."""
    found = [
        (line["method"], vin)
        for line in emulator.controls.requests()
        if line["path"].startswith("/fleets/vehicles") and line["method"] != "GET"
        for vin in line["vins"]
    ]
    emulator.controls.clear_requests()
    return sorted(found)


@pytest.fixture
def approved(project: Project, emulator: RunningEmulator) -> Project:
    """The fleet of six and the single vehicle, approved, with its token."""
    listed(project, *VINS)
    project.program(PROGRAM.format(name="fleet"))
    new = plan(project)
    assert sorted(new.vins("requested")) == [*VINS, "WBA8E9C50GK000200"]
    assert new.found["platform_asked"]
    project.up()
    assert writes(emulator) == [("POST", vin) for vin in [*VINS, "WBA8E9C50GK000200"]]
    emulator.controls.advance(5)
    project.up("--refresh")
    writes(emulator)
    return project


def test_one_line_removed_revokes_one_and_half_a_file_is_refused(
    approved: Project, emulator: RunningEmulator
) -> None:
    nothing = plan(approved, "--detailed-exit-code", "--max-revocations", "0")
    assert (nothing.status, nothing.found["summary"]) == (0, "Plan: nothing to do.")
    listed(approved, *VINS[:-1])
    found = plan(approved, "--max-revocations", "0", without="HIGHMOBILITY_CREDENTIALS_FILE")
    assert found.status == 1
    assert f"1 may end ({VINS[-1]})" in found.said
    assert (found.found["platform_asked"], found.found["counts"]) == (False, {"revoked": 1})
    found = plan(approved, "--max-revocations", "1", "--detailed-exit-code")
    assert (found.status, found.vins("revoked")) == (3, [VINS[-1]])
    assert found.found["rows"][0]["since"]
    assert writes(emulator) == []
    approved.up()
    assert writes(emulator) == [("DELETE", VINS[-1])]
    listed(approved, *VINS[:2])
    found = plan(approved, "--fail-on", "refused")
    assert found.status == 1
    assert not found.found["complete"]
    assert "max_removals allows 1" in found.found["rows"][0]["why"]
    run = approved.up(expect=1)
    assert "max_removals allows 1" in run.output
    assert writes(emulator) == []


def test_what_is_renamed_and_moves_keeps_its_clearance_and_a_changed_tag_does_not(
    approved: Project, emulator: RunningEmulator
) -> None:
    text = PROGRAM.format(name="fleet").replace("north", "south")
    approved.program(text + '    hm.FleetVehicle("new", vin="WBA8E9C50GK000300", brand="bmw")\n')
    found = plan(approved)
    assert found.vins("re-requested") == ["WBA8E9C50GK000200"]
    assert found.found["rows"][0]["why"] == "tags changed"
    assert found.found["median_seconds_to_approval"]["bmw"] > 0
    assert found.vins("requested") == ["WBA8E9C50GK000300"]
    approved.up()
    assert writes(emulator) == [
        ("DELETE", "WBA8E9C50GK000200"),
        ("POST", "WBA8E9C50GK000200"),
        ("POST", "WBA8E9C50GK000300"),
    ]
    emulator.controls.advance(5)
    approved.program('hm.Fleet("renamed", vehicles=hm.vehicles_from_csv("vehicles.csv"))')
    listed(approved, *VINS, "WBA8E9C50GK000200")
    lacks_tags = plan(approved, "--fail-on", "refused")
    assert lacks_tags.status == 1
    assert lacks_tags.vins("refused") == ["WBA8E9C50GK000200"]
    (approved.folder / "vehicles.csv").write_text(
        "vin,brand,tag:depot\n" + "".join(f"{vin},bmw,\n" for vin in VINS) + "WBA8E9C50GK000200,bmw,south\n"
    )
    found = plan(approved, "--max-revocations", "1", "--max-requests", "0", "--fail-on", "unknown,refused")
    assert found.status == 0, found.said
    assert found.vins("kept") == [*VINS, "WBA8E9C50GK000200"]
    assert found.vins("revoked") == ["WBA8E9C50GK000300"]
    approved.up()
    assert writes(emulator) == [("DELETE", "WBA8E9C50GK000300")]
