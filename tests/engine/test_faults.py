"""Every fault of the platform, at every call that the provider makes, on the real engine."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_highmobility.testing import RunningEmulator

from .conftest import Project

pytestmark = pytest.mark.engine

VIN = "WBA8E9C50GK000001"
PROGRAM = f"""
van = hm.FleetVehicle("van", vin="{VIN}", brand="bmw")
approval = hm.VehicleApproval("van", vehicle=van, timeout_minutes=2)
token = hm.VehicleAccessToken("van", vehicle=approval{{more}})
pulumi.export("token", token.access_token)
"""
FAULTS: list[dict[str, Any]] = [
    {"kind": "status", "status": 429, "retry_after": 2},
    {"kind": "status", "status": 429},
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 502},
    {"kind": "close_before"},
    {"kind": "close_after"},
    {"kind": "truncate"},
    {"kind": "delay", "seconds": 4},
    {"kind": "expire_token"},
]
# What each step of a life asks for, by route.
STEPS: list[tuple[str, list[tuple[str, str]]]] = [
    (
        "up",
        [
            ("POST", "/auth_tokens"),
            ("GET", f"/fleets/vehicles/{VIN}"),
            ("POST", "/fleets/vehicles"),
            ("GET", "/fleets/vehicles"),
            ("POST", "/fleets/access_tokens"),
        ],
    ),
    ("refresh", [("POST", "/auth_tokens"), ("GET", "/vehicleinfo")]),
    ("renew", [("POST", "/access_tokens")]),
    ("destroy", [("DELETE", "/access_tokens"), ("DELETE", f"/fleets/vehicles/{VIN}")]),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: "-".join(str(value) for value in fault.values()))
def test_a_life_converges_whatever_fails_once_at_each_call(
    project: Project, emulator: RunningEmulator, fault: dict[str, Any]
) -> None:
    """The delay is longer than the time-out, so that it is one."""
    project.environment["HIGHMOBILITY_REQUEST_TIMEOUT_SECONDS"] = "2"
    for step, routes in STEPS:
        for method, path in routes:
            emulator.controls.fault(**fault, method=method, path=path)
        if step == "renew":
            project.program(PROGRAM.format(more=", min_remaining_seconds=3600"))
            project.up()
        else:
            project.program(PROGRAM.format(more=""))
            {"up": project.up, "refresh": project.refresh, "destroy": project.destroy}[step]()
        assert emulator.controls.pending_faults() == [], f"{step} did not meet every fault"
        if step in ("up", "renew"):
            van = emulator.controls.vehicle(VIN)
            assert [change["status"] for change in van["changelog"]] == ["pending", "approved"]
            assert sum(token["access_lives"] for token in van["tokens"]) >= 1
            assert project.resource("VehicleAccessToken", "van")["status"] == "active"
            project.stays_as_it_is() if step == "up" else None
    emulator.controls.advance(5)
    van = emulator.controls.vehicle(VIN)
    assert [change["status"] for change in van["changelog"]] == ["pending", "approved", "revoking", "revoked"]
    assert not any(token["access_lives"] or token["refresh_lives"] for token in van["tokens"])
    assert project.state() == []


def test_a_platform_that_stays_down_fails_with_what_to_do_and_the_next_up_is_right(
    project: Project, emulator: RunningEmulator
) -> None:
    project.program(f'hm.FleetVehicle("van", vin="{VIN}", brand="bmw")')
    emulator.controls.fault("status", status=500, times=1000)
    run = project.up(expect=1)
    assert 'FleetVehicle "van": The platform answered 500' in run.output
    assert project.state() == []
    emulator.controls.clear_faults()
    project.up()
    assert [change["status"] for change in emulator.controls.vehicle(VIN)["changelog"]][:1] == ["pending"]
