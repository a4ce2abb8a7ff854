"""From a carmaker's approval to the token in the stack, with nobody typing."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_highmobility.testing import RunningEmulator, start_emulator

from .conftest import Project

pytestmark = pytest.mark.engine

VIN = "WBA8E9C50GK000001"
SECRET = "of-the-tests-8f1e"


@pytest.fixture
def emulator() -> Iterator[RunningEmulator]:
    """Carmakers decide when the test moves the time on."""
    with start_emulator(approve_after="1h") as running:
        yield running


def test_an_approval_brings_the_token_by_a_webhook(
    project: Project, emulator: RunningEmulator, tmp_path: Path
) -> None:
    project.program(
        f"""
        van = hm.FleetVehicle("van", vin="{VIN}", brand="bmw")
        token = hm.VehicleAccessToken("van", vehicle=van)
        """
    )
    project.up()
    assert project.resource("VehicleAccessToken", "van")["status"] == "awaiting_clearance"
    command = ["pulumi-highmobility", "webhook", "serve", "--port", "0"]
    command += ["--db", str(tmp_path / "inbox.db"), "--stack", "test", "--cwd", str(project.folder)]
    environment = {**project.environment, "HIGHMOBILITY_WEBHOOK_SECRET": SECRET}
    receiver = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert receiver.stdout is not None
        url = receiver.stdout.readline().split()[-1]
        emulator.controls.add_webhook(url, SECRET)
        emulator.controls.advance(3600)
        deadline = time.monotonic() + 90
        while project.resource("VehicleAccessToken", "van")["status"] != "active":
            logs = [log.read_text() for log in tmp_path.glob("runs/*.log")]
            assert time.monotonic() < deadline, logs
            time.sleep(0.2)
    finally:
        receiver.terminate()
        said, _ = receiver.communicate(timeout=60)
    assert receiver.returncode == 0, said
    # The run had its end, and nobody else's lock is left.
    project.stays_as_it_is()
