"""Spans of time as people read them: "5.2 hours", "12 days"."""

from __future__ import annotations

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
_UNITS = ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (1.0, "second"))


def span(seconds: float) -> str:
    """The span in its largest unit, with two digits below ten: 90 → "1.5 minutes"."""
    size, unit = next(((size, unit) for size, unit in _UNITS if round(seconds / size, 1) >= 1), _UNITS[-1])
    count = seconds / size
    # Rounding must not make 60 minutes of 59.96.
    text = f"{count:.1f}".removesuffix(".0") if round(count, 1) < 10 else f"{count:,.0f}"
    return f"{text} {unit}{'' if text == '1' else 's'}"
