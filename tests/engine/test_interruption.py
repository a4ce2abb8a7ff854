"""Killed or interrupted while any one request is under way: the next run converges, seen from both ends."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_highmobility.testing import RunningEmulator

from .conftest import Project, wait_until

pytestmark = pytest.mark.engine


VIN = "WBA8E9C50GK000001"
VEHICLE = f'van = hm.FleetVehicle("van", vin="{VIN}", brand="bmw")\n'
TOKEN = VEHICLE + 'token = hm.VehicleAccessToken("van", vehicle=van{more})\n'

# The requests of a life, in turn: while each is under way the run ends, and the next run converges.
CREATE = [("POST", "/auth_tokens"), ("GET", "/fleets/vehicles/{vin}"), ("POST", "/fleets/vehicles")]
ISSUE = [("POST", "/fleets/access_tokens")]
RENEW = [("POST", "/access_tokens")]
DELETE = [("DELETE", "/access_tokens"), ("DELETE", "/fleets/vehicles/{vin}")]


def processes_of(session: int) -> Iterator[int]:
    """Everything that was started from a session's leader: the engine, the program, the provider."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text()
            except OSError:
                continue
            state, *fields = stat.rpartition(")")[2].split()
            # A process that has ended and is not waited for yet is no longer one.
            if int(fields[2]) == session and state != "Z":
                yield int(folder.name)


def kill_all_of(session: int) -> None:
    """Until nothing of it runs: what is started while we look has to go, and what has ended meanwhile is no error."""
    while living := list(processes_of(session)):
        for number in living:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        time.sleep(0.01)


def interrupt(
    project: Project,
    emulator: RunningEmulator,
    command: list[str],
    moment: tuple[str, str],
    how: signal.Signals,
) -> str:
    """Run pulumi, and end it while the request is under way; the platform carries it out all the same."""
    method, path = moment
    emulator.controls.fault("delay", seconds=2, method=method, path=path)
    seen = len(emulator.controls.requests())
    process = project.start(*command)
    deadline = time.monotonic() + 300
    while emulator.controls.pending_faults():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, f"{method} {path} was never asked"
        time.sleep(0.02)
    if how is signal.SIGKILL:
        kill_all_of(process.pid)
    else:
        process.send_signal(how)
    output, _ = process.communicate(timeout=300)
    wait_until(
        lambda: any(line["fault"] == "delay" for line in emulator.controls.requests(after=seen)),
        "the platform never carried the request out",
    )
    if how is signal.SIGKILL:
        # The engine left its lock behind.
        project.recover()
    return output


@pytest.fixture(params=[signal.SIGKILL, signal.SIGINT], ids=["kill", "interrupt"])
def how(request: pytest.FixtureRequest) -> signal.Signals:
    """How a run ends."""
    return signal.Signals(request.param)


def requests_of(emulator: RunningEmulator, vin: str) -> int:
    """How often the clearance of a vehicle was requested."""
    changelog = emulator.controls.vehicle(vin)["changelog"]
    return [change["status"] for change in changelog].count("pending")


def enroll(project: Project, emulator: RunningEmulator) -> None:
    """Have the vehicle in the state, approved."""
    project.program(VEHICLE)
    project.up()
    emulator.controls.advance(2)
    project.refresh()


def test_a_create_that_ends_half_way_is_finished_by_the_next_run(
    project: Project, emulator: RunningEmulator, how: signal.Signals
) -> None:
    vins: list[str] = []
    for method, path in CREATE:
        # One more vehicle for each request, beside those that are there.
        vins.append(f"WBA8E9C50GK00000{len(vins) + 1}")
        project.program("".join(VEHICLE.replace(VIN, vin).replace("van", f"v{vin[-1]}") for vin in vins))
        interrupt(project, emulator, ["up"], (method, path.format(vin=vins[-1])), how)
        project.up()
        assert sorted(resource["id"] for resource in project.state()) == vins, path
        assert [requests_of(emulator, vin) for vin in vins] == [1] * len(vins), path
    project.up("--refresh")
    project.up("--expect-no-changes")


