"""VehicleApproval: waits for a clearance, apart from the vehicle that it waits for."""

from __future__ import annotations

from uuid import uuid4

from ..clearance.registered import approved_at
from ..clock import write_instant
from ..inputs import without_none
from ..vehicle.check import Problem
from . import origin
from .schema import VEHICLE_APPROVAL
from .values import Checked, Difference, Props, State, differs, is_unknown
from .work import Facts, Work

DEFAULT_TIMEOUT_MINUTES = 30.0


def check(olds: Props, news: Props, facts: Facts) -> Checked:  # noqa: ARG001 - as of every resource
    """The timeout's bounds, and that there is a vehicle."""
    inputs, problems = VEHICLE_APPROVAL.check(olds, news)
    if not isinstance(inputs.get("vin"), str) and not is_unknown(inputs.get("vin")):
        problems.append(Problem("vehicle", "is missing: give a FleetVehicle, or a vehicle of a Fleet."))
    return Checked(inputs, problems)


def diff(olds: Props, news: Props, facts: Facts) -> Difference:  # noqa: ARG001 - as above
    """Another vehicle, or a new request for its clearance, is waited for anew; a status that moves on is not."""
    replaces = differs(news, olds, "vin", "request_id")
    changed = [*replaces, *VEHICLE_APPROVAL.changed_options(news, olds)]
    return Difference(changed, replaces, delete_first=True)


async def create(work: Work, props: Props) -> State:
    """Wait until the vehicle is approved; a rejection or the timeout fails this resource alone."""
    minutes = props.get("timeout_minutes")
    timeout_s = (DEFAULT_TIMEOUT_MINUTES if minutes is None else float(minutes)) * 60
    found = await work.service.wait_for_approval(props["vin"], timeout_s=timeout_s, reporter=work.reporter)
    approved = approved_at(found)
    outputs = {
        **without_none(props),
        "status": found.status,
        "approved_at": write_instant(approved) if approved else "",
        origin.PROPERTY: origin.origin_of(work.service.settings),
    }
    return State(f"{found.vin}-{uuid4()}", outputs)


async def read(work: Work, id_: str, props: Props) -> State | None:
    """None where the clearance is approved no longer, so that the next `up` waits for it again."""
    origin.refuse_other_server(props, work.service.settings)
    found = await work.service.read(props["vin"], is_held=True)
    if found is None:
        unseen = origin.why_unseen(props, [props["vin"]], work.service.settings)
        if unseen is not None:
            raise unseen
    if found is None or found.status != "approved":
        return None
    return State(id_, {**props, origin.PROPERTY: origin.origin_of(work.service.settings)})


async def update(work: Work, id_: str, olds: Props, news: Props) -> State:  # noqa: ARG001 - as above
    """Keep a changed timeout."""
    return State(id_, {**news, **VEHICLE_APPROVAL.kept(olds)})


async def delete(work: Work, id_: str, props: Props) -> None:
    """A wait that is over leaves nothing behind."""
