"""The rule for runs that change nothing, over a clock that the test moves; and with the real worker and a `pulumi`."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from pulumi_highmobility.webhooks import Event, Inbox, RunStack, Worker
from pulumi_highmobility.webhooks.inbox import Arrival
from pulumi_highmobility.webhooks.pace import FORGOTTEN_AFTER_S, LONGEST_PAUSE_S, Pace

from ..served import QuickClock


def event(vin: str = "A", action: str = "rejected") -> Event:
    return Event(1, "delivery", "fleet_clearance_changed", action, vin)


def pauses_after(runs: int, events: Sequence[Event], seed: int = 1) -> list[float]:
    pace, now, found = Pace(random.Random(seed)), 100.0, []
    for _ in range(runs):
        pace.ran(events, False, now)
        found.append(pace.pause_s(events, now))
        now += found[-1]
    return found


def test_each_run_that_changes_nothing_is_followed_by_a_longer_pause() -> None:
    found = pauses_after(12, [event()])
    assert found[0] == 0
    most = [min(LONGEST_PAUSE_S, 5.0 * 2**n) for n in range(11)]
    assert all(0.8 * each <= pause <= each for pause, each in zip(found[1:], most, strict=True)), found
    assert found != pauses_after(12, [event()], seed=2)


def test_a_pause_counts_from_the_end_of_the_last_run() -> None:
    pace = Pace(random.Random(1))
    for now in (0.0, 1.0, 2.0, 3.0):
        pace.ran([event()], None, now)
    whole = pace.pause_s([event()], 3.0)
    assert pace.pause_s([event()], 10.0) == pytest.approx(whole - 7)
    assert pace.pause_s([event()], 3.0 + whole) == 0


@pytest.mark.parametrize("new", [event(vin="B"), event(action="approved")])
def test_what_is_new_goes_at_once_and_is_known_from_then_on(new: Event) -> None:
    pace = Pace(random.Random(1))
    for _ in range(6):
        pace.ran([event()], False, 0.0)
    assert pace.pause_s([event(), new], 0.0) == 0
    pace.ran([event(), new], False, 0.0)
    # It does not end the row: the next pause is longer.
    assert pace.pause_s([new], 0.0) > 100


def test_a_run_that_changes_something_ends_the_row() -> None:
    pace = Pace(random.Random(1))
    for _ in range(9):
        pace.ran([event()], False, 0.0)
    pace.ran([event()], True, 0.0)
    assert (pace.pause_s([event()], 0.0), pace.quiet_runs) == (0, 0)


def test_an_hour_without_a_run_ends_the_row() -> None:
    pace = Pace(random.Random(1))
    for _ in range(9):
        pace.ran([event()], False, 0.0)
    assert pace.pause_s([event()], FORGOTTEN_AFTER_S) == 0
    pace.ran([event()], False, FORGOTTEN_AFTER_S)
    assert pace.pause_s([event()], FORGOTTEN_AFTER_S) == 0


NOTHING = "Updating (dev):\n\nResources:\n    1,204 unchanged\n\nDuration: 2s\n"
SOMETHING = "Updating (dev):\n\nResources:\n    ~ 1 updated\n    3 unchanged\n\nDuration: 2s\n"
BOTH = "Resources:\n    9 unchanged\n\nResources:\n    + 2 created\n    2 changes. 9 unchanged\n"


@pytest.mark.parametrize(
    ("said", "changed"),
    [
        (NOTHING, False),
        (SOMETHING, True),
        (BOTH, True),
        ("    Resources:\n        ~ 1 updated\n", False),
        ("", False),
    ],
)
def test_pulumis_own_count_tells_whether_something_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, changed: bool
) -> None:
    answer(tmp_path, monkeypatch, said)
    assert RunStack("dev", tmp_path, log_folder=tmp_path / "logs").run([]) is changed


def answer(folder: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    (folder / "said").write_text(said)
    (folder / "pulumi").write_text(f"#!/bin/sh\necho run >>{folder}/runs\ncat {folder}/said\n")
    (folder / "pulumi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_a_loop_of_webhook_and_run_slows_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(tmp_path, monkeypatch, NOTHING)

    async def story() -> list[float]:
        inbox, clock = Inbox(tmp_path / "i.db"), QuickClock()
        action = RunStack("dev", tmp_path, log_folder=tmp_path / "logs")
        worker = Worker(inbox, action, clock=clock, rng=random.Random(1))
        task = asyncio.create_task(worker.run())

        async def deliver(name: str, vin: str = "A") -> None:
            digest = hashlib.sha256(name.encode()).digest()
            inbox.add(Arrival(name, digest, "fleet_clearance_changed", "rejected", vin)).result()
            worker.wake()
            while (await asyncio.to_thread(inbox.unfinished))[0]:  # noqa: ASYNC110 - the database tells, no event does
                await asyncio.sleep(0.005)

        try:
            for number in range(7):
                await deliver(f"{number}")
            slept = list(clock.slept)
            await deliver("another vehicle", "B")
            assert clock.slept == slept
            (tmp_path / "said").write_text(SOMETHING)
            await deliver("7")
            assert len(clock.slept) > len(slept)
            slept = list(clock.slept)
            await deliver("8")
            assert clock.slept == slept
        finally:
            await worker.stop()
            await task
            inbox.close()
        return clock.slept

    slept = asyncio.run(story())
    assert len((tmp_path / "runs").read_text().split()) == 10
    # The first two go at once, and each of the others waits longer.
    assert [round(each) > 0.7 * 5 * 2**number for number, each in enumerate(slept)] == [True] * len(slept)
    assert len(slept) == 6