def test_a_token_whose_run_ends_half_way_is_there_after_the_next_run(
    project: Project, emulator: RunningEmulator, how: signal.Signals
) -> None:
    enroll(project, emulator)
    # A token that was issued while nobody could write it down lives until it expires or its vehicle is revoked: the
    # API has no call that lists tokens. An interrupted run still writes down what it has sent.
    lost = 1 if how is signal.SIGKILL else 0
    for turn, (more, moments) in enumerate((("", ISSUE), (", min_remaining_seconds=3600", RENEW)), 1):
        project.program(TOKEN.format(more=more))
        for moment in moments:
            interrupt(project, emulator, ["up"], moment, how)
            project.up()
        living = [token for token in emulator.controls.vehicle(VIN)["tokens"] if token["access_lives"]]
        assert 1 <= len(living) <= 1 + turn * lost
        assert project.resource("VehicleAccessToken", "van")["status"] == "active"
        assert requests_of(emulator, VIN) == 1


def test_a_destroy_that_ends_half_way_is_finished_by_the_next_run(
    project: Project, emulator: RunningEmulator, how: signal.Signals
) -> None:
    enroll(project, emulator)
    project.program(TOKEN.format(more=""))
    project.up()
    for method, path in DELETE:
        interrupt(project, emulator, ["destroy"], (method, path.format(vin=VIN)), how)
    project.destroy()
    emulator.controls.advance(5)
    van = emulator.controls.vehicle(VIN)
    assert van["status"] == "revoked"
    assert requests_of(emulator, VIN) == 1
    assert project.state() == []
    assert not any(token["refresh_lives"] for token in van["tokens"])


def test_ctrl_c_ends_a_wait_at_once(project: Project, emulator: RunningEmulator) -> None:
    project.program(
        """
        van = hm.FleetVehicle("van", vin="WBA8E9C50GK1STAY0", brand="bmw")
        hm.VehicleApproval("van", vehicle=van, timeout_minutes=30)
        """
    )
    process = project.start("up")
    while not any(
        line["path"] == "/fleets/vehicles" and line["method"] == "GET"
        for line in emulator.controls.requests()
    ):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    # Long before the half hour of the wait is over.
    output, _ = process.communicate(timeout=300)
    assert "interrupted" in output
    assert project.resource("FleetVehicle", "van")["status"] == "pending"


def test_ctrl_c_loses_no_token_whose_request_was_sent(project: Project, emulator: RunningEmulator) -> None:
    count = 8
    vehicles = f"""
vans = [hm.FleetVehicle(f"van-{{number}}", vin=f"WBA8E9C50GK00000{{number}}", brand="bmw") for number in range({count})]
"""
    project.program(vehicles)
    project.up()
    emulator.controls.advance(5)
    project.refresh()
    project.program(
        vehicles + 'for n, van in enumerate(vans): hm.VehicleAccessToken(f"van-{n}", vehicle=van)\n'
    )
    emulator.controls.fault("delay", seconds=2, times=count, method="POST", path="/fleets/access_tokens")
    process = project.start("up")
    deadline = time.monotonic() + 300
    while sum(fault["times"] for fault in emulator.controls.pending_faults()) > 2:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=300)
    time.sleep(0.1)
    living = sum(
        token["access_lives"] for vehicle in emulator.controls.vehicles() for token in vehicle["tokens"]
    )
    known = [resource for resource in project.state() if resource["type"].endswith("VehicleAccessToken")]
    assert len(known) == living >= count - 2
    emulator.controls.clear_faults()
    project.up()
    assert project.state()
    assert (
        sum(token["access_lives"] for vehicle in emulator.controls.vehicles() for token in vehicle["tokens"])
        == count
    )
