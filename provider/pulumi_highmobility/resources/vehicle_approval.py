"""VehicleApproval: waits for a clearance, apart from the vehicle that it waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

import pulumi
from pulumi.dynamic import Resource

from ..dynamic.provider import HighMobilityProvider
from .args import VehicleApprovalArgs, VehicleApprovalArgsDict, VehicleLike, require_vehicle, split_arguments
from .program import tell_of_plain_secrets
from .registered import register

if TYPE_CHECKING:
    from ..operations.runner import Operations


class VehicleApprovalProvider(HighMobilityProvider):
    """Waits in `create`. Its import path stands in every stack's state."""

    kind = "VehicleApproval"

    def operations(self) -> Operations:
        """See HighMobilityProvider."""
        from ..operations import vehicle_approval  # noqa: PLC0415 - a program that only declares resources has no use for it

        return vehicle_approval


class VehicleApproval(Resource, module="highmobility", name="VehicleApproval"):
    """
    Waits until a vehicle's clearance is approved.

    A rejection, a revocation or the timeout fails this resource; the vehicle stays in state, and its clearance
    continues. What depends on this resource is created after the approval.

    API: GET /fleets/vehicles
    """

    vin: pulumi.Output[str]
    """The VIN of the vehicle."""
    status: pulumi.Output[str]
    """approved."""
    approved_at: pulumi.Output[str]
    """When the carmaker approved, ISO 8601 in UTC."""
    request_id: pulumi.Output[str]
    """The vehicle's request that was approved."""
    timeout_minutes: pulumi.Output[float | None]
    """How long the create may wait."""

    @overload
    def __init__(
        self,
        resource_name: str,
        args: VehicleApprovalArgs | VehicleApprovalArgsDict,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None: ...

    @overload
    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        vehicle: VehicleLike,
        timeout_minutes: pulumi.Input[float] | None = None,
    ) -> None: ...

    def __init__(self, resource_name: str, *positional: Any, **named: Any) -> None:
        """
        Wait for a vehicle.

        :param vehicle: the FleetVehicle, or the vehicle of a Fleet, to wait for.
        :param timeout_minutes: how long to wait. Default: 30.
        """
        tell_of_plain_secrets()
        opts, inputs = split_arguments(VehicleApprovalArgs, positional, named)
        vehicle: VehicleLike | None = inputs["vehicle"]
        if vehicle is not None:
            require_vehicle(vehicle)
        register(
            self,
            VehicleApprovalProvider(),
            resource_name,
            {
                # Where it is None, the check says so.
                "vin": vehicle.vin if vehicle is not None else None,
                "request_id": vehicle.request_id if vehicle is not None else None,
                "timeout_minutes": inputs["timeout_minutes"],
                "status": None,
                "approved_at": None,
            },
            opts,
        )
