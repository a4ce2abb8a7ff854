"""What can be read from a registered vehicle and its changelog."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from ..api.shapes import Changelog, NotedVehicle, RegisteredVehicle
from ..clock import parse_instant
from ..text import composed_tags, unseen_difference, visible
from ..vehicle.brands import wire_name
from .states import ACTIVE, GONE, IN_TRANSITION, Status


def status_of(vehicle: RegisteredVehicle | None) -> Status | None:
    """Its state; None where there is no such vehicle, or the state has a name not known here."""
    return None if vehicle is None else Status.of(vehicle.status)


def is_gone(vehicle: RegisteredVehicle | None) -> bool:
    """The one place that decides it: not registered, or its clearance was revoked or canceled."""
    return vehicle is None or status_of(vehicle) in GONE


def is_active(vehicle: RegisteredVehicle | None) -> bool:
    """Pending or approved."""
    return status_of(vehicle) in ACTIVE


def is_in_transition(vehicle: RegisteredVehicle | None) -> bool:
    """Being revoked or canceled just now."""
    return status_of(vehicle) in IN_TRANSITION


def changes_of(vehicle: RegisteredVehicle) -> list[Changelog]:
    """The changelog, oldest first, whichever way round the platform sent it."""
    return sorted(vehicle.changelog, key=lambda change: change.timestamp.rstrip("Zz"))


def requested_at(vehicle: RegisteredVehicle) -> datetime | None:
    """When the current clearance was requested: the last change to pending."""
    return _last(vehicle, Status.PENDING)


def told_request_of(vehicle: RegisteredVehicle | None) -> datetime | None:
    """When the platform says that the present clearance was requested, to the second; None where it has not said so."""
    if vehicle is None or isinstance(vehicle, NotedVehicle):
        return None
    requested = requested_at(vehicle)
    return None if requested is None else requested.replace(microsecond=0)


def is_later_request(vehicle: RegisteredVehicle | None, requested: datetime | None) -> bool:
    """
    Whether what is registered was requested after `requested`: it is another's clearance then.

    Both instants are the platform's: our own clock has no part in it.
    """
    told = told_request_of(vehicle)
    return told is not None and requested is not None and told > requested


def approved_at(vehicle: RegisteredVehicle) -> datetime | None:
    """When the present clearance was approved; None for one that is not, or no longer."""
    return _last(vehicle, Status.APPROVED) if status_of(vehicle) is Status.APPROVED else None


def reason_of(vehicle: RegisteredVehicle) -> str:
    """The carmaker's reason for the present state, empty where none is given."""
    for change in reversed(changes_of(vehicle)):
        if change.status == vehicle.status:
            return visible(change.reason or "")
    return ""


def tags_of(vehicle: RegisteredVehicle) -> dict[str, str] | None:
    """The tags as texts, composed; None where the platform left them out, which says nothing about them."""
    if vehicle.tags is None:
        return None
    return composed_tags({name: str(value) for name, value in vehicle.tags.items()})


def brand_of(vehicle: RegisteredVehicle) -> str | None:
    """The brand in its normal form; None where the platform left it out."""
    return None if vehicle.brand is None else wire_name(vehicle.brand) or vehicle.brand


def by_vin(vehicles: Iterable[RegisteredVehicle]) -> dict[str, RegisteredVehicle]:
    """
    The vehicles by VIN, in upper case.

    Where one VIN has several rows (an ended clearance and its successor), the living one counts,
    else the one requested last.
    """
    found: dict[str, RegisteredVehicle] = {}
    for vehicle in vehicles:
        vin = vehicle.vin.upper()
        other = found.get(vin)
        if other is None or _weight(vehicle) >= _weight(other):
            found[vin] = vehicle
    return found


def differences(vehicle: RegisteredVehicle, *, brand: str, tags: Mapping[str, str]) -> list[str]:
    """In which of brand and tags a registered vehicle is not what is wanted, as texts for a message."""
    found = []
    if brand_of(vehicle) not in (None, brand):
        found.append(f'brand is "{vehicle.brand}", not "{brand}"')
    registered, wanted = tags_of(vehicle), composed_tags(tags)
    if registered is not None and registered != wanted:
        unseen = unseen_differences(registered, wanted)
        found.append(f"tags are {registered}, not {wanted}{f' ({unseen})' if unseen else ''}")
    return found


def unseen_differences(registered: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    """Where tags differ in what cannot be seen, by their code points; empty where they do not."""
    found = []
    for name in sorted(registered.keys() & wanted.keys()):
        if unseen := unseen_difference(registered[name], wanted[name]):
            found.append(f'in the tag "{visible(name, 40)}", {unseen}')
    for name in sorted(registered.keys() - wanted.keys()):
        for other in sorted(wanted.keys() - registered.keys()):
            if unseen := unseen_difference(name, other):
                found.append(f'in the name of the tag "{visible(name, 40)}", {unseen}')
    return "; ".join(found)


def told_drift(registered: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """With which brand and tags a vehicle is registered, and with which ones not, in words."""
    told = []
    if registered["brand"] != wanted["brand"]:
        told.append(f'with the brand "{registered["brand"]}", not "{wanted["brand"]}"')
    theirs, ours = registered.get("tags") or {}, wanted.get("tags") or {}
    if theirs != ours:
        unseen = unseen_differences(theirs, ours)
        told.append(
            f"with the tags {visible(str(theirs))}, not {visible(str(ours))}"
            + (f" (which differ only in invisible characters: {unseen})" if unseen else "")
        )
    return ", ".join(told)


def cannot_be_changed(what: str) -> str:
    """What drift means to who writes the program or the list, up to how to have what it says."""
    return (
        f"The API cannot change that, and no clearance ends because of it. To accept the registered values, write them into the {what}. To have what the "
        f"{what} says"
    )


def _weight(vehicle: RegisteredVehicle) -> tuple[bool, str]:
    lives = is_active(vehicle) or is_in_transition(vehicle)
    return lives, max((change.timestamp for change in vehicle.changelog), default="")


def _last(vehicle: RegisteredVehicle, status: Status) -> datetime | None:
    for change in reversed(changes_of(vehicle)):
        if change.status == status.value:
            return parse_instant(change.timestamp)
    return None
