"""The operations of each resource, by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from . import (
    fleet,
    fleet_access_tokens,
    fleet_removals,
    fleet_vehicle,
    vehicle_access_token,
    vehicle_approval,
)

if TYPE_CHECKING:
    from .runner import Operations

OPERATIONS: Mapping[str, Operations] = {
    "FleetVehicle": fleet_vehicle,
    "Fleet": fleet,
    "FleetRemovals": fleet_removals,
    "VehicleAccessToken": vehicle_access_token,
    "FleetAccessTokens": fleet_access_tokens,
    "VehicleApproval": vehicle_approval,
}
