"""The repository's own program on the real engine, from its first `up` to its end, seen from both ends."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pulumi_highmobility.testing import RunningEmulator

from .conftest import ROOT, Project

pytestmark = pytest.mark.engine


@pytest.fixture
def quickstart(tmp_path: Path, emulator: RunningEmulator) -> Project:
    """The quickstart as a clone has it."""
    folder = tmp_path / "clone"
    shutil.copytree(ROOT / "examples" / "quickstart", folder / "examples" / "quickstart")
    shutil.copy(ROOT / "Pulumi.yaml", folder)
    return Project(folder, emulator.environment, main=folder / "examples" / "quickstart", plain=True)


def fleet_of(project: Project) -> list[dict[str, str]]:
    with (project.program_folder / "fleet.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_quickstart_lives_from_the_first_up_to_destroy(
    quickstart: Project,
    emulator: RunningEmulator,
    secrets_in: Callable[[Iterator[tuple[str, bytes]]], list[str]],
) -> None:
    """One story, since each step rests on the one before."""
    fleet = fleet_of(quickstart)
    vins = {row["vin"] for row in fleet}
    assert len(fleet) == 5
    assert len({row["brand"] for row in fleet}) == 4

    first = quickstart.up()
    assert first.summary() == {"created": 8}
    assert "[secret]" in first.output
    outputs = quickstart.outputs()
    assert set(outputs["status"]) == vins
    assert set(outputs["status"].values()) <= {"pending", "approved"}
    assert {vehicle["vin"] for vehicle in emulator.controls.vehicles()} == vins
    mercedes = next(row for row in fleet if row["brand"] == "mercedes-benz")
    assert (
        emulator.controls.vehicle(mercedes["vin"])["odometer"] == f"{mercedes['odometer']} {mercedes['unit']}"
    )
    tokens = emulator.controls.vehicle(mercedes["vin"])["tokens"]
    assert [token["access_lives"] for token in tokens] == [True]

    emulator.controls.advance(5)
    again = quickstart.up()
    assert again.summary() == {"unchanged": 8}
    assert set(quickstart.outputs()["status"].values()) == {"approved"}
    assert quickstart.outputs()["count"] == {"approved": 5}
    quickstart.up("--expect-no-changes")
    quickstart.refresh("--expect-no-changes")
    quickstart.stays_as_it_is()
    assert len(emulator.controls.vehicle(mercedes["vin"])["tokens"]) == 1

    taken_out = fleet[1]["vin"]
    text = (quickstart.program_folder / "fleet.csv").read_text()
    kept = "".join(line for line in text.splitlines(keepends=True) if taken_out not in line)
    (quickstart.program_folder / "fleet.csv").write_text(kept)
    assert quickstart.up().summary() == {"deleted": 1, "unchanged": 7}
    emulator.controls.advance(5)
    assert emulator.controls.vehicle(taken_out)["status"] == "revoked"

    texts = [(str(path), path.read_bytes()) for path in files_below(quickstart.folder / "state")]
    texts.append(("stack export", quickstart("stack", "export", expect=0).output.encode()))
    assert secrets_in(iter(texts)) == []
    shown = quickstart("stack", "output", "--show-secrets", "token", expect=0).output.encode()
    assert secrets_in(iter([("shown on purpose", shown)])) == ["shown on purpose"]

    quickstart.destroy()
    emulator.controls.advance(5)
    assert {vehicle["status"] for vehicle in emulator.controls.vehicles()} == {"revoked"}
    assert not any(
        token["access_lives"] or token["refresh_lives"]
        for vehicle in emulator.controls.vehicles()
        for token in vehicle["tokens"]
    )
    assert quickstart.state() == []


def files_below(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        yield from (Path(parent) / name for name in names)
