"""FleetVehicle: one vehicle's clearance, requested, read and ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from ..api.shapes import NotedVehicle, RegisteredVehicle
from ..clearance.registered import approved_at, changes_of, is_gone, reason_of, requested_at, tags_of
from ..clock import parse_instant, write_instant
from ..errors import ClearanceStays
from ..run.ending import Fate
from ..run.engine_run import why_kept
from ..run.urns import shown
from ..text import visible
from ..vehicle.brands import notices_for
from ..vehicle.check import Problem, check_vehicle
from ..vehicle.vin import InvalidVin, parse_vin
from . import origin
from .values import (
    Checked,
    Difference,
    Notice,
    Props,
    State,
    check_choice,
    check_flag,
    check_number,
    differs,
    is_unknown,
    refuse_unknown_names,
    transition_timeout_s,
    without_none,
)
from .work import Facts, Work

SETTINGS = (
    "retry_rejected",
    "on_uncancellable",
    "transition_timeout_minutes",
    "check_eligibility",
    "adopt",
)
INPUTS = frozenset({"vin", "brand", "control_measures", "tags", *SETTINGS})
OUTPUTS = (
    "status",
    "status_reason",
    "changelog",
    "requested_at",
    "approved_at",
    "request_id",
    origin.PROPERTY,
)


def check(olds: Props, news: Props, facts: Facts) -> Checked:
    """Everything that can be known to be wrong before a request is made; runs at every preview and up."""
    problems: list[Problem] = []
    given = without_none(news)
    refuse_unknown_names(given, INPUTS | set(OUTPUTS), problems)
    checked = check_vehicle(given, unknown=is_unknown)
    problems.extend(checked.problems)
    check_flag(given, "retry_rejected", problems)
    check_flag(given, "check_eligibility", problems)
    check_flag(given, "adopt", problems)
    check_number(given, "transition_timeout_minutes", problems, least=0, most=7 * 24 * 60, unit="minutes")
    check_choice(given, "on_uncancellable", ("fail", "abandon"), problems)
    # Without tags there are none: a refresh reads them as such, and a diff would show them as taken away.
    inputs = {"tags": {}} | {name: value for name, value in given.items() if name in INPUTS}
    inputs |= checked.normalized
    notices: list[Notice] = []
    eligibility: list[tuple[str, str]] = []
    if differs(inputs, olds, "vin", "brand", "tags"):
        # What there is to say of the carmaker has not been said at an earlier `up`.
        notices += [
            Notice(f"{warning.property}: {warning.reason}", "warning") for warning in checked.warnings
        ]
        if checked.spec is not None and not problems:
            checks = given.get("check_eligibility", facts.checks_eligibility) is True
            eligibility = [(checked.spec.vin, checked.spec.brand)] if checks else []
            for notice in notices_for(
                checked.spec.brand,
                tags=dict(checked.spec.tags),
                checks_eligibility=checks,
            ):
                # True of the brand: said at its first vehicle, not at a thousand.
                notices.append(Notice(f"{checked.spec.brand}: {notice}", of_brand=True))
    return Checked(inputs, problems, notices, eligibility, wants=_wanted(given.get("vin")))


def _wanted(vin: object) -> dict[str, str]:
    # Wanted even where something else is wrong with the vehicle: its clearance must not go for that.
    try:
        return {parse_vin(vin): "vin"} if isinstance(vin, str) else {}
    except InvalidVin:
        return {}


def diff(olds: Props, news: Props, facts: Facts) -> Difference:
    """
    What an `up` would change: a clearance is never replaced for less than a known other vin, brand or tags.

    Raises: ClearanceStays, where the old one would be deleted before it is known who takes over its vehicle.
    """
    unknown = [name for name in ("vin", "brand", "tags") if _holds_unknown(news.get(name))]
    replaces = [name for name in differs(news, olds, "vin", "brand") if name not in unknown]
    if "tags" not in unknown and (news.get("tags") or {}) != (olds.get("tags") or {}):
        replaces.append("tags")
    notices = []
    if "vin" in replaces and facts.deletes_first():
        raise ClearanceStays(
            f"`delete_before_replace` would revoke {olds.get('vin')} in the midst of the program, before it is known which resource has "
            f"it next. Take that option away: a change of the VIN to {news.get('vin')} needs no such order. Nothing was done"
        )
    if replaces:
        notices += _what_is_lost(olds, news, replaces, facts)
    elif unknown and origin.is_held(olds.get("status")):
        notices.append(
            Notice(
                f"{', '.join(unknown)} of {olds.get('vin')} ({olds.get('status')}) will be known during the `up`: another "
                "value than now replaces the vehicle, which ends its clearance",
                "warning",
            )
        )
    again = olds.get("status") == "rejected" and news.get("retry_rejected") is True
    changes = bool(replaces or unknown) or again or bool(differs(news, olds, *SETTINGS))
    # The same VIN cannot be requested while its old clearance lives.
    same_vin = bool(replaces) and "vin" not in replaces
    return Difference(
        changes,
        replaces,
        delete_first=same_vin,
        notices=notices,
        gives_up=[str(olds.get("vin"))] if same_vin else (),
    )


async def create(work: Work, props: Props) -> State:
    """Request clearance, or adopt what is registered."""
    found = await _ensure(work, props)
    outputs = _outputs(work, found, props, request_id=str(uuid4()))
    return State(found.vin, outputs, holds=[outputs["vin"]])


async def read(work: Work, id_: str, props: Props) -> State | None:
    """What is registered now; None where the clearance was revoked or canceled."""
    origin.refuse_other_server(props, work.service.settings)
    vin = props.get("vin", id_)
    found = await work.service.read(vin)
    if found is None and origin.is_held(props.get("status")):
        unseen = origin.why_unseen(props, [vin], work.service.settings)
        if unseen is not None:
            raise unseen
    if found is None or is_gone(found):
        return None
    outputs = _outputs(work, found, props, request_id=props.get("request_id") or str(uuid4()))
    return State(vin, outputs, {name: outputs[name] for name in INPUTS if name in outputs}, holds=[vin])


async def update(work: Work, id_: str, olds: Props, news: Props) -> State:
    """Keep changed settings; request a rejected vehicle again where that is wanted."""
    if olds.get("status") == "rejected" and news.get("retry_rejected") is True:
        origin.refuse_other_server(olds, work.service.settings)
        found = await _ensure(work, news)
        return State(id_, _outputs(work, found, news, request_id=str(uuid4())), holds=[found.vin.upper()])
    kept = {name: olds[name] for name in OUTPUTS if name in olds}
    return State(id_, {**_inputs(news), "tags": news.get("tags") or {}, **kept}, holds=[id_])


async def delete(work: Work, id_: str, props: Props) -> None:
    """
    Revoke an approved clearance, cancel a pending one; keep it where another resource has the vehicle now.

    Raises: ClearanceStays, and what Release.release raises.
    """
    vin = props.get("vin", id_)
    verdict = work.run.let_go([vin], work.going)[vin]
    if verdict.fate is Fate.KEEP:
        work.reporter.info(why_kept(vin, verdict, work.going))
        return
    origin.refuse_other_server(props, work.service.settings)
    await work.service.release(
        vin,
        on_uncancellable=props.get("on_uncancellable") or "fail",
        transition_timeout_s=transition_timeout_s(props),
        reporter=work.reporter,
        # Without a changelog it is this machine's own instant, of a request that was not read since.
        requested=parse_instant(props.get("requested_at") or "") if props.get("changelog") else None,
        when_unknown=origin.when_unknown(work, props, lambda _: props.get("status")),
    )


async def _ensure(work: Work, props: Mapping[str, Any]) -> RegisteredVehicle:
    wanted = {name: props[name] for name in ("vin", "brand", "control_measures", "tags") if props.get(name)}
    if odometer := wanted.get("control_measures", {}).get("odometer"):
        # Pulumi's numbers are floats; the platform takes an integer.
        wanted["control_measures"] = {"odometer": {**odometer, "value": int(odometer["value"])}}
    found = await work.service.ensure_clearance(
        wanted,
        transition_timeout_s=transition_timeout_s(props),
        may_adopt=props.get("adopt") is not False,
        reporter=work.reporter,
    )
    if found.status == "rejected":
        work.reporter.warn(
            f"{found.vin} was rejected at once. It stays in the stack, with the reason in status_reason"
        )
    return found


def _outputs(work: Work, found: RegisteredVehicle, props: Mapping[str, Any], *, request_id: str) -> Props:
    """What stands in the state: the inputs as registered, and the clearance's own properties."""
    requested, approved = requested_at(found), approved_at(found)
    tags = tags_of(found)
    return {
        **_inputs(props),
        "vin": found.vin.upper(),
        "brand": found.brand or props.get("brand"),
        "tags": tags if tags is not None else (props.get("tags") or {}),
        "status": found.status,
        "status_reason": reason_of(found),
        "changelog": [
            without_none(
                {
                    "timestamp": change.timestamp,
                    "status": change.status,
                    "reason": None if change.reason is None else visible(change.reason),
                }
            )
            # Before it was read there is none: what our own request told has this machine's instant.
            for change in ([] if isinstance(found, NotedVehicle) else changes_of(found))
        ],
        "requested_at": write_instant(requested) if requested else "",
        "approved_at": write_instant(approved) if approved else "",
        "request_id": request_id,
        origin.PROPERTY: origin.origin_of(work.service.settings),
    }


def _inputs(props: Mapping[str, Any]) -> Props:
    return {name: props[name] for name in INPUTS if props.get(name) is not None}


def _holds_unknown(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_unknown, value.values()))
    return is_unknown(value)


def _what_is_lost(
    olds: Mapping[str, Any], news: Mapping[str, Any], replaces: Sequence[str], facts: Facts
) -> list[Notice]:
    status, vin = olds.get("status"), str(olds.get("vin"))
    if not origin.is_held(status):
        return []
    if "vin" in replaces and (holder := facts.wanted_by(vin)) is not None:
        return [Notice(f"{vin} keeps its clearance: {shown(holder)} has it in this program")]
    since = olds.get("approved_at") if status == "approved" else olds.get("requested_at")
    what = (
        "revokes its clearance"
        if status == "approved"
        else "cancels its pending clearance, where the carmaker can,"
    )
    then = f"requests {news.get('vin')}" if "vin" in replaces else "requests it again"
    unless = ", unless another resource of the program has it by then" if "vin" in replaces else ""
    return [
        Notice(
            f"a change of {', '.join(replaces)} replaces {vin} ({status} since {since}): it {what} and {then}, which "
            f"takes from minutes to weeks, without data meanwhile{unless}",
            "warning",
        )
    ]
