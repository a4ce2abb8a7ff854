"""A request as the endpoints see it, and the log of what was asked."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

from ..wire import NotJson, read_json
from ..world.vins import normal_vin

_KEPT = 200_000
# Characters of all lines together; a short text takes some 64 bytes beside them.
_KEPT_TEXT = 64 * 2**20
_PER_TEXT = 64
# Characters of a path, or of what was sent in place of a VIN.
LONGEST_TEXT = 200


@dataclass
class ApiRequest:
    """One request, read in full. `path` is what comes after /v1, decoded."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    base_url: str
    path_params: dict[str, str] = field(default_factory=dict)
    application: str = ""

    def is_form(self) -> bool:
        """Whether its content type says that the body is a form."""
        return self.headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded")

    @cached_property
    def fields(self) -> dict[str, Any]:
        """The body as JSON, or as a form where its content type says so; empty where it is neither, or no object."""
        if self.is_form():
            return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))
        try:
            found = read_json(self.body) if self.body else {}
        except NotJson:
            return {}
        return found if isinstance(found, dict) else {}

    def vins(self) -> list[str]:
        """The VINs that the request names, in its path or its body."""
        if "vin" in self.path_params:
            return [normal_vin(self.path_params["vin"])]
        rows = self.fields.get("vehicles")
        named = [self.fields, *rows] if isinstance(rows, list) else [self.fields]
        return [
            normal_vin(row["vin"])
            for row in named
            if isinstance(row, dict) and isinstance(row.get("vin"), str)
        ]


@dataclass(frozen=True)
class Logged:
    """One line of the request log; it holds no secret, and of no text more than LONGEST_TEXT characters."""

    number: int
    time: float
    method: str
    path: str
    status: int
    vins: list[str]
    application: str
    fault: str | None = None

    def size(self) -> int:
        """What its texts take."""
        return sum(len(text) + _PER_TEXT for text in (self.path, *self.vins))


class RequestLog:
    """The last requests to the API, oldest first: so many lines, and so much text."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: deque[Logged] = deque()
        self._number = 0
        self._size = 0

    def add(
        self, time: float, asked: ApiRequest, path: str, status: int, vins: list[str], fault: str | None
    ) -> None:
        """Write one down; status 0 means that the connection was closed instead of an answer."""
        path, vins = shortened(path), [shortened(vin) for vin in vins]
        with self._lock:
            self._number += 1
            line = Logged(self._number, time, asked.method, path, status, vins, asked.application, fault)
            self._lines.append(line)
            self._size += line.size()
            while len(self._lines) > _KEPT or (self._size > _KEPT_TEXT and len(self._lines) > 1):
                self._size -= self._lines.popleft().size()

    def lines(self, *, after: int = 0) -> list[dict[str, Any]]:
        """The lines with a number above `after`."""
        with self._lock:
            return [vars(line).copy() for line in self._lines if line.number > after]

    def last(self, count: int) -> list[dict[str, Any]]:
        """The newest `count` lines, oldest first."""
        with self._lock:
            newest = [self._lines[-n] for n in range(1, min(count, len(self._lines)) + 1)]
        return [vars(line).copy() for line in reversed(newest)]

    def clear(self) -> None:
        """Forget them."""
        with self._lock:
            self._lines.clear()
            self._size = 0


def shortened(text: str) -> str:
    """The text, or its beginning with an ellipsis."""
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"
