"""JSON as it comes in and as it goes out: the one place that parses it, and the one that writes it."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn


class NotJson(ValueError):
    """What came in is not JSON, or is JSON that no answer could repeat."""


def read_json(text: bytes | str) -> Any:
    """
    The value of a body or a filter.

    Raises: NotJson, also where nesting is too deep, a number is not finite, or a text holds half of a surrogate
    pair ("\\ud800"): such a text has no UTF-8, so it could be neither stored nor answered.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise NotJson("it is not JSON") from error
    # Only an escape brings a surrogate in: strict UTF-8 has none, so most bodies need no second look.
    if "\\ud" in text or "\\uD" in text:
        _require_utf8(value)
    return value


def write_json(value: Any) -> str:
    """Compact, as the platform writes it; equal to JSON.stringify of the same value, which its receivers sign over."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _refuse(name: str) -> NoReturn:
    raise NotJson(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise NotJson(f"{text} is out of range")
    return number


def _require_utf8(value: Any) -> None:
    """Raises: NotJson. With a list of its own instead of recursion, since nesting may be deep."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text:
                try:
                    text.encode()
                except UnicodeEncodeError as error:
                    raise NotJson("a text holds half of a surrogate pair") from error
            case dict() as fields:
                waiting += [*fields, *fields.values()]
            case list() as items:
                waiting += items
            case _:
                pass
