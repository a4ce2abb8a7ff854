"""VehicleAccessToken: the token pair of an approved vehicle as a Pulumi resource."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, overload

import pulumi
from pulumi.dynamic import Resource

from ..dynamic.provider import HighMobilityProvider
from ..inputs import without_none
from .args import (
    VehicleAccessTokenArgs,
    VehicleAccessTokenArgsDict,
    VehicleLike,
    require_vehicle,
    split_arguments,
)
from .mistakes import WrongCall
from .program import tell_of_plain_secrets
from .registered import register

if TYPE_CHECKING:
    from ..operations.runner import Operations

_SECRET_OUTPUTS = ["access_token", "refresh_token"]
_OUTPUTS = ("vin", "token_type", "scope", "expires_at", "issued_at", "status", "clearance_status")


class VehicleAccessTokenProvider(HighMobilityProvider):
    """Issues, renews, checks and revokes one vehicle token. Its import path stands in every stack's state."""

    kind = "VehicleAccessToken"

    def operations(self) -> Operations:
        """See HighMobilityProvider."""
        from ..operations import vehicle_access_token  # noqa: PLC0415 - a program that only declares resources has no use for it

        return vehicle_access_token


class VehicleAccessToken(Resource, module="highmobility", name="VehicleAccessToken"):
    """
    The access and refresh token of an approved vehicle, as secrets of the stack.

    For a vehicle that is not approved yet the `up` does not fail: `status` is "awaiting_clearance", and the next
    `up` that sees the approval issues the token.

    API: POST /fleets/access_tokens, POST and DELETE /access_tokens, GET /vehicleinfo
    """

    vin: pulumi.Output[str]
    """The VIN of the vehicle."""
    access_token: pulumi.Output[str]
    """The access token, a secret; None while the clearance is awaited."""
    refresh_token: pulumi.Output[str]
    """The refresh token, a secret; the durable part of the pair."""
    token_type: pulumi.Output[str]
    """bearer."""
    scope: pulumi.Output[str]
    """What the token gives access to, separated by spaces."""
    expires_at: pulumi.Output[str]
    """When the access token ends, ISO 8601 in UTC."""
    issued_at: pulumi.Output[str]
    """When it was issued, ISO 8601 in UTC."""
    status: pulumi.Output[str]
    """active, expired, revoked or awaiting_clearance."""
    clearance_status: pulumi.Output[str]
    """The vehicle's clearance when the token was last looked at."""

    @overload
    def __init__(
        self,
        resource_name: str,
        args: VehicleAccessTokenArgs | VehicleAccessTokenArgsDict,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None: ...

    @overload
    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        vehicle: VehicleLike | None = None,
        vin: pulumi.Input[str] | None = None,
        min_remaining_seconds: pulumi.Input[float] | None = None,
        keepers: pulumi.Input[Mapping[str, Any]] | None = None,
    ) -> None: ...

    def __init__(self, resource_name: str, *positional: Any, **named: Any) -> None:
        """
        Request a token for a vehicle.

        :param vehicle: a FleetVehicle, a VehicleApproval (then the token comes in the same `up`), or the vehicle of
            a Fleet. Either this or `vin`.
        :param vin: the VIN of a vehicle that is registered outside this stack.
        :param min_remaining_seconds: an `up` that finds less time left renews the token. Default: issued once and
            kept; the refresh token is the durable part.
        :param keepers: any values; a change of one issues a new token and revokes the old one.
        """
        tell_of_plain_secrets()
        opts, inputs = split_arguments(VehicleAccessTokenArgs, positional, named)
        vehicle: VehicleLike | None = inputs["vehicle"]
        if vehicle is not None and inputs["vin"] is not None:
            raise WrongCall(f'VehicleAccessToken "{resource_name}" takes either vehicle= or vin=, not both')
        properties: dict[str, Any] = dict.fromkeys((*_OUTPUTS, *_SECRET_OUTPUTS))
        properties |= without_none(inputs, "vin", "min_remaining_seconds", "keepers")
        # Where neither is given, the check says so.
        if vehicle is not None:
            require_vehicle(vehicle)
            properties |= {
                "vin": vehicle.vin,
                "vehicle_status": vehicle.status,
                "request_id": vehicle.request_id,
            }
        register(
            self,
            VehicleAccessTokenProvider(),
            resource_name,
            properties,
            pulumi.ResourceOptions.merge(
                opts, pulumi.ResourceOptions(additional_secret_outputs=_SECRET_OUTPUTS)
            ),
        )
