"""What a user sees of a mistake: which vehicle, which call, the platform's words, what to do next."""

from __future__ import annotations

import json

import pytest

from pulumi_highmobility.testing import RunningEmulator

from .conftest import Project

pytestmark = pytest.mark.engine

VIN = "WBA8E9C50GK000001"
VEHICLE = f'van = hm.FleetVehicle("van", vin="{VIN}", brand="bmw")\n'


def test_a_bad_vin_is_said_at_preview_at_its_property_without_credentials(project: Project) -> None:
    del project.environment["HIGHMOBILITY_CREDENTIALS_FILE"]
    project.program('hm.FleetVehicle("van", vin="WBA8E9C50GK00000O", brand="bmw")')
    run = project.preview(expect=1)
    assert "property vin" in run.output
    assert '"O"' in run.output or "letter O" in run.output


def test_rows_that_are_no_objects_are_property_errors_at_preview(
    project: Project, emulator: RunningEmulator
) -> None:
    project.program(f'hm.Fleet("vans", vehicles=["{VIN}", ["{VIN}", "bmw"]], max_removals=float("inf"))')
    said = " ".join(project.preview(expect=1).output.split())
    assert f'has a problem: "{VIN}" is not a vehicle: give vin and brand.' in said
    assert "property vehicles[0] " in said
    assert "has a problem: a list is not a vehicle" in said
    assert "Traceback" not in said
    assert "bug in pulumi-highmobility" not in said
    assert emulator.controls.requests() == []


def test_an_unknown_brand_is_a_warning_at_preview_and_the_platforms_words_at_up(project: Project) -> None:
    project.program(f'hm.FleetVehicle("van", vin="{VIN}", brand="bwm")')
    preview = project.preview()
    assert "warning" in preview.output
    assert '"bmw"' in preview.output
    run = project.up(expect=1)
    assert f'FleetVehicle "van": Clearance of {VIN} was refused: "The brand is invalid"' in run.output
    assert "POST /fleets/vehicles" in run.output
    assert "Traceback" not in run.output


def test_one_bad_row_does_not_fail_the_others(project: Project, emulator: RunningEmulator) -> None:
    project.program(
        f"""
        hm.FleetVehicle("good", vin="{VIN}", brand="bmw")
        hm.FleetVehicle("bad", vin="WBA8E9C50GKERRR00"[:12] + "ERRR0", brand="bmw")
        hm.FleetVehicle("good too", vin="WBA8E9C50GK000002", brand="mini")
        """
    )
    run = project.up("--continue-on-error", expect=1)
    assert 'FleetVehicle "bad"' in run.output
    assert {resource["urn"].rpartition("::")[2] for resource in project.state()} == {"good", "good too"}
    assert len(emulator.controls.vehicles()) == 2


def test_missing_settings_are_named_with_both_of_their_names(project: Project) -> None:
    del project.environment["HIGHMOBILITY_CREDENTIALS_FILE"]
    project.program(VEHICLE)
    assert "ConnectedDrive" in project.preview().output
    run = project.up(expect=1)
    # Said by the preview, and not once more by the update.
    assert "ConnectedDrive" not in run.output
    assert "No credentials for High Mobility are set" in run.output
    assert "highmobility:serviceAccountKey (or HIGHMOBILITY_SERVICE_ACCOUNT_KEY)" in run.output


def test_a_wrong_key_is_named_by_its_id_and_not_shown(project: Project, emulator: RunningEmulator) -> None:
    credentials = emulator.credentials()
    credentials["service_account_key"]["private_key"] = credentials["oauth_private_key"]["private_key"]
    wrong = project.folder / "wrong.json"
    wrong.write_text(json.dumps(credentials))
    project.environment["HIGHMOBILITY_CREDENTIALS_FILE"] = str(wrong)
    project.program(VEHICLE)
    run = project.up(expect=1)
    assert "The platform answered 401 to POST /auth_tokens" in run.output
    assert "Missing or invalid assertion" in run.output
    assert f"The key's id is {credentials['service_account_key']['id']}" in run.output
    pem = credentials["service_account_key"]["private_key"].splitlines()
    assert not any(line in run.output for line in pem[1:-1])


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ('hm.Fleet("vans", vehicles=hm.vehicles_from_csv("vehicles.csv"))', "vehicles.csv, line 2: vin: "),
        (f'hm.get_fleet_vehicle("{VIN}")', f"GET /fleets/vehicles/{VIN}"),
        (f'pulumi.Output.from_input("{VIN}").apply(hm.get_fleet_vehicle)', f"GET /fleets/vehicles/{VIN}"),
    ],
)
def test_a_mistake_in_a_program_is_told_without_a_traceback(
    project: Project, program: str, said: str
) -> None:
    (project.folder / "vehicles.csv").write_text("vin,brand\nx,bmw\n")
    project.program(program)
    run = project.preview(expect=1)
    assert said in run.output
    assert "Traceback" not in run.output
    assert "unhandled exception" not in run.output


def test_settings_of_the_stack_are_secrets_in_its_state(project: Project, emulator: RunningEmulator) -> None:
    """The provider's own resource keeps the stack's config in state."""
    del project.environment["HIGHMOBILITY_CREDENTIALS_FILE"]
    credentials = emulator.credentials()
    project("config", "set", "highmobility:baseUrl", emulator.base_url, expect=0)
    project("config", "set", "highmobility:clientId", credentials["client_id"], expect=0)
    project("config", "set", "--secret", "highmobility:clientSecret", credentials["client_secret"], expect=0)
    project("config", "set", "highmobility:carmakerNotices", "false", expect=0)
    project.program(VEHICLE)
    assert "ConnectedDrive" not in project.preview().output
    project.up()
    assert project.resource("FleetVehicle", "van")["status"] == "pending"
    assert credentials["client_secret"] not in project("stack", "export", expect=0).output
