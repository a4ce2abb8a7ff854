"""
A resource's properties at the plugin, and the rules' own: other names, a `vehicle` in place of three, typed vehicles of a Fleet.

What a check returns stands in the state as inputs and comes back with every later call, so that only a check meets what a
program wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..fleet.held import read_registry
from ..fleet.held_tokens import Clearance, HeldTokens, clearances_of, read_clearances, write_clearances
from ..fleet.roster import given_lines
from ..operations.values import UNKNOWN, Props, is_unknown
from ..secret import Secret
from ..spelling import camel, in_snake_case, snake, vehicle_of
from ..vehicle.check import Problem

_VEHICLE = ("vin", "status", "requestId")
# What the plugin makes of another property is as secret as that.
_FOLLOWS = {"vin": ("clearance",), "vehicle": ("vin", "clearance"), "vehicles": ("leaving", "clearances")}
_SECRET_VIEWS = {"FleetAccessTokens": ("pairs", "tokens")}


@dataclass
class Given:
    """What a program gave, as the rules take it; `problems` are those that only a spelling has, at its own names."""

    props: Props
    problems: list[Problem] = field(default_factory=list)


def given(kind: str, news: Mapping[str, Any], olds: Mapping[str, Any]) -> Given:
    """The inputs of a program, or, with `ignoreChanges`, those of the state."""
    found = Given({})
    for name, value in news.items():
        if name != camel(name) and name not in olds:
            found.problems.append(
                Problem(name, f'is not an input of this resource. Did you mean "{camel(name)}"?')
            )
        else:
            found.props[name] = value
    reader = _READERS.get(kind)
    if reader is not None:
        reader(found)
    found.props = in_snake_case(found.props)
    return found


def inputs(kind: str, props: Mapping[str, Any]) -> dict[str, Any]:
    """The rules' inputs as the state has them."""
    found = {camel(name): value for name, value in props.items()}
    if kind == "VehicleApproval" or (kind == "VehicleAccessToken" and "request_id" in props):
        return _without_vehicle(found) | {"vehicle": vehicle_of(props)}
    return found


def _without_vehicle(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name not in ("vin", "vehicleStatus", "requestId")}


def outputs(kind: str, id_: str, props: Mapping[str, Any]) -> dict[str, Any]:
    """The rules' outputs as the state has them, with what programs in other languages cannot make of them."""
    found = inputs(kind, props)
    if "vehicle" in found:
        found["vin"] = props.get("vin")
    view = _VIEWS.get(kind)
    return found if view is None else {**found, **view(id_, props)}


def secrets(kind: str, received: Collection[str]) -> frozenset[str]:
    """Which properties are secret, where these were received as secrets."""
    follow = {name for one in received for name in _FOLLOWS.get(one, ())}
    return frozenset({*received, *follow, *_SECRET_VIEWS.get(kind, ())})


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


# What programs give ---------------------------------------------------------------------------------------------------------------


def _read_vehicle(found: Given) -> None:
    """`vehicle`, the `clearance` of another resource, or `vin`."""
    vehicle = found.props.get("vehicle")
    if vehicle is None or is_unknown(vehicle):
        return
    if found.props.get("vin") is not None:
        found.problems.append(Problem("vehicle", "is given beside vin: give one of the two."))
    problem = _why_no_vehicle(vehicle)
    if problem:
        found.problems.append(Problem("vehicle", problem))
        del found.props["vehicle"]


def _read_approval(found: Given) -> None:
    _read_vehicle(found)
    if isinstance(vehicle := found.props.get("vehicle"), Mapping):
        # A status that moves on is no other vehicle to wait for.
        found.props["vehicle"] = {name: value for name, value in vehicle.items() if name != "status"}
    elif is_unknown(vehicle):
        found.props["vehicle"] = {"vin": UNKNOWN, "requestId": UNKNOWN}


def _why_no_vehicle(vehicle: object) -> str:
    if not isinstance(vehicle, Mapping) or not set(_VEHICLE) >= vehicle.keys() or "vin" not in vehicle:
        return (
            "takes the `clearance` of a FleetVehicle or VehicleApproval: an object with vin, status and requestId. "
            "For a vehicle registered outside the stack give vin."
        )
    return ""


def _read_fleet(found: Given) -> None:
    """A list of vehicles as the text that the state has: a tree of as many objects costs the engine several times as much."""
    vehicles = found.props.get("vehicles")
    if vehicles is None or isinstance(vehicles, str) or is_unknown(vehicles):
        return
    if not isinstance(vehicles, Sequence):
        found.problems.append(Problem("vehicles", "takes a list of vehicles, each with vin and brand."))
        del found.props["vehicles"]
    elif _holds_unknown(vehicles):
        found.props["vehicles"] = UNKNOWN
    else:
        rows = [_row(place, vehicle, found.problems) for place, vehicle in enumerate(vehicles)]
        found.props["vehicles"] = "\n".join(given_lines(rows))


