"""A fleet's list: as text, in comparison, and worked on against the emulator."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_highmobility.clearance.service import ClearanceService
from pulumi_highmobility.emulator.app import Options
from pulumi_highmobility.emulator.world.machine import Pace
from pulumi_highmobility.errors import FleetIncomplete, ServerError
from pulumi_highmobility.fleet.held import HeldFleet, Member, read_registry
from pulumi_highmobility.fleet.plan import FleetPlan, named, plan_fleet, removals_allowed
from pulumi_highmobility.fleet.roster import check_roster, read_roster, write_roster
from pulumi_highmobility.fleet.work import FleetWork
from tests.served import Served, Silence

VINS = st.text("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", min_size=17, max_size=17)
ROWS = st.lists(
    st.fixed_dictionaries(
        {"vin": VINS, "brand": st.sampled_from(["bmw", "mercedes-benz"])},
        optional={
            "tags": st.dictionaries(st.text(min_size=1), st.text(), min_size=1, max_size=3),
            "control_measures": st.builds(
                lambda value, unit: {"odometer": {"value": value, "unit": unit}},
                st.integers(0, 10**9),
                st.sampled_from(["kilometers", "miles"]),
            ),
        },
    ),
    unique_by=lambda row: str(row["vin"]),
)


@given(ROWS)
def test_a_roster_is_read_as_it_was_written_a_line_a_vehicle(rows: list[dict[str, Any]]) -> None:
    """Whatever letters the tags hold: line ends and separators of other alphabets among them."""
    text = write_roster(rows)
    assert read_roster(text) == sorted(rows, key=lambda row: str(row["vin"]))
    assert len(text.split("\n")) == max(len(rows), 1)


def test_a_roster_is_short() -> None:
    row = {"vin": "WBA8E9C50GK000001", "brand": "bmw"}
    assert write_roster([row]) == '["WBA8E9C50GK000001","bmw"]'
    assert read_roster("") == []
    with pytest.raises(ValueError, match="not a vehicle"):
        read_roster("5")


def test_a_record_is_read_as_it_was_written() -> None:
    record = HeldFleet(
        {
            "B": Member({"vin": "B", "brand": "bmw"}, "approved", serial=3),
            "A": Member({"vin": "A", "brand": "audi", "tags": {"a": "b"}}, "rejected", "no consent"),
        },
        {"C": "refused"},
        serial=3,
    )
    assert HeldFleet.read(record.roster(), record.registry()) == record
    assert record.counts() == {"approved": 1, "error": 1, "rejected": 1}
    assert read_registry("").statuses == {}


def test_a_plan_holds_exactly_what_differs() -> None:
    held: dict[str, dict[str, Any]] = {
        "A": {"vin": "A", "brand": "bmw", "tags": {}},
        "B": {"vin": "B", "brand": "bmw", "control_measures": {"odometer": {"value": 1, "unit": "miles"}}},
        "C": {"vin": "C", "brand": "bmw", "tags": {"x": "1"}},
        "D": {"vin": "D", "brand": "bmw"},
    }
    wanted: dict[str, dict[str, Any]] = {
        "A": {"vin": "A", "brand": "bmw"},
        "B": {"vin": "B", "brand": "bmw", "control_measures": {"odometer": {"value": 9, "unit": "miles"}}},
        "C": {"vin": "C", "brand": "bmw", "tags": {"x": "2"}},
        "E": {"vin": "E", "brand": "bmw"},
    }
    assert plan_fleet(held, wanted) == FleetPlan(("E",), ("D",), ("C",))
    assert not plan_fleet(held, held)


@pytest.mark.parametrize(
    ("given_", "size", "allowed"),
    [
        (5, 1000, 5),
        (0, 10, 0),
        ("10%", 1000, 100),
        ("10%", 11, 2),
        ("0%", 50, 0),
        (" 2.5 % ", 1000, 25),
        (3.0, 9, 3),
    ],
)
def test_removals_are_allowed_by_number_or_share(given_: float | str, size: int, allowed: int) -> None:
    assert removals_allowed(given_, size) == allowed


@pytest.mark.parametrize(
    "given_", ["many", "10", "101%", -1, 0.5, True, float("inf"), float("nan"), [5], None]
)
def test_any_other_max_removals_is_refused(given_: float | str) -> None:
    with pytest.raises(ValueError, match="10%"):
        removals_allowed(given_, 10)


def test_a_message_names_the_first_and_counts_the_rest() -> None:
    assert named(["A"]) == "A"
    assert named([str(number) for number in range(1003)]) == "0, 1, 2 and 1,000 more"


def test_a_check_tells_everything_at_once() -> None:
    checked = check_roster(
        [
            {"vin": "short", "brand": "bmw"},
            5,
            {"vin": "WBA8E9C50GK000001", "brand": "trabant", "colour": "red"},
        ]
    )
    assert [problem.property for problem in checked.problems] == [
        "vehicles[0].vin",
        "vehicles[1]",
        "vehicles[2].colour",
    ]
    assert [warning.property for warning in checked.warnings] == ["vehicles[2].brand"]


def test_a_vin_counts_as_wanted_whatever_else_is_wrong_with_its_row() -> None:
    """A list with a problem fails the run, which must end no clearance for it."""
    checked = check_roster(
        [
            {"vin": "short", "brand": "bmw"},
            5,
            {"vin": "wba8e9c50gk000001 ", "brand": "bmw", "tags": {"depot": 5}},
            {"vin": "WBA8E9C50GK000002"},
            {"vin": "WBA8E9C50GK000003", "brand": "bmw"},
            {"vin": "WBA8E9C50GK000003", "brand": "bmw"},
        ]
    )
    assert checked.wants == {
        "WBA8E9C50GK000001": "vehicles[2].vin",
        "WBA8E9C50GK000002": "vehicles[3].vin",
        "WBA8E9C50GK000003": "vehicles[5].vin",
    }
    assert {"vehicles[2].tags.depot", "vehicles[3].brand", "vehicles[5].vin"} <= {
        problem.property for problem in checked.problems
    }


@pytest.fixture
def options() -> Options:
    return Options(pace=Pace(approve_after=3600))


def rows(count: int, brand: str = "bmw") -> dict[str, dict[str, Any]]:
    vins = [f"WBA8E9C50GK{number:06}" for number in range(count)]
    return {vin: {"vin": vin, "brand": brand} for vin in vins}


async def carry_out(service: ClearanceService, record: HeldFleet, wanted: dict[str, dict[str, Any]]) -> None:
    held = {vin: member.row for vin, member in record.members.items()}
    await FleetWork(service).carry_out(
        record,
        wanted,
        plan_fleet(held, wanted),
        on_removal="revoke",
        on_uncancellable="fail",
        transition_timeout_s=60,
        reporter=Silence(),
    )


def service_of(served: Served, api: Any) -> ClearanceService:
    return ClearanceService(api, served.settings, clock=served.clock, rng=random.Random(1))


def test_three_thousand_vehicles_cost_three_requests_and_a_list(served: Served) -> None:
    record = HeldFleet()

    async def story() -> None:
        async with served.api() as api:
            await carry_out(service_of(served, api), record, rows(3000))

    asyncio.run(story())
    asked = [line for line in served.requests() if line[1] != "/auth_tokens" and line[1] != "/access_tokens"]
    assert asked == [("GET", "/fleets/vehicles", 200), *[("POST", "/fleets/vehicles", 200)] * 3]
    assert record.counts() == {"pending": 3000}


def test_an_answer_that_is_lost_is_looked_for_once_for_all_rows(served: Served) -> None:
    served.emulator.faults.add({"kind": "close_after", "method": "POST", "path": "/fleets/vehicles"})
    record = HeldFleet()

    async def story() -> None:
        async with served.api() as api:
            await carry_out(service_of(served, api), record, rows(500))

    asyncio.run(story())
    lists = [line for line in served.requests() if line[:2] == ("GET", "/fleets/vehicles")]
    posts = [line for line in served.requests() if line[:2] == ("POST", "/fleets/vehicles")]
    assert (len(lists), len(posts)) == (2, 1)
    assert record.counts() == {"pending": 500}


def test_a_platform_that_stays_down_stops_at_the_first_chunk(served: Served) -> None:
    served.emulator.faults.add(
        {"kind": "status", "status": 500, "method": "POST", "path": "/fleets/vehicles", "times": 99}
    )
    record = HeldFleet()

    async def story() -> None:
        async with served.api() as api:
            with pytest.raises(ServerError):
                await carry_out(service_of(served, api), record, rows(3000))

    asyncio.run(story())
    assert not record.members
    assert not record.failed


def test_what_cannot_be_released_is_told_after_all_others_were(served: Served) -> None:
    record = HeldFleet()

    async def story() -> None:
        async with served.api() as api:
            service = service_of(served, api)
            await carry_out(service, record, rows(20))
            with served.emulator.store.transaction() as db:
                db.execute(
                    "UPDATE vehicles SET status = 'approved', due_at = NULL WHERE vin < 'WBA8E9C50GK000015'"
                )
            with pytest.raises(FleetIncomplete, match="5 of 20 vehicles could not be released") as caught:
                await FleetWork(service).release_all(
                    record,
                    sorted(record.members),
                    on_uncancellable="fail",
                    transition_timeout_s=60,
                    reporter=Silence(),
                )
        assert sorted(caught.value.reasons) == sorted(record.members) == list(rows(20))[15:]

    asyncio.run(story())
