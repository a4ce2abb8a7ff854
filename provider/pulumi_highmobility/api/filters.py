"""What of a filter the platform is asked, and what is looked through here because no URL can hold it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote_plus

import msgspec

from .shapes import RegisteredVehicle

# Servers and proxies commonly take a request line of 8 KiB (nginx's large_client_header_buffers, Apache's
# LimitRequestLine); half of it leaves room for a base URL and a gateway's own additions.
LONGEST_FILTER = 4_000


class SplitFilter(NamedTuple):
    """`asked` goes with the request, as JSON; an answer's vehicles are let through by `takes`."""

    asked: str | None
    takes: Callable[[RegisteredVehicle], bool]


def split_filter(filter_by: Mapping[str, Any] | None) -> SplitFilter:
    """
    The platform's filter, without what is too long for a URL, such as three thousand VINs.

    The longest fields are left out first: one request for a larger list costs the platform less than twenty for
    parts of it, and it asks for "no bursts within a few seconds".
    """
    asked = dict(filter_by or {})
    kept: dict[str, Any] = {}
    while asked and _length(asked) > LONGEST_FILTER:
        name = max(
            (name for name in asked if name in _FIELDS), key=lambda name: _length(asked[name]), default=None
        )
        if name is None:
            break
        kept[name] = asked.pop(name)
    tests = [_FIELDS[name](wish["operator"], wish["value"]) for name, wish in kept.items()]
    text = msgspec.json.encode(asked).decode() if asked else None
    return SplitFilter(text, lambda vehicle: all(test(vehicle) for test in tests))


def _length(value: Any) -> int:
    return len(quote_plus(msgspec.json.encode(value)))


_Test = Callable[[RegisteredVehicle], bool]


def _one_of(read: Callable[[RegisteredVehicle], str | None]) -> Callable[[str, Any], _Test]:
    def test_of(operator: str, value: Any) -> _Test:
        wanted: Iterable[str] = value if operator == "in" else [value]
        known = frozenset(wanted)
        return lambda vehicle: read(vehicle) in known

    return test_of


def _tags(operator: str, value: Mapping[str, str]) -> _Test:
    def test(vehicle: RegisteredVehicle) -> bool:
        tags = {name: str(text) for name, text in (vehicle.tags or {}).items()}
        return tags == dict(value) if operator == "eq" else dict(value).items() <= tags.items()

    return test


_FIELDS: dict[str, Callable[[str, Any], _Test]] = {
    "vin": _one_of(lambda vehicle: vehicle.vin.upper()),
    "status": _one_of(lambda vehicle: vehicle.status),
    "brand": _one_of(lambda vehicle: vehicle.brand),
    "tags": _tags,
}
