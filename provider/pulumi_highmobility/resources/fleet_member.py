"""A Fleet's list on its way to the provider, and one vehicle of a Fleet on its way to a token."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pulumi

from .mistakes import WrongCall, WrongValue

if TYPE_CHECKING:
    from ..fleet.held import Registry


class FleetMember:
    """One vehicle of a Fleet, usable wherever a FleetVehicle is."""

    def __init__(self, vin: str, fleet_id: pulumi.Output[str], facts: pulumi.Output[Registry]) -> None:
        self._vin = vin
        self._fleet_id = fleet_id
        self._facts = facts

    def __repr__(self) -> str:
        return f"FleetMember({self._vin!r})"

    @property
    def vin(self) -> pulumi.Output[str]:
        """The VIN; known with the Fleet, so that what uses it comes after."""
        return self._facts.apply(lambda _: self._vin)

    @property
    def status(self) -> pulumi.Output[str]:
        """
        The status of its clearance; "error" if it could not be requested, "unknown" if the Fleet's state does not have it.

        The latter happens while the Fleet itself is left out of a run (`--target`), and with Pulumi's mocks.
        """
        return self._facts.apply(self._status)

    @property
    def request_id(self) -> pulumi.Output[str]:
        """Identifies the request for its clearance; a re-request gets a new one."""
        return pulumi.Output.all(self._fleet_id, self._facts).apply(
            lambda known: _request_name(known[0], known[1], self._vin)
        )

    def _status(self, facts: Registry) -> str:
        if self._vin in facts.failed and self._vin not in facts.statuses:
            return "error"
        # Whether the Fleet is up to date cannot be known here, so a vehicle that it lacks is no error.
        return facts.statuses.get(self._vin, "unknown")


def _request_name(fleet_id: str, facts: Registry, vin: str) -> str:
    from ..fleet.held import request_name  # noqa: PLC0415 - a program without it has no use for the rules

    return request_name(fleet_id, facts, vin)


def encoded(vehicles: Any) -> pulumi.Input[str]:
    """
    The list as a text of JSON lines: one value for the engine instead of a tree of a hundred thousand.

    A row that is no dictionary stays in it, for the check to refuse by its place.

    Raises: TypeError where it is no list, or a row has values that are no JSON; ValueError where a text has no UTF-8.
    """
    # Resolving outputs at any depth costs milliseconds a vehicle: only where there are some.
    if holds_outputs(vehicles):
        return pulumi.Output.from_input(vehicles).apply(_lines)
    return _lines(vehicles)


def vins_of(vehicles: Any) -> frozenset[str]:
    """The VINs of a list, in upper case; none where it holds outputs, which are not known yet."""
    if holds_outputs(vehicles):
        return frozenset()
    rows = [vehicle for vehicle in vehicles if isinstance(vehicle, Mapping)] if is_list(vehicles) else ()
    return frozenset(str(vehicle.get("vin", "")).strip().upper() for vehicle in rows)


def vins_in(text: str) -> str:
    """The VINs of an encoded list, as far as they can be read, separated by spaces."""
    found = []
    for line in text.split("\n") if text else ():
        row = json.loads(line)
        vin = row.get("vin") if isinstance(row, dict) else None
        if isinstance(vin, str):
            found.append(vin.strip().upper())
    return " ".join(found)


def is_list(vehicles: Any) -> bool:
    """Whether its items may be vehicles: a text's and a dictionary's are not."""
    return hasattr(vehicles, "__iter__") and not isinstance(vehicles, (str, bytes, Mapping))


def _lines(vehicles: Any) -> str:
    if not is_list(vehicles):
        raise WrongCall(f"vehicles takes a list of dictionaries, not {type(vehicles).__name__}")
    lines = []
    for place, vehicle in enumerate(vehicles):
        # The state's own lines are arrays of two to four: what is no dictionary goes as an array of one.
        row = vehicle if isinstance(vehicle, Mapping) else [vehicle]
        try:
            line = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
            line.encode()
        except TypeError as error:
            raise WrongCall(f"vehicles[{place}] takes only text and numbers: {error}") from error
        except UnicodeEncodeError as error:
            raise WrongValue(
                f"vehicles[{place}] contains half a character in a text, which cannot be sent"
            ) from error
        lines.append(line)
    return "\n".join(lines)


def holds_outputs(value: Any) -> bool:
    """Whether there is an output in it, at any depth."""
    if isinstance(value, Mapping):
        return any(map(holds_outputs, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(holds_outputs, value))
    return isinstance(value, pulumi.Output) or hasattr(value, "__await__")
