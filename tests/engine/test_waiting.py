"""Waits do not hold up the rest, and say what they see."""

from __future__ import annotations

import time

import pytest

from pulumi_highmobility.testing import RunningEmulator

from .conftest import Project

pytestmark = pytest.mark.engine

LATE = "WBA8E9C50GK000099"
WAITS = 6


def test_six_waits_hold_up_no_other_vehicle_and_share_one_poll(
    project: Project, emulator: RunningEmulator
) -> None:
    """A dynamic provider comes with four threads: with these alone, the late vehicle would never be asked for."""
    project.program(
        f"""
        waits = []
        for number in range({WAITS}):
            van = hm.FleetVehicle(f"slow-{{number}}", vin=f"WBA8E9C50G{{number:02}}APPR1", brand="bmw")
            waits.append(hm.VehicleApproval(f"slow-{{number}}", vehicle=van, timeout_minutes=5))
        quick = hm.FleetVehicle("quick", vin="WBA8E9C50GK000001", brand="bmw")
        approval = hm.VehicleApproval("quick", vehicle=quick, timeout_minutes=5)
        hm.FleetVehicle("late", vin="{LATE}", brand="bmw", opts=pulumi.ResourceOptions(depends_on=[approval]))
        """
    )
    process = project.start("up", "--parallel", "16")
    deadline = time.monotonic() + 300
    while not any(vehicle["vin"] == LATE for vehicle in emulator.controls.vehicles()):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "the waits hold up the late vehicle"
        time.sleep(0.1)
    emulator.controls.advance(3601)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert "is pending; waiting for it to be approved" in output
    polls = [
        line["vins"]
        for line in emulator.controls.requests()
        if line["method"] == "GET" and line["status"] == 200
    ]
    span_s = [line["time"] for line in emulator.controls.requests()]
    # Six waits that each polled once a second would ask six times as often.
    assert len(polls) <= (span_s[-1] - span_s[0]) * 1.5 + 10
