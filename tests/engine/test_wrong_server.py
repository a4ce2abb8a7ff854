"""Another server, or another application's credentials: nothing is lost, and nothing is done there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_highmobility.testing import RunningEmulator, serve_emulator

from .conftest import Project

pytestmark = pytest.mark.engine

PROGRAM = """
van = hm.FleetVehicle("van", vin="WBA8E9C50GK000001", brand="bmw")
approval = hm.VehicleApproval("van", vehicle=van, timeout_minutes=2)
hm.VehicleAccessToken("van", vehicle=approval)
hm.Fleet("vans", vehicles=[dict(vin=f"WBA8E9C50GK00010{number}", brand="bmw") for number in range(4)])
"""


@pytest.fixture
def two_applications(tmp_path: Path) -> Iterator[tuple[RunningEmulator, Path]]:
    """An emulator with two applications, and the credentials of the second."""
    with serve_emulator("--application", "one", "--application", "two", approve_after="1s") as running:
        other = running.credentials_file.with_name(f"{running.credentials_file.stem}-two.json")
        yield running, other


def test_another_server_is_an_error_until_the_move_is_meant(
    project: Project, emulator: RunningEmulator
) -> None:
    project.program(PROGRAM)
    project.up()
    before = project.state()
    with serve_emulator(approve_after="1s") as other:
        project.environment |= other.environment
        # First and last in the program: the engine creates what is new while it still compares the rest.
        first, last = (
            f'hm.FleetVehicle("{number}", vin="WBA8E9C50GK00002{number}", brand="bmw")\n' for number in (1, 2)
        )
        project.program(first + PROGRAM + last)
        for command in (project.preview, project.up, project.refresh, project.destroy):
            run = command(expect=1)
            assert f"The stack's state was last read from {emulator.base_url}" in run.output
            assert f"is {other.base_url} now" in run.output
            assert "highmobility:movedFrom" in run.output
        assert other.controls.vehicles() == []
        assert [resource["id"] for resource in project.state()] == [resource["id"] for resource in before]
        assert {vehicle["status"] for vehicle in emulator.controls.vehicles()} == {"approved"}

        project.environment["HIGHMOBILITY_MOVED_FROM"] = emulator.base_url
        project.program(PROGRAM)
        project.up("--refresh")
        del project.environment["HIGHMOBILITY_MOVED_FROM"]
        project.up()
        assert len(other.controls.vehicles()) == 5
        assert len(emulator.controls.vehicles()) == 5
        assert {vehicle["status"] for vehicle in emulator.controls.vehicles()} == {"approved"}


@pytest.mark.parametrize(
    "program",
    [
        'new = hm.FleetVehicle("new", vin="WBA8E9C50GK000002", brand="bmw")\n'
        'hm.FleetVehicle("van", vin="WBA8E9C50GK000001", brand="bmw", opts=pulumi.ResourceOptions(depends_on=new))',
        'hm.FleetVehicle("new", vin="WBA8E9C50GK000002", brand="bmw")',
        'hm.FleetVehicle("renamed", vin="WBA8E9C50GK000001", brand="bmw")',
        'hm.FleetVehicle("van", vin="WBA8E9C50GK000001", brand="bmw", '
        'opts=pulumi.ResourceOptions(parent=pulumi.ComponentResource("my:Depot", "depot")))',
        'hm.Fleet("vans", vehicles=[dict(vin="WBA8E9C50GK000001", brand="bmw")])',
        'hm.FleetVehicle("new", vin="WBA8E9C50GK000002", brand="bmw")\nraise RuntimeError("half of a program")',
        "",
    ],
    ids=[
        "depends on a new one",
        "only new",
        "renamed",
        "given a parent",
        "moved into a fleet",
        "fails half-way",
        "gone",
    ],
)
def test_nothing_is_created_kept_or_ended_at_another_server_whatever_the_program_declares(
    project: Project, emulator: RunningEmulator, program: str
) -> None:
    """The stack's saved state tells of the server, before anything is done."""
    project.program('hm.FleetVehicle("van", vin="WBA8E9C50GK000001", brand="bmw")')
    project.up()
    before = project.state()
    project.program(program)
    with serve_emulator(approve_after="0s", revoke_after="0s") as other:
        project.environment |= other.environment
        run = project.up(expect=1)
        assert f"The stack's state was last read from {emulator.base_url}" in run.output
        assert [
            line["method"] for line in other.controls.requests() if line["path"] == "/fleets/vehicles"
        ] == []
        assert other.controls.vehicles() == []
        assert project.state() == before
        if "raise" in program:
            return
        # The advice leads to a stack that runs.
        project.environment["HIGHMOBILITY_MOVED_FROM"] = emulator.base_url
        project.refresh("--run-program")
        project.up()
        del project.environment["HIGHMOBILITY_MOVED_FROM"]
        project.up()
        project.stays_as_it_is()
        assert {vehicle["status"] for vehicle in emulator.controls.vehicles()} <= {"pending", "approved"}


