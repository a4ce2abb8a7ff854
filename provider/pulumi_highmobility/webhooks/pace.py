"""When the next run may begin: runs that change nothing, and cause the deliveries that cause them, slow down."""

from __future__ import annotations

import random
from collections.abc import Sequence

from .inbox import Event

FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 900.0
# A row of runs ends by itself when none was needed for so long: in a loop the next one comes after the longest pause.
FORGOTTEN_AFTER_S = 3600.0


class Pace:
    """
    Counts the runs in a row that changed nothing.

    What is new goes at once: a VIN, a type or an action of an event that no run of this row had. What is not new waits
    after the last run: not at all after the first that changed nothing, then 5 s, doubling to 15 minutes (with up to a
    fifth left out, by `rng`). A run that changed something ends the row, and so does an hour without a run. Times are
    seconds of one clock that only grows.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._known: set[tuple[str, str, str]] = set()
        self._ended_at = 0.0
        self._due_at = 0.0
        self.quiet_runs = 0
        """How many in a row have changed nothing."""

    def pause_s(self, events: Sequence[Event], now: float) -> float:
        """How long the run for `events` has to wait."""
        if now - self._ended_at >= FORGOTTEN_AFTER_S:
            self._forget()
        if any(_kind(event) not in self._known for event in events):
            return 0.0
        return max(0.0, self._due_at - now)

    def ran(self, events: Sequence[Event], changed: bool | None, now: float) -> None:
        """A run for `events` has ended well; None, where it is not known whether it changed something, is no change."""
        if changed:
            self._forget()
            return
        self.quiet_runs += 1
        self._known.update(map(_kind, events))
        pause = 0.0
        if self.quiet_runs > 1:
            pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(self.quiet_runs - 2, 20))
        self._ended_at = now
        self._due_at = now + pause * (1 - self._rng.random() / 5)

    def _forget(self) -> None:
        self.quiet_runs = 0
        self._due_at = 0.0
        self._known.clear()


def _kind(event: Event) -> tuple[str, str, str]:
    return event.vin, event.type, event.action
