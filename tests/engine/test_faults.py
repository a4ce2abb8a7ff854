"""Every fault of the platform, at every call that the provider makes, on the real engine."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from pulumi_highmobility.emulator.app import Options
from pulumi_highmobility.emulator.server import serve_in_thread
from pulumi_highmobility.emulator.world.clock import EmulatorClock
from pulumi_highmobility.emulator.world.machine import Pace
from pulumi_highmobility.testing import RunningEmulator, serve_emulator, start_emulator

from ..ports import free_port
from .conftest import Project

pytestmark = pytest.mark.engine

VIN = "WBA8E9C50GK000001"
ASK = ("POST", "/fleets/vehicles")
PROGRAM = f"""
van = hm.FleetVehicle("van", vin="{VIN}", brand="bmw")
approval = hm.VehicleApproval("van", vehicle=van, timeout_minutes=2)
token = hm.VehicleAccessToken("van", vehicle=approval{{more}})
pulumi.export("token", token.access_token)
"""
# Each call meets the faults of a group one after the other.
FAULTS: dict[str, list[dict[str, Any]]] = {
    "429 without and with a pause, 500": [
        {"kind": "status", "status": 429},
        {"kind": "status", "status": 429, "retry_after": 2},
        {"kind": "status", "status": 500},
    ],
    "502, closed before, expired": [
        {"kind": "status", "status": 502},
        {"kind": "close_before"},
        {"kind": "expire_token"},
    ],
    # One at a time: what took effect is looked for, and not requested again.
    "closed after": [{"kind": "close_after"}],
    "cut off": [{"kind": "truncate"}],
    "too late": [{"kind": "delay", "seconds": 4}],
}
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


@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
def test_a_life_converges_whatever_fails_once_at_each_call(
    project: Project, emulator: RunningEmulator, faults: list[dict[str, Any]]
) -> None:
    """The delay is longer than the time-out, so that it is one."""
    project.environment["HIGHMOBILITY_REQUEST_TIMEOUT_SECONDS"] = "2"
    for step, routes in STEPS:
        for method, path in routes:
            for fault in faults:
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


@pytest.mark.parametrize("skew_s", [-60, 3600])
def test_a_life_converges_under_a_clock_that_is_off(tmp_path: Path, skew_s: int) -> None:
    """The platform takes a JWT's time within 30 s of its own, which it tells in its Date header."""
    credentials = tmp_path / "credentials.json"
    clock = EmulatorClock(wall=lambda: time.time() + skew_s)
    options = Options(pace=Pace(approve_after=1.0, revoke_after=0.5, cancel_after=0.5))
    with serve_in_thread(options, db=tmp_path / "emulator.db", clock=clock, credentials=credentials) as (
        emulator,
        _,
    ):
        project = Project(tmp_path / "project", {"HIGHMOBILITY_CREDENTIALS_FILE": str(credentials)})
        project.program(PROGRAM.format(more=""))
        project.up()
        assert project.resource("VehicleAccessToken", "van")["status"] == "active"
        project.refresh()
        project.stays_as_it_is()
        project.destroy()
        refused = [line for line in emulator.log.lines() if line["status"] == 401]
    # The first assertion is what tells of the skew.
    assert all(line["path"] == "/auth_tokens" for line in refused)
    assert refused, "the skew was not met"


def test_an_emulator_that_is_killed_and_started_again_in_the_midst_of_an_up_is_waited_for(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "emulator"
    folder.mkdir()
    port = free_port()
    with start_emulator(port=port, folder=folder, approve_after="6s") as first:
        project = Project(tmp_path / "project", first.environment)
        project.program(PROGRAM.format(more=""))
        process = project.start("up")
        deadline = time.monotonic() + 300
        while not any(line["method"] == "POST" and line["vins"] for line in first.controls.requests()):
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline, "nothing was asked for"
            time.sleep(0.05)
        first.process.kill()
        first.process.wait(300)
        time.sleep(2)
        with start_emulator(port=port, folder=folder, approve_after="6s") as again:
            output, _ = process.communicate(timeout=120)
            assert process.returncode == 0, output
            assert [change["status"] for change in again.controls.vehicle(VIN)["changelog"]] == [
                "pending",
                "approved",
            ]
            assert project.resource("VehicleAccessToken", "van")["status"] == "active"
            project.stays_as_it_is()


@pytest.mark.parametrize("answer", ["echo", "error"])
def test_either_answer_to_a_vin_that_is_registered_is_right(tmp_path: Path, answer: str) -> None:
    """The request takes effect, its answer is lost, and what a second one would get is not known."""
    with serve_emulator(approve_after="1s", on_duplicate=answer) as emulator:
        project = Project(tmp_path / "project", emulator.environment)
        project.program(PROGRAM.format(more=""))
        emulator.controls.fault("close_after", method="POST", path="/fleets/vehicles")
        project.up()
        other = Project(tmp_path / "other", emulator.environment)
        other.program(f'hm.FleetVehicle("van", vin="{VIN}", brand="bmw")')
        adopted = other.up()
        assert "adopted, no request was made" in adopted.output
        asked = [line for line in emulator.controls.requests() if (line["method"], line["path"]) == ASK]
        assert len(asked) == 1
        for one in (project, other):
            one.refresh()
            one.stays_as_it_is()


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
