"""VehicleAccessToken and VehicleApproval on the real engine: the token's life, seen from both ends."""

from __future__ import annotations

import textwrap

import httpx
import pytest

from pulumi_highmobility.testing import RunningEmulator

from ..cli.conftest import register
from .conftest import Project

pytestmark = pytest.mark.engine

VIN = "WBA8E9C50GK000001"
SLOW = "WBA8E9C50GK1APPR1"


# What a token's value is, without a run of pulumi to show the secret.
DIGEST = """
import hashlib
digest = token.access_token.apply(lambda value: value and hashlib.sha256(value.encode()).hexdigest())
pulumi.export("digest", pulumi.Output.unsecret(digest))
"""


def program(vin: str = VIN, more: str = "") -> str:
    return (
        f'van = hm.FleetVehicle("van", vin="{vin}", brand="bmw")\n'
        f'token = hm.VehicleAccessToken("van", vehicle=van{more})\n'
        f'{DIGEST}pulumi.export("status", token.status)\n'
    )


def living(emulator: RunningEmulator, vin: str) -> list[str]:
    return [
        token["access_sha256"] for token in emulator.controls.vehicle(vin)["tokens"] if token["access_lives"]
    ]


def value(project: Project) -> str:
    return str(project.outputs()["digest"])


def approved(emulator: RunningEmulator) -> None:
    """Register the vehicle and have it approved: the first `up` adopts it, and issues the token."""
    register(emulator, [{"vin": VIN, "brand": "bmw"}])
    emulator.controls.advance(5)


def test_a_token_waits_for_clearance_and_comes_with_the_up_that_sees_it(
    project: Project, emulator: RunningEmulator
) -> None:
    project.program(program(SLOW))
    project.up()
    assert project.outputs()["status"] == "awaiting_clearance"
    project.up("--expect-no-changes")
    assert emulator.controls.vehicle(SLOW)["tokens"] == []
    emulator.controls.advance(3601)
    run = project.up("--refresh")
    assert run.summary()["updated"] == 1
    assert project.outputs()["status"] == "active"
    assert living(emulator, SLOW) == [value(project)]
    project.up("--refresh", "--expect-no-changes")


def test_an_approval_lets_the_token_come_in_the_same_up(project: Project, emulator: RunningEmulator) -> None:
    project.program(
        f"""
        van = hm.FleetVehicle("van", vin="{VIN}", brand="bmw")
        approval = hm.VehicleApproval("van", vehicle=van, timeout_minutes=1)
        token = hm.VehicleAccessToken("van", vehicle=approval)
        """
        + textwrap.indent(DIGEST, " " * 8)
    )
    project.up()
    assert living(emulator, VIN) == [value(project)]
    emulator.controls.advance(1)
    project.up("--refresh", "--expect-no-changes")
    project.stays_as_it_is()


def test_a_token_revoked_elsewhere_is_issued_again(project: Project, emulator: RunningEmulator) -> None:
    approved(emulator)
    project.program(program() + 'pulumi.export("token", token.access_token)\n')
    project.up()
    first = value(project)
    credentials = emulator.credentials()
    outputs = project.outputs(secrets=True)
    httpx.request(
        "DELETE",
        f"{emulator.base_url}/access_tokens",
        json={
            "token": outputs["token"],
            "client_id": credentials["client_id"],
            "client_secret": credentials["client_secret"],
        },
    ).raise_for_status()
    project.up("--refresh")
    assert value(project) != first
    assert living(emulator, VIN) == [value(project)]


def test_deleting_revokes_the_pair_and_an_unknown_one_is_success(
    project: Project, emulator: RunningEmulator
) -> None:
    approved(emulator)
    project.program(program() + 'hm.VehicleAccessToken("second", vehicle=van)\n')
    project.up()
    project.program(f'van = hm.FleetVehicle("van", vin="{VIN}", brand="bmw")')
    project.up()
    assert living(emulator, VIN) == []
    assert not any(token["refresh_lives"] for token in emulator.controls.vehicle(VIN)["tokens"])
