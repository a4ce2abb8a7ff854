"""The arguments of the resources, as classes and as dictionaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, Protocol

import pulumi
from typing_extensions import NotRequired, TypedDict

from ..files.reading import VehicleArgsDict
from ..inputs import OnRemoval, OnUncancellable
from .mistakes import WrongCall

if TYPE_CHECKING:
    from .fleet import Fleet


@pulumi.input_type
class OdometerArgs:
    """The odometer's reading: a whole number, in kilometers or miles."""

    def __init__(
        self, *, value: pulumi.Input[int], unit: pulumi.Input[Literal["kilometers", "miles"]]
    ) -> None:
        pulumi.set(self, "value", value)
        pulumi.set(self, "unit", unit)

    @property
    @pulumi.getter
    def value(self) -> pulumi.Input[int]:
        """The reading."""
        return pulumi.get(self, "value")  # type: ignore[no-any-return]

    @property
    @pulumi.getter
    def unit(self) -> pulumi.Input[Literal["kilometers", "miles"]]:
        """Its unit."""
        return pulumi.get(self, "unit")  # type: ignore[no-any-return]


class OdometerArgsDict(TypedDict):
    """The odometer's reading: a whole number, in kilometers or miles."""

    value: pulumi.Input[int]
    unit: pulumi.Input[Literal["kilometers", "miles"]]


@pulumi.input_type
class ControlMeasuresArgs:
    """Readings that the carmaker checks during clearance, taken at the moment of the request."""

    def __init__(self, *, odometer: pulumi.Input[OdometerArgs | OdometerArgsDict] | None = None) -> None:
        if odometer is not None:
            pulumi.set(self, "odometer", odometer)

    @property
    @pulumi.getter
    def odometer(self) -> pulumi.Input[OdometerArgs | OdometerArgsDict] | None:
        """The odometer's reading."""
        return pulumi.get(self, "odometer")  # type: ignore[no-any-return]


class ControlMeasuresArgsDict(TypedDict):
    """Readings that the carmaker checks during clearance, taken at the moment of the request."""

    odometer: NotRequired[pulumi.Input[OdometerArgs | OdometerArgsDict]]


ControlMeasures = pulumi.Input[ControlMeasuresArgs | ControlMeasuresArgsDict]
Tags = pulumi.Input[Mapping[str, pulumi.Input[str]]]
Vehicles = pulumi.Input[Sequence[pulumi.Input[VehicleArgsDict]]]


class VehicleLike(Protocol):
    """What a token or an approval needs of a vehicle: a FleetVehicle, a VehicleApproval, or one of a Fleet."""

    @property
    def vin(self) -> pulumi.Output[str]:
        """Its VIN."""

    @property
    def status(self) -> pulumi.Output[str]:
        """The status of its clearance."""

    @property
    def request_id(self) -> pulumi.Output[str]:
        """Identifies the request for its clearance."""


@dataclass(kw_only=True)
class FleetVehicleArgs:
    """The arguments of FleetVehicle; see there."""

    vin: pulumi.Input[str]
    brand: pulumi.Input[str]
    control_measures: ControlMeasures | None = None
    tags: Tags | None = None
    retry_rejected: pulumi.Input[bool] | None = None
    retry_revoked: pulumi.Input[bool] | None = None
    on_uncancellable: pulumi.Input[OnUncancellable] | None = None
    transition_timeout_minutes: pulumi.Input[float] | None = None
    check_eligibility: pulumi.Input[bool] | None = None
    adopt: pulumi.Input[bool] | None = None


class FleetVehicleArgsDict(TypedDict):
    """The arguments of FleetVehicle as a dictionary; see there."""

    vin: pulumi.Input[str]
    brand: pulumi.Input[str]
    control_measures: NotRequired[ControlMeasures | None]
    tags: NotRequired[Tags | None]
    retry_rejected: NotRequired[pulumi.Input[bool] | None]
    retry_revoked: NotRequired[pulumi.Input[bool] | None]
    on_uncancellable: NotRequired[pulumi.Input[OnUncancellable] | None]
    transition_timeout_minutes: NotRequired[pulumi.Input[float] | None]
    check_eligibility: NotRequired[pulumi.Input[bool] | None]
    adopt: NotRequired[pulumi.Input[bool] | None]


@dataclass(kw_only=True)
class VehicleApprovalArgs:
    """The arguments of VehicleApproval; see there."""

    vehicle: VehicleLike
    timeout_minutes: pulumi.Input[float] | None = None


class VehicleApprovalArgsDict(TypedDict):
    """The arguments of VehicleApproval as a dictionary; see there."""

    vehicle: VehicleLike
    timeout_minutes: NotRequired[pulumi.Input[float] | None]


