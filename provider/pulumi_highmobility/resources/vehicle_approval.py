"""VehicleApproval: waits for a clearance, apart from the vehicle that it waits for."""

from __future__ import annotations

from typing import Any, overload
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

from ..clock import write_instant
from .args import VehicleApprovalArgs, VehicleApprovalArgsDict, VehicleLike, split_arguments
from .bridge import BRIDGE
from .properties import check_number, differs

DEFAULT_TIMEOUT_MINUTES = 30.0


class VehicleApprovalProvider(ResourceProvider):
    """Waits in `create`; its import path stands in every stack's state, and it has no attributes."""

    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:
        """Called once a process, with the stack's config."""
        BRIDGE.configure(req.config._props)

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """The timeout's bounds."""
        failures: list[CheckFailure] = []
        check_number(news, "timeout_minutes", failures, least=0, most=30 * 24 * 60, unit="minutes")
        return CheckResult({name: value for name, value in news.items() if value is not None}, failures)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Another vehicle, or a new request for its clearance, is waited for anew; a status that moves on is not."""
        replaces = differs(_news, _olds, "vin", "request_id")
        changed = bool(replaces) or bool(differs(_news, _olds, "timeout_minutes"))
        return DiffResult(changes=changed, replaces=replaces, delete_before_replace=True)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Wait until the vehicle is approved; a rejection or the timeout fails this resource alone."""
        from ..clearance.record import approved_at  # noqa: PLC0415

        minutes = props.get("timeout_minutes")
        timeout_s = (DEFAULT_TIMEOUT_MINUTES if minutes is None else float(minutes)) * 60
        found = BRIDGE.operate(
            "VehicleApproval",
            lambda service, reporter: service.wait_for_approval(
                props["vin"], timeout_s=timeout_s, reporter=reporter
            ),
        )
        approved = approved_at(found)
        outputs = {
            **props,
            "status": found.status,
            "approved_at": write_instant(approved) if approved else "",
        }
        return CreateResult(f"{found.vin}-{uuid4()}", outputs)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Gone where the clearance is approved no longer, so that the next `up` waits for it again."""
        found = BRIDGE.operate("VehicleApproval", lambda service, _: service.read(props["vin"]))
        if found is None or found.status != "approved":
            return ReadResult("", {})
        return ReadResult(id_, dict(props))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Keep a changed timeout."""
        kept: dict[str, Any] = {name: _olds[name] for name in ("status", "approved_at") if name in _olds}
        return UpdateResult({**_news, **kept})


class VehicleApproval(Resource, module="highmobility", name="VehicleApproval"):
    """
    Waits until a vehicle's clearance is approved.

    A rejection, a revocation or the timeout fails this resource; the vehicle stays in state, and its clearance
    goes on. What depends on this resource comes after the approval.

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
        opts, inputs = split_arguments(VehicleApprovalArgs, positional, named)
        vehicle: VehicleLike = inputs["vehicle"]
        super().__init__(
            VehicleApprovalProvider(),
            resource_name,
            {
                "vin": vehicle.vin,
                "request_id": vehicle.request_id,
                "timeout_minutes": inputs["timeout_minutes"],
                "status": None,
                "approved_at": None,
            },
            opts,
        )
