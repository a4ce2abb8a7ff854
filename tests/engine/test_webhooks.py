"""From a carmaker's approval to the token in the stack, with nobody typing."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pulumi_highmobility.testing import RunningEmulator, serve_emulator

from .conftest import Project

pytestmark = pytest.mark.engine

VIN = "WBA8E9C50GK000001"
SECRET = "of-the-tests-8f1e"


@pytest.fixture
def emulator() -> Iterator[RunningEmulator]:
    """Carmakers decide when the test moves the time on."""
    with serve_emulator(approve_after="1h") as running:
        yield running


PROGRAM = f"""
van = hm.FleetVehicle("van", vin="{VIN}", brand="bmw")
token = hm.VehicleAccessToken("van", vehicle=van)
"""


@contextmanager
def receiver(project: Project, folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`webhook serve` for the project's stack, with its inbox in a folder, and its address."""
    command = ["pulumi-highmobility", "webhook", "serve", "--port", "0"]
    command += ["--db", str(folder / "inbox.db"), "--stack", "test", "--cwd", str(project.folder)]
    environment = {**project.environment, "HIGHMOBILITY_WEBHOOK_SECRET": SECRET}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        said, _ = process.communicate(timeout=300)
    # Asked to end it ends well; the test itself may have killed it.
    assert process.returncode in (0, -signal.SIGKILL), said


def until_active(project: Project, folder: Path) -> None:
    deadline = time.monotonic() + 300
    while project.resource("VehicleAccessToken", "van")["status"] != "active":
        logs = [log.read_text() for log in folder.glob("runs/*.log")]
        assert time.monotonic() < deadline, logs
        time.sleep(0.2)


def test_an_approval_brings_the_token_by_a_webhook(
    project: Project, emulator: RunningEmulator, tmp_path: Path
) -> None:
    project.program(PROGRAM)
    project.up()
    assert project.resource("VehicleAccessToken", "van")["status"] == "awaiting_clearance"
    with receiver(project, tmp_path) as (_, url):
        emulator.controls.add_webhook(url, SECRET)
        emulator.controls.advance(3600)
        until_active(project, tmp_path)
    # The run had its end, and nobody else's lock is left.
    project.stays_as_it_is()


def test_a_receiver_that_is_killed_during_a_run_takes_it_up_again_and_issues_no_second_token(
    project: Project, emulator: RunningEmulator, tmp_path: Path
) -> None:
    project.program(PROGRAM)
    project.up()
    with receiver(project, tmp_path) as (process, url):
        emulator.controls.add_webhook(url, SECRET)
        emulator.controls.fault("delay", seconds=4, method="POST", path="/fleets/access_tokens")
        emulator.controls.advance(3600)
        deadline = time.monotonic() + 300
        while emulator.controls.pending_faults():
            assert time.monotonic() < deadline, "no run came to the token"
            time.sleep(0.05)
        process.kill()
    # Its run of pulumi goes on and holds the lock; the next receiver waits for it, and finds nothing left to do.
    with receiver(project, tmp_path):
        until_active(project, tmp_path)
        deadline = time.monotonic() + 300
        while (
            len(ended := [log for log in tmp_path.glob("runs/*.log") if "Duration:" in log.read_text()]) < 2
        ):
            assert time.monotonic() < deadline, [log.read_text() for log in tmp_path.glob("runs/*.log")]
            time.sleep(0.2)
    assert "unchanged" in max(ended).read_text()
    assert sum(token["access_lives"] for token in emulator.controls.vehicle(VIN)["tokens"]) == 1
    project.stays_as_it_is()
