"""Whole programs, one after the other: nothing that stays wanted is ended, and nothing is held by nobody."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from ..lifecycle import Declared, Stack, a_fleet, vehicle
from .conftest import Platform

VINS = [f"WBA8E9C50GK00000{number}" for number in range(1, 7)]
A, B, C, D, E, F = VINS


def wanted_by(program: list[Declared]) -> set[str]:
    return {vin for one in program for vin in one.vins.split()}


@st.composite
def programs(draw: st.DrawFn) -> list[Declared]:
    """Each vehicle at one of the resources or nowhere, with one of two tags; in any order of declaration."""
    places = draw(
        st.lists(st.sampled_from(["one", "two", "single", "other", "gone"]), min_size=6, max_size=6)
    )
    tags = {"customer": "acme"} if draw(st.integers(0, 3)) == 0 else {}
    program: list[Declared] = []
    for name in ("one", "two"):
        rows = [vin for vin, place in zip(VINS, places, strict=True) if place == name]
        is_empty_there: bool = draw(st.booleans())
        if rows or is_empty_there:
            retain = {"on_removal": "retain"} if draw(st.integers(0, 9)) == 0 else {}
            program.append(a_fleet(name, *rows, tags=tags, **retain))
    singles = draw(
        st.permutations([vin for vin, place in zip(VINS, places, strict=True) if place == "single"])
    )
    program += [vehicle(f"single-{place}", vin, tags=tags) for place, vin in enumerate(singles)]
    program += [
        vehicle(f"of-{vin[-1]}", vin) for vin, place in zip(VINS, places, strict=True) if place == "other"
    ]
    return draw(st.permutations(program))


@st.composite
def programs_of_both_doors(draw: st.DrawFn) -> list[Declared]:
    """The same, each resource served by the process of one of the doors."""
    program = draw(programs())
    doors = draw(st.lists(st.booleans(), min_size=len(program), max_size=len(program)))
    return [replace(one, is_native=is_native) for one, is_native in zip(program, doors, strict=True)]


def runs_of(
    made: st.SearchStrategy[list[Declared]],
) -> st.SearchStrategy[list[tuple[list[Declared], str, int, str]]]:
    return st.lists(_run_of(made), min_size=1, max_size=5)


def _run_of(
    made: st.SearchStrategy[list[Declared]],
) -> st.SearchStrategy[tuple[list[Declared], str, int, str]]:
    return st.tuples(
        made,
        st.sampled_from(["good", "good", "raises", "fails", "killed", "targets", "keeps going"]),
        st.integers(0, 8),
        st.sampled_from(["before", "unsaved", "after"]),
    )


def run(stack: Stack, program: list[Declared], how: str, number: int, when: str) -> bool:
    """Whether it ended well."""
    if how == "raises":
        return stack.up(*program, raises_after=min(number, len(program))).is_good
    if how in ("fails", "keeps going"):
        place = min(number, len(program))
        failing = [*program[:place], Declared("Other", "broken", fails=True), *program[place:]]
        return stack.up(*failing, keeps_going=how == "keeps going", constructs=program).is_good
    if how == "killed":
        return stack.up(*program, kill=(number + 1, when)).is_good
    if how == "targets":
        names = sorted({one.name for one in program} | {r.urn.rpartition("::")[2] for r in stack.records})
        chosen = [name for place, name in enumerate(names) if (number + 1) >> (place % 3) & 1]
        return stack.up(*program, targets=chosen).is_good
    return stack.up(*program).is_good


@given(runs_of(programs()), programs())
@settings(max_examples=60)
def test_no_sequence_of_runs_ends_what_is_wanted_or_leaves_what_nobody_holds(
    platform: Platform, runs: list[tuple[list[Declared], str, int, str]], last: list[Declared]
) -> None:
    live(platform, platform.new_stack(), runs, last)


@given(runs_of(programs_of_both_doors()), programs_of_both_doors())
@settings(max_examples=60)
def test_whichever_process_serves_each_resource_nothing_that_is_wanted_ends(
    platform: Platform, runs: list[tuple[list[Declared], str, int, str]], last: list[Declared]
) -> None:
    """Two processes that know of each other by the board alone; a resource may be the other door's in the next run."""
    stack = platform.new_stack()
    stack.has_two_doors = True
    live(platform, stack, runs, last)


def live(
    platform: Platform, stack: Stack, runs: list[tuple[list[Declared], str, int, str]], last: list[Declared]
) -> None:
    platform.reset()
    retained: set[str] = set()
    for program, how, number, when in runs:
        before = stack.claimed()
        platform.clear()
        run(stack, program, how, number, when)
        check(platform, stack, program, before, retained, how)
    before = stack.claimed()
    platform.clear()
    # What holds a run up is told and corrected; then all ends well, and is as the program says.
    for _ in range(3):
        outcome = stack.up(*last)
        check(platform, stack, last, before, retained, "good")
        stack.refresh()
    if outcome.is_good:
        assert wanted_by(last) <= platform.active()
        assert platform.active() - wanted_by(last) <= retained
        _, steps = stack.preview(*last)
        assert set(steps.values()) <= {"same"}
        assert stack.destroy().is_good
        assert platform.active() <= retained | {
            vin for one in last if one.props.get("on_removal") for vin in one.vins.split()
        }
    else:
        # Registered with other tags than the program's: an error that says so, for ever.
        assert all(
            "registered already" in one or "does not hold it" in one or "in the stack's state" in one
            for one in outcome.failures
        ), outcome.failures


def check(
    platform: Platform,
    stack: Stack,
    program: list[Declared],
    before: dict[str, str],
    retained: set[str],
    how: str,
) -> None:
    for one in [*program]:
        if one.props.get("on_removal") == "retain":
            retained |= set(VINS)
    ended = [vin for method, vin in platform.writes() if method == "DELETE"]
    wanted = wanted_by(program)
    requested = {vin for method, vin in platform.writes() if method == "POST"}
    if how != "killed":
        for vin in ended:
            # Other tags: revoked to be requested again, in the same step.
            assert vin not in wanted or vin in requested, f"{vin} is wanted, and was ended"
    if how in ("raises", "fails"):
        assert all(vin in requested or vin in wanted for vin in ended), "half of a program ended something"
    held = stack.held()
    if how == "killed":
        # Done and not written down: known again once a program wants it.
        # One that a record holds by an earlier request counts as somebody else's: a delete leaves it, with a warning.
        retained |= (platform.active() - held.keys()) | requested
    else:
        for vin in platform.active() - retained:
            assert vin in held, f"{vin} is registered, and no record holds it"
    for vin, status in stack.claimed().items():
        if how != "killed" and status == "approved":
            assert vin in platform.active(), f"the state says that {vin} is approved"
