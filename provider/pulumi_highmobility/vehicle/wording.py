"""Telling what a misspelt name was meant to be, and showing a value in a message."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping

# Longer texts are cut in messages: a whole file pasted into one cell helps nobody.
SHOWN = 40


def fold(name: str) -> str:
    """The name without case, diacritics and the blanks around it: " Škoda" → "skoda"."""
    folded = name.strip().casefold()
    if folded.isascii():
        return folded
    return "".join(
        letter for letter in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(letter)
    )


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Which of `names` was most likely meant by `name`; None where none comes close."""
    import difflib  # noqa: PLC0415 - only mistakes need it

    by_letters = {_letters(candidate): candidate for candidate in names}
    letters = _letters(name)
    if letters in by_letters:
        return by_letters[letters]
    for other, candidate in by_letters.items():
        # Two letters in a three-letter name changed places: too far apart for difflib.
        if letters and sorted(other) == sorted(letters):
            return candidate
    matches = difflib.get_close_matches(letters, by_letters, n=1, cutoff=0.7)
    return by_letters[matches[0]] if matches else None


def describe(value: object) -> str:
    """
    The value as a message shows it: short, in the words of JSON rather than Python's.

    What is inside of an object or a list is not shown: it may be a secret's wrapping.
    """
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    if isinstance(value, str):
        text = value if len(value) <= SHOWN else f"{value[:SHOWN]}…"
        return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text) + '"'
    if isinstance(value, (int, float)):
        return f"the number {number(value)}"
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, (list, tuple)):
        return "a list"
    return f"a {type(value).__name__}"


def number(value: float) -> str:
    """The number as one writes it: Pulumi's 110000.0 is 110000."""
    if isinstance(value, int):
        # Python refuses to write out an integer of thousands of digits.
        return str(value) if abs(value) < 10**SHOWN else f"of more than {SHOWN} digits"
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _letters(name: str) -> str:
    return "".join(letter for letter in fold(name) if letter.isalnum())
