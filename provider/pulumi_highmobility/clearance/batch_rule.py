"""When a batch of joined requests leaves: how many to wait for, learned from how many come, how fast, and the latency."""

from __future__ import annotations

from collections import deque
from statistics import fmean, median

# How long the first request waits for others where nothing says that any will come.
LINGER_S = 0.01
# How long a batch waits for the next of those it expects: at least, and at most.
LEAST_PATIENCE_S = 0.05
MOST_PATIENCE_S = 1.0
# However many are expected, a batch is not held longer than this.
LONGEST_S = 2.0
# More in one batch makes few requests no fewer.
MOST_EXPECTED = 32
# How much longer than the engine itself a large create may take for the sake of fewer requests.
SLACK = 0.05
# Full batches before one more is expected: one at first, four times as many after each that did not fill, to this.
MOST_FULL_BEFORE_MORE = 64
_REMEMBERED = 24


class BatchRule:
    """
    How many requests the next batch waits for, and how long.

    The engine writes its state before and after each step, one step at a time. So the creates of a large stack come one
    by one, dozens of milliseconds apart, as many as it runs side by side. Waiting for them costs nothing as long as
    the engine's writer has work; while a batch is under way, that is only the work for those who did not join it. With a
    company of P, w seconds between two of them and an answer after L seconds, a batch of b leaves the writer idle for
    L - (P - b) w out of b w seconds: b is the largest for which that stays within the slack. All times are in seconds.
    """

    def __init__(self) -> None:
        self._company = 1
        self._full = 0
        self._full_before_more = 1
        self._gaps: deque[float] = deque(maxlen=_REMEMBERED)
        self._answers: deque[float] = deque(maxlen=3)
        self._came_at: float | None = None

    @property
    def expected(self) -> int:
        """As many as are worth waiting for."""
        if not self._gaps:
            return 1
        # Without the longest, in which the writer was idle.
        busy = sorted(self._gaps)[: max(1, len(self._gaps) * 3 // 4)]
        gap_s = max(fmean(busy), 0.001)
        latency_s = median(self._answers) if self._answers else 0.0
        within_slack = int((self._company - latency_s / gap_s) / (1 - SLACK))
        # With a long latency two halves take turns.
        half = (self._company + 1) // 2
        in_time = max(1, int(LONGEST_S / gap_s))
        return max(1, min(max(half, within_slack), self._company, MOST_EXPECTED, in_time))

    @property
    def patience_s(self) -> float:
        """How long to wait for the next one."""
        # They come in bursts: the engine also writes what others have done.
        longest_s = max(self._gaps, default=0.0)
        return min(MOST_PATIENCE_S, max(LEAST_PATIENCE_S, 2 * longest_s))

    def came(self, now: float, company: int) -> None:
        """One more waits; `company` are in this process, waiting or under way."""
        if self._came_at is not None and now - self._came_at < LONGEST_S:
            self._gaps.append(now - self._came_at)
        self._came_at = now
        self._company = max(self._company, company)

    def filled(self) -> None:
        """
        A batch left with as many as were expected: there may be more.

        How many the engine runs side by side a provider is not told, and those who wait for the engine's writer are not
        seen here: they only come if they are waited for.
        """
        self._full += 1
        if self._full >= self._full_before_more:
            self._full = 0
            self._company = min(2 * MOST_EXPECTED, self._company + 1)

    def gave_up(self, company: int) -> None:
        """A batch leaves with fewer than expected: there are no more, for some time."""
        self._company = max(1, company)
        self._full = 0
        self._full_before_more = min(MOST_FULL_BEFORE_MORE, 4 * self._full_before_more)

    def answered(self, took_s: float) -> None:
        """The answer to a batch took so long."""
        self._answers.append(took_s)
