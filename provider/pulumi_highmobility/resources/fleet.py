"""Fleet: the clearances of a whole list of vehicles as one Pulumi resource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

import pulumi
from pulumi.dynamic import Resource

from ..dynamic.provider import HighMobilityProvider
from ..inputs import OnRemoval, OnUncancellable, without_none
from .args import FleetArgs, FleetArgsDict, Vehicles, split_arguments
from .constructed import tell_construction
from .fleet_member import FleetMember, encoded, vins_in, vins_of
from .fleet_removals import FleetRemovals
from .mistakes import NotInFleet, shown_in_words
from .program import refuse_replace_with, tell_of_plain_secrets
from .registered import register

if TYPE_CHECKING:
    from ..fleet.held import Registry
    from ..operations.runner import Operations

_OUTPUTS = ("counts", "registry", "leaving")


class FleetProvider(HighMobilityProvider):
    """Requests, reads and ends the clearances of a list. Its import path stands in every stack's state."""

    kind = "Fleet"

    def operations(self) -> Operations:
        """See HighMobilityProvider."""
        from ..operations import fleet  # noqa: PLC0415 - a program that only declares resources has no use for it

        return fleet


class Fleet(Resource, module="highmobility", name="Fleet"):
    """
    Any number of vehicles as one resource, for lists too long for one resource per vehicle.

    A change of the list requests exactly the vehicles that were added and revokes exactly those that were removed.
    If one vehicle fails, the `up` ends with its reason; the others are not held up, and the next `up` retries it.

    API: POST, GET and DELETE /fleets/vehicles
    """

    vehicles: pulumi.Output[str]
    """The vehicles that are held, one line each; `statuses` is what programs want."""
    counts: pulumi.Output[Mapping[str, int]]
    """How many vehicles are in each state; "error": could not be requested, or not released."""
    registry: pulumi.Output[str]
    """What else is known of the vehicles, in the state's compact form; the properties below read it."""
    leaving: pulumi.Output[str]
    """What left the list and whose clearance has not ended as far as the state knows, one line each."""

    @overload
    def __init__(
        self,
        resource_name: str,
        args: FleetArgs | FleetArgsDict,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None: ...

    @overload
    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        vehicles: Vehicles,
        max_removals: pulumi.Input[int | str] | None = None,
        on_removal: pulumi.Input[OnRemoval] | None = None,
        on_uncancellable: pulumi.Input[OnUncancellable] | None = None,
        retry_rejected: pulumi.Input[bool] | None = None,
        retry_revoked: pulumi.Input[bool] | None = None,
        transition_timeout_minutes: pulumi.Input[float] | None = None,
        check_eligibility: pulumi.Input[bool] | None = None,
        adopt: pulumi.Input[bool] | None = None,
    ) -> None: ...

    def __init__(self, resource_name: str, *positional: Any, **named: Any) -> None:
        """
        Declare a fleet.

        :param vehicles: the vehicles, as `vehicles_from_csv` and the other readers return them: dictionaries with vin, brand,
            control_measures and tags, as the arguments of FleetVehicle. A change of brand or tags revokes and requests again.
        :param max_removals: how many vehicles an `up` may revoke or request again: a number, or a share of the fleet.
            More fail the preview, since a list may have been cut off. Default: "10%", rounded up.
        :param on_removal: "revoke" (default), or "retain": what is removed, or the whole fleet deleted, stays
            registered, for vehicles that move elsewhere.
        :param on_uncancellable: what a removal does if a pending clearance cannot be canceled: "fail" (default), or
            "abandon": leave it registered, with a warning.
        :param retry_rejected: request again those that the carmaker rejected, once a day at most. Default: False.
        :param retry_revoked: request again those that somebody else revoked, such as their drivers, once a day at most.
            Default: False: that is a person's decision.
        :param transition_timeout_minutes: how long to wait for a revocation in progress. Default: 20.
        :param check_eligibility: look up at preview whether the carmakers would accept the new vehicles. Default: the setting
            `highmobility:checkEligibility`.
        :param adopt: whether VINs that are registered already are taken over as they are. Default: True, with a warning,
            since another stack may hold them; False makes each an error.
        """
        tell_of_plain_secrets()
        opts, inputs = split_arguments(FleetArgs, positional, named)
        refuse_replace_with(opts)
        vehicles = encoded(inputs["vehicles"])
        tell_construction("Fleet", resource_name, vehicles, vins_in, opts)
        properties: dict[str, Any] = {**dict.fromkeys(_OUTPUTS), **without_none(inputs), "vehicles": vehicles}
        if isinstance(vehicles, pulumi.Output):
            # Where the list is a secret, so is what left it: Pulumi takes an output for one whose input of that name is one.
            properties["leaving"] = vehicles.apply(lambda _: "")
        register(self, FleetProvider(), resource_name, properties, opts)
        self._removals = FleetRemovals(
            resource_name,
            self,
            on_uncancellable=inputs["on_uncancellable"],
            transition_timeout_minutes=inputs["transition_timeout_minutes"],
        )
        # Read once, however many vehicles are looked at.
        self._facts: pulumi.Output[Registry] = self.registry.apply(_read_facts)
        self._given = inputs["vehicles"]
        # With ignore_changes the list is the state's, not the program's.
        ignored = opts.ignore_changes or [] if opts else []
        is_ignored = any(path == "*" or path.startswith("vehicles") for path in ignored)
        self._vins: frozenset[str] | None = frozenset() if is_ignored else None

    @property
    def statuses(self) -> pulumi.Output[Mapping[str, str]]:
        """The status of each vehicle by VIN; "error" if it could not be requested."""
        return self._facts.apply(lambda facts: facts.by_vin())

    @property
    def approved(self) -> pulumi.Output[Sequence[str]]:
        """The VINs that are approved, sorted."""
        return self._facts.apply(lambda facts: facts.approved())

    @property
    def rejected(self) -> pulumi.Output[Mapping[str, str]]:
        """The carmaker's reason by VIN, for those rejected; empty if it gave none."""
        return self._facts.apply(lambda facts: facts.rejected())

    @property
    def failed(self) -> pulumi.Output[Mapping[str, str]]:
        """The reason, by VIN, for those that the last `up` could not request or release."""
        return self._facts.apply(lambda facts: dict(facts.failed))

    @shown_in_words
    def vehicle(self, vin: str) -> FleetMember:
        """
        One vehicle of the fleet, for `vehicle=` of a VehicleAccessToken or a VehicleApproval.

        Raises: InvalidVin; LookupError if the program's list does not have it. A list with outputs in it, or one under
        `ignore_changes`, is not known to the program: then it is not an error here.
        """
        from ..vehicle.vin import parse_vin  # noqa: PLC0415 - a program without it has no use for the rules

        wanted = parse_vin(vin)
        self._require(wanted)
        return FleetMember(wanted, self.id, self._facts)

    def _require(self, vin: str) -> None:
        """Raises: LookupError as `vehicle`, for a VIN in its normal form."""
        if self._vins is None:
            self._vins = vins_of(self._given)
        if self._vins and vin not in self._vins:
            raise NotInFleet(f"{vin} is not in the fleet: add it to its vehicles")

    def _clearances(self, vins: pulumi.Input[Sequence[str]] | None) -> pulumi.Output[str]:
        """These vehicles of it, or all, with the state and the name of their requests, as FleetAccessTokens takes them."""
        return pulumi.Output.all(self.id, self._facts, vins).apply(_write_clearances)


def _write_clearances(known: Sequence[Any]) -> str:
    from ..fleet.held_tokens import clearances_of, write_clearances  # noqa: PLC0415 - as below

    fleet_id, facts, vins = known
    return write_clearances(clearances_of(fleet_id, facts, vins))


def _read_facts(registry: str) -> Registry:
    from ..fleet.held import read_registry  # noqa: PLC0415 - a program without it has no use for the rules

    return read_registry(registry)
