"""FleetAccessTokens: the tokens of a whole list of vehicles as one Pulumi resource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

import pulumi
from pulumi.dynamic import Resource

from ..dynamic.provider import HighMobilityProvider
from ..inputs import without_none
from .args import (
    FleetAccessTokensArgs,
    FleetAccessTokensArgsDict,
    VehicleLike,
    is_vehicle,
    split_arguments,
)
from .fleet import Fleet
from .fleet_member import holds_outputs, is_list
from .mistakes import NotInFleet, WrongCall, shown_in_words
from .program import tell_of_plain_secrets
from .registered import register

if TYPE_CHECKING:
    from ..fleet.held_tokens import HeldTokens
    from ..operations.runner import Operations

_SECRET_OUTPUTS = ["pairs"]
_OUTPUTS = ("validity", "counts")


class FleetAccessTokensProvider(HighMobilityProvider):
    """Issues, renews, checks and revokes the tokens of a list. Its import path stands in every stack's state."""

    kind = "FleetAccessTokens"

    def operations(self) -> Operations:
        """See HighMobilityProvider."""
        from ..operations import fleet_access_tokens  # noqa: PLC0415 - a program that only declares resources has no use for it

        return fleet_access_tokens


class FleetToken:
    """The tokens of one vehicle of a FleetAccessTokens."""

    def __init__(self, vin: str, held: pulumi.Output[HeldTokens], known: pulumi.Output[HeldTokens]) -> None:
        self._vin = vin
        self._held = held
        self._known = known

    def __repr__(self) -> str:
        return f"FleetToken({self._vin!r})"

    @property
    def vin(self) -> pulumi.Output[str]:
        """The VIN; known with the tokens, so that what uses it comes after."""
        return self._known.apply(lambda _: self._vin)

    @property
    def access_token(self) -> pulumi.Output[str | None]:
        """The access token, a secret; None while the clearance is awaited."""
        return self._held.apply(lambda held: held.pair_of(self._vin).get("access_token"))

    @property
    def refresh_token(self) -> pulumi.Output[str | None]:
        """The refresh token, a secret; the durable part of the pair."""
        return self._held.apply(lambda held: held.pair_of(self._vin).get("refresh_token"))

    @property
    def expires_at(self) -> pulumi.Output[str | None]:
        """When the access token expires, ISO 8601 in UTC; None where there is none."""
        return self._known.apply(lambda known: known.pair_of(self._vin).get("expires_at"))

    @property
    def status(self) -> pulumi.Output[str]:
        """active, expired, revoked or awaiting_clearance; "unknown" where the state does not have the vehicle."""
        return self._known.apply(self._status)

    def _status(self, known: HeldTokens) -> str:
        found = known.tokens.get(self._vin)
        return "unknown" if found is None or found.is_leaving else found.state.status.value


