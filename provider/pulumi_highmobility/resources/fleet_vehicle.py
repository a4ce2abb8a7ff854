"""FleetVehicle: a vehicle's clearance as a Pulumi resource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

from ..clock import write_instant
from .args import (
    ControlMeasures,
    FleetVehicleArgs,
    FleetVehicleArgsDict,
    OnUncancellable,
    Tags,
    split_arguments,
)
from .bridge import BRIDGE, ResourceReporter
from .eligibility import wants_eligibility_check, warn_of_the_not_eligible
from .properties import (
    check_choice,
    check_flag,
    check_number,
    differs,
    is_unknown,
    refuse_unknown_names,
    without_none,
)

if TYPE_CHECKING:
    from ..api.shapes import RegisteredVehicle
    from ..clearance.service import ClearanceService

DEFAULT_TRANSITION_TIMEOUT_MINUTES = 20.0

_SETTINGS_OF_THE_RESOURCE = (
    "retry_rejected",
    "on_uncancellable",
    "transition_timeout_minutes",
    "check_eligibility",
)
_INPUTS = frozenset({"vin", "brand", "control_measures", "tags", *_SETTINGS_OF_THE_RESOURCE})
_OUTPUTS = ("status", "status_reason", "changelog", "requested_at", "approved_at", "request_id")


class FleetVehicleProvider(ResourceProvider):
    """
    Asks for, reads and ends the clearance of one vehicle.

    Its import path stands in every stack's state: it has no attributes, and settings live in the bridge.
    """

    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:
        """Called once a process, with the stack's config."""
        BRIDGE.configure(req.config._props)

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Everything that can be known to be wrong before a request is made; runs at every preview and up."""
        # Imported here: a program that only declares vehicles has no use for the rules.
        from ..clearance.brands import notices_for  # noqa: PLC0415
        from ..clearance.vehicles import check_vehicle  # noqa: PLC0415

        failures: list[CheckFailure] = []
        given = {name: value for name, value in news.items() if value is not None}
        refuse_unknown_names(given, _INPUTS | set(_OUTPUTS), failures)
        checked = check_vehicle(given, unknown=is_unknown)
        failures.extend(CheckFailure(problem.property, problem.reason) for problem in checked.problems)
        check_flag(given, "retry_rejected", failures)
        check_flag(given, "check_eligibility", failures)
        check_number(given, "transition_timeout_minutes", failures, least=0, most=7 * 24 * 60, unit="minutes")
        check_choice(given, "on_uncancellable", ("fail", "abandon"), failures)
        inputs = {name: value for name, value in given.items() if name in _INPUTS}
        reporter = BRIDGE.reporter()
        inputs.update(checked.normalized)
        if _is_new(_olds, inputs):
            for warning in checked.warnings:
                reporter.warn(f"{warning.property}: {warning.reason}")
            if checked.spec is not None and not failures:
                wants_check = wants_eligibility_check(given)
                tags = dict(checked.spec.tags)
                for notice in notices_for(checked.spec.brand, tags=tags, checks_eligibility=wants_check):
                    # True of the brand: said at its first vehicle, not at a thousand.
                    BRIDGE.say_once(f"{checked.spec.brand}: {notice}")
                if wants_check:
                    warn_of_the_not_eligible([(checked.spec.vin, checked.spec.brand)], reporter)
        return CheckResult(inputs, failures)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """What an `up` would change: a clearance is never replaced for less than vin, brand or tags."""
        replaces = differs(_news, _olds, "vin", "brand")
        if is_unknown(_news.get("tags")) or (_news.get("tags") or {}) != (_olds.get("tags") or {}):
            replaces.append("tags")
        if replaces:
            _say_what_is_lost(_olds, _news, replaces, BRIDGE.reporter())
        asks_again = _olds.get("status") == "rejected" and _news.get("retry_rejected") is True
        changed = bool(replaces) or asks_again or bool(differs(_news, _olds, *_SETTINGS_OF_THE_RESOURCE))
        # The same VIN cannot be asked for while its old clearance lives.
        return DiffResult(changes=changed, replaces=replaces, delete_before_replace="vin" not in replaces)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Ask for clearance, or adopt what is registered."""
        found = BRIDGE.operate("FleetVehicle", lambda service, reporter: _ensure(service, props, reporter))
        return CreateResult(found.vin, _outputs(found, props, request_id=str(uuid4())))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """What is registered now; gone where the clearance was revoked or canceled."""
        from ..clearance.record import is_gone  # noqa: PLC0415

        vin = props.get("vin", id_)
        found = BRIDGE.operate("FleetVehicle", lambda service, _: service.read(vin))
        if found is None or is_gone(found):
            return ReadResult("", {})
        outputs = _outputs(found, props, request_id=props.get("request_id") or str(uuid4()))
        return ReadResult(vin, outputs, {name: outputs[name] for name in _INPUTS if name in outputs})

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Keep changed settings; ask again for a rejected vehicle where that is wanted."""
        if _olds.get("status") == "rejected" and _news.get("retry_rejected") is True:
            found = BRIDGE.operate(
                "FleetVehicle", lambda service, reporter: _ensure(service, _news, reporter)
            )
            return UpdateResult(_outputs(found, _news, request_id=str(uuid4())))
        kept = {name: _olds[name] for name in _OUTPUTS if name in _olds}
        return UpdateResult({**_inputs(_news), "tags": _news.get("tags") or {}, **kept})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Revoke an approved clearance, cancel a pending one."""
        on_uncancellable: OnUncancellable = _props.get("on_uncancellable") or "fail"
        BRIDGE.operate(
            "FleetVehicle",
            lambda service, reporter: service.release(
                _props.get("vin", _id),
                on_uncancellable=on_uncancellable,
                transition_timeout_s=_transition_timeout_s(_props),
                reporter=reporter,
            ),
        )


