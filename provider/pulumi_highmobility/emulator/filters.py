"""The `filter` of GET /fleets/vehicles, turned into a condition on the table of vehicles."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from .answers import invalid
from .clock import parse_iso
from .machine import STATES

Condition = tuple[str, list[Any]]
_COMPARISONS = {"eq": "=", "lt": "<", "gt": ">", "lte": "<=", "gte": ">="}


def condition_of(text: str | None) -> Condition:
    """SQL with its values for the URL-decoded JSON `text`. Raises: Problem 422, naming the field."""
    if not text:
        return "1 = 1", []
    try:
        fields = json.loads(text)
    except ValueError:
        raise invalid("filter", "filter is not JSON") from None
    if not isinstance(fields, dict):
        raise invalid("filter", "filter is not a JSON object")
    parts: list[str] = []
    values: list[Any] = []
    for name, wish in fields.items():
        if name not in _FIELDS:
            raise invalid("filter", f"{name} is not a field to filter by")
        if not isinstance(wish, dict) or "operator" not in wish or "value" not in wish:
            raise invalid("filter", f"{name} takes an operator and a value")
        part, more = _FIELDS[name](name, wish["operator"], wish["value"])
        parts.append(part)
        values.extend(more)
    return " AND ".join(parts) or "1 = 1", values


def _text(name: str, operator: Any, value: Any) -> Condition:
    if operator == "eq" and isinstance(value, str):
        return f"{name} = ?", [_normal(name, value)]
    if operator == "in" and isinstance(value, list) and all(isinstance(item, str) for item in value):
        # One bound value however long the list is.
        column = f"{name} IN (SELECT value FROM json_each(?))"  # noqa: S608 - one of _FIELDS
        return column, [json.dumps([_normal(name, item) for item in value])]
    raise invalid("filter", f"{name} takes eq with a text or in with a list of texts")


def _normal(name: str, value: str) -> str:
    if name == "status" and value not in STATES:
        raise invalid("filter", f"{value} is not a status")
    return value.upper() if name == "vin" else value


# A vehicle without tags has the JSON null there, which json_each would take for one element.
_TAGS = "CASE tags WHEN 'null' THEN '{}' ELSE tags END"


def _tags(_name: str, operator: Any, value: Any) -> Condition:
    good = isinstance(value, dict) and all(isinstance(text, str) for text in value.values())
    if operator not in ("eq", "contains") or not good:
        raise invalid("filter", "tags takes eq or contains with an object of texts")
    parts = [f"EXISTS (SELECT 1 FROM json_each({_TAGS}) WHERE key = ? AND value = ?)" for _ in value]  # noqa: S608 - a constant
    values: list[Any] = [part for item in value.items() for part in item]
    if operator == "eq":
        parts.append(f"(SELECT count(*) FROM json_each({_TAGS})) = ?")  # noqa: S608 - a constant
        values.append(len(value))
    return " AND ".join(parts) or "1 = 1", values


def _instant(name: str, operator: Any, value: Any) -> Condition:
    seconds = parse_iso(value) if isinstance(value, str) else None
    if operator not in _COMPARISONS or seconds is None:
        raise invalid("filter", f"{name} takes eq, lt, gt, lte or gte with an ISO 8601 instant")
    # To the millisecond: a fraction that went through a text is not the float that it was.
    return f"round({name} * 1000) {_COMPARISONS[operator]} ?", [round(seconds * 1000)]


_FIELDS: dict[str, Callable[[str, Any, Any], Condition]] = {
    "vin": _text,
    "status": _text,
    "brand": _text,
    "tags": _tags,
    "approved_at": _instant,
    "inserted_at": _instant,
}
