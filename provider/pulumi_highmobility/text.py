"""Text from outside, made fit to be shown."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from itertools import zip_longest

# Longer texts of the platform are cut: a message is to be read.
MOST = 500
# PEP 383: a byte that the locale cannot decode is half a surrogate pair.
_KEPT_APART = re.compile("[\udc80-\udcff]+")
# What a spreadsheet takes for the start of a formula, the wide forms of East Asia included.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


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


def recovered(text: str) -> str:
    """
    An argument or a path as its UTF-8 means it, where the locale has no such letters and Python kept the bytes apart.

    What is no UTF-8 either becomes U+FFFD.
    """
    return _KEPT_APART.sub(
        lambda found: bytes(ord(half) - 0xDC00 for half in found[0]).decode("utf-8", "replace"), text
    )


def composed(text: str) -> str:
    """
    The text with each letter and its marks as one character where there is one (Unicode's NFC).

    "ö" may be one character or an "o" with a mark, by the keyboard or the file system it came from: both look the same.
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def composed_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags in the form in which they are compared and sent: names and texts composed."""
    return {composed(name): composed(text) for name, text in tags.items()}


def unseen_difference(one: str, other: str) -> str:
    """
    Where two texts that look the same differ, by their code points; empty where they are equal or one can see it.

    "character 2 is U+00A0 (NO-BREAK SPACE), not U+0020 (SPACE)": that of `one` first.
    """
    if one == other or (one.isascii() and other.isascii()):
        return ""
    pairs = list(zip_longest(one, other))
    place = next(place for place, (left, right) in enumerate(pairs) if left != right)
    left, right = pairs[place]
    if _skeleton(one) != _skeleton(other) and not _are_letters_of_two_scripts(left, right):
        return ""
    if left is None or right is None:
        where, more = ("the second", right) if left is None else ("the first", left)
        return f"{where} has {_code_point(more)} at its end"
    return f"character {place + 1} is {_code_point(left)}, not {_code_point(right)}"


def _skeleton(text: str) -> str:
    """What is left to see of a text: every space is a space, and what has no width is not there."""
    return "".join(
        " " if unicodedata.category(letter) == "Zs" else letter
        for letter in unicodedata.normalize("NFKC", text)
        if unicodedata.category(letter) not in ("Cf", "Cc") and not "\ufe00" <= letter <= "\ufe0f"
    )


def _are_letters_of_two_scripts(left: str | None, right: str | None) -> bool:
    # A Cyrillic "a" looks like a Latin one; a script is the first word of its letters' names.
    if left is None or right is None or not (left.isalpha() and right.isalpha()):
        return False
    return unicodedata.name(left, "").split(" ")[0] != unicodedata.name(right, "").split(" ")[0]


def _code_point(letter: str | None) -> str:
    assert letter is not None  # noqa: S101 - one of the two texts has it
    return f"U+{ord(letter):04X} ({unicodedata.name(letter, 'a control character')})"


def _visible(character: str) -> str:
    if character.isprintable() or unicodedata.category(character) == "Zs":
        return character
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")