async def _ensure(
    service: ClearanceService, props: Mapping[str, Any], reporter: ResourceReporter
) -> RegisteredVehicle:
    wanted = {name: props[name] for name in ("vin", "brand", "control_measures", "tags") if props.get(name)}
    if odometer := wanted.get("control_measures", {}).get("odometer"):
        # Pulumi's numbers are floats; the platform takes an integer.
        wanted["control_measures"] = {"odometer": {**odometer, "value": int(odometer["value"])}}
    found = await service.ensure_clearance(
        wanted, transition_timeout_s=_transition_timeout_s(props), reporter=reporter
    )
    if found.status == "rejected":
        reporter.warn(
            f"{found.vin} was rejected at once. It stays in the stack, with the reason in status_reason"
        )
    return found


def _outputs(found: RegisteredVehicle, props: Mapping[str, Any], *, request_id: str) -> dict[str, Any]:
    """What stands in the state: the inputs as registered, and the clearance's own properties."""
    from ..clearance.record import approved_at, changes_of, reason_of, requested_at, tags_of  # noqa: PLC0415

    requested, approved = requested_at(found), approved_at(found)
    tags = tags_of(found)
    return {
        **_inputs(props),
        "vin": found.vin.upper(),
        "brand": found.brand or props.get("brand"),
        "tags": tags if tags is not None else (props.get("tags") or {}),
        "status": found.status,
        "status_reason": reason_of(found),
        "changelog": [
            without_none({"timestamp": change.timestamp, "status": change.status, "reason": change.reason})
            for change in changes_of(found)
        ],
        "requested_at": write_instant(requested) if requested else "",
        "approved_at": write_instant(approved) if approved else "",
        "request_id": request_id,
    }


def _inputs(props: Mapping[str, Any]) -> dict[str, Any]:
    return {name: props[name] for name in _INPUTS if props.get(name) is not None}


def _transition_timeout_s(props: Mapping[str, Any]) -> float:
    minutes = props.get("transition_timeout_minutes")
    return (DEFAULT_TRANSITION_TIMEOUT_MINUTES if minutes is None else float(minutes)) * 60


def _is_new(olds: Mapping[str, Any], inputs: Mapping[str, Any]) -> bool:
    """True where what there is to say of the carmaker has not been said at an earlier `up`."""
    return bool(differs(inputs, olds, "vin", "brand", "tags"))


def _say_what_is_lost(
    olds: Mapping[str, Any], news: Mapping[str, Any], replaces: Sequence[str], reporter: ResourceReporter
) -> None:
    status, vin = olds.get("status"), olds.get("vin")
    if status not in ("approved", "pending"):
        return
    since = olds.get("approved_at") if status == "approved" else olds.get("requested_at")
    what = (
        "revokes its clearance"
        if status == "approved"
        else "cancels its pending clearance, where the carmaker can,"
    )
    then = f"asks anew for {news.get('vin')}" if "vin" in replaces else "asks the carmaker anew"
    reporter.warn(
        f"a change of {', '.join(replaces)} replaces {vin} ({status} since {since}): it {what} and {then}, which "
        "takes from minutes to weeks, without data meanwhile"
    )


class FleetVehicle(Resource, module="highmobility", name="FleetVehicle"):
    """
    One vehicle of the fleet: its creation asks the carmaker for clearance, its deletion revokes it.

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
    """The carmaker's reason for the status, mostly of a rejection; empty where none is given."""
    changelog: pulumi.Output[Sequence[Mapping[str, str]]]
    """The changes of status, oldest first: timestamp (ISO 8601, UTC), status, reason where there is one."""
    requested_at: pulumi.Output[str]
    """When the present clearance was asked for, ISO 8601 in UTC."""
    approved_at: pulumi.Output[str]
    """When it was approved, ISO 8601 in UTC; empty before."""
    request_id: pulumi.Output[str]
    """Names this request for clearance within Pulumi; another after asking anew."""

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
        on_uncancellable: pulumi.Input[OnUncancellable] | None = None,
        transition_timeout_minutes: pulumi.Input[float] | None = None,
        check_eligibility: pulumi.Input[bool] | None = None,
    ) -> None: ...

    def __init__(self, resource_name: str, *positional: Any, **named: Any) -> None:
        """
        Declare a vehicle.

        :param vin: the VIN, 17 characters. A change replaces the resource.
        :param brand: the carmaker's name on the wire, such as "bmw". A change replaces, revoking first.
        :param control_measures: readings that the carmaker checks: `{"odometer": {"value": 110_000, "unit":
            "kilometers"}}`, required for mercedes-benz. Taken at the moment of the request: a later one is no change.
        :param tags: texts by name, registered with the vehicle. A change replaces, revoking first: the API has no
            call that changes them.
        :param retry_rejected: ask again where the carmaker rejected. Default: False.
        :param on_uncancellable: what a delete does where a pending clearance cannot be canceled: "fail" (default), or
            "abandon": leave it registered, with a warning.
        :param transition_timeout_minutes: how long a create or delete waits for a revocation under way. Default: 20.
        :param check_eligibility: ask at preview whether the carmaker would take the vehicle. Default: the setting
            `highmobility:checkEligibility`.
        """
        opts, inputs = split_arguments(FleetVehicleArgs, positional, named)
        super().__init__(
            FleetVehicleProvider(),
            resource_name,
            {**dict.fromkeys((*_INPUTS, *_OUTPUTS)), **inputs},
            opts,
        )
