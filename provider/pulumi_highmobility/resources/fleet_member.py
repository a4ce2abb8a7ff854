"""A Fleet's list on its way to the provider, and one vehicle of a Fleet on its way to a token."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pulumi

if TYPE_CHECKING:
    from ..clearance.fleet_record import Registry


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
        """Its clearance's state; "error" where it could not be asked for."""
        return self._facts.apply(self._status)

    @property
    def request_id(self) -> pulumi.Output[str]:
        """Names the request for its clearance; another after asking anew."""
        return pulumi.Output.all(self._fleet_id, self._facts).apply(
            lambda known: f"{known[0]}/{known[1].serials.get(self._vin, 1)}"
        )

    def _status(self, facts: Registry) -> str:
        if self._vin in facts.failed and self._vin not in facts.statuses:
            return "error"
        if self._vin not in facts.statuses:
            raise LookupError(f"{self._vin} is not in the fleet: add it to its vehicles")
        return facts.statuses[self._vin]


def encoded(vehicles: Any) -> pulumi.Input[str]:
    """
    The list as a text of JSON lines: one value for the engine instead of a tree of a hundred thousand.

    Raises: TypeError where it is no list of dictionaries.
    """
    # Resolving outputs at any depth costs milliseconds a vehicle: only where there are some.
    if _holds_outputs(vehicles):
        return pulumi.Output.from_input(vehicles).apply(_lines)
    return _lines(vehicles)


def vins_of(vehicles: Any) -> frozenset[str]:
    """The VINs of a list, in upper case; none where it holds outputs, which are not known yet."""
    if _holds_outputs(vehicles):
        return frozenset()
    return frozenset(str(vehicle.get("vin", "")).strip().upper() for vehicle in vehicles)


def _lines(vehicles: Any) -> str:
    if isinstance(vehicles, (str, bytes, Mapping)) or not hasattr(vehicles, "__iter__"):
        raise TypeError(f"vehicles takes a list of dictionaries, not {type(vehicles).__name__}")
    try:
        return "\n".join(
            json.dumps(vehicle, ensure_ascii=False, separators=(",", ":")) for vehicle in vehicles
        )
    except TypeError as error:
        raise TypeError(f"vehicles takes a list of dictionaries with texts and numbers: {error}") from error


def _holds_outputs(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_outputs, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_holds_outputs, value))
    return isinstance(value, pulumi.Output) or hasattr(value, "__await__")