def _row(place: int, vehicle: object, problems: list[Problem]) -> object:
    if not isinstance(vehicle, Mapping):
        return vehicle
    for name in vehicle:
        if name != camel(name):
            problems.append(
                Problem(
                    f"vehicles[{place}].{name}", f'A vehicle has no such input. Did you mean "{camel(name)}"?'
                )
            )
    return {
        snake(name): value for name, value in vehicle.items() if value is not None and name == camel(name)
    }


def _read_tokens(found: Given) -> None:
    """`clearances` of a Fleet, of which `vins` may choose some, or `vehicles`, a list of clearances."""
    props, problems = found.props, found.problems
    vehicles, vins, text = props.pop("vehicles", None), props.pop("vins", None), props.get("clearances")
    if vehicles is not None and text is not None:
        problems.append(Problem("vehicles", "is given beside clearances: give one of the two."))
    elif vehicles is not None:
        props["clearances"] = _written(vehicles, problems)
    elif isinstance(text, str):
        props["clearances"] = _chosen(text, vins, problems)


def _written(vehicles: object, problems: list[Problem]) -> object:
    if _holds_unknown(vehicles):
        return UNKNOWN
    if not isinstance(vehicles, Sequence) or isinstance(vehicles, str):
        problems.append(Problem("vehicles", "takes a list: the `clearance` of each vehicle."))
        return ""
    rows = []
    for place, vehicle in enumerate(vehicles):
        problem = _why_no_vehicle(vehicle)
        if problem:
            problems.append(Problem(f"vehicles[{place}]", problem))
        else:
            rows.append(Clearance(*(str(vehicle.get(name) or "") for name in _VEHICLE)))
    return write_clearances(rows)


def _chosen(text: str, vins: object, problems: list[Problem]) -> object:
    """The clearances of these VINs, or all."""
    try:
        known = read_clearances(text)
    except (ValueError, AttributeError):
        problems.append(Problem("clearances", "takes the `clearances` of a Fleet."))
        return ""
    if vins is None:
        return text
    if _holds_unknown(vins):
        return UNKNOWN
    if not isinstance(vins, Sequence) or isinstance(vins, str):
        problems.append(Problem("vins", "takes a list of VINs."))
        return ""
    wanted = {str(vin).strip().upper() for vin in vins}
    for vin in sorted(wanted - {one.vin for one in known}):
        problems.append(Problem("vins", f"{vin} is not in the fleet: add it to its vehicles."))
    return write_clearances(one for one in known if one.vin in wanted)


def _holds_unknown(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_unknown, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_holds_unknown, value))
    return is_unknown(value)


_READERS: dict[str, Callable[[Given], None]] = {
    "VehicleAccessToken": _read_vehicle,
    "VehicleApproval": _read_approval,
    "Fleet": _read_fleet,
    "FleetAccessTokens": _read_tokens,
}


# What programs read ---------------------------------------------------------------------------------------------------------------


def _clearance(_id: str, props: Mapping[str, Any]) -> dict[str, Any]:
    known = {"vin": props.get("vin"), "status": props.get("status"), "requestId": props.get("request_id")}
    return {"clearance": _known(known)}


def _fleet(id_: str, props: Mapping[str, Any]) -> dict[str, Any]:
    facts = read_registry(props.get("registry") or "")
    return {
        "statuses": facts.by_vin(),
        "approved": facts.approved(),
        "rejected": facts.rejected(),
        "failed": dict(facts.failed),
        "clearances": write_clearances(clearances_of(id_, facts)),
    }


def _tokens(_id: str, props: Mapping[str, Any]) -> dict[str, Any]:
    pairs = props.get("pairs")
    held = HeldTokens.read(
        props.get("validity") or "", pairs.reveal() if isinstance(pairs, Secret) else pairs or ""
    )
    return {
        "tokens": {
            vin: {camel(name): text for name, text in pair.items()} for vin, pair in held.usable().items()
        },
        "expiresAt": held.expires_at(),
        "awaiting": held.awaiting(),
        "failed": dict(held.failed),
    }


_VIEWS: dict[str, Callable[[str, Mapping[str, Any]], dict[str, Any]]] = {
    "FleetVehicle": _clearance,
    "VehicleApproval": _clearance,
    "Fleet": _fleet,
    "FleetAccessTokens": _tokens,
}
