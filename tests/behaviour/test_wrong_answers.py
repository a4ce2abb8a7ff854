"""Nothing is concluded from one answer that could be wrong, and nothing is ended for a request that is known to fail."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_highmobility.testing import RunningEmulator

from ..cli.conftest import register
from ..engine.conftest import Project
from ..engine.test_ending import approved
from ..engine.test_moves import fleet, is_settled, vehicle, vin, writes
from ..engine.test_wrong_answers import SINGLES, listed


def test_a_list_that_lacks_more_than_can_be_asked_for_ends_the_run(
    project: Project, emulator: RunningEmulator
) -> None:
    approved(project, emulator, fleet(*range(120)))
    emulator.controls.fault("answer", method="GET", path="/fleets/vehicles", body="[]")
    run = project.refresh(expect=1)
    assert "lacks 120 of 120 vehicles that this Fleet holds" in run.output
    assert "Run the same command again" in run.output.replace("\n", " ")
    project.refresh()
    assert project.resource("Fleet", "fleet")["counts"] == {"approved": 120}


@pytest.mark.parametrize(
    "change",
    [
        {"tags": {"customer": "globex"}},
        {"tags": {}},
        {"brand": "BMW"},
        {"brand": "mini"},
        {"brand": None, "tags": None},
    ],
    ids=["other tags", "no tags", "BMW", "another brand", "neither"],
)
def test_drift_of_tags_or_brand_ends_no_clearance(
    project: Project, emulator: RunningEmulator, change: dict[str, Any]
) -> None:
    rows = fleet(5, 6).replace('brand="bmw"', 'brand="bmw", tags={"customer": "acme"}')
    approved(project, emulator, SINGLES + rows)
    body = listed(emulator, lambda row: {**row, **change})
    emulator.controls.fault("answer", method="GET", path="/fleets/vehicles", body=body, times=4)
    run = project.up("--refresh")
    assert writes(emulator) == []
    is_drift = change not in ({"brand": "BMW"}, {"brand": None, "tags": None})
    assert ("no clearance ends because of it" in run.output) is is_drift
    emulator.controls.clear_faults()
    project.up("--refresh")
    assert writes(emulator) == []
    is_settled(project, emulator)


def test_a_vehicle_adopted_without_tags_is_not_said_to_have_them(
    project: Project, emulator: RunningEmulator
) -> None:
    register(emulator, [{"vin": vin(1), "brand": "bmw"}, {"vin": vin(2), "brand": "bmw"}])
    emulator.controls.advance(60)
    emulator.controls.clear_requests()
    tags = ', tags={"customer": "acme"}'
    project.program(vehicle("van", 1, tags) + fleet(2).replace('brand="bmw"', 'brand="bmw"' + tags))
    run = project.up()
    assert f"{vin(1)} is registered without tags according to GET /fleets/vehicles" in run.output
    assert project.resource("FleetVehicle", "van")["tags"] == {}
    assert '"registered": {"' + vin(2) in project.resource("Fleet", "fleet")["registry"]
    assert writes(emulator) == []
    is_settled(project, emulator)
    assert writes(emulator) == []


def test_texts_that_look_the_same_end_nothing_or_are_told_by_their_code_points(
    project: Project, emulator: RunningEmulator
) -> None:
    composed, decomposed, apart = "K\u00f6ln", "Ko\u0308ln", "K\u00f6ln\u00a0Nord"

    def program(city: str) -> str:
        tags = f', tags={{"city": "{city}"}}'
        return vehicle("van", 1, tags) + fleet(2).replace('brand="bmw"', 'brand="bmw"' + tags)

    approved(project, emulator, program(decomposed))
    assert emulator.controls.vehicle(vin(1))["tags"] == {"city": composed}
    project.program(program(composed))
    project.stays_as_it_is()
    project.program(program("K\u00f6ln Nord"))
    project.up()
    emulator.controls.advance(60)
    project.program(program(apart))
    output = project.preview().output
    assert "U+00A0 (NO-BREAK SPACE), not U+0020 (SPACE)" in output
