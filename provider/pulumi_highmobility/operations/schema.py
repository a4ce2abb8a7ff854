"""
One table of properties for each resource: names, types, what each means, and what a change of it does.

The checks, the differences, the tables of docs/resources and whatever declares the resources are made of it, or tested by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..inputs import without_none
from ..vehicle.check import Problem
from .values import Props, check_choice, check_flag, check_number, differs

Type = Literal["text", "flag", "number", "texts", "numbers", "values", "changes", "readings", "vehicles"]
"""`texts`, `numbers`, `values`: by name. `changes`: of a status. `readings`: control measures. `vehicles`: a list of them."""
Change = Literal["update", "replace", "replace, revoking first", "by vehicle", "none"]

_WEEK, _MONTH, _YEAR = 7 * 24 * 60, 30 * 24 * 60, 366 * 24 * 3600
_NO_MORE = "the API has no call that changes"


@dataclass(frozen=True)
class Property:
    """
    A property of a resource.

    `meaning` and `default` are Markdown, as they stand in the tables of docs/resources; without a meaning users do not see the
    property. `choices`, `least`, `most` and `unit` bound an input. `change`: what another value of an input does. `source`: where
    the API tells it. `shown`: the name under which the program gives it, where that is another. `read_as`: what an input means where a
    program reads it, if it does.
    """

    name: str
    type: Type = "text"
    meaning: str = ""
    default: str = ""
    choices: tuple[str, ...] = ()
    least: float = 0
    most: float = 0
    unit: str = ""
    secret: bool = False
    change: Change = "update"
    source: str = ""
    shown: str = ""
    read_as: str = ""


@dataclass(frozen=True)
class Schema:
    """
    The properties of one resource. What is an input is an output too: the state has it as it is registered.

    `hidden` are outputs for the state alone. `views` are what a program reads of the outputs, and no properties of the engine's;
    `arguments` are what it gives that goes into an input in another form.
    """

    kind: str
    inputs: tuple[Property, ...]
    outputs: tuple[Property, ...] = ()
    hidden: tuple[Property, ...] = ()
    views: tuple[Property, ...] = ()
    arguments: tuple[Property, ...] = ()
    _by_name: Mapping[str, Property] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        every = (*self.inputs, *self.outputs, *self.hidden)
        object.__setattr__(self, "_by_name", {one.name: one for one in every})

    def __getitem__(self, name: str) -> Property:
        return self._by_name[name]

    def __iter__(self) -> Iterator[Property]:
        return iter(self._by_name.values())

    @property
    def input_names(self) -> tuple[str, ...]:
        """Of all inputs."""
        return tuple(one.name for one in self.inputs)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Of what a program reads, and does not give."""
        return tuple(one.name for one in self.outputs)

    @property
    def computed(self) -> tuple[str, ...]:
        """Of all that the program does not give: what an update keeps."""
        return tuple(one.name for one in (*self.outputs, *self.hidden))

    @property
    def options(self) -> tuple[str, ...]:
        """Of the inputs whose change is kept in the state, and no more."""
        return tuple(one.name for one in self.inputs if one.change == "update")

    @property
    def secrets(self) -> tuple[str, ...]:
        """Of the outputs that are secrets."""
        return tuple(one.name for one in self.outputs if one.secret)

    def check(self, olds: Mapping[str, Any], news: Mapping[str, Any]) -> tuple[Props, list[Problem]]:
        """
        The inputs that are given, and what is wrong with their names, types and bounds.

        Of `olds`, the inputs of the state, `ignore_changes` brings some into the program's. What is unknown yet is right. Those of a type of their own (vehicles, tags, readings) are checked by their rules.
        """
        given, problems = without_none(news), list[Problem]()
        names = sorted(self.input_names)
        for name in given:
            if name in self.computed:
                if name in olds and olds[name] == given[name]:
                    continue
                problems.append(
                    Problem(name, "is an output of this resource: a program can read it, not set it.")
                )
            elif name not in names:
                problems.append(
                    Problem(name, f"is not an input of this resource. It has: {', '.join(names)}.")
                )
        for one in self.inputs:
            if one.type == "flag":
                check_flag(given, one.name, problems)
            elif one.type == "number":
                check_number(given, one.name, problems, least=one.least, most=one.most, unit=one.unit)
            elif one.choices:
                check_choice(given, one.name, one.choices, problems)
        return {name: value for name, value in given.items() if name in names}, problems

    def given(self, props: Mapping[str, Any]) -> Props:
        """The inputs among the properties."""
        return {name: props[name] for name in self.input_names if props.get(name) is not None}

    def kept(self, olds: Mapping[str, Any]) -> Props:
        """The outputs among the properties of a state."""
        return {name: olds[name] for name in self.computed if name in olds}

    def changed_options(self, news: Mapping[str, Any], olds: Mapping[str, Any]) -> list[str]:
        """Which inputs an `up` would change that end or request nothing."""
        return differs(news, olds, *self.options)


