"""Durations as people write them: 500ms, 2s, 10m, 3h, 1d."""

from __future__ import annotations

import re

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
# A hundred years: far more than any carmaker takes, and far from where dates end.
LONGEST_S = 36_525 * 86_400.0


def parse_duration(text: str) -> float:
    """Seconds, at most LONGEST_S; a bare number is seconds. Raises: ValueError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?", text.strip(), re.ASCII)
    if not found:
        raise ValueError(f"{text[:50]!r} is not a duration; write 500ms, 2s, 10m, 3h or 1d")
    seconds = float(found[1]) * _UNITS[found[2] or "s"]
    if seconds > LONGEST_S:
        raise ValueError(f"{text[:50]!r} is too long; 36525d, a hundred years, is the longest")
    return seconds
