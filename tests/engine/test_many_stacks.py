"""A fleet split over stacks that run at the same time, on one application's limits."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pulumi_highmobility.testing import RunningEmulator

from .conftest import ROOT, Project

pytestmark = pytest.mark.engine

PARTS = 4
VEHICLES = 400


@pytest.fixture
def split(tmp_path: Path, emulator: RunningEmulator) -> Project:
    """The example as a clone has it, with a larger fleet."""
    folder = tmp_path / "many-stacks"
    shutil.copytree(ROOT / "examples" / "many-stacks", folder)
    rows = "".join(f"WBA8E9C50GK1{number:05},bmw\n" for number in range(VEHICLES))
    (folder / "fleet.csv").write_text("vin,brand\n" + rows)
    return Project(folder, emulator.environment, main=folder)


def run(split: Project, *arguments: str) -> str:
    done = subprocess.run(
        ["./run", str(PARTS), *arguments, "--color=never"],
        cwd=split.folder,
        env={**os.environ, **split.environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert not re.search(r"\b429\b", done.stdout), done.stdout
    return done.stdout


def test_stacks_at_once_lose_nothing_and_ask_for_nothing_twice(
    split: Project, emulator: RunningEmulator
) -> None:
    # Some of what they ask for meets the limit, whoever it is that asks.
    emulator.controls.fault("status", status=429, retry_after=2, times=6)
    run(split, "up", "--yes", "--skip-preview")
    assert emulator.controls.pending_faults() == []
    vehicles = emulator.controls.vehicles()
    assert len(vehicles) == VEHICLES
    for vehicle in vehicles:
        assert [change["status"] for change in vehicle["changelog"]].count("pending") == 1
    asked = [
        vin
        for line in emulator.controls.requests()
        if (line["method"], line["path"], line["status"]) == ("POST", "/fleets/vehicles", 200)
        for vin in line["vins"]
    ]
    assert len(asked) == len(set(asked)) == VEHICLES
    emulator.controls.advance(5)
    run(split, "refresh", "--yes", "--skip-preview")
    output = run(split, "preview", "--expect-no-changes")
    assert all(f"{part}-of-{PARTS}: " in output for part in range(1, PARTS + 1))
    run(split, "destroy", "--yes", "--skip-preview")
    emulator.controls.advance(5)
    assert {vehicle["status"] for vehicle in emulator.controls.vehicles()} == {"revoked"}
