"""How the rules tell a person what they see and do, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Reporter(Protocol):
    """Takes messages about one vehicle; none of them may hold a secret."""

    def info(self, message: str) -> None:
        """Something worth keeping: a vehicle was adopted, a wait still goes on."""

    def warn(self, message: str) -> None:
        """Something that the user should look at."""

    def progress(self, message: str) -> None:
        """What is seen just now; the next one may take its place."""


class FewWords:
    """Passes on the first messages of many vehicles, and counts the rest."""

    def __init__(self, reporter: Reporter, *, most: int = 3) -> None:
        self._reporter = reporter
        self._most = most
        self._infos = 0
        self._warnings = 0

    def info(self, message: str) -> None:
        """One of the first, or counted."""
        self._infos += 1
        if self._infos <= self._most:
            self._reporter.info(message)

    def warn(self, message: str) -> None:
        """One of the first, or counted."""
        self._warnings += 1
        if self._warnings <= self._most:
            self._reporter.warn(message)

    def progress(self, message: str) -> None:
        """Passed on: the next one takes its place anyway."""
        self._reporter.progress(message)

    def sum_up(self) -> None:
        """Say how many were counted."""
        if self._infos > self._most:
            self._reporter.info(f"and {self._infos - self._most:,} more messages like these")
        if self._warnings > self._most:
            self._reporter.warn(f"and {self._warnings - self._most:,} more warnings like these")
