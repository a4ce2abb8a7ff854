"""Nothing is concluded from one answer that could be wrong, and nothing is ended for a request that is known to fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pulumi_highmobility.testing import RunningEmulator

from .conftest import Project
from .test_ending import OTHERS, approved, held
from .test_moves import fleet, statuses, vehicle, vin, writes

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
    assert (f"The platform's row for {vin(1)} cannot be read" in run.output) is unreadable
    emulator.controls.clear_faults()
    project.refresh()
    assert held(project) == [vin(number) for number in range(1, 7)]
    project.stays_as_it_is()
    assert writes(emulator) == []


def test_a_brand_that_is_not_known_ends_nothing(project: Project, emulator: RunningEmulator) -> None:
    approved(project, emulator, vehicle("van", 1) + fleet(2, *OTHERS))
    for brand, meant in (("VW", 'Did you mean "volkswagen"?'), ("bm", "Nothing was done")):
        project.program(vehicle("van", 1).replace("bmw", brand) + fleet(2, *OTHERS))
        run = project.preview(expect=1)
        assert f'"{brand}" is not a brand that this version knows' in run.output
        assert meant in run.output
        project.program(vehicle("van", 1) + fleet(2, *OTHERS).replace("bmw", brand, 1))
        assert f'"{brand}" is not a brand that this version knows' in project.up(expect=1).output
    assert writes(emulator) == []