@dataclass(kw_only=True)
class VehicleAccessTokenArgs:
    """The arguments of VehicleAccessToken; see there."""

    vehicle: VehicleLike | None = None
    vin: pulumi.Input[str] | None = None
    min_remaining_seconds: pulumi.Input[float] | None = None
    keepers: pulumi.Input[Mapping[str, Any]] | None = None


class VehicleAccessTokenArgsDict(TypedDict):
    """The arguments of VehicleAccessToken as a dictionary; see there."""

    vehicle: NotRequired[VehicleLike | None]
    vin: NotRequired[pulumi.Input[str] | None]
    min_remaining_seconds: NotRequired[pulumi.Input[float] | None]
    keepers: NotRequired[pulumi.Input[Mapping[str, Any]] | None]


@dataclass(kw_only=True)
class FleetAccessTokensArgs:
    """The arguments of FleetAccessTokens; see there."""

    fleet: Fleet | None = None
    vehicles: Sequence[VehicleLike] | None = None
    vins: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None
    min_remaining_seconds: pulumi.Input[float] | None = None
    keepers: pulumi.Input[Mapping[str, Any]] | None = None


class FleetAccessTokensArgsDict(TypedDict):
    """The arguments of FleetAccessTokens as a dictionary; see there."""

    fleet: NotRequired[Fleet | None]
    vehicles: NotRequired[Sequence[VehicleLike] | None]
    vins: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]] | None]
    min_remaining_seconds: NotRequired[pulumi.Input[float] | None]
    keepers: NotRequired[pulumi.Input[Mapping[str, Any]] | None]


@dataclass(kw_only=True)
class FleetArgs:
    """The arguments of Fleet; see there."""

    vehicles: Vehicles
    max_removals: pulumi.Input[int | str] | None = None
    on_removal: pulumi.Input[OnRemoval] | None = None
    on_uncancellable: pulumi.Input[OnUncancellable] | None = None
    retry_rejected: pulumi.Input[bool] | None = None
    retry_revoked: pulumi.Input[bool] | None = None
    transition_timeout_minutes: pulumi.Input[float] | None = None
    check_eligibility: pulumi.Input[bool] | None = None
    adopt: pulumi.Input[bool] | None = None


class FleetArgsDict(TypedDict):
    """The arguments of Fleet as a dictionary; see there."""

    vehicles: Vehicles
    max_removals: NotRequired[pulumi.Input[int | str] | None]
    on_removal: NotRequired[pulumi.Input[OnRemoval] | None]
    on_uncancellable: NotRequired[pulumi.Input[OnUncancellable] | None]
    retry_rejected: NotRequired[pulumi.Input[bool] | None]
    retry_revoked: NotRequired[pulumi.Input[bool] | None]
    transition_timeout_minutes: NotRequired[pulumi.Input[float] | None]
    check_eligibility: NotRequired[pulumi.Input[bool] | None]
    adopt: NotRequired[pulumi.Input[bool] | None]


def split_arguments(
    shape: type[Any], positional: tuple[Any, ...], named: Mapping[str, Any]
) -> tuple[pulumi.ResourceOptions | None, dict[str, Any]]:
    """
    The options and the inputs of a resource's constructor, however they were given.

    As (args, opts), (opts) with named inputs, or named throughout; `args` is an instance of `shape` or a
    dictionary of the same names. Raises: TypeError, as for a wrong call of a function.
    """
    inputs = dict(named)
    opts = inputs.pop("opts", None)
    args = inputs.pop("args", None)
    for value in positional:
        if isinstance(value, pulumi.ResourceOptions):
            opts = value
        elif isinstance(value, (shape, Mapping)) and args is None:
            args = value
        elif value is not None:
            raise WrongCall(
                f"expected {shape.__name__}, a dictionary or ResourceOptions, got {type(value).__name__}"
            )
    if args is not None and inputs:
        raise WrongCall(
            f"give the inputs as {shape.__name__} or by name, not both: {', '.join(sorted(inputs))}"
        )
    if opts is not None and not isinstance(opts, pulumi.ResourceOptions):
        raise WrongCall(f"expected opts to be ResourceOptions, got {type(opts).__name__}")
    if args is None or isinstance(args, Mapping):
        args = shape(**(inputs if args is None else args))
    return opts, {field.name: getattr(args, field.name) for field in fields(shape)}


def is_vehicle(vehicle: object) -> bool:
    """Whether it is a resource with a clearance, or a vehicle of a Fleet."""
    return all(hasattr(vehicle, name) for name in ("vin", "status", "request_id"))


def require_vehicle(vehicle: object) -> None:
    """Raises: TypeError, where it is neither a resource with a clearance nor a vehicle of a Fleet."""
    if not is_vehicle(vehicle):
        raise WrongCall(
            f"vehicle takes a FleetVehicle, a VehicleApproval or a Fleet's vehicle(vin), not {type(vehicle).__name__}; "
            "a VehicleAccessToken takes a VIN as vin="
        )
