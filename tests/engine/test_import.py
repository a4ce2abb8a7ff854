"""A fleet that scripts have registered, brought under Pulumi by the command line, and compared with its state."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from pulumi_highmobility.testing import RunningEmulator

from ..cli.conftest import register
from .conftest import UNSAVED, Project

pytestmark = pytest.mark.engine

FLEET, SINGLE = 3000, 300


def vin(number: int) -> str:
    return f"WBA8E9C50GK{number:06}"


def tool(project: Project, *arguments: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        ["pulumi-highmobility", *arguments],
        cwd=project.folder,
        env=project.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == expect, done.stderr
    return done


def written(emulator: RunningEmulator) -> list[tuple[str, str]]:
    calls = [(line["method"], line["path"]) for line in emulator.controls.requests()]
    return [call for call in calls if call[0] != "GET" and "token" not in call[1]]


def findings(project: Project, names: Sequence[str], *, expect: int) -> dict[str, str]:
    """By VIN, for those that are found to be something."""
    done = tool(project, "status", "--stack", "test", "--json", "--fail-on", ",".join(names), expect=expect)
    return {line["vin"]: line["finding"] for line in json.loads(done.stdout)["vehicles"] if "finding" in line}


def test_a_registered_fleet_is_adopted_without_a_request(project: Project, emulator: RunningEmulator) -> None:
    project.environment |= UNSAVED
    for first in range(0, FLEET, 1000):
        rows = [
            {"vin": vin(number), "brand": "bmw", "tags": {"depot": "north" if number < SINGLE else "NO"}}
            for number in range(first, first + 1000)
        ]
        register(emulator, rows)
    emulator.controls.advance(10)
    emulator.controls.clear_requests()
    tool(project, "import", "--tag", "depot=NO", "--output", "fleet.yaml")
    tool(project, "import", "--tag", "depot=north", "--output", "singles.py")
    tool(project, "status", "--stack", "test", "--fail-on", "unmanaged", expect=1)
    project.program(
        'hm.Fleet("fleet", vehicles=hm.vehicles_from_yaml("fleet.yaml"))\nimport singles  # the other 300\n'
    )
    assert project.up().summary() == {"created": SINGLE + 3}
    project.stays_as_it_is()
    assert written(emulator) == []
    assert findings(project, ["unmanaged", "missing", "drift"], expect=0) == {}


def test_what_differs_from_the_state_fails_a_run_of_ci(
    project: Project, emulator: RunningEmulator, tmp_path: Path
) -> None:
    """`preview --refresh --expect-no-changes` tells nothing of outputs alone."""
    register(emulator, [{"vin": vin(9), "brand": "bmw"}])
    project.program(
        f"""
        hm.Fleet("fleet", vehicles=[dict(vin="{vin(1)}", brand="bmw"), dict(vin="{vin(2)}", brand="bmw")])
        hm.FleetVehicle("van", vin="{vin(3)}", brand="mini", tags={{"depot": "north"}})
        """
    )
    project.up()
    emulator.controls.advance(10)
    project.refresh()
    assert findings(project, ["missing", "drift"], expect=0) == {vin(9): "unmanaged"}
    emulator.controls.move(vin(1), "rejected", reason="no contract")
    emulator.controls.move(vin(3), "revoked")
    found = findings(project, ["missing", "drift"], expect=1)
    assert found == {vin(1): "drift", vin(3): "missing", vin(9): "unmanaged"}
    checks = json.loads(tool(project, "doctor", "--stack", "test", "--json").stdout)["checks"]
    assert {check["outcome"] for check in checks} == {"ok"}
    state = next(check for check in checks if check["name"] == "state")
    assert state["found"] == "3 vehicles, seen with these settings"
    wrong = tool(project, "status", "--stack", "nope", expect=1)
    assert 'Stack "nope"' in wrong.stderr
    assert "Traceback" not in wrong.stderr
