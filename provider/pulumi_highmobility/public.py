"""What programs import from the package: the resources, the functions, and the readers of fleet files."""

from __future__ import annotations

from .files.reading import FleetFileError, VehicleArgsDict
from .functions import (
    EligibilityResult,
    FleetVehicleResult,
    check_eligibility,
    check_eligibility_output,
    get_fleet,
    get_fleet_output,
    get_fleet_vehicle,
    get_fleet_vehicle_output,
)
from .resources.args import (
    ControlMeasuresArgs,
    ControlMeasuresArgsDict,
    FleetAccessTokensArgs,
    FleetAccessTokensArgsDict,
    FleetArgs,
    FleetArgsDict,
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
from .resources.fleet import Fleet, FleetProvider
from .resources.fleet_access_tokens import FleetAccessTokens, FleetAccessTokensProvider, FleetToken
from .resources.fleet_enrollment import FleetEnrollment
from .resources.fleet_files import vehicles_from_csv, vehicles_from_json, vehicles_from_yaml
from .resources.fleet_member import FleetMember
from .resources.fleet_removals import FleetRemovalsProvider
from .resources.fleet_vehicle import FleetVehicle, FleetVehicleProvider
from .resources.vehicle_access_token import VehicleAccessToken, VehicleAccessTokenProvider
from .resources.vehicle_approval import VehicleApproval, VehicleApprovalProvider

__all__ = [
    "ControlMeasuresArgs",
    "ControlMeasuresArgsDict",
    "EligibilityResult",
    "Fleet",
    "FleetAccessTokens",
    "FleetAccessTokensArgs",
    "FleetAccessTokensArgsDict",
    "FleetAccessTokensProvider",
    "FleetArgs",
    "FleetArgsDict",
    "FleetEnrollment",
    "FleetFileError",
    "FleetMember",
    "FleetProvider",
    "FleetRemovalsProvider",
    "FleetToken",
    "FleetVehicle",
    "FleetVehicleArgs",
    "FleetVehicleArgsDict",
    "FleetVehicleProvider",
    "FleetVehicleResult",
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
    "VehicleArgsDict",
    "VehicleLike",
    "check_eligibility",
    "check_eligibility_output",
    "get_fleet",
    "get_fleet_output",
    "get_fleet_vehicle",
    "get_fleet_vehicle_output",
    "vehicles_from_csv",
    "vehicles_from_json",
    "vehicles_from_yaml",
]

# Users see, and stacks store, the names by which they import; the files behind them may move.
for _name in __all__:
    globals()[_name].__module__ = __package__
