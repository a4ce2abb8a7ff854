"""Nothing is concluded from one answer that could be wrong, and nothing is ended for a request that is known to fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pulumi_highmobility.testing import RunningEmulator

from ..cli.conftest import register
from .conftest import Project
from .test_ending import OTHERS, approved, held
from .test_moves import fleet, is_settled, statuses, vehicle, vin, writes

pytestmark = pytest.mark.engine

SINGLES = "".join(vehicle(f"van-{number}", number, ', tags={"customer": "acme"}') for number in range(1, 5))


def listed(emulator: RunningEmulator, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> str:
    """The list as the platform gives it, each row changed, or left out where that gives None."""
    rows = []
    for one in emulator.controls.vehicles():
        row = {name: one[name] for name in ("vin", "status", "brand", "tags", "changelog")}
        changed = change({name: value for name, value in row.items() if value is not None})
        if changed is not None:
            rows.append(changed)
    return json.dumps(rows)


@pytest.mark.parametrize("lacks", ["everything", "some"])
def test_a_list_that_lacks_vehicles_once_drops_none(
    project: Project, emulator: RunningEmulator, lacks: str
) -> None:
    """Each is asked for by VIN; a destroy after it leaves none of them at the platform."""
    approved(project, emulator, SINGLES + fleet(5, 6, 7))
    body = (
        "[]"
        if lacks == "everything"
        else listed(emulator, lambda row: row if row["vin"][-1] in "37" else None)
    )
    emulator.controls.fault("answer", method="GET", path="/fleets/vehicles", body=body)
    project.refresh()
    assert not [fault for fault in emulator.controls.pending_faults() if fault["kind"] == "answer"]
    assert held(project) == [vin(number) for number in range(1, 8)]
    project.stays_as_it_is()
    project.destroy()
    emulator.controls.advance(60)
    assert set(statuses(emulator).values()) == {"revoked"}


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
    assert ("no clearance ends for it" in run.output) is is_drift
    emulator.controls.clear_faults()
    project.up("--refresh")
    assert writes(emulator) == []
    is_settled(project, emulator)


@pytest.mark.parametrize(
    "row",
    [
        {"changelog": None},
        {"changelog": [None, {"timestamp": None, "status": "approved", "reason": None}]},
        {"status": 5},
    ],
    ids=["null changelog", "nulls in it", "a row that cannot be read"],
)
def test_one_odd_row_costs_that_vehicle_alone(
    project: Project, emulator: RunningEmulator, row: dict[str, Any]
) -> None:
    approved(project, emulator, SINGLES + fleet(5, 6))
    body = listed(emulator, lambda one: {**one, **row} if one["vin"][-1] in "15" else one)
    emulator.controls.fault("answer", method="GET", path="/fleets/vehicles", body=body, times=4)
    unreadable = "status" in row
    run = project.refresh(expect=int(unreadable))
    assert (f"The platform's row of {vin(1)} cannot be read" in run.output) is unreadable
    emulator.controls.clear_faults()
    project.refresh()
    assert held(project) == [vin(number) for number in range(1, 7)]
    project.stays_as_it_is()
    assert writes(emulator) == []


def test_a_vehicle_adopted_without_tags_is_not_said_to_have_them(
    project: Project, emulator: RunningEmulator
) -> None:
    register(emulator, [{"vin": vin(1), "brand": "bmw"}, {"vin": vin(2), "brand": "bmw"}])
    emulator.controls.advance(60)
    emulator.controls.clear_requests()
    tags = ', tags={"customer": "acme"}'
    project.program(vehicle("van", 1, tags) + fleet(2).replace('brand="bmw"', 'brand="bmw"' + tags))
    run = project.up()
    assert f"{vin(1)} is registered without tags, as far as GET /fleets/vehicles tells" in run.output
    assert project.resource("FleetVehicle", "van")["tags"] == {}
    assert '"registered": {"' + vin(2) in project.resource("Fleet", "fleet")["registry"]
    assert writes(emulator) == []
    is_settled(project, emulator)
    assert writes(emulator) == []


def test_a_brand_that_is_not_known_ends_nothing(project: Project, emulator: RunningEmulator) -> None:
    approved(project, emulator, vehicle("van", 1) + fleet(2, *OTHERS))
    for brand, meant in (("VW", 'Is "volkswagen" meant?'), ("bm", "Nothing was done")):
        project.program(vehicle("van", 1).replace("bmw", brand) + fleet(2, *OTHERS))
        run = project.preview(expect=1)
        assert f'"{brand}" is not a brand that is known here' in run.output
        assert meant in run.output
        project.program(vehicle("van", 1) + fleet(2, *OTHERS).replace("bmw", brand, 1))
        assert f'"{brand}" is not a brand that is known here' in project.up(expect=1).output
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