class FleetAccessTokens(Resource, module="highmobility", name="FleetAccessTokens"):
    """
    The access and refresh tokens of any number of vehicles as one resource, for lists too long for one resource per token.

    A vehicle that is not approved yet does not fail the `up`: its token is issued by the next one that sees the approval. If
    one vehicle fails, the `up` ends with its reason; the others are not held up, and the next `up` retries it.

    API: POST /fleets/access_tokens, POST and DELETE /access_tokens, GET /vehicleinfo
    """

    pairs: pulumi.Output[str]
    """The tokens in the state's compact form, a secret; `tokens` is what programs want."""
    validity: pulumi.Output[str]
    """What else is known of them, in the state's compact form; the properties below read it."""
    counts: pulumi.Output[Mapping[str, int]]
    """How many vehicles are "active", "awaiting_clearance", "expired", "revoked", or "failed" in the last `up`."""

    @overload
    def __init__(
        self,
        resource_name: str,
        args: FleetAccessTokensArgs | FleetAccessTokensArgsDict,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None: ...

    @overload
    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        fleet: Fleet | None = None,
        vehicles: Sequence[VehicleLike] | None = None,
        vins: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        min_remaining_seconds: pulumi.Input[float] | None = None,
        keepers: pulumi.Input[Mapping[str, Any]] | None = None,
    ) -> None: ...

    def __init__(self, resource_name: str, *positional: Any, **named: Any) -> None:
        """
        Request a token for each vehicle.

        :param fleet: a Fleet: a token for each of its vehicles. Either this or `vehicles`.
        :param vehicles: FleetVehicles, VehicleApprovals, or vehicles of a Fleet.
        :param vins: which of the fleet's vehicles get a token. Default: all.
        :param min_remaining_seconds: an `up` renews each token that has less time left. Default: issued once and
            kept; the refresh tokens are the durable part.
        :param keepers: any values; a change of one issues new tokens for all and revokes the old ones.
        """
        tell_of_plain_secrets()
        opts, inputs = split_arguments(FleetAccessTokensArgs, positional, named)
        properties: dict[str, Any] = dict.fromkeys((*_OUTPUTS, *_SECRET_OUTPUTS))
        properties |= without_none(inputs, "min_remaining_seconds", "keepers")
        self._vins: frozenset[str] | None = None
        # Where neither a fleet nor vehicles are given, the check says so.
        self._fleet: Fleet | None = inputs["fleet"]
        if self._fleet is not None:
            if inputs["vehicles"] is not None:
                raise WrongCall(
                    f'FleetAccessTokens "{resource_name}" takes either fleet= or vehicles=, not both'
                )
            if not isinstance(self._fleet, Fleet):
                raise WrongCall(f"fleet takes a Fleet, not {type(self._fleet).__name__}")
            properties["clearances"] = self._fleet._clearances(self._chosen(self._fleet, inputs["vins"]))
        elif inputs["vins"] is not None:
            raise WrongCall("vins chooses among the vehicles of fleet=: give that too")
        elif inputs["vehicles"] is not None:
            properties["clearances"] = _clearances(inputs["vehicles"])
        register(
            self,
            FleetAccessTokensProvider(),
            resource_name,
            properties,
            pulumi.ResourceOptions.merge(
                opts, pulumi.ResourceOptions(additional_secret_outputs=_SECRET_OUTPUTS)
            ),
        )
        # Read once, however many vehicles are looked at; the tokens apart from what is no secret.
        self._known: pulumi.Output[HeldTokens] = self.validity.apply(lambda validity: _read(validity, ""))

    @cached_property
    def _held(self) -> pulumi.Output[HeldTokens]:
        return pulumi.Output.secret(
            pulumi.Output.all(self.validity, self.pairs).apply(lambda texts: _read(*texts))
        )

    @property
    def tokens(self) -> pulumi.Output[Mapping[str, Mapping[str, str]]]:
        """By VIN access_token, refresh_token and expires_at, a secret; those that have no token yet are not in it."""
        return self._held.apply(lambda held: held.usable())

    @property
    def expires_at(self) -> pulumi.Output[Mapping[str, str]]:
        """When each access token expires by VIN, ISO 8601 in UTC."""
        return self._known.apply(lambda known: known.expires_at())

    @property
    def awaiting(self) -> pulumi.Output[Sequence[str]]:
        """The VINs whose clearance is awaited, sorted."""
        return self._known.apply(lambda known: known.awaiting())

    @property
    def failed(self) -> pulumi.Output[Mapping[str, str]]:
        """The reason, by VIN, for those that failed in the last `up`."""
        return self._known.apply(lambda known: dict(known.failed))

    @shown_in_words
    def of(self, vin: str) -> FleetToken:
        """
        The tokens of one vehicle.

        Raises: InvalidVin; LookupError if the program's list does not have it. A list with outputs in it is not known to
        the program: then it is not an error here, and there is no token.
        """
        from ..vehicle.vin import parse_vin  # noqa: PLC0415 - a program without it has no use for the rules

        wanted = parse_vin(vin)
        if self._vins is not None and wanted not in self._vins:
            raise NotInFleet(f"{wanted} is not among the vins of these tokens: add it to them")
        if self._fleet is not None:
            self._fleet._require(wanted)
        return FleetToken(wanted, self._held, self._known)

    @shown_in_words
    def _chosen(self, fleet: Fleet, vins: Any) -> pulumi.Input[Sequence[str]] | None:
        if vins is None or holds_outputs(vins):
            return vins  # type: ignore[no-any-return]
        from ..vehicle.vin import parse_vin  # noqa: PLC0415 - as above

        if not is_list(vins):
            raise WrongCall(f"vins takes a list of VINs, not {type(vins).__name__}")
        chosen = [parse_vin(vin) for vin in vins]
        for vin in chosen:
            fleet._require(vin)
        self._vins = frozenset(chosen)
        return sorted(self._vins)


def _clearances(vehicles: Any) -> pulumi.Output[str]:
    if not is_list(vehicles):
        raise WrongCall(f"vehicles takes a list of FleetVehicles, not {type(vehicles).__name__}")
    found = []
    for place, vehicle in enumerate(vehicles):
        if not is_vehicle(vehicle):
            raise WrongCall(
                f"vehicles[{place}] is not a FleetVehicle, VehicleApproval or vehicle of a Fleet, but {type(vehicle).__name__}"
            )
        found.append(pulumi.Output.all(vehicle.vin, vehicle.status, vehicle.request_id))
    return pulumi.Output.all(*found).apply(_write_clearances)


def _write_clearances(known: Sequence[Sequence[Any]]) -> str:
    from ..fleet.held_tokens import Clearance, write_clearances  # noqa: PLC0415 - a program without it has no use for the rules

    # With Pulumi's mocks they may have no value.
    return write_clearances(Clearance(*(str(one or "") for one in row)) for row in known)


def _read(validity: str | None, pairs: str | None) -> HeldTokens:
    from ..fleet.held_tokens import HeldTokens  # noqa: PLC0415 - as above

    return HeldTokens.read(validity or "", pairs or "")
