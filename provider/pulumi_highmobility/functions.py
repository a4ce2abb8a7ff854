"""Functions beside the resources: read the fleet, or ask a carmaker, from within a program."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from .dynamic.bridge import BRIDGE, DynamicBridge
from .resources.mistakes import shown_in_words
from .resources.program import stack_config

__all__ = [
    "EligibilityResult",
    "FleetVehicleResult",
    "check_eligibility",
    "check_eligibility_output",
    "get_fleet",
    "get_fleet_output",
    "get_fleet_vehicle",
    "get_fleet_vehicle_output",
]


@dataclass(frozen=True)
class FleetVehicleResult:
    """A registered vehicle; instants are ISO 8601 in UTC, empty where there is none."""

    vin: str
    brand: str | None
    status: str
    status_reason: str
    tags: Mapping[str, str]
    changelog: Sequence[Mapping[str, str]]
    requested_at: str
    approved_at: str


@dataclass(frozen=True)
class EligibilityResult:
    """A carmaker's answer; `data_delivery` has "pull" and "push", the other two are None where it does not say."""

    vin: str
    eligible: bool
    data_delivery: Sequence[str]
    connectivity_status: str | None
    primary_user_assigned: bool | None


@shown_in_words
def get_fleet(
    *,
    status: str | Sequence[str] | None = None,
    brand: str | Sequence[str] | None = None,
    vins: Sequence[str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> list[FleetVehicleResult]:
    """
    The registered vehicles, by VIN; each argument is a filter; `tags` selects vehicles that have at least these.

    One request, at every preview and `up`; needs credentials. A list of VINs that is too long for a URL is looked up in
    the whole list.

    API: GET /fleets/vehicles with its filter
    """
    from .operations import functions  # noqa: PLC0415 - a program without this call has no use for it

    found = BRIDGE.run(
        functions.get_fleet(status=status, brand=brand, vins=vins, tags=tags),
        stack_config(),
    )
    return [FleetVehicleResult(**vehicle) for vehicle in found]


def get_fleet_output(
    *,
    status: pulumi.Input[str | Sequence[str]] | None = None,
    brand: pulumi.Input[str | Sequence[str]] | None = None,
    vins: pulumi.Input[Sequence[str]] | None = None,
    tags: pulumi.Input[Mapping[str, str]] | None = None,
) -> pulumi.Output[list[FleetVehicleResult]]:
    """As `get_fleet`, with inputs that may be outputs of resources."""
    arguments = pulumi.Output.all(status=status, brand=brand, vins=vins, tags=tags)
    return arguments.apply(lambda given: get_fleet(**given))


@shown_in_words
def get_fleet_vehicle(vin: str) -> FleetVehicleResult:
    """
    One registered vehicle. Needs credentials.

    Raises: VehicleNotFound.
    API: GET /fleets/vehicles/{vin}
    """
    from .operations import functions  # noqa: PLC0415 - as above

    return FleetVehicleResult(**BRIDGE.run(functions.get_fleet_vehicle(vin=vin), stack_config()))


def get_fleet_vehicle_output(vin: pulumi.Input[str]) -> pulumi.Output[FleetVehicleResult]:
    """As `get_fleet_vehicle`, with an input that may be an output of a resource."""
    return pulumi.Output.from_input(vin).apply(get_fleet_vehicle)


@shown_in_words
def check_eligibility(vin: str, brand: str) -> EligibilityResult:
    """
    Look up whether the carmaker would accept the vehicle; no clearance is requested. Needs credentials.

    Raises: InvalidRequest, where the brand has no look-up or is not activated for the application.
    API: POST /eligibility
    """
    from .operations import functions  # noqa: PLC0415 - as above

    return EligibilityResult(**BRIDGE.run(functions.check_eligibility(vin=vin, brand=brand), stack_config()))


def check_eligibility_output(
    vin: pulumi.Input[str], brand: pulumi.Input[str]
) -> pulumi.Output[EligibilityResult]:
    """As `check_eligibility`, with inputs that may be outputs of resources."""
    return pulumi.Output.all(vin=vin, brand=brand).apply(lambda given: check_eligibility(**given))


def _begin_anew() -> None:
    """In the child of a fork: it has a copy of its parent's loop, but not the thread that runs it."""
    left = dict(vars(BRIDGE))
    # Kept: what is forgotten would be closed, and the connections are the parent's.
    _OF_THE_PARENT.append(left)
    DynamicBridge.__init__(BRIDGE, BRIDGE.clock)
    BRIDGE.configure(left["_config"])


_OF_THE_PARENT: list[dict[str, Any]] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
