"""What a user sees of a mistake: which vehicle, which call, the platform's words, what to do next."""

from __future__ import annotations

import json
from pathlib import Path

from pulumi_highmobility.testing import RunningEmulator

from ..engine.conftest import Project
from ..engine.test_mistakes import VEHICLE, VIN


def test_a_mercedes_without_odometer_is_said_at_preview(project: Project, emulator: RunningEmulator) -> None:
    project.program(f'hm.FleetVehicle("van", vin="{VIN}", brand="mercedes-benz")')
    run = project.preview(expect=1)
    assert "control_measures" in run.output
    assert "odometer" in run.output
    assert emulator.controls.requests() == []


def test_a_setting_with_a_typing_error_is_not_ignored(project: Project) -> None:
    project("config", "set", "highmobility:baseURL", "sandbox", expect=0)
    project.program(VEHICLE)
    run = project.up(expect=1)
    assert 'Did you mean "highmobility:baseUrl"?' in run.output


def test_an_emulator_that_is_not_running_is_said_so(
    project: Project, emulator: RunningEmulator, tmp_path: Path
) -> None:
    # Not an emulator that has ended: the next one of another test may get its port.
    credentials = emulator.credentials() | {"base_url": "http://127.0.0.1:9/v1"}
    file = tmp_path / "credentials.json"
    file.write_text(json.dumps(credentials))
    project.environment["HIGHMOBILITY_CREDENTIALS_FILE"] = str(file)
    project.program(VEHICLE)
    run = project.up(expect=1)
    assert "No answer from" in run.output
    assert "Is the emulator running?" in run.output
