"""FleetEnrollment: the usual case as one component, with a clearance and a token for each vehicle of a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pulumi

from ..files.reading import VehicleArgsDict
from ..inputs import OnUncancellable
from .args import VehicleLike
from .fleet import Fleet
from .fleet_access_tokens import FleetAccessTokens, FleetToken
from .fleet_member import FleetMember
from .fleet_vehicle import FleetVehicle
from .mistakes import WrongCall, WrongValue
from .vehicle_access_token import VehicleAccessToken
from .vehicle_approval import VehicleApproval


class FleetEnrollment(pulumi.ComponentResource):
    """
    A clearance for each vehicle of a list, and for each approved one an access token.

    The vehicles are resources of their own, named by their VINs: one that is added, removed or moved in the list touches
    no other. With `as_one` they are one Fleet, and their tokens one FleetAccessTokens: for thousands of vehicles that is quicker.

    `vehicles` and `tokens` are the resources by VIN, or, with `as_one`, what stands for each. `statuses`, `access_tokens` and `refresh_tokens` are outputs by VIN;
    tokens are secrets, and None while a clearance is awaited.
    """

    # Without annotations of the class: Pulumi evaluates those of a component by the module that users import from.

    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        vehicles: Sequence[VehicleArgsDict],
        wait_minutes: float | None = None,
        tokens: bool = True,
        min_remaining_seconds: pulumi.Input[float] | None = None,
        keepers: pulumi.Input[Mapping[str, Any]] | None = None,
        on_uncancellable: pulumi.Input[OnUncancellable] | None = None,
        retry_rejected: pulumi.Input[bool] | None = None,
        retry_revoked: pulumi.Input[bool] | None = None,
        adopt: pulumi.Input[bool] | None = None,
        as_one: bool = False,
        max_removals: pulumi.Input[int | str] | None = None,
    ) -> None:
        """
        Enroll a list of vehicles.

        :param vehicles: as `vehicles_from_csv` and the other readers return them: dictionaries with vin, brand,
            control_measures and tags. The VINs have to be known to the program.
        :param wait_minutes: how many minutes to wait for each approval, so that its token comes in the same `up`; a rejection or the
            timeout then fails the `up`. Default: no wait; a token comes with the first `up --refresh` that sees the approval.
        :param tokens: whether each vehicle has an access token. Default: True.
        :param min_remaining_seconds: as of VehicleAccessToken.
        :param keepers: as of VehicleAccessToken; a change renews all tokens.
        :param on_uncancellable: as of FleetVehicle.
        :param retry_rejected: as of FleetVehicle.
        :param retry_revoked: as of FleetVehicle.
        :param adopt: as of FleetVehicle.
        :param as_one: one Fleet and one FleetAccessTokens instead of a resource for each vehicle and token. A change moves the
            clearances and issues new tokens before the old ones are revoked. Default: False.
        :param max_removals: as of Fleet, with `as_one` alone.

        Raises: TypeError (no list of dictionaries, or arguments that do not go together), ValueError (a VIN that is none, or appears
        twice).
        """
        rows = _by_vin(vehicles)
        super().__init__("highmobility:index:FleetEnrollment", resource_name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        # They may be outputs, whose truth is not known here.
        self._tags = {vin: row["tags"] for vin, row in rows.items() if row.get("tags") is not None}
        self.vehicles: Mapping[str, FleetVehicle | FleetMember]
        self.tokens: Mapping[str, VehicleAccessToken | FleetToken]
        self.statuses: pulumi.Output[Mapping[str, str]]
        self.access_tokens: pulumi.Output[Mapping[str, str | None]]
        self.refresh_tokens: pulumi.Output[Mapping[str, str | None]]
        of_clearances: dict[str, Any] = {
            "on_uncancellable": on_uncancellable,
            "retry_rejected": retry_rejected,
            "retry_revoked": retry_revoked,
            "adopt": adopt,
        }
        of_tokens = {"min_remaining_seconds": min_remaining_seconds, "keepers": keepers}
        if as_one:
            if wait_minutes is not None:
                raise WrongCall(
                    "as_one=True takes no wait_minutes: a wait is a resource for each vehicle. Leave out one of the two"
                )
            fleet = Fleet(
                resource_name,
                child,
                vehicles=cast(
                    "Sequence[VehicleArgsDict]", [{**row, "vin": vin} for vin, row in rows.items()]
                ),
                max_removals=max_removals,
                **of_clearances,
            )
            self._take_one(resource_name, child, fleet, list(rows), of_tokens if tokens else None)
        else:
            if max_removals is not None:
                raise WrongCall("max_removals is an argument of as_one=True: give that too")
            self._take_each(
                resource_name, child, rows, wait_minutes, of_clearances, of_tokens if tokens else None
            )
        self.register_outputs({"statuses": self.statuses})

    def _take_each(
        self,
        name: str,
        child: pulumi.ResourceOptions,
        rows: Mapping[str, Mapping[str, Any]],
        wait_minutes: float | None,
        of_clearances: Mapping[str, Any],
        of_tokens: Mapping[str, Any] | None,
    ) -> None:
        vehicles = {
            vin: FleetVehicle(f"{name}-{vin}", child, **{**row, "vin": vin}, **of_clearances)
            for vin, row in rows.items()
        }
        approvals: dict[str, VehicleLike] = dict(vehicles)
        statuses: dict[str, pulumi.Output[str]] = {vin: one.status for vin, one in vehicles.items()}
        if wait_minutes is not None:
            for vin, vehicle in vehicles.items():
                approval = VehicleApproval(
                    f"{name}-{vin}", child, vehicle=vehicle, timeout_minutes=wait_minutes
                )
                approvals[vin] = approval
                statuses[vin] = approval.status
        tokens = {}
        if of_tokens is not None:
            tokens = {
                vin: VehicleAccessToken(f"{name}-{vin}", child, vehicle=approval, **of_tokens)
                for vin, approval in approvals.items()
            }
        self.vehicles = vehicles
        self.tokens = tokens
        self.statuses = pulumi.Output.all(**statuses)
        self.access_tokens = pulumi.Output.secret(
            pulumi.Output.all(**{vin: token.access_token for vin, token in tokens.items()})
        )
        self.refresh_tokens = pulumi.Output.secret(
            pulumi.Output.all(**{vin: token.refresh_token for vin, token in tokens.items()})
        )

    def _take_one(
        self,
        name: str,
        child: pulumi.ResourceOptions,
        fleet: Fleet,
        vins: Sequence[str],
        of_tokens: Mapping[str, Any] | None,
    ) -> None:
        self.vehicles = {vin: fleet.vehicle(vin) for vin in vins}
        self.statuses = fleet.statuses
        if of_tokens is None:
            self.tokens = {}
            nothing: pulumi.Output[Mapping[str, str | None]] = pulumi.Output.secret({})
            self.access_tokens = self.refresh_tokens = nothing
            return
        issued = FleetAccessTokens(name, child, fleet=fleet, **of_tokens)
        self.tokens = {vin: issued.of(vin) for vin in vins}

        def by_vin(part: str) -> pulumi.Output[Mapping[str, str | None]]:
            # Those without a token are in it, too, as they are with single ones.
            return issued.tokens.apply(lambda known: {vin: known.get(vin, {}).get(part) for vin in vins})

        self.access_tokens = by_vin("access_token")
        self.refresh_tokens = by_vin("refresh_token")

    def by_tag(
        self, tag: str, values: pulumi.Output[Mapping[str, Any]]
    ) -> pulumi.Output[Mapping[str, Mapping[str, Any]]]:
        """
        One of the outputs by VIN, grouped by the text of a tag such as "customer": {text: {vin: value}}.

        A secret stays a secret. Vehicles without the tag are under "".
        """
        tags = pulumi.Output.from_input(self._tags)

        def grouped(known: Sequence[Any]) -> dict[str, dict[str, Any]]:
            found: dict[str, dict[str, Any]] = {}
            for vin, value in known[0].items():
                found.setdefault((known[1].get(vin) or {}).get(tag, ""), {})[vin] = value
            return found

        return pulumi.Output.all(values, tags).apply(grouped)


def _by_vin(vehicles: Sequence[VehicleArgsDict]) -> dict[str, dict[str, Any]]:
    from ..vehicle.vin import parse_vin  # noqa: PLC0415 - a program without it has no use for the rules
    from .fleet_member import is_list  # noqa: PLC0415

    if not is_list(vehicles):
        raise WrongCall(f"vehicles takes a list of dictionaries, not {type(vehicles).__name__}")
    rows: dict[str, dict[str, Any]] = {}
    for place, row in enumerate(vehicles):
        if not isinstance(row, Mapping):
            raise WrongCall(
                f"vehicles[{place}] is not a dictionary with vin and brand, but {type(row).__name__}"
            )
        given = row.get("vin")
        if not isinstance(given, str):
            raise WrongCall(f"vehicles[{place}].vin is not a text that is known to the program")
        try:
            vin = parse_vin(given)
        except ValueError as error:
            raise WrongValue(f"vehicles[{place}].vin: {error}") from error
        if vin in rows:
            raise WrongValue(f"vehicles[{place}].vin: {vin} appears twice: remove one of the two")
        rows[vin] = dict(row)
    return rows
