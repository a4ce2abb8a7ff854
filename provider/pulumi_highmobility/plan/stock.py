"""What the stack holds before the `up`: each record with its properties, and each vehicle with what is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..api.shapes import RegisteredVehicle
from ..clearance.registered import approved_at, brand_of, tags_of, told_request_of
from ..clock import parse_instant, write_instant
from ..fleet.held import HeldFleet
from ..operations.values import is_unknown, readable
from ..run.saved_state import Record, SavedState, is_ours, record_of
from ..spelling import in_snake_case
from .preview import IN_PROGRAM, Preview, Step, decoded

# What a Fleet's state has of its vehicles.
_TEXTS = ("vehicles", "registry", "leaving")
# What the engine notes in the old state of a step that it would take, and not what the stack has.
_OF_THE_STEP = ("delete", "pendingReplacement")


@dataclass(frozen=True)
class Had:
    """
    A vehicle as the stack or the platform has it.

    `tags` is None where they are not known. `requested` is the platform's instant of the request; `is_latest` says that it is only
    the latest of several, so that this one may be older.
    """

    vin: str
    brand: str
    status: str
    tags: Mapping[str, str] | None = None
    since: str = ""
    requested: datetime | None = None
    is_latest: bool = False


@dataclass
class Stock:
    """The records of the stack, as the run judges them, with their properties in the engine's form."""

    saved: SavedState = field(default_factory=SavedState)
    _raw: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    _fleets: dict[int, HeldFleet] = field(default_factory=dict)

    def raw(self, record: Record) -> Mapping[str, Any]:
        """The record in the engine's own form."""
        return self._raw[id(record)]

    def props(self, record: Record) -> dict[str, Any]:
        """Its outputs, with UNKNOWN for what is not known or not shown."""
        found = decoded(self.raw(record).get("outputs") or {})
        return in_snake_case(found) if isinstance(found, Mapping) else {}

    def fleet(self, record: Record) -> HeldFleet:
        """What a Fleet holds that is not hidden. Raises: StateUnreadable (it is not as this package writes it)."""
        found = self._fleets.get(id(record))
        if found is None:
            props = self.props(record)
            with readable(", ".join(_TEXTS)):
                found = HeldFleet.read(*(_text(props, name) for name in _TEXTS))
            self._fleets[id(record)] = found
        return found

    def is_hidden(self, record: Record) -> bool:
        """Whether it is a Fleet whose list is a secret: the state has it in cipher."""
        return record.kind == "Fleet" and any(is_unknown(self.props(record).get(name)) for name in _TEXTS)

    def had(self, record: Record, vin: str) -> Had:
        """A vehicle that a record holds, or that left it. Raises: StateUnreadable."""
        if record.kind == "FleetVehicle":
            return _of_vehicle(vin, self.props(record))
        if self.is_hidden(record):
            return Had(vin, "", record.statuses.get(vin, ""))
        fleet = self.fleet(record)
        as_of = parse_instant(fleet.as_of) if fleet.as_of else None
        if vin in fleet.members:
            member = fleet.members[vin]
            row = member.registered or member.row
            tags = dict(row.get("tags") or {})
            return Had(vin, str(row["brand"]), member.status, tags, requested=as_of, is_latest=True)
        one = fleet.leaving[vin]
        row = one.row
        return Had(vin, str(row["brand"]), one.status, dict(row.get("tags") or {}), requested=one.requested)

    def live(self, step: Step) -> Record | None:
        """The record that a step is about; None for one that is created, or created again after its delete."""
        if not step.old or not step.old.get("id"):
            return None
        urn = str(step.old.get("urn") or step.urn)
        found = self.saved.at(urn, str(step.old["id"]))
        return next((one for one in found if one.is_live), None)


def resources_of(preview: Preview, state: Iterable[Mapping[str, Any]] | None) -> list[Mapping[str, Any]]:
    """
    What the stack holds of ours: `state`, the resources of its saved state, or else the old states that the preview lists.

    What a refresh of the preview found counts: the `up` refreshes, too.
    """
    refreshed = {step.urn: step.new or {} for step in preview.refreshed}
    known = list(_of_steps(preview.steps)) if state is None else [one for one in state if is_ours(one)]
    resources: list[Mapping[str, Any]] = []
    for one in known:
        fresh = None if one.get("delete") else refreshed.get(str(one["urn"]))
        if fresh is None:
            resources.append(one)
        elif fresh.get("id"):
            read = {name: fresh[name] for name in ("inputs", "outputs") if name in fresh}
            resources.append({**one, **read})
    return resources


def stock_of(resources: Iterable[Mapping[str, Any]]) -> Stock:
    """Raises: StateUnreadable."""
    stock = Stock()
    records = []
    for one in resources:
        record = record_of(_plain(one))
        records.append(record)
        stock._raw[id(record)] = one
    stock.saved = SavedState(tuple(records))
    return stock


def from_platform(vehicle: RegisteredVehicle) -> Had:
    """A vehicle as the platform tells of it."""
    requested, approved = told_request_of(vehicle), approved_at(vehicle)
    since = approved or requested
    return Had(
        vehicle.vin.upper(),
        brand_of(vehicle) or "",
        vehicle.status,
        tags_of(vehicle),
        write_instant(since) if since else "",
        requested,
    )


def _of_vehicle(vin: str, props: Mapping[str, Any]) -> Had:
    status, brand, tags = props.get("status"), props.get("brand"), props.get("tags")
    since = props.get("approved_at") if status == "approved" else props.get("requested_at")
    requested = props.get("requested_at") if props.get("changelog") else None
    return Had(
        vin,
        brand if isinstance(brand, str) else "",
        status if isinstance(status, str) else "",
        dict(tags)
        if isinstance(tags, Mapping) and all(isinstance(one, str) for one in tags.values())
        else None,
        since if isinstance(since, str) else "",
        parse_instant(requested) if isinstance(requested, str) else None,
    )


def _of_steps(steps: Iterable[Step]) -> Iterable[Mapping[str, Any]]:
    for step in steps:
        if step.old and step.old.get("id"):
            is_new_mark = step.op in IN_PROGRAM
            yield {
                name: value for name, value in step.old.items() if not (is_new_mark and name in _OF_THE_STEP)
            }


def _plain(resource: Mapping[str, Any]) -> Mapping[str, Any]:
    """With secrets as no text: a preview writes them as one, and a Fleet's would be read as a list."""
    outputs = in_snake_case(decoded(resource.get("outputs") or {}))
    return {**resource, "outputs": outputs}


def _text(props: Mapping[str, Any], name: str) -> str:
    value = props.get(name) or ""
    if not isinstance(value, str):
        raise TypeError(f"{name} is a secret")
    return value
