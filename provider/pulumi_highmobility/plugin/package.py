"""The package's schema, from which SDKs, documentation and imported programs are made: of the tables of operations/schema.py."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

from ..operations.schema import SCHEMAS, Property, Schema
from ..run.urns import DYNAMIC
from ..setting_names import SETTINGS, Setting
from ..spelling import camel
from .wording import in_plugin_words

NAME = "highmobility"
MODULE = f"{NAME}:index"
VERSION = version("pulumi-highmobility")

_TEXT: dict[str, Any] = {"type": "string"}
_LIST_OF_TEXTS: dict[str, Any] = {"type": "array", "items": _TEXT}
_TEXTS: dict[str, Any] = {"type": "object", "additionalProperties": _TEXT}


def _of(name: str) -> dict[str, Any]:
    return {"$ref": f"#/types/{MODULE}:{name}"}


def _map_of(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": items}


_BY_TYPE: dict[str, dict[str, Any]] = {
    "text": _TEXT,
    "flag": {"type": "boolean"},
    "number": {"type": "number"},
    "texts": _TEXTS,
    "numbers": _map_of({"type": "integer"}),
    "values": _map_of({"$ref": "pulumi.json#/Any"}),
    "changes": {"type": "array", "items": _of("Change")},
    "readings": _of("ControlMeasures"),
    "vehicles": {"type": "array", "items": _of("Vehicle")},
}
# Where a property of a program in Python has another type in JSON.
_OTHERWISE: dict[tuple[str, str], dict[str, Any]] = {
    ("Fleet", "max_removals"): {"oneOf": [{"type": "integer"}, _TEXT]},
    ("Fleet", "approved"): _LIST_OF_TEXTS,
    ("FleetAccessTokens", "tokens"): _map_of(_of("TokenPair")),
    ("FleetAccessTokens", "awaiting"): _LIST_OF_TEXTS,
}
_CLEARANCE = "the vehicle and the request for its clearance, as `vehicle` of a VehicleAccessToken or VehicleApproval takes it"
_VEHICLE = {**_of("Clearance"), "description": "the `clearance` of the vehicle"}
_TYPES: dict[str, dict[str, tuple[dict[str, Any], str, bool]]] = {
    "Clearance": {
        "vin": (_TEXT, "the VIN", True),
        "status": (_TEXT, "the state of its clearance", False),
        "requestId": (_TEXT, "identifies the request for it within Pulumi", False),
    },
    "Change": {
        "timestamp": (_TEXT, "when, ISO 8601 in UTC", True),
        "status": (_TEXT, "the status since", True),
        "reason": (_TEXT, "the reason, if there is one", False),
    },
    "Odometer": {
        "value": ({"type": "integer"}, "the reading, a whole number", True),
        "unit": (_TEXT, '"kilometers" or "miles"', True),
    },
    "ControlMeasures": {"odometer": (_of("Odometer"), "the odometer's reading", False)},
    "Vehicle": {
        "vin": (_TEXT, "the VIN, 17 characters without I, O, Q", True),
        "brand": (_TEXT, "the platform's name of the carmaker, such as `bmw`", True),
        "controlMeasures": (_of("ControlMeasures"), "readings that the carmaker checks", False),
        "tags": (_TEXTS, "text values by name", False),
    },
    "TokenPair": {
        "accessToken": (_TEXT, "the access token", True),
        "refreshToken": (_TEXT, "the refresh token, the durable part", False),
        "expiresAt": (_TEXT, "when the access token expires, ISO 8601 in UTC", False),
    },
    "RegisteredVehicle": {
        "vin": (_TEXT, "the VIN", True),
        "brand": (_TEXT, "the brand", False),
        "status": (_TEXT, "the state of its clearance", True),
        "statusReason": (_TEXT, "the carmaker's reason; empty if none is given", True),
        "tags": (_TEXTS, "the tags as registered", True),
        "changelog": (_BY_TYPE["changes"], "the changes, oldest first", True),
        "requestedAt": (_TEXT, "when clearance was requested, ISO 8601 in UTC", True),
        "approvedAt": (_TEXT, "when it was approved, ISO 8601 in UTC; empty before", True),
    },
}
# What stands in the state alone is no property of a program's; what the plugin takes in another form is written below.
_OWN_INPUTS: dict[str, dict[str, dict[str, Any]]] = {
    "VehicleApproval": {"vehicle": {**_VEHICLE, "replaceOnChanges": True}},
    "VehicleAccessToken": {
        "vehicle": {
            **_VEHICLE,
            "description": "the `clearance` of a vehicle of this stack. Either this or vin",
        },
        "vin": {**_TEXT, "description": "the VIN of a vehicle registered outside the stack"},
    },
    "FleetAccessTokens": {
        "clearances": {**_TEXT, "description": "the `clearances` of a Fleet. Either this or vehicles"},
        "vehicles": {
            "type": "array",
            "items": _of("Clearance"),
            "description": "the `clearance` of each vehicle",
        },
        "vins": {**_LIST_OF_TEXTS, "description": "which vehicles of the Fleet get a token. Not set: all"},
    },
    "FleetRemovals": {
        "fleetId": {**_TEXT, "description": "the id of the Fleet"},
        "leaving": {**_TEXT, "description": "the `leaving` of the Fleet"},
    },
}
_OWN_OUTPUTS: dict[str, dict[str, dict[str, Any]]] = {
    "FleetVehicle": {"clearance": {**_of("Clearance"), "description": _CLEARANCE}},
    "VehicleApproval": {
        "vin": {**_TEXT, "description": "the VIN of the vehicle"},
        "clearance": {**_of("Clearance"), "description": _CLEARANCE},
    },
    "VehicleAccessToken": {"vin": {**_TEXT, "description": "the VIN of the vehicle"}},
    "Fleet": {"clearances": {**_TEXT, "description": "what `clearances` of FleetAccessTokens takes"}},
}
_HIDDEN_INPUTS = {
    "VehicleApproval": {"vin", "request_id"},
    "VehicleAccessToken": {"vin", "vehicle_status", "request_id"},
    "FleetAccessTokens": {"clearances"},
}
_REQUIRED = {
    "FleetVehicle": ["brand", "vin"],
    "Fleet": ["vehicles"],
    "FleetRemovals": ["fleetId", "leaving"],
    "VehicleApproval": ["vehicle"],
}
# An output that may have no value, of all that a resource has.
_OPTIONAL = {"accessToken", "refreshToken", "tokenType", "scope", "expiresAt", "issuedAt", "controlMeasures"}
_ABOUT = {
    "FleetVehicle": "One vehicle of the fleet: its creation requests the carmaker's clearance, its deletion revokes it. Clearance takes "
    "minutes to weeks: `status` is `pending` until a refresh sees `approved` or `rejected`. API: POST, GET and DELETE /fleets/vehicles",
    "Fleet": "The clearances of a whole list of vehicles as one resource. Declare a FleetRemovals beside it: with it the clearances of "
    "vehicles that left the list end once all else in the `up` has succeeded. API: POST, GET and DELETE /fleets/vehicles",
    "FleetRemovals": "Ends the clearances of vehicles that left a Fleet's list, once the whole program is known. One for each Fleet. "
    "API: DELETE /fleets/vehicles/{vin}",
    "VehicleApproval": "Waits until a vehicle's clearance is approved; a rejection or the timeout fails this resource alone. API: GET "
    "/fleets/vehicles",
    "VehicleAccessToken": "The access and refresh token of an approved vehicle. Without an approval `status` is `awaiting_clearance`, and "
    "the next `up` that sees the approval issues the token. API: POST /fleets/access_tokens, POST and DELETE /access_tokens",
    "FleetAccessTokens": "The tokens of many vehicles as one resource. API: POST /fleets/access_tokens, POST and DELETE /access_tokens",
}
_FLAGS = {
    "allowInsecureHttp",
    "carmakerNotices",
    "checkEligibility",
    "refreshBeforeUpdate",
    "revokeWithoutState",
}
_NUMBERS = {"listingMaxAgeSeconds", "requestTimeoutSeconds", "retryIntervalHours"}
# Of a program in Python, which alone reads them.
_OF_PROGRAMS = {"plugin", "requireSecretConfig", "wholeStackTraces"}


def package_schema() -> dict[str, Any]:
    """The schema of the package, in Pulumi's own form."""
    config = {one.config: _setting(one) for one in SETTINGS if one.config not in _OF_PROGRAMS}
    return {
        "name": NAME,
        "displayName": "High Mobility",
        "version": VERSION,
        "description": "Fleet clearance and vehicle access tokens of High Mobility",
        "keywords": ["pulumi", "high-mobility", "fleet", "clearance", "vin"],
        "license": "Apache-2.0",
        # The version goes into the SDKs, and the Go SDK is a module of its own.
        "meta": {"supportPack": True},
        "config": {"variables": config},
        "provider": {
            "description": "Where the platform is, and the credentials for it.",
            "inputProperties": config,
            "properties": config,
        },
        "types": {f"{MODULE}:{name}": _type(fields) for name, fields in _TYPES.items()},
        "resources": {f"{MODULE}:{kind}": _resource(schema) for kind, schema in sorted(SCHEMAS.items())},
        "functions": _functions(),
        "language": {
            "nodejs": {"packageName": "pulumi-highmobility", "respectSchemaVersion": True},
            # No address of a repository: a made-up one may be somebody else's.
            "go": {
                "importBasePath": "pulumi-highmobility/sdks/go/highmobility",
                "respectSchemaVersion": True,
            },
            "python": {"packageName": "pulumi_highmobility"},
        },
    }


