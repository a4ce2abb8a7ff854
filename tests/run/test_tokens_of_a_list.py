"""FleetAccessTokens in runs that are killed: what the state tells of lives, and nothing that nobody wants is left in it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest

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
