"""VehicleAccessToken: the token pair of an approved vehicle as a Pulumi resource."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, overload
from uuid import uuid4

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from ..clock import parse_instant, write_instant
from ..secret import Secret
from .args import VehicleAccessTokenArgs, VehicleAccessTokenArgsDict, VehicleLike, split_arguments
from .bridge import BRIDGE, ResourceReporter
from .properties import check_number, differs, is_unknown, plain, secret

if TYPE_CHECKING:
    from ..clearance.service import ClearanceService
    from ..clearance.token_plan import TokenState, TokenStep
    from ..clearance.tokens import AwaitingClearance, IssuedToken

_INPUTS = ("vin", "vehicle_status", "request_id", "min_remaining_seconds", "keepers")
_SECRET_OUTPUTS = ["access_token", "refresh_token"]
_OUTPUTS = ("token_type", "scope", "expires_at", "issued_at", "status", "clearance_status")


class VehicleAccessTokenProvider(ResourceProvider):
    """
    Issues, renews, checks and revokes one vehicle token.

    Its import path stands in every stack's state: it has no attributes, and settings live in the bridge.
    """

    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:
        """Called once a process, with the stack's config."""
        BRIDGE.configure(req.config._props)

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """The VIN's form and the bounds of the numbers."""
        from ..clearance.vin import InvalidVin, parse_vin  # noqa: PLC0415

        failures: list[CheckFailure] = []
        inputs = {name: value for name, value in news.items() if value is not None}
        check_number(inputs, "min_remaining_seconds", failures, least=0, most=366 * 24 * 3600, unit="seconds")
        vin = inputs.get("vin")
        if not is_unknown(vin):
            try:
                inputs["vin"] = parse_vin(vin if isinstance(vin, str) else "")
            except InvalidVin as error:
                failures.append(CheckFailure("vin", str(error)))
        return CheckResult(inputs, failures)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Whether the token is to be issued, renewed or replaced by this `up`."""
        from ..clearance.token_plan import TokenStep  # noqa: PLC0415

        # A VIN that is not known yet is that of a vehicle to be replaced: the same one, most likely.
        replaces = [
            name for name in differs(_news, _olds, "vin", "keepers") if not is_unknown(_news.get(name))
        ]
        step = _next_step(_olds, _news, BRIDGE.clock.now())
        changed = (
            bool(replaces)
            or step is not TokenStep.KEEP
            or bool(differs(_news, _olds, "min_remaining_seconds"))
        )
        return DiffResult(changes=changed, replaces=replaces, delete_before_replace=False)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Ask for a token; without an approved clearance it awaits one, and the `up` does not fail."""

        async def issue(
            service: ClearanceService, reporter: ResourceReporter
        ) -> IssuedToken | AwaitingClearance:
            return await service.tokens.issue(
                props["vin"],
                seen_approved=props.get("vehicle_status") == "approved",
                must_be_registered=_is_outside(props),
                reporter=reporter,
            )

        issued = BRIDGE.operate("VehicleAccessToken", issue)
        return CreateResult(str(uuid4()), _outputs(issued, props))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Whether the token still lives, and how the clearance stands that it waits for."""

        async def look(service: ClearanceService, _: ResourceReporter) -> dict[str, Any]:
            return await _look(service, props)

        outputs = BRIDGE.operate("VehicleAccessToken", look)
        return ReadResult(
            id_, outputs, {name: props[name] for name in _INPUTS if props.get(name) is not None}
        )

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Issue or renew what the diff found to be due."""

        async def move_on(service: ClearanceService, reporter: ResourceReporter) -> dict[str, Any]:
            return await _move_on(service, _olds, _news, reporter)

        return UpdateResult(BRIDGE.operate("VehicleAccessToken", move_on))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Revoke the pair; an expired or unknown one is success."""
        access_token = _secret_of(_props, "access_token")
        if access_token is None:
            return

        async def revoke(service: ClearanceService, reporter: ResourceReporter) -> None:
            await service.tokens.revoke(
                _props["vin"],
                access_token=access_token,
                refresh_token=_secret_of(_props, "refresh_token"),
                reporter=reporter,
            )

        BRIDGE.operate("VehicleAccessToken", revoke)


def _next_step(olds: Mapping[str, Any], news: Mapping[str, Any], now: datetime) -> TokenStep:
    from ..clearance.token_plan import TokenStep, next_step  # noqa: PLC0415

    if is_unknown(news.get("vehicle_status")) or is_unknown(news.get("request_id")):
        # The vehicle is to be created or replaced by this very `up`.
        return TokenStep.REVALIDATE
    min_remaining = news.get("min_remaining_seconds")
    return next_step(
        _state_of(olds),
        vehicle_status=news.get("vehicle_status"),
        request_id=news.get("request_id"),
        min_remaining_s=None if min_remaining is None or is_unknown(min_remaining) else float(min_remaining),
        now=now,
    )


def _state_of(olds: Mapping[str, Any]) -> TokenState:
    from ..clearance.token_plan import TokenState, TokenStatus  # noqa: PLC0415

    return TokenState(
        status=TokenStatus(olds.get("status") or TokenStatus.AWAITING_CLEARANCE.value),
        clearance_status=olds.get("clearance_status") or "",
        request_id=olds.get("request_id"),
        expires_at=parse_instant(olds.get("expires_at") or ""),
    )


async def _look(service: ClearanceService, props: Mapping[str, Any]) -> dict[str, Any]:
    from ..clearance.token_plan import TokenStatus  # noqa: PLC0415

    state, access_token = _state_of(props), _secret_of(props, "access_token")
    status = state.status
    if access_token is not None and status is not TokenStatus.REVOKED:
        if state.expires_at is not None and state.expires_at <= service.clock.now():
            status = TokenStatus.EXPIRED
        else:
            status = (
                TokenStatus.ACTIVE if await service.tokens.is_alive(access_token) else TokenStatus.REVOKED
            )
    clearance_status = state.clearance_status
    if status in (TokenStatus.AWAITING_CLEARANCE, TokenStatus.REVOKED):
        clearance_status = await service.tokens.clearance_status(props["vin"])
    return {
        **_with_secrets_marked(props),
        "status": status.value,
        "clearance_status": clearance_status,
    }


async def _move_on(
    service: ClearanceService, olds: Mapping[str, Any], news: Mapping[str, Any], reporter: ResourceReporter
) -> dict[str, Any]:
    from ..clearance.token_plan import TokenStatus, TokenStep  # noqa: PLC0415

    vin, outside = news["vin"], _is_outside(news)
    step = _next_step(olds, news, service.clock.now())
    if step is TokenStep.REVALIDATE and _state_of(olds).status is TokenStatus.ACTIVE:
        access_token = _secret_of(olds, "access_token")
        if access_token is not None and await service.tokens.is_alive(access_token):
            # The vehicle was asked for anew, and the platform kept the token: so do we.
            step = TokenStep.KEEP
    if step is TokenStep.KEEP:
        kept = {name: olds[name] for name in (*_OUTPUTS, *_SECRET_OUTPUTS) if name in olds}
        return _with_secrets_marked({**news, **kept})
    if step is TokenStep.RENEW:
        return _outputs(
            await service.tokens.renew(
                vin, _secret_of(olds, "refresh_token"), must_be_registered=outside, reporter=reporter
            ),
            news,
        )
    issued = await service.tokens.issue(
        vin,
        seen_approved=news.get("vehicle_status") == "approved",
        must_be_registered=outside,
        reporter=reporter,
    )
    return _outputs(issued, news)


def _outputs(issued: IssuedToken | AwaitingClearance, props: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in the state; the two tokens go into it as secrets."""
    from ..clearance.tokens import AwaitingClearance  # noqa: PLC0415

    inputs = {name: props[name] for name in _INPUTS if props.get(name) is not None}
    if isinstance(issued, AwaitingClearance):
        return {**inputs, "status": "awaiting_clearance", "clearance_status": issued.status}
    pair = issued.pair
    return {
        **inputs,
        "access_token": secret(pair.access_token.reveal()),
        "refresh_token": secret(pair.refresh_token.reveal() if pair.refresh_token else None),
        "token_type": pair.token_type,
        "scope": pair.scope,
        "issued_at": write_instant(issued.issued_at),
        "expires_at": write_instant(issued.expires_at),
        "status": "active",
        "clearance_status": "approved",
    }


