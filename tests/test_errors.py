"""The error tree as drawn, and as it is."""

from __future__ import annotations

import inspect
import re

from pulumi_highmobility import errors


def test_the_drawn_tree_is_the_tree_of_classes() -> None:
    drawn: dict[str, str | None] = {}
    parents: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^([│ ]*(?:[├└]─ )?)([A-Z]\w+)\b", line)
        if not found or not (line.startswith("HighMobilityError") or "─" in found[1]):
            continue
        depth = len(found[1]) // 3
        parents[depth:] = [found[2]]
        drawn[found[2]] = parents[depth - 1] if depth else None
    classes = {
        name: error.__base__.__name__ if error.__base__ and error.__base__ is not Exception else None
        for name, error in inspect.getmembers(errors, inspect.isclass)
        if issubclass(error, Exception)
    }
    assert drawn == classes
    assert set(errors.__all__) == set(classes)