def _setting(setting: Setting) -> dict[str, Any]:
    kind = "boolean" if setting.config in _FLAGS else "number" if setting.config in _NUMBERS else "string"
    told = f"See docs/settings.md; from the environment: {setting.environment}"
    return {"type": kind, "description": told} | ({"secret": True} if setting.secret else {})


def _type(fields: Mapping[str, tuple[dict[str, Any], str, bool]]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: {**kind, "description": about} for name, (kind, about, _) in fields.items()},
        "required": [name for name, (_, _, is_required) in fields.items() if is_required],
    }


def _resource(schema: Schema) -> dict[str, Any]:
    kind = schema.kind
    hidden = _HIDDEN_INPUTS.get(kind, set())
    own = _OWN_INPUTS.get(kind, {})
    given = {
        **_properties(schema, (one for one in schema.inputs if one.meaning and one.name not in hidden)),
        **own,
    }
    # The list of a Fleet and of its tokens stands in the state as a text, which is of no use to a program.
    read = (
        {}
        if kind in ("Fleet", "FleetAccessTokens", "FleetRemovals")
        else {
            name: value
            for name, value in given.items()
            if not (kind == "VehicleAccessToken" and name == "vin")
        }
    )
    read = {
        **{
            name: {key: one for key, one in value.items() if key != "replaceOnChanges"}
            for name, value in read.items()
        },
        **_properties(schema, (one for one in (*schema.outputs, *schema.views) if one.meaning)),
        **_OWN_OUTPUTS.get(kind, {}),
    }
    required = _REQUIRED.get(kind, [])
    optional = given.keys() - set(required) - {"tags"}
    return {
        "description": _ABOUT[kind],
        "inputProperties": given,
        "requiredInputs": required,
        "properties": read,
        "required": sorted(read.keys() - optional - _OPTIONAL | ({"vin"} & read.keys())),
        "aliases": [{"type": f"{DYNAMIC}{kind}"}],
    }


