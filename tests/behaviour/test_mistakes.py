"""What a user sees of a mistake: which vehicle, which call, the platform's words, what to do next."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

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
    # Also where there is nothing to sign in with.
    del project.environment["HIGHMOBILITY_CREDENTIALS_FILE"]
    assert 'Did you mean "highmobility:baseUrl"?' in project.preview(expect=1).output
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


def test_a_misspelt_variable_is_told_at_preview_without_credentials(project: Project) -> None:
    project.program(VEHICLE)
    del project.environment["HIGHMOBILITY_CREDENTIALS_FILE"]
    project.environment["HIGHMOBILITY_BASEURL"] = "sandbox"
    run = project.preview(expect=1)
    assert "Did you mean HIGHMOBILITY_BASE_URL?" in run.output
    assert "Traceback" not in run.output


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ('hm.Fleet("vans", vehicles=hm.vehicles_from_csv("nowhere.csv"))', "nowhere.csv"),
        (
            f'hm.Fleet("vans", vehicles=[{{"vin": "{VIN}", "brand": "bmw"}}]).vehicle("x")',
            "is not a valid VIN",
        ),
        (f'hm.VehicleApproval("van", vehicle="{VIN}")', "vehicle takes a FleetVehicle"),
    ],
)
def test_a_mistake_in_the_arguments_is_told_without_a_traceback(
    project: Project, program: str, said: str
) -> None:
    (project.folder / "vehicles.csv").write_text("vin,brand\nx,bmw\n")
    project.program(program)
    run = project.preview(expect=1)
    assert said in run.output
    assert "Traceback" not in run.output
    assert "unhandled exception" not in run.output
