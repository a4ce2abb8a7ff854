"""VehicleAccessToken and VehicleApproval on the real engine: the token's life, seen from both ends."""

from __future__ import annotations

import json

from pulumi_highmobility.testing import RunningEmulator, serve_emulator

from ..engine.conftest import Project
from ..engine.test_vehicle_access_token import DIGEST, SLOW, VIN, approved, living, program, value


def test_a_rejection_fails_the_approval_alone(project: Project) -> None:
    project.program(
        """
        van = hm.FleetVehicle("van", vin="WBA8E9C50GK1REJ01", brand="bmw")
        hm.VehicleApproval("van", vehicle=van, timeout_minutes=1)
        """
    )
    run = project.up(expect=1)
    assert 'VehicleApproval "van"' in run.output
    assert "rejected: waiting longer cannot help" in run.output
    assert "the vehicle is not eligible" in run.output
    assert [resource["type"].rpartition(":")[2] for resource in project.state()] == ["FleetVehicle"]


def test_an_approval_that_takes_too_long_fails_alone_and_is_waited_for_again(
    project: Project, emulator: RunningEmulator
) -> None:
    project.program(
        f"""
        van = hm.FleetVehicle("van", vin="{SLOW}", brand="bmw")
        hm.VehicleApproval("van", vehicle=van, timeout_minutes=0.05)
        """
    )
    run = project.up(expect=1)
    assert "waited 3 s for it to be approved" in run.output
    assert len(project.state()) == 1
    emulator.controls.advance(3601)
    project.up()
    assert len(project.state()) == 2


def test_a_token_is_kept_however_little_is_left_unless_a_minimum_is_set(
    project: Project, emulator: RunningEmulator
) -> None:
    approved(emulator)
    project.program(program())
    project.up()
    first = value(project)
    project.up("--refresh", "--expect-no-changes")
    project.program(program(more=", min_remaining_seconds=3600"))
    run = project.up()
    assert run.summary()["updated"] == 1
    assert value(project) != first
    assert living(emulator, VIN) == [value(project)]
    # More than any token has: said once, and not tried again at each `up`.
    assert "min_remaining_seconds is 3600, and the platform's access tokens live 600 s" in run.output
    project.up("--expect-no-changes")


def test_a_dead_refresh_token_is_made_up_for_by_a_new_request(
    project: Project, emulator: RunningEmulator
) -> None:
    approved(emulator)
    project.program(program())
    project.up()
    emulator.controls.fault("status", method="POST", path="/access_tokens", status=400)
    project.program(program(more=", min_remaining_seconds=3600"))
    run = project.up()
    assert "the refresh token has expired or was revoked" in run.output
    assert value(project) in living(emulator, VIN)


def test_changed_keepers_issue_a_new_token_and_revoke_the_old(
    project: Project, emulator: RunningEmulator
) -> None:
    approved(emulator)
    project.program(program(more=', keepers={"rotation": "1"}'))
    project.up()
    first = value(project)
    project.program(program(more=', keepers={"rotation": "2"}'))
    project.up()
    assert value(project) != first
    assert living(emulator, VIN) == [value(project)]


def test_a_clearance_lost_and_back_brings_a_new_token(project: Project, emulator: RunningEmulator) -> None:
    approved(emulator)
    project.program(program())
    project.up()
    emulator.controls.move(VIN, "revoked")
    project.up("--refresh")
    assert project.outputs()["status"] == "awaiting_clearance"
    assert "access_token" not in project.resource("VehicleAccessToken", "van")
    project.up("--refresh", "--expect-no-changes")
    project.program(program().replace('brand="bmw"', 'brand="bmw", retry_revoked=True', 1))
    project.up("--refresh")
    changes = [change["status"] for change in emulator.controls.vehicle(VIN)["changelog"]]
    assert changes[:4] == ["pending", "approved", "revoked", "pending"]
    emulator.controls.advance(5)
    project.up("--refresh")
    assert living(emulator, VIN) == [value(project)]
    project.up("--refresh", "--expect-no-changes")


def test_several_tokens_for_one_vehicle_live_apart(project: Project, emulator: RunningEmulator) -> None:
    approved(emulator)
    two = program() + 'hm.VehicleAccessToken("second", vehicle=van)\n'
    project.program(two)
    project.up()
    assert len(living(emulator, VIN)) == 2
    project.program(program())
    project.up()
    assert living(emulator, VIN) == [value(project)]


def test_a_vehicle_outside_the_stack_gets_a_token_by_its_vin(
    project: Project, emulator: RunningEmulator
) -> None:
    approved(emulator)
    project.program(f'token = hm.VehicleAccessToken("van", vin="{VIN}"){DIGEST}')
    project.up()
    assert living(emulator, VIN) == [value(project)]
    project.up("--refresh", "--expect-no-changes")


def test_a_vin_that_is_not_registered_anywhere_is_an_error(project: Project) -> None:
    project.program(f'hm.VehicleAccessToken("van", vin="{VIN}")')
    run = project.up(expect=1)
    assert f"{VIN} is not registered in this application" in run.output


def test_without_the_oauth_client_a_delete_says_that_the_token_lives_on(project: Project) -> None:
    with serve_emulator(approve_after="0s") as emulator:
        credentials = emulator.credentials()
        del credentials["client_id"], credentials["client_secret"], credentials["oauth_private_key"]
        key_only = project.folder / "key-only.json"
        key_only.write_text(json.dumps(credentials))
        project.environment["HIGHMOBILITY_CREDENTIALS_FILE"] = str(key_only)
        project.program(program())
        project.up()
        assert project.outputs()["status"] == "active"
        run = project.destroy()
        assert "it stays valid until it expires" in run.output
