"""When a clearance ends: never in the midst of a program, and only where nobody wants or holds its vehicle."""

from __future__ import annotations

import pytest

from pulumi_highmobility.testing import RunningEmulator

from ..engine.conftest import UNSAVED, Project
from ..engine.test_ending import OTHERS, approved, held
from ..engine.test_moves import fleet, is_settled, statuses, vehicle, vin, writes


def test_most_of_a_large_fleet_becomes_single_resources(project: Project, emulator: RunningEmulator) -> None:
    project.environment |= UNSAVED
    approved(project, emulator, fleet(*range(500)))
    singles = f"for n in range(450):\n    {vehicle('x', 0)}"
    singles = singles.replace('"x"', 'f"van-{n}"').replace(f'"{vin(0)}"', 'f"WBA8E9C50GK000{n:03}"')
    project.program(fleet(*range(450, 500)) + singles)
    project.up()
    assert writes(emulator) == []
    assert len(held(project)) == 500


def test_the_limit_of_removals_counts_what_is_lost_whatever_the_order_and_however_many_runs_failed(
    project: Project, emulator: RunningEmulator
) -> None:
    twenty = range(20)
    approved(project, emulator, fleet(*twenty))
    takers = "".join(vehicle(f"van-{number}", number) for number in range(10))
    project.program(fleet(*twenty[10:]) + takers)
    project.up()
    project.program(takers + fleet(*twenty[10:]))
    project.up()
    project.program(fleet(*twenty))
    project.up()
    assert writes(emulator) == []
    # A tenth each time, and no run that ends well.
    project.program(fleet(*twenty[2:]) + "raise RuntimeError()")
    project.up(expect=1)
    project.program(fleet(*twenty[4:]) + "raise RuntimeError()")
    run = project.up(expect=1)
    assert (
        f"4 of 20 vehicles would lose their clearance ({vin(2)}, {vin(3)}, {vin(0)} and 1 more" in run.output
    )
    assert "2 of them removed earlier, by runs that failed" in run.output
    project.program(fleet(*twenty[2:]))
    project.up()
    assert sorted(vins[0] for _, vins in writes(emulator)) == [vin(0), vin(1)]


def test_what_leaves_is_put_back_without_a_request_also_with_other_tags(
    project: Project, emulator: RunningEmulator
) -> None:
    """A commit that was reverted after its run had failed; `adopt=False` refuses what is another's, not what left."""
    approved(project, emulator, fleet(1, 2, *OTHERS))
    project.program(fleet(*OTHERS, more=", max_removals=2") + "raise RuntimeError()")
    project.up(expect=1)
    project.program(
        'hm.Fleet("fleet", adopt=False, max_removals=2, vehicles=['
        f'dict(vin="{vin(1)}", brand="bmw"), dict(vin="{vin(2)}", brand="bmw", tags=dict(customer="acme")), '
        + ", ".join(f'dict(vin="{vin(number)}", brand="bmw")' for number in OTHERS)
        + "])"
    )
    project.up()
    assert writes(emulator) == [("DELETE", [vin(2)]), ("POST", [vin(2)])]
    is_settled(project, emulator)
    assert emulator.controls.vehicle(vin(2))["tags"] == {"customer": "acme"}


def test_a_commit_that_added_a_good_and_a_refused_row_is_reverted(
    project: Project, emulator: RunningEmulator
) -> None:
    approved(project, emulator, fleet(*OTHERS))
    rows = fleet(1, *OTHERS).replace("[", '[dict(vin="WBA8E9C50GK0ERRR0", brand="bmw"), ', 1)
    project.program(rows)
    project.up(expect=1)
    emulator.controls.advance(5)
    emulator.controls.clear_requests()
    project.program(fleet(*OTHERS))
    project.up()
    assert writes(emulator) == [("DELETE", [vin(1)])]
    is_settled(project, emulator)


def test_a_retained_row_stays_and_one_that_left_before_does_not(
    project: Project, emulator: RunningEmulator
) -> None:
    """A row's fate is that of the run in which it left."""
    retain = ', on_removal="retain"'
    approved(project, emulator, fleet(1, 2, *OTHERS))
    project.program(fleet(2, *OTHERS) + "raise RuntimeError()")
    project.up(expect=1)
    project.program(fleet(*OTHERS, more=retain) + "raise RuntimeError()")
    project.up(expect=1)
    project.program(fleet(*OTHERS))
    project.up()
    assert writes(emulator) == [("DELETE", [vin(1)])]
    assert statuses(emulator)[vin(2)] == "approved"
    is_settled(project, emulator)


def test_a_fleet_that_is_taken_out_after_a_removal_failed_and_put_back_with_fewer_rows(
    project: Project, emulator: RunningEmulator
) -> None:
    van = vehicle("van", 50)
    approved(project, emulator, van + fleet(1, 2, 3))
    project.program(van + fleet(2, 3) + "raise RuntimeError()")
    project.up(expect=1)
    project.program(van + fleet(2, name="again"))
    run = project.up(expect=1)
    assert "2 of 3 vehicles would lose their clearance" in run.output
    assert writes(emulator) == []
    project.program(van + fleet(2, 3, 1, name="again"))
    project.up()
    assert writes(emulator) == []
    is_settled(project, emulator)


@pytest.mark.parametrize(
    "taker",
    [
        vehicle("taker", 1, ", opts=pulumi.ResourceOptions(depends_on=one)"),
        vehicle("taker", 1, ", opts=pulumi.ResourceOptions(parent=one)"),
        fleet(1, name="taker", more=", opts=pulumi.ResourceOptions(depends_on=one)"),
    ],
    ids=["depends on it", "its child", "a fleet that depends on it"],
)
def test_a_vehicle_that_leaves_a_fleet_is_kept_by_what_comes_after_it(
    project: Project, emulator: RunningEmulator, taker: str
) -> None:
    approved(project, emulator, fleet(1, *OTHERS, name="one"))
    project.program("one = " + fleet(*OTHERS, name="one") + taker)
    project.up()
    assert writes(emulator) == []
    is_settled(project, emulator)
    assert vin(1) in held(project)
