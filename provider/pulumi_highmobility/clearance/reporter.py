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


class Silence:
    """For calls that nobody listens to."""

    def info(self, message: str) -> None:
        """Nobody listens."""

    def warn(self, message: str) -> None:
        """Nobody listens."""

    def progress(self, message: str) -> None:
        """Nobody listens."""