def test_a_move_set_in_the_config_reaches_a_refresh_that_runs_the_program(
    project: Project, emulator: RunningEmulator
) -> None:
    def set_server(file: Path) -> None:
        project("config", "set", "highmobility:credentialsFile", str(file), expect=0)

    del project.environment["HIGHMOBILITY_CREDENTIALS_FILE"]
    set_server(emulator.credentials_file)
    project.program('hm.FleetVehicle("one", vin="WBA8E9C50GK000001", brand="bmw")\n')
    project.up()
    with serve_emulator(approve_after="1s") as other:
        set_server(other.credentials_file)
        # Pulumi gives a refresh the config of the last `up`: it looks at the server that the state is about.
        assert f"using {emulator.base_url}" in project.refresh().output
        project("config", "set", "highmobility:movedFrom", emulator.base_url, expect=0)
        assert f"using {other.base_url}" in project.refresh("--run-program").output
        project.up()
        project("config", "rm", "highmobility:movedFrom", expect=0)
        project.stays_as_it_is()
        assert len(other.controls.vehicles()) == 1
        assert {vehicle["status"] for vehicle in emulator.controls.vehicles()} == {"approved"}


def test_another_applications_credentials_lose_nothing_and_a_rotated_key_is_no_matter(
    tmp_path: Path, two_applications: tuple[RunningEmulator, Path]
) -> None:
    emulator, other = two_applications
    project = Project(tmp_path / "project", emulator.environment)
    project.program(PROGRAM)
    project.up()
    emulator.controls.advance(5)
    project.refresh()
    project.environment["HIGHMOBILITY_CREDENTIALS_FILE"] = str(other)
    for command in (project.refresh, project.destroy):
        flags = ["--continue-on-error"] if command == project.destroy else []
        run = command(*flags, expect=1)
        assert "Do these belong to another application?" in run.output
        if command == project.refresh:
            assert "WBA8E9C50GK000001: in the stack's state, last seen with the credentials" in run.output
            assert "WBA8E9C50GK000100, WBA8E9C50GK000101, WBA8E9C50GK000102 and 1 more" in run.output
        else:
            # Before anything is ended all that the stack holds is looked at.
            assert "WBA8E9C50GK000001, WBA8E9C50GK000100, WBA8E9C50GK000101 and 2 more" in run.output
        kinds = {resource["type"].rpartition(":")[2] for resource in project.state()}
        assert kinds == {"FleetVehicle", "VehicleApproval", "VehicleAccessToken", "Fleet", "FleetRemovals"}
    assert {vehicle["status"] for vehicle in emulator.controls.vehicles()} == {"approved"}

    # The application's own again, with another key: all is as before.
    rotated = emulator.credentials()
    del rotated["service_account_key"], rotated["oauth_private_key"]
    file = project.folder / "rotated.json"
    file.write_text(json.dumps(rotated))
    project.environment["HIGHMOBILITY_CREDENTIALS_FILE"] = str(file)
    project.up("--refresh")
    project.stays_as_it_is()
    assert project.resource("FleetVehicle", "van")["registered_with"] == (
        f"{emulator.base_url} {rotated['client_id']}"
    )
    project.destroy()
    emulator.controls.advance(5)
    assert {vehicle["status"] for vehicle in emulator.controls.vehicles()} == {"revoked"}


def test_a_base_url_without_its_version_loses_nothing(project: Project, emulator: RunningEmulator) -> None:
    """Every call gets a 404 there, which says nothing about a vehicle."""
    project.program(PROGRAM)
    project.up()
    wrong = emulator.credentials() | {"base_url": emulator.base_url.removesuffix("/v1")}
    file = project.folder / "wrong.json"
    file.write_text(json.dumps(wrong))
    project.environment["HIGHMOBILITY_CREDENTIALS_FILE"] = str(file)
    # Even where the move is meant: what is found there decides nothing.
    project.environment["HIGHMOBILITY_MOVED_FROM"] = emulator.base_url
    for command in (project.refresh, project.destroy):
        run = command(expect=1)
        assert f"{wrong['base_url']} answered 404" in run.output
        assert "not an answer of the platform's API" in run.output
    assert len(project.state()) == 5
    assert {vehicle["status"] for vehicle in emulator.controls.vehicles()} == {"approved"}


def test_a_secret_that_was_set_in_plain_is_told_at_every_run(
    project: Project, emulator: RunningEmulator
) -> None:
    credentials = emulator.credentials()
    project.environment.pop("HIGHMOBILITY_CREDENTIALS_FILE")
    project("config", "set", "highmobility:baseUrl", emulator.base_url, expect=0)
    project("config", "set", "highmobility:clientId", credentials["client_id"], expect=0)
    project(
        "config", "set", "--plaintext", "highmobility:clientSecret", credentials["client_secret"], expect=0
    )
    project.program(PROGRAM)
    run = project.preview()
    assert run.output.rpartition("Diagnostics:")[2].count("set without --secret") == 1
    assert "pulumi config set --secret highmobility:clientSecret" in run.output
    project.environment["HIGHMOBILITY_REQUIRE_SECRET_CONFIG"] = "true"
    assert "set without --secret" in project.preview(expect=1).output


def test_a_misspelt_key_is_an_error_of_the_functions_too(project: Project, emulator: RunningEmulator) -> None:
    project("config", "set", "highmobility:baseURL", "sandbox", expect=0)
    project.program('pulumi.export("fleet", [vehicle.vin for vehicle in hm.get_fleet(brand="BMW")])')
    assert 'Did you mean "highmobility:baseUrl"?' in project.preview(expect=1).output
    project("config", "rm", "highmobility:baseURL", expect=0)
    project.preview()
