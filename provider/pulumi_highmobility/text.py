"""Text from outside, made fit to be shown."""

from __future__ import annotations

import unicodedata

# Longer texts of the platform are cut: a message is to be read.
MOST = 500


def visible(text: str, most: int = MOST) -> str:
    """
    The text with its control and format characters written out, and cut after `most` characters.

    A terminal obeys escape sequences, and a line break with "error:" behind it looks like a message of ours.
    """
    cut = len(text) - most
    if cut > 0:
        text = text[:most]
    if not text.isprintable():
        text = "".join(map(_visible, text))
    return f"{text}… ({cut:,} more characters)" if cut > 0 else text


def _visible(character: str) -> str:
    if character.isprintable() or unicodedata.category(character) == "Zs":
        return character
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")
