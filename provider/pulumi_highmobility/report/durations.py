"""Spans of time as people read them: "5.2 hours", "12 days"."""

from __future__ import annotations

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
_UNITS = ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (1.0, "second"))


def span(seconds: float) -> str:
    """The span in its largest unit, with two digits below ten: 90 → "1.5 minutes"."""
    number, unit = _in_unit(seconds)
    return f"{number} {unit}{'' if number == '1' else 's'}"


def span_between(low: float, high: float) -> str:
    """Both ends, the unit once where it is the same: "1.1 to 1.5 hours"."""
    number, unit = _in_unit(low)
    return f"{number} to {span(high)}" if _in_unit(high)[1] == unit else f"{span(low)} to {span(high)}"


def _in_unit(seconds: float) -> tuple[str, str]:
    # Rounding must not make 60 minutes of 59.96.
    size, unit = next(((size, unit) for size, unit in _UNITS if round(seconds / size, 1) >= 1), _UNITS[-1])
    count = seconds / size
    return (f"{count:.1f}".removesuffix(".0") if round(count, 1) < 10 else f"{count:,.0f}"), unit
