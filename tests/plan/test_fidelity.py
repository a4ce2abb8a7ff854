"""What a plan says is what the `up` then does, VIN by VIN; what it cannot know it says, and nothing else may differ."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import Phase, given, note, settings
from hypothesis import strategies as st

from pulumi_highmobility.api.shapes import RegisteredVehicle
from pulumi_highmobility.clearance.registered import by_vin
from pulumi_highmobility.clearance.release import CANCEL_AFTER
from pulumi_highmobility.emulator.app import Options
from pulumi_highmobility.emulator.world.machine import Pace
from pulumi_highmobility.emulator.world.store import vehicle_of
from pulumi_highmobility.fleet.roster import write_roster
from pulumi_highmobility.plan.compare import Facts, make_plan
from pulumi_highmobility.plan.preview import read_preview
from pulumi_highmobility.plan.values import ENDS, Plan, Row, What

from ..lifecycle import Declared
from ..lifecycle import vehicle as a_vehicle
from .conftest import Platform
from .steps import Previewing

VINS = [f"WBA8E9C50GK00000{number}" for number in range(1, 7)]
DAY = CANCEL_AFTER.total_seconds()
# By hand: thousands.
EXAMPLES = int(os.environ.get("PLAN_EXAMPLES", "60"))


@pytest.fixture
def options() -> Options:
    """Nothing is approved by itself; all ends at once, a pending clearance a day after its request."""
    return Options(pace=Pace(approve_after=1000 * DAY, revoke_after=0, cancel_after=0), limits=False)


@dataclass(frozen=True)
class Scene:
    """Two programs, and what happens between them."""

    first: list[Declared]
    first_ends: str
    at: int
    statuses: Sequence[str]
    """Of each VIN at the platform, after the first program."""
    days: int
    is_refreshed: bool
    second: list[Declared]
    targets: Collection[str] | None
    is_asked: bool
    least_calm: int
    also: list[Declared] = field(default_factory=list)


SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "on_uncancellable": st.sampled_from(["abandon", "fail"]),
        "retry_rejected": st.just(True),
        "retry_revoked": st.just(True),
        "adopt": st.just(False),
    },
)
PLACES = ["one", "two", "single", "other", "gone"]


@st.composite
def programs(draw: st.DrawFn, like: list[Declared] | None = None) -> list[Declared]:
    """Each vehicle at one of the resources or nowhere, in any order of declaration; often close to another program."""
    places = draw(st.lists(st.sampled_from(PLACES), min_size=6, max_size=6))
    brands = draw(st.lists(st.sampled_from(["bmw", "bmw", "opel"]), min_size=6, max_size=6))
    tags = draw(st.lists(st.sampled_from([{}, {}, {"customer": "acme"}]), min_size=6, max_size=6))
    keeps: bool = draw(st.booleans())
    if like is not None and keeps:
        brands = [_row(like, vin).get("brand", brand) for vin, brand in zip(VINS, brands, strict=True)]
        tags = [_row(like, vin).get("tags", tag) for vin, tag in zip(VINS, tags, strict=True)]
    rows: dict[str, dict[str, Any]] = {
        vin: {"vin": vin, "brand": brand, "tags": tag}
        for vin, brand, tag in zip(VINS, brands, tags, strict=True)
    }
    by_place = {
        name: [vin for vin, place in zip(VINS, places, strict=True) if place == name] for name in PLACES
    }
    program: list[Declared] = []
    for name in ("one", "two"):
        if by_place[name] or draw(st.booleans()) is True:
            retain: dict[str, Any] = {"on_removal": "retain"} if draw(st.integers(0, 6)) == 0 else {}
            limit: dict[str, Any] = {"max_removals": draw(st.sampled_from(["100%", "100%", "10%", 1]))}
            roster = write_roster(rows[vin] for vin in by_place[name])
            program.append(Declared("Fleet", name, {"vehicles": roster, **limit, **retain, **draw(SETTINGS)}))
    shuffled: list[str] = draw(st.permutations(by_place["single"]))
    program += [_single(f"single-{place}", rows[vin], draw(SETTINGS)) for place, vin in enumerate(shuffled)]
    program += [_single(f"of-{vin[-1]}", rows[vin], draw(SETTINGS)) for vin in by_place["other"]]
    return draw(st.permutations(program))


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    first = draw(programs())
    second = draw(programs(like=first))
    names = sorted({one.name for one in [*first, *second]})
    has_targets = draw(st.integers(0, 7)) == 0
    is_asked = draw(st.booleans())
    return Scene(
        first,
        draw(st.sampled_from(["good", "good", "good", "killed", "unsaved", "raises"])),
        draw(st.integers(1, 8)),
        draw(
            st.lists(
                st.sampled_from(["approved", "approved", "pending", "rejected", "revoked", "none"]),
                min_size=6,
                max_size=6,
            )
        ),
        draw(st.sampled_from([0, 2])),
        # Who asks nobody has the state, which must be true then.
        draw(st.booleans()) or not is_asked,
        second,
        draw(st.sets(st.sampled_from(names))) if has_targets and names else None,
        is_asked,
        draw(st.sampled_from([0, 1000])),
        draw(programs()) if draw(st.integers(0, 3)) == 0 else [],
    )


@given(scenes())
@settings(
    max_examples=EXAMPLES,
    derandomize=EXAMPLES <= 100,
    phases=[Phase.generate] if os.environ.get("PLAN_QUICK") else list(Phase),
)
def test_a_plan_says_what_the_up_does(platform: Platform, scene: Scene) -> None:
    platform.reset()
    stack = _new_stack(platform)
    if scene.also:
        stack.up(*scene.also)
        _move_on(platform, ["approved"] * len(VINS))
        stack.refresh()
    run_first(stack, scene)
    _happen(platform, scene)
    if scene.is_refreshed:
        stack.refresh()
    before = platform.statuses()
    registered = _registered(stack) if scene.is_asked else None
    plan = plan_of(stack, scene, registered)
    platform.clear()
    outcome = stack.up(*scene.second, targets=scene.targets)
    for row in plan.rows:
        note(f"{row}")
    note(f"{outcome.failures}\n{before}\n{platform.writes()}")
    compare(plan, outcome.is_good, platform, stack, before)


def run_first(stack: Previewing, scene: Scene) -> None:
    if scene.first_ends == "raises":
        stack.up(*scene.first, raises_after=min(scene.at, len(scene.first)))
    elif scene.first_ends == "good":
        stack.up(*scene.first)
    else:
        stack.up(*scene.first, kill=(scene.at, "unsaved" if scene.first_ends == "unsaved" else "after"))


def plan_of(stack: Previewing, scene: Scene, registered: dict[str, RegisteredVehicle] | None) -> Plan:
    preview = read_preview(stack.preview_json(*scene.second, targets=scene.targets))
    facts = Facts(stack.clock.now(), stack.resources(), registered, has_targets=scene.targets is not None)
    return make_plan(preview, facts)


def compare(plan: Plan, is_good: bool, platform: Platform, stack: Previewing, before: dict[str, str]) -> None:
    """VIN by VIN: requests and deletes as the emulator took them, and what the stack and the platform have after it."""
    if not plan.is_whole:
        assert not is_good, "the plan says that the preview fails"
        return
    ended = _ended(platform)
    requested = {vin for method, vin in platform.writes() if method == "POST"}
    rows = {row.vin: row for row in plan.rows}
    assert len([row for row in plan.rows if row.vin]) == len([vin for vin in rows if vin]), (
        "two rows of a VIN"
    )
    fails = bool(plan.of(What.REFUSED))
    assert not (fails and is_good), "the plan says that the `up` fails"
    unsure = bool(plan.of(What.UNKNOWN)) or any(row.maybe_adopted for row in plan.rows)
    assert is_good or fails or unsure, "the plan does not say that the `up` fails"
    for vin in VINS:
        row = rows.get(vin)
        if row is not None and row.what is What.UNKNOWN:
            continue
        _compare_vehicle(vin, row, vin in ended, vin in requested, is_good=is_good)
        if is_good and row is not None:
            _compare_ends(row, platform, stack, before, was_asked=plan.asked)


def _compare_vehicle(
    vin: str, row: Row | None, was_ended: bool, was_requested: bool, *, is_good: bool
) -> None:
    ends = row is not None and row.what in ENDS
    requests = row is not None and row.what in (What.REQUESTED, What.RE_REQUESTED)
    assert not was_ended or ends, f"{vin} was ended, and the plan says {row}"
    assert not was_requested or requests, f"{vin} was requested, and the plan says {row}"
    if is_good:
        assert was_ended or not ends, f"{vin} was not ended, and the plan says {row}"
        maybe = row is not None and row.maybe_adopted
        assert was_requested or not requests or maybe, f"{vin} was not requested, and the plan says {row}"


def _compare_ends(
    row: Row, platform: Platform, stack: Previewing, before: dict[str, str], *, was_asked: bool
) -> None:
    held, active = stack.held(), platform.active()
    if row.what is What.KEPT:
        assert row.to in held.get(row.vin, []), f"{row.to} does not have {row.vin}"
    if row.what is What.ADOPTED:
        assert row.to in held.get(row.vin, [])
        assert row.vin in active
    if row.what is What.RETAINED:
        assert row.vin not in held
        assert before.get(row.vin) == platform.statuses().get(row.vin)
    if row.what in (What.REVOKED, What.CANCELED) and was_asked:
        assert before[row.vin] == {What.REVOKED: "approved", What.CANCELED: "pending"}[row.what]


def _ended(platform: Platform) -> set[str]:
    return {
        vin
        for line in platform.served.emulator.log.lines()
        if line["method"] == "DELETE"
        and line["path"].startswith("/fleets/vehicles")
        and line["status"] == 200
        for vin in line["vins"]
    }


def _happen(platform: Platform, scene: Scene) -> None:
    """Days pass, and carmakers and others do what they want behind the stack's back."""
    platform.advance(scene.days * DAY)
    platform.served.clock.skew_s += scene.days * DAY
    _move_on(platform, scene.statuses)