def _properties(schema: Schema, properties: Iterable[Property]) -> dict[str, dict[str, Any]]:
    return {
        camel(one.name): {
            **_OTHERWISE.get((schema.kind, one.name), _BY_TYPE[one.type]),
            "description": _told(one),
            **({"secret": True} if one.secret or one.name == "tokens" else {}),
        }
        for one in properties
    }


def _told(one: Property) -> str:
    """What a property means, without the links of docs/ and in the plugin's names."""
    about = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", one.meaning)
    default = f" Default: {one.default}." if one.default and "](" not in one.default else ""
    source = f" API: {one.source}." if one.source else ""
    return (
        in_plugin_words(f"{about}.{default}{source}")
        .replace("`False`", "`false`")
        .replace("`True`", "`true`")
    )


def _functions() -> dict[str, Any]:
    vehicle = _TYPES["RegisteredVehicle"]
    one_or_more = {"oneOf": [_TEXT, _LIST_OF_TEXTS]}
    return {
        f"{MODULE}:getFleetVehicle": {
            "description": "One registered vehicle. API: GET /fleets/vehicles/{vin}",
            "inputs": {
                "type": "object",
                "properties": {"vin": {**_TEXT, "description": "the VIN"}},
                "required": ["vin"],
            },
            "outputs": _type(vehicle),
        },
        f"{MODULE}:getFleet": {
            "description": "The registered vehicles, by VIN; each argument is a filter. API: GET /fleets/vehicles",
            "inputs": {
                "type": "object",
                "properties": {
                    "status": {**one_or_more, "description": "the states of the clearances"},
                    "brand": {**one_or_more, "description": "the brands"},
                    "vins": {**_LIST_OF_TEXTS, "description": "the VINs"},
                    "tags": {**_TEXTS, "description": "tags that a vehicle has at least"},
                },
            },
            "outputs": {
                "type": "object",
                "properties": {
                    "vehicles": {
                        "type": "array",
                        "items": _of("RegisteredVehicle"),
                        "description": "the vehicles",
                    }
                },
                "required": ["vehicles"],
            },
        },
        f"{MODULE}:checkEligibility": {
            "description": "Whether the carmaker would accept the vehicle; no clearance is requested. API: POST /eligibility",
            "inputs": {
                "type": "object",
                "properties": {
                    "vin": {**_TEXT, "description": "the VIN"},
                    "brand": {**_TEXT, "description": "the platform's name of the carmaker"},
                },
                "required": ["brand", "vin"],
            },
            "outputs": {
                "type": "object",
                "properties": {
                    "vin": {**_TEXT, "description": "the VIN"},
                    "eligible": {"type": "boolean", "description": "whether the carmaker would accept it"},
                    "dataDelivery": {
                        **_LIST_OF_TEXTS,
                        "description": '"pull" and "push", as far as the carmaker offers them',
                    },
                    "connectivityStatus": {
                        **_TEXT,
                        "description": "what the carmaker says of the vehicle's connection",
                    },
                    "primaryUserAssigned": {"type": "boolean", "description": "whether a driver is assigned"},
                },
                "required": ["dataDelivery", "eligible", "vin"],
            },
        },
    }