def _secret_of(props: Mapping[str, Any], name: str) -> Secret | None:
    value = plain(props.get(name))
    return Secret(value) if value else None


def _with_secrets_marked(props: Mapping[str, Any]) -> dict[str, Any]:
    return {**props, **{name: secret(plain(props[name])) for name in _SECRET_OUTPUTS if props.get(name)}}


def _is_outside(props: Mapping[str, Any]) -> bool:
    """True for a token given a bare VIN: the vehicle is not of this stack."""
    return props.get("request_id") is None


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
        Take a token for a vehicle.

        :param vehicle: a FleetVehicle, a VehicleApproval (then the token comes in the same `up`), or the vehicle of
            a Fleet. Either this or `vin`.
        :param vin: the VIN of a vehicle that is registered outside this stack.
        :param min_remaining_seconds: an `up` that finds less time left renews the token. Default: issued once and
            kept; the refresh token is the durable part.
        :param keepers: any values; a change of one issues a new token and revokes the old one.
        """
        opts, inputs = split_arguments(VehicleAccessTokenArgs, positional, named)
        vehicle: VehicleLike | None = inputs["vehicle"]
        if (vehicle is None) == (inputs["vin"] is None):
            raise TypeError(f'VehicleAccessToken "{resource_name}" takes either vehicle= or vin=')
        properties: dict[str, Any] = dict.fromkeys((*_INPUTS, *_OUTPUTS, *_SECRET_OUTPUTS))
        properties |= {name: inputs[name] for name in ("vin", "min_remaining_seconds", "keepers")}
        if vehicle is not None:
            properties |= {
                "vin": vehicle.vin,
                "vehicle_status": vehicle.status,
                "request_id": vehicle.request_id,
            }
        super().__init__(
            VehicleAccessTokenProvider(),
            resource_name,
            properties,
            pulumi.ResourceOptions.merge(
                opts, pulumi.ResourceOptions(additional_secret_outputs=_SECRET_OUTPUTS)
            ),
        )
