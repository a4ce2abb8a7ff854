"""Faults on demand: what a client must survive, for the next matching requests."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any, Literal

from ..world.vins import normal_vin

Kind = Literal["status", "delay", "close_before", "close_after", "truncate", "expire_token", "answer"]


@dataclass
class Fault:
    """
    One fault.

    For the next `times` requests whose method, path (after /v1, with * as a wildcard) and VIN match (None: any):
    "status" answers `status` without effect, with `retry_after` seconds as Retry-After if given; "delay" waits
    `seconds` first; "close_before" and "close_after" close the connection before or after the effect took place;
    "truncate" sends half of the answer's body; "expire_token" makes the bearer token end first; "answer" answers 200
    with `body`, the text of a JSON document, without effect.
    """

    kind: Kind
    times: int = 1
    method: str | None = None
    path: str | None = None
    vin: str | None = None
    status: int = 500
    retry_after: int | None = None
    seconds: float = 0.0
    body: str = "[]"

    def matches(self, method: str, path: str, vins: list[str]) -> bool:
        """Whether this request is one of those meant."""
        return (
            (self.method is None or self.method == method)
            and (self.path is None or fnmatch(path, self.path))
            and (self.vin is None or normal_vin(self.vin) in vins)
        )


class Faults:
    """The faults that are still to come, in order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fields: dict[str, Any]) -> Fault:
        """One more, by its fields; orders.NewFault says which values they take."""
        fault = Fault(**fields)
        with self._lock:
            self._faults.append(fault)
        return fault

    def take(self, method: str, path: str, vins: list[str]) -> Fault | None:
        """The first fault that matches, counted down."""
        with self._lock:
            for fault in self._faults:
                if fault.matches(method, path, vins):
                    fault.times -= 1
                    if fault.times <= 0:
                        self._faults.remove(fault)
                    return fault
        return None

    def pending(self) -> list[dict[str, Any]]:
        """What is still to come."""
        with self._lock:
            return [vars(fault).copy() for fault in self._faults]

    def clear(self) -> None:
        """Forget them all."""
        with self._lock:
            self._faults.clear()
