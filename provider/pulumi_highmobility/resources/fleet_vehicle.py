"""FleetVehicle: a vehicle's clearance as a Pulumi resource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

import pulumi
from pulumi.dynamic import Resource

from ..dynamic.provider import HighMobilityProvider
from ..inputs import OnUncancellable, without_none
from .args import ControlMeasures, FleetVehicleArgs, FleetVehicleArgsDict, Tags, split_arguments
from .constructed import tell_construction
from .program import refuse_replace_with, tell_of_plain_secrets
from .registered import register

# What a resource of the SDK has to be given, to have it as an output: the rest of the inputs only where they are set.
_OUTPUTS = (
    "vin",
    "brand",
    "tags",
    "control_measures",
    "status",
    "status_reason",
    "changelog",
    "requested_at",
    "approved_at",
    "request_id",
)

if TYPE_CHECKING:
    from ..operations.runner import Operations


class FleetVehicleProvider(HighMobilityProvider):
    """Requests, reads and ends the clearance of one vehicle. Its import path stands in every stack's state."""

    kind = "FleetVehicle"

    def operations(self) -> Operations:
        """See HighMobilityProvider."""
        from ..operations import fleet_vehicle  # noqa: PLC0415 - a program that only declares resources has no use for it

        return fleet_vehicle


class FleetVehicle(Resource, module="highmobility", name="FleetVehicle"):
    """
    One vehicle of the fleet: its creation requests the carmaker's clearance, its deletion revokes it.

    Clearance takes minutes to weeks. `pulumi up` does not wait for it: `status` is "pending" until a
    refresh sees "approved" or "rejected"; a `VehicleApproval` waits.

    API: POST, GET and DELETE /fleets/vehicles
    """

    vin: pulumi.Output[str]
    """The VIN, in upper case."""
    brand: pulumi.Output[str]
    """The brand, by its name on the wire."""
    tags: pulumi.Output[Mapping[str, str]]
    """The tags as registered."""
    control_measures: pulumi.Output[Mapping[str, Any] | None]
    """What was sent along with the request: a reading of that moment."""
    status: pulumi.Output[str]
    """pending, approved, rejected, revoking or canceling."""
    status_reason: pulumi.Output[str]
    """The carmaker's reason for the status, usually for a rejection; empty if none is given."""
    changelog: pulumi.Output[Sequence[Mapping[str, str]]]
    """The changes of status, oldest first: timestamp (ISO 8601, UTC), status, and reason if there is one."""
    requested_at: pulumi.Output[str]
    """When the current clearance was requested, ISO 8601 in UTC."""
    approved_at: pulumi.Output[str]
    """When it was approved, ISO 8601 in UTC; empty before."""
    request_id: pulumi.Output[str]
    """Identifies this request for clearance within Pulumi; a new request gets a new one."""

    @overload
    def __init__(
        self,
        resource_name: str,
        args: FleetVehicleArgs | FleetVehicleArgsDict,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None: ...

    @overload
    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        vin: pulumi.Input[str],
        brand: pulumi.Input[str],
        control_measures: ControlMeasures | None = None,
        tags: Tags | None = None,
        retry_rejected: pulumi.Input[bool] | None = None,
        retry_revoked: pulumi.Input[bool] | None = None,
        on_uncancellable: pulumi.Input[OnUncancellable] | None = None,
        transition_timeout_minutes: pulumi.Input[float] | None = None,
        check_eligibility: pulumi.Input[bool] | None = None,
        adopt: pulumi.Input[bool] | None = None,
    ) -> None: ...

    def __init__(self, resource_name: str, *positional: Any, **named: Any) -> None:
        """
        Declare a vehicle.

        :param vin: the VIN, 17 characters. A change replaces the resource.
        :param brand: the carmaker's name on the wire, such as "bmw". A change replaces, revoking first.
        :param control_measures: readings that the carmaker checks: `{"odometer": {"value": 110_000, "unit":
            "kilometers"}}`, required for mercedes-benz. Taken at the moment of the request: a later one is not a change.
        :param tags: text values by name, registered with the vehicle. A change replaces, revoking first: the API has no
            call that changes them.
        :param retry_rejected: request it again if the carmaker rejected it, once a day at most. Default: False.
        :param retry_revoked: request it again if somebody else revoked it, such as its driver, once a day at most. Default:
            False: that is a person's decision.
        :param on_uncancellable: what a delete does if a pending clearance cannot be canceled: "fail" (default), or
            "abandon": leave it registered, with a warning.
        :param transition_timeout_minutes: how long a create or delete waits for a revocation in progress. Default: 20.
        :param check_eligibility: look up at preview whether the carmaker would accept the vehicle. Default: the setting
            `highmobility:checkEligibility`.
        :param adopt: whether a VIN that is registered already is taken over as it is. Default: True, with a warning, since
            another stack may hold it; False makes it an error.
        """
        tell_of_plain_secrets()
        opts, inputs = split_arguments(FleetVehicleArgs, positional, named)
        refuse_replace_with(opts)
        tell_construction("FleetVehicle", resource_name, inputs["vin"], _vin_of, opts)
        register(
            self,
            FleetVehicleProvider(),
            resource_name,
            {**dict.fromkeys(_OUTPUTS), **without_none(inputs)},
            opts,
        )


def _vin_of(vin: object) -> str:
    return str(vin or "").strip().upper()
