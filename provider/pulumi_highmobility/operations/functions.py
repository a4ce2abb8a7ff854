"""
What a program can ask the platform without a resource: the fleet, one vehicle of it, a carmaker's eligibility.

Each function checks what it was given, and returns what asks: a wrong VIN is told before credentials are looked for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ..clearance.registered import approved_at, changes_of, reason_of, requested_at, tags_of
from ..clock import write_instant
from ..text import composed_tags
from ..vehicle.brands import wire_name
from ..vehicle.vin import parse_vin

if TYPE_CHECKING:
    from ..api.shapes import RegisteredVehicle
    from ..clearance.service import ClearanceService

T = TypeVar("T")
Ask = Callable[["ClearanceService"], Awaitable[T]]
Vehicle = dict[str, Any]
"""vin, brand, status, status_reason, tags, changelog, requested_at, approved_at; instants are ISO 8601 in UTC, empty where there is none."""


def get_fleet(
    *,
    status: str | Sequence[str] | None = None,
    brand: str | Sequence[str] | None = None,
    vins: Sequence[str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> Ask[list[Vehicle]]:
    """
    The registered vehicles, by VIN; each argument is a filter; `tags` selects vehicles that have at least these.

    Raises: InvalidVin, and what the API raises.
    API: GET /fleets/vehicles with its filter
    """
    wishes: dict[str, Any] = {}
    readings: list[tuple[str, Any, Callable[[str], str]]] = [
        ("status", status, str.lower),
        ("brand", brand, lambda text: wire_name(text) or text),
        ("vin", vins, parse_vin),
    ]
    for name, wish, normal in readings:
        if isinstance(wish, str):
            wishes[name] = {"operator": "eq", "value": normal(wish)}
        elif wish is not None:
            wishes[name] = {"operator": "in", "value": list(dict.fromkeys(map(normal, wish)))}
    if tags is not None:
        wishes["tags"] = {"operator": "contains", "value": composed_tags(tags)}

    async def ask(service: ClearanceService) -> list[Vehicle]:
        found = await service.api.list_vehicles(wishes or None)
        return sorted(map(_described, found), key=lambda vehicle: str(vehicle["vin"]))

    return ask


def get_fleet_vehicle(*, vin: str) -> Ask[Vehicle]:
    """
    One registered vehicle.

    Raises: InvalidVin, VehicleNotFound, and what else the API raises.
    API: GET /fleets/vehicles/{vin}
    """
    wanted = parse_vin(vin)

    async def ask(service: ClearanceService) -> Vehicle:
        return _described(await service.api.get_vehicle(wanted))

    return ask


def check_eligibility(*, vin: str, brand: str) -> Ask[dict[str, Any]]:
    """
    Whether the carmaker would accept the vehicle: vin, eligible, data_delivery, connectivity_status, primary_user_assigned.

    Raises: InvalidVin; InvalidRequest, where the brand has no look-up or is not activated for the application.
    API: POST /eligibility
    """
    wanted = parse_vin(vin)

    async def ask(service: ClearanceService) -> dict[str, Any]:
        answer = await service.api.check_eligibility(wanted, wire_name(brand) or brand)
        return {
            "vin": answer.vin,
            "eligible": answer.eligible,
            "data_delivery": list(answer.data_delivery),
            "connectivity_status": answer.connectivity_status,
            "primary_user_assigned": answer.primary_user_assigned,
        }

    return ask


def _described(vehicle: RegisteredVehicle) -> Vehicle:
    requested, approved = requested_at(vehicle), approved_at(vehicle)
    return {
        "vin": vehicle.vin.upper(),
        "brand": vehicle.brand,
        "status": vehicle.status,
        "status_reason": reason_of(vehicle),
        "tags": dict(tags_of(vehicle) or {}),
        "changelog": [
            {"timestamp": change.timestamp, "status": change.status}
            | ({"reason": change.reason} if change.reason else {})
            for change in changes_of(vehicle)
        ],
        "requested_at": write_instant(requested) if requested else "",
        "approved_at": write_instant(approved) if approved else "",
    }
