"""The `filter` of GET /fleets/vehicles, turned into a condition on the table of vehicles."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..answers import invalid
from ..wire import NotJson, read_json, write_json
from ..world.clock import parse_iso
from ..world.machine import STATES
from ..world.vins import normal_vin

Condition = tuple[str, list[Any]]
_COMPARISONS = {"eq": "=", "lt": "<", "gt": ">", "lte": "<=", "gte": ">="}


def condition_of(text: str | None, *, per_second: int = 1000) -> Condition:
    """
    SQL with its values for the URL-decoded JSON `text`; instants are compared in parts `per_second`, as answers show them.

    Raises: Problem 422, naming the field.
    """
    if not text:
        return "1 = 1", []
    try:
        fields = read_json(text)
    except NotJson:
        raise invalid("filter", "filter is not JSON") from None
    if not isinstance(fields, dict):
        raise invalid("filter", "filter is not a JSON object")
    parts: list[str] = []
    values: list[Any] = []
    for name, wish in fields.items():
        if name not in _FIELDS and name not in _INSTANTS:
            raise invalid("filter", f"{name} is not a field to filter by")
        if not isinstance(wish, dict) or "operator" not in wish or "value" not in wish:
            raise invalid("filter", f"{name} takes an operator and a value")
        if name in _INSTANTS:
            part, more = _instant(name, wish["operator"], wish["value"], per_second)
        else:
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
        return column, [write_json([_normal(name, item) for item in value])]
    raise invalid("filter", f"{name} takes eq with a text or in with a list of texts")


def _normal(name: str, value: str) -> str:
    if name == "status" and value not in STATES:
        raise invalid("filter", f"{value} is not a status")
    return normal_vin(value) if name == "vin" else value


def _tags(_name: str, operator: Any, value: Any) -> Condition:
    good = isinstance(value, dict) and all(isinstance(text, str) for text in value.values())
    if not good or operator not in ("eq", "contains"):
        raise invalid("filter", "tags takes eq or contains with an object of texts")
    # One bound value however many tags.
    return "has_tags(tags, ?, ?)", [write_json(value), operator == "eq"]


def _instant(name: str, operator: Any, value: Any, per_second: int) -> Condition:
    seconds = parse_iso(value) if isinstance(value, str) else None
    if not isinstance(operator, str) or operator not in _COMPARISONS or seconds is None:
        raise invalid("filter", f"{name} takes eq, lt, gt, lte or gte with an ISO 8601 instant")
    # Never finer than the millisecond: a fraction that went through a text is not the float that it was.
    stored = f"CAST({name} AS INTEGER)" if per_second == 1 else f"round({name} * {per_second})"
    bound = math.floor(seconds) if per_second == 1 else round(seconds * per_second)
    return f"{stored} {_COMPARISONS[operator]} ?", [bound]


_FIELDS: dict[str, Callable[[str, Any, Any], Condition]] = {
    "vin": _text,
    "status": _text,
    "brand": _text,
    "tags": _tags,
}
_INSTANTS = ("approved_at", "inserted_at")