_ON_UNCANCELLABLE = Property(
    "on_uncancellable",
    meaning='what a delete does if a pending clearance cannot be canceled: `"fail"`, or `"abandon"`: leave it registered, with a warning',
    default='`"fail"`',
    choices=("fail", "abandon"),
    source="DELETE /fleets/vehicles/{vin}",
)
_TRANSITION_TIMEOUT = Property(
    "transition_timeout_minutes",
    "number",
    "how long a create or delete waits for a revocation in progress",
    default="20",
    most=_WEEK,
    unit="minutes",
)
_CHECK_ELIGIBILITY = Property(
    "check_eligibility",
    "flag",
    "look up at preview whether the carmaker would accept each new vehicle, and warn if not. Not set: as "
    "`highmobility:checkEligibility` says",
    default="[a setting](../settings.md)",
    source="POST /eligibility",
)
_RETRY_REJECTED = Property(
    "retry_rejected",
    "flag",
    "request clearance again if the carmaker rejected it, once a day at most",
    default="`False`",
)
_RETRY_REVOKED = Property(
    "retry_revoked",
    "flag",
    "request clearance again if somebody else revoked or canceled it, such as the driver, once a day at most",
    default="`False`",
)
_ADOPT = Property(
    "adopt",
    "flag",
    "whether a VIN that is registered already is taken over, with a warning. `False` makes it an error: another stack may hold it",
    default="`True`",
)
_REGISTERED_WITH = Property("registered_with")

FLEET_VEHICLE = Schema(
    "FleetVehicle",
    inputs=(
        Property(
            "vin",
            meaning="17 characters without I, O, Q; lower case is normalised. **A change replaces the resource**",
            change="replace",
            source="POST /fleets/vehicles",
        ),
        Property(
            "brand",
            meaning="the platform's name of the carmaker, such as `bmw` ([all](../brands.md)); an unknown brand is a warning. "
            "**A change replaces the resource, and revokes first**",
            change="replace, revoking first",
            source="POST /fleets/vehicles",
        ),
        Property(
            "control_measures",
            "readings",
            'readings that the carmaker checks: `{"odometer": {"value": 110_000, "unit": "kilometers"}}`, required for '
            "`mercedes-benz`. Taken at the moment of the request: a later reading is not a change",
            change="none",
            source="POST /fleets/vehicles",
        ),
        Property(
            "tags",
            "texts",
            f"text values by name. **A change replaces the resource, and revokes first**: {_NO_MORE} tags",
            change="replace, revoking first",
            source="POST /fleets/vehicles",
        ),
        _RETRY_REJECTED,
        _RETRY_REVOKED,
        _ON_UNCANCELLABLE,
        _TRANSITION_TIMEOUT,
        _CHECK_ELIGIBILITY,
        _ADOPT,
    ),
    outputs=(
        Property(
            "status",
            meaning="`pending`, `approved`, `rejected`, `revoking`, `canceling`; `revoked` or `canceled` if somebody else ended it",
            source="GET /fleets/vehicles",
        ),
        Property(
            "status_reason",
            meaning="the carmaker's reason, usually for a rejection; empty if none is given",
            source="GET /fleets/vehicles",
        ),
        Property(
            "changelog",
            "changes",
            "the changes, oldest first: `timestamp` (ISO 8601, UTC), `status`, and `reason` if there is one",
            source="GET /fleets/vehicles",
        ),
        Property("requested_at", meaning="when the current clearance was requested, ISO 8601 in UTC"),
        Property("approved_at", meaning="when it was approved, ISO 8601 in UTC; empty before the approval"),
        Property("request_id", meaning="identifies this request within Pulumi; a new request gets a new one"),
    ),
    hidden=(Property("retried_at"), Property("wanted", "values"), _REGISTERED_WITH),
)

