"""Objects of a document with their keys in order, and what appears twice."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any


class Repeating(dict[Any, object]):
    """An object that has a key twice; JSON and YAML let the last one win, without a word."""

    key: object = ""


def object_of(pairs: Sequence[tuple[Hashable, object]]) -> dict[Any, object]:
    """The object, as a Repeating that names the first such key where one appears twice."""
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[Hashable] = set()
    repeating = Repeating(found)
    for key, _ in pairs:
        if key in seen:
            repeating.key = key
            break
        seen.add(key)
    return repeating
