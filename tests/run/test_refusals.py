"""A record whose delete is refused holds its vehicles still: no other delete of the run ends them."""

from __future__ import annotations

import pytest

from ..lifecycle import Stack, a_fleet, vehicle
from .conftest import Platform

VINS = [f"WBA8E9C50GK00000{number}" for number in range(1, 7)]


@pytest.mark.parametrize("seed", range(6))
def test_a_fleet_that_its_own_limit_keeps_holds_what_another_record_has_too(
    platform: Platform, stack: Stack, seed: int
) -> None:
    """Both are gone from the program, in whatever order their deletes come."""
    other = vehicle("other", "WBA8E9C50GK000009")
    assert stack.up(a_fleet("vans", *VINS, max_removals=1), other).is_good
    # The same vehicle at a second record, as a run with a target leaves it.
    single = vehicle("single", VINS[0])
    assert stack.up(single, other, targets=["single"]).is_good
    platform.clear()
    stack.rng.seed(seed)
    outcome = stack.up(other)
    assert any("max_removals allows 1" in failure for failure in outcome.failures)
    assert platform.writes() == []
    assert set(VINS) <= platform.active()
