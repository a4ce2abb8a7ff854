"""A secret text that does not show itself in logs, messages or `repr`."""

from __future__ import annotations

from typing import Any, NoReturn


def is_sendable(token: str) -> bool:
    """Whether a token can stand in a header: visible ASCII characters alone (RFC 6750 allows fewer)."""
    return bool(token) and all("!" <= character <= "~" for character in token)


class Secret:
    """A text that is only handed out by `reveal()`; it prints as asterisks and is never pickled."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself, for the one place that must send or sign with it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret('**********')"

    def __str__(self) -> str:
        return "**********"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> NoReturn:
        # Pulumi stores pickled providers in state: a secret that gets into one must fail loudly.
        raise TypeError("a Secret cannot be pickled")

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self
