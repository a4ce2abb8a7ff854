"""What a Fleet says before anything is done: what it may be, and no more than can be known."""

from __future__ import annotations

from datetime import datetime, timezone

from pulumi_highmobility.fleet.roster import write_roster
from pulumi_highmobility.operations import fleet
from pulumi_highmobility.operations.work import Facts
from pulumi_highmobility.run.engine_run import EngineRun

VINS = [f"WBA8E9C50GK00000{number}" for number in range(1, 4)]
FACTS = Facts(datetime(2026, 1, 1, tzinfo=timezone.utc), EngineRun(None, warn=print), "urn", "id")


def test_a_new_fleet_says_that_it_may_take_over_what_others_hold() -> None:
    """A fleet that moves from single resources into a Fleet requests nothing."""
    roster = write_roster({"vin": vin, "brand": "bmw"} for vin in VINS)
    said = [notice.text for notice in fleet.check({}, {"vehicles": roster}, FACTS).notices]
    assert said[0] == (
        "requests the clearance of 3 vehicles, or takes over those that other resources of the program hold now: 3 bmw"
    )


def test_added_rows_may_be_taken_over_too() -> None:
    roster = write_roster({"vin": vin, "brand": "bmw"} for vin in VINS)
    olds = {"registry": '{"statuses": {}}', "vehicles": "", "leaving": ""}
    (notice,) = fleet.diff(olds, {"vehicles": roster}, FACTS).notices
    assert notice.text.startswith("3 added (WBA8E9C50GK000001")
    assert notice.text.endswith(
        "clearance is requested, adopted, or taken over from another resource of the program that holds it now"
    )
