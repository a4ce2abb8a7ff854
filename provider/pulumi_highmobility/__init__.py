"""Pulumi provider for High Mobility fleet clearance."""

from __future__ import annotations

from .resources.args import (
    ControlMeasuresArgs,
    ControlMeasuresArgsDict,
    FleetVehicleArgs,
    FleetVehicleArgsDict,
    OdometerArgs,
    OdometerArgsDict,
    VehicleAccessTokenArgs,
    VehicleAccessTokenArgsDict,
    VehicleApprovalArgs,
    VehicleApprovalArgsDict,
    VehicleLike,
)
from .resources.fleet_vehicle import FleetVehicle, FleetVehicleProvider
from .resources.vehicle_access_token import VehicleAccessToken, VehicleAccessTokenProvider
from .resources.vehicle_approval import VehicleApproval, VehicleApprovalProvider

__all__ = [
    "ControlMeasuresArgs",
    "ControlMeasuresArgsDict",
    "FleetVehicle",
    "FleetVehicleArgs",
    "FleetVehicleArgsDict",
    "FleetVehicleProvider",
    "OdometerArgs",
    "OdometerArgsDict",
    "VehicleAccessToken",
    "VehicleAccessTokenArgs",
    "VehicleAccessTokenArgsDict",
    "VehicleAccessTokenProvider",
    "VehicleApproval",
    "VehicleApprovalArgs",
    "VehicleApprovalArgsDict",
    "VehicleApprovalProvider",
    "VehicleLike",
]

# Users see, and stacks store, the names by which they import; the files behind them may move.
for _name in __all__:
    globals()[_name].__module__ = __name__