FLEET = Schema(
    "Fleet",
    inputs=(
        Property(
            "vehicles",
            "vehicles",
            "dictionaries with `vin`, `brand`, `tags` and `control_measures` as those of [FleetVehicle](fleet-vehicle.md), "
            "usually [from a file](../fleet-files.md). A change requests what was added and revokes what was removed; **changed brand or tags "
            "revoke and request again**; a later reading of the odometer is not a change",
            change="by vehicle",
            source="POST /fleets/vehicles",
        ),
        Property(
            "max_removals",
            "values",
            "how many vehicles one `up` may revoke or request again: a number, or a share of the fleet, rounded up. More fail the "
            "preview: a list that was cut off must not revoke a fleet",
            default='`"10%"`',
        ),
        Property(
            "on_removal",
            meaning='or `"retain"`: vehicles that are removed, or all when the resource is deleted, stay registered',
            default='`"revoke"`',
            choices=("revoke", "retain"),
        ),
        _ON_UNCANCELLABLE,
        _RETRY_REJECTED,
        _RETRY_REVOKED,
        _TRANSITION_TIMEOUT,
        _CHECK_ELIGIBILITY,
        _ADOPT,
    ),
    outputs=(
        Property(
            "counts",
            "numbers",
            "how many vehicles are in each state; `error`: could not be requested, or not released",
        ),
        Property(
            "registry",
            meaning="what else the state holds of the vehicles, in a compact form, which the properties below read",
        ),
        Property(
            "leaving",
            meaning="what was removed from the list and whose clearance has not ended as far as the state knows, one line each",
        ),
    ),
    hidden=(_REGISTERED_WITH,),
    views=(
        Property("statuses", "texts", "the state of each by VIN"),
        Property("approved", "values", "the VINs that are approved"),
        Property("rejected", "texts", "the carmaker's reason by VIN, for those rejected"),
        Property(
            "failed", "texts", "the reason, by VIN, for those that the last `up` could not request or release"
        ),
    ),
)

VEHICLE_ACCESS_TOKEN = Schema(
    "VehicleAccessToken",
    inputs=(
        Property(
            "vin",
            meaning="a FleetVehicle, a VehicleApproval or a vehicle of a Fleet, or the VIN of a vehicle registered outside the stack. "
            "**Another VIN replaces the resource**",
            change="replace",
            source="POST /fleets/access_tokens",
            shown="vehicle` or `vin",
        ),
        Property("vehicle_status", change="none"),
        Property("request_id", change="none"),
        Property(
            "min_remaining_seconds",
            "number",
            "an `up` that finds less time left renews the token. Not set: issued once and kept; the refresh token is the durable part",
            most=_YEAR,
            unit="seconds",
            source="POST /access_tokens",
        ),
        Property(
            "keepers",
            "values",
            "any values; **a change of one issues a new token, then revokes the old one**",
            change="replace",
        ),
    ),
    outputs=(
        Property(
            "access_token",
            meaning="a secret; without a value while the clearance is awaited",
            secret=True,
            source="POST /fleets/access_tokens",
        ),
        Property("refresh_token", meaning="as `access_token`", secret=True),
        Property("token_type", meaning="as reported by the platform"),
        Property("scope", meaning="as reported by the platform"),
        Property("expires_at", meaning="when the access token expires, ISO 8601 in UTC"),
        Property("issued_at", meaning="when it was issued, ISO 8601 in UTC"),
        Property("status", meaning="`active`, `expired`, `revoked`, `awaiting_clearance`"),
        Property("clearance_status", meaning="the clearance when the token was last looked at"),
    ),
    hidden=(_REGISTERED_WITH,),
)

