"""FleetAccessTokens in runs that are killed: what the state tells of lives, and nothing that nobody wants is left in it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulumi_highmobility.fleet.held import read_registry
from pulumi_highmobility.fleet.held_tokens import Clearance, HeldTokens, write_clearances
from pulumi_highmobility.operations.fleet_access_tokens import _record

from ..lifecycle import Declared, Stack, a_fleet
from .conftest import Platform

A, B, C, D = (f"WBA8E9C50GK00000{number}" for number in range(1, 5))


def tokens(name: str, *vins: str, **more: object) -> Declared:
    clearances = write_clearances(Clearance(vin, "approved", "vans/1") for vin in vins)
    return Declared("FleetAccessTokens", name, {"clearances": clearances, **more})


def held(stack: Stack) -> HeldTokens:
    return _record(stack.live("FleetAccessTokens", "tokens").outputs)


def living(platform: Platform) -> set[str]:
    with platform.served.emulator.store.transaction() as db:
        return {row["access_digest"] for row in db.execute("SELECT * FROM tokens WHERE access_alive = 1")}


def digests(record: HeldTokens) -> dict[str, str]:
    return {
        vin: hashlib.sha256(one.access_token.reveal().encode()).hexdigest()
        for vin, one in record.tokens.items()
        if one.access_token is not None
    }


@pytest.mark.parametrize("when", ["before", "unsaved", "after"])
@pytest.mark.parametrize("step", range(1, 4))
@pytest.mark.parametrize(
    "runs",
    [
        [tokens("tokens", A, B)],
        [tokens("tokens", A, B), tokens("tokens", B, C)],
        [tokens("tokens", A, B), tokens("tokens", A, B, min_remaining_seconds=3600)],
        [tokens("tokens", A, B), tokens("tokens", B, C, keepers={"rotation": 1})],
        [tokens("other", A, B), tokens("tokens", A, B)],
    ],
    ids=["created", "changed", "renewed", "replaced", "moved"],
)
def test_a_run_that_is_killed_is_finished_by_the_next_one(
    platform: Platform, stack: Stack, runs: Sequence[Declared], step: int, when: str
) -> None:
    fleet = a_fleet("vans", A, B, C, D)
    for one in runs[:-1]:
        assert stack.up(fleet, one).is_good
    last = runs[-1]
    stack.up(fleet, last, kill=(step, when))
    outcome = stack.up(fleet, last)
    assert outcome.is_good, outcome.failures
    stack.refresh()
    assert stack.up(fleet, last).is_good
    wanted = set(str(last.vins).split()) or {vin for vin in (A, B, C) if vin in str(last.props["clearances"])}
    known = digests(held(stack))
    assert known.keys() == wanted
    # Those that were issued or renewed while nobody could write them down live on: the API lists no tokens.
    assert set(known.values()) <= living(platform)
    if when != "unsaved":
        assert set(known.values()) == living(platform)
    assert set(stack.preview(fleet, last)[1].values()) == {"same"}
    assert stack.destroy().is_good
    assert not set(known.values()) & living(platform)


class OfTheFleet(Stack):
    """The tokens take their clearances from the Fleet's state, as a program does: those of `vins`, with their requests."""

    def _inputs(self, declared: Declared, *, preview: bool = False) -> dict[str, Any]:
        props = super()._inputs(declared, preview=preview)
        if declared.kind == "FleetAccessTokens":
            fleet = self.live("Fleet", "vans")
            facts = read_registry(fleet.outputs["registry"])
            chosen = facts.statuses.keys() & set(props.pop("vins").split())
            props["clearances"] = write_clearances(
                Clearance(vin, facts.statuses[vin], f"{fleet.id}/{facts.serials.get(vin, 1)}")
                for vin in chosen
            )
        return props


FAULTS: list[dict[str, Any]] = [
    {},
    {},
    {"kind": "status", "status": 422, "method": "POST", "path": "/fleets/access_tokens"},
    {"kind": "status", "status": 500, "method": "POST", "path": "/fleets/access_tokens", "times": 6},
    {"kind": "status", "status": 401, "method": "POST", "path": "/fleets/access_tokens", "times": 4},
    {"kind": "status", "status": 400, "method": "POST", "path": "/access_tokens"},
    {"kind": "status", "status": 400, "method": "DELETE", "path": "/access_tokens"},
    {"kind": "close_after", "method": "DELETE", "path": "/access_tokens"},
    {"kind": "close_after", "method": "POST", "path": "/fleets/access_tokens"},
]
LISTS = st.sets(st.sampled_from([A, B, C, D]))
RUNS = st.lists(
    st.tuples(
        LISTS,
        LISTS,
        st.sampled_from(
            [{}, {"min_remaining_seconds": 3600}, {"keepers": {"rotation": 1}}, {"keepers": {"rotation": 2}}]
        ),
        st.sampled_from(FAULTS),
        st.sampled_from(
            ["good", "good", "refresh", "revoked elsewhere", "gone", "before", "unsaved", "after"]
        ),
        st.integers(1, 5),
    ),
    min_size=1,
    max_size=5,
)


@given(RUNS, LISTS, LISTS)
@settings(max_examples=40)
def test_no_sequence_of_runs_loses_a_token_that_is_wanted_or_keeps_one_that_is_not(
    platform: Platform, runs: list[Any], last: set[str], chosen: set[str]
) -> None:
    platform.reset()
    platform.execute("DELETE FROM tokens")
    plain = platform.new_stack()
    stack = OfTheFleet(plain.service, plain.loop, plain.clock)
    # After these a token may live that nobody could write down: the API lists none.
    leaves_orphans = False
    for vins, some, more, fault, how, step in runs:
        fleet = a_fleet("vans", *sorted(vins))
        wanted = Declared("FleetAccessTokens", "tokens", {"vins": " ".join(sorted(some)), **more})
        if fault:
            platform.served.emulator.faults.add(dict(fault))
        if how == "revoked elsewhere":
            platform.execute("UPDATE tokens SET access_alive = 0, refresh_alive = 0")
        if how in ("refresh", "revoked elsewhere"):
            stack.refresh()
        kill = (step, how) if how in ("before", "unsaved", "after") else None
        stack.up(*([fleet] if how == "gone" else [fleet, wanted]), kill=kill)
        platform.served.emulator.faults.clear()
        is_lost = fault.get("kind") == "close_after" and fault["method"] == "POST"
        is_refused = fault.get("path") == "/access_tokens" and fault["method"] == "POST"
        leaves_orphans |= how == "unsaved" or is_lost or is_refused
    fleet = a_fleet("vans", *sorted(last))
    wanted = Declared("FleetAccessTokens", "tokens", {"vins": " ".join(sorted(chosen))})
    for _ in range(3):
        outcome = stack.up(fleet, wanted)
        stack.refresh()
    assert outcome.is_good, outcome.failures
    known = digests(held(stack))
    assert known.keys() == last & chosen
    assert set(known.values()) <= living(platform)
    if not leaves_orphans:
        assert set(known.values()) == living(platform)
    assert set(stack.preview(fleet, wanted)[1].values()) == {"same"}
    assert stack.destroy().is_good
    assert not set(known.values()) & living(platform)
