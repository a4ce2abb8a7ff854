"""The worker: joined bursts, pauses that grow, and what a restart takes up; with a clock that does not wait."""

from __future__ import annotations

import asyncio
import hashlib
import random
import threading
from collections.abc import Sequence
from pathlib import Path

from pulumi_highmobility.webhooks import Event, Inbox, Worker
from pulumi_highmobility.webhooks.inbox import Arrival

from ..served import QuickClock


def arrival(name: str) -> Arrival:
    return Arrival(name, hashlib.sha256(name.encode()).digest(), "fleet_clearance_changed", "approved", "VIN")


class Acting:
    """Fails as often as it is told; the first run waits for `gate`."""

    def __init__(self, failures: int = 0) -> None:
        self.runs: list[list[str]] = []
        self.failures = failures
        self.begun, self.gate = threading.Event(), threading.Event()

    def run(self, events: Sequence[Event]) -> None:
        self.runs.append([event.id for event in events])
        self.begun.set()
        assert self.gate.wait(300)
        if len(self.runs) <= self.failures:
            raise RuntimeError("not now")


async def finish(worker: Worker, task: asyncio.Task[None], inbox: Inbox) -> None:
    while (await asyncio.to_thread(inbox.unfinished))[0]:  # noqa: ASYNC110 - the database tells, no event does
        await asyncio.sleep(0.005)
    await worker.stop()
    await task
    inbox.close()


def test_what_comes_during_a_run_causes_exactly_one_more(tmp_path: Path) -> None:
    async def story() -> None:
        inbox, acting = Inbox(tmp_path / "i.db"), Acting()
        for name in ("a", "b"):
            inbox.add(arrival(name)).result()
        worker = Worker(inbox, acting, clock=QuickClock())
        task = asyncio.create_task(worker.run())
        await asyncio.to_thread(acting.begun.wait, 10)
        for name in ("c", "d", "e"):
            inbox.add(arrival(name)).result()
            worker.wake()
        acting.gate.set()
        await finish(worker, task, inbox)
        assert acting.runs == [["a", "b"], ["c", "d", "e"]]

    asyncio.run(story())


def test_a_failure_is_repeated_after_growing_pauses(tmp_path: Path) -> None:
    async def story() -> None:
        inbox, acting, clock = Inbox(tmp_path / "i.db"), Acting(failures=4), QuickClock()
        acting.gate.set()
        inbox.add(arrival("a")).result()
        worker = Worker(inbox, acting, clock=clock, rng=random.Random(1))
        await finish(worker, asyncio.create_task(worker.run()), inbox)
        assert acting.runs == [["a"]] * 5
        assert [0.5 * 2**n <= slept <= 1.5 * 2**n for n, slept in enumerate(clock.slept)] == [True] * 4
        assert worker.runs == {"failed": 4, "succeeded": 1}

    asyncio.run(story())


def test_what_was_taken_and_not_done_is_taken_up_after_a_restart(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "i.db")
    inbox.add(arrival("a")).result()
    assert [event.id for event in inbox.take()] == ["a"]
    inbox.close()
    again = Inbox(tmp_path / "i.db")
    assert again.add(arrival("a")).result() is False
    assert [event.id for event in again.take()] == ["a"]
    again.close()