FLEET_ACCESS_TOKENS = Schema(
    "FleetAccessTokens",
    arguments=(
        Property(
            "fleet",
            meaning="a [Fleet](fleet.md): a token for each of its vehicles. Either this or `vehicles`",
            source="POST /fleets/access_tokens",
        ),
        Property(
            "vehicles",
            "vehicles",
            "instead of `fleet`, a list of FleetVehicles, VehicleApprovals or vehicles of a Fleet",
            source="POST /fleets/access_tokens",
        ),
        Property(
            "vins",
            "texts",
            "which of the fleet's vehicles get a token",
            default="all vehicles of `fleet`",
        ),
    ),
    inputs=(
        Property("clearances", change="by vehicle"),
        Property(
            "min_remaining_seconds",
            "number",
            "an `up` renews each token that has less time left. Not set: issued once and kept; the refresh tokens are the durable part",
            most=_YEAR,
            unit="seconds",
            source="POST /access_tokens",
        ),
        Property(
            "keepers",
            "values",
            "any values; **a change of one issues new tokens for all, then revokes the old ones**",
            change="replace",
        ),
    ),
    outputs=(
        Property(
            "pairs",
            meaning="the tokens in a compact form, a secret, which `tokens` and `of(vin)` read",
            secret=True,
            source="POST /fleets/access_tokens",
        ),
        Property(
            "validity",
            meaning="what else the state holds of them, in a compact form, which the properties below read",
        ),
        Property(
            "counts",
            "numbers",
            "how many vehicles are `active`, `awaiting_clearance`, `expired`, `revoked`, or `failed` in the last `up`",
        ),
    ),
    hidden=(_REGISTERED_WITH,),
    views=(
        Property(
            "tokens",
            "values",
            "by VIN `access_token`, `refresh_token` and `expires_at`; a secret, without the VINs that have no token yet",
        ),
        Property("expires_at", "texts", "when each access token expires by VIN, ISO 8601 in UTC"),
        Property("awaiting", "values", "the VINs whose clearance is awaited"),
        Property("failed", "texts", "the reason, by VIN, for those that failed in the last `up`"),
    ),
)

VEHICLE_APPROVAL = Schema(
    "VehicleApproval",
    inputs=(
        Property(
            "vin",
            meaning="the FleetVehicle, or the vehicle of a Fleet, to wait for. **Another vehicle, or a new request for its clearance, "
            "replaces the resource**",
            change="replace",
            source="GET /fleets/vehicles",
            shown="vehicle",
            read_as="of the vehicle",
        ),
        Property("request_id", change="replace", read_as="of the request that was approved"),
        Property(
            "timeout_minutes",
            "number",
            "how long the create may wait",
            default="30",
            most=_MONTH,
            unit="minutes",
        ),
    ),
    outputs=(
        Property("status", meaning="`approved`"),
        Property("approved_at", meaning="when it was approved, ISO 8601 in UTC"),
    ),
    hidden=(_REGISTERED_WITH,),
)

FLEET_REMOVALS = Schema(
    "FleetRemovals",
    inputs=(
        Property("fleet_id"),
        Property("leaving", change="replace"),
        _ON_UNCANCELLABLE,
        _TRANSITION_TIMEOUT,
    ),
    hidden=(Property("keys"),),
)
"""A Fleet's own child: no program declares one."""

SCHEMAS = {
    schema.kind: schema
    for schema in (
        FLEET_VEHICLE,
        FLEET,
        VEHICLE_ACCESS_TOKEN,
        FLEET_ACCESS_TOKENS,
        VEHICLE_APPROVAL,
        FLEET_REMOVALS,
    )
}