def _move_on(platform: Platform, statuses: Sequence[str]) -> None:
    emulator = platform.served.emulator
    with emulator.store.transaction() as db:
        for vin, status in zip(VINS, statuses, strict=True):
            row = db.execute("SELECT * FROM vehicles WHERE vin = ?", (vin,)).fetchone()
            found = None if row is None else vehicle_of(row)
            if found is None or found.status != "pending" or status == "pending":
                continue
            if status == "none":
                db.execute("DELETE FROM vehicles WHERE vin = ?", (vin,))
                continue
            at = emulator.clock.now()
            moves = ["rejected"] if status == "rejected" else ["approved"]
            for move in [*moves, *(["revoking", "revoked"] if status == "revoked" else [])]:
                emulator.machine.move(db, found, move, at=at, reason="no contract")


def _registered(stack: Previewing) -> dict[str, RegisteredVehicle]:
    listed = stack.loop.run_until_complete(stack.service.listing.current())
    return by_vin(listed.values())


def _new_stack(platform: Platform) -> Previewing:
    made = platform.new_stack()
    return Previewing(made.service, made.loop, made.clock)


def _row(program: list[Declared], vin: str) -> dict[str, Any]:
    for one in program:
        if one.kind == "FleetVehicle" and one.props["vin"] == vin:
            return {"brand": one.props["brand"], "tags": one.props.get("tags") or {}}
    return {}


def _single(name: str, row: dict[str, Any], more: dict[str, Any]) -> Declared:
    return a_vehicle(name, str(row["vin"]), **{"brand": row["brand"], "tags": row["tags"], **more})
