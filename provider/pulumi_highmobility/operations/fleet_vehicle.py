"""FleetVehicle: one vehicle's clearance, requested, read and ended."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from ..api.shapes import NotedVehicle, RegisteredVehicle
from ..clearance.registered import (
    approved_at,
    brand_of,
    cannot_be_changed,
    changes_of,
    is_gone,
    reason_of,
    requested_at,
    tags_of,
    told_drift,
    unseen_differences,
)
from ..clearance.release import Released, nothing_to_revoke
from ..clock import parse_instant, write_instant
from ..errors import ClearanceStays
from ..inputs import without_none
from ..run.ending import Fate
from ..run.engine_run import why_kept
from ..run.urns import shown
from ..text import composed_tags, visible
from ..vehicle.brands import notices_for, wire_name
from ..vehicle.check import CheckedVehicle, check_vehicle
from ..vehicle.vin import InvalidVin, parse_vin
from . import origin
from .again import is_due, may_retry
from .schema import FLEET_VEHICLE
from .values import (
    Checked,
    Difference,
    Notice,
    Props,
    State,
    differs,
    holds_unknown,
    is_unknown,
    readable,
    transition_timeout_s,
)
from .work import Facts, Work


def check(olds: Props, news: Props, facts: Facts) -> Checked:
    """Everything that can be known to be wrong before a request is made; runs at every preview and up."""
    given, problems = FLEET_VEHICLE.check(olds, news)
    checked = _check_vehicle(given, olds)
    problems.extend(checked.problems)
    # Without tags there are none: a refresh reads them as such, and a diff would show them as taken away.
    inputs = {"tags": {}} | given | checked.normalized
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


def _check_vehicle(given: Props, olds: Props) -> CheckedVehicle:
    """A reading is demanded of what is to be requested: one that was imported has none, and nothing to request."""
    if olds and given.get("control_measures") is None:
        checked = check_vehicle(given, unknown=is_unknown, needs_odometer=False)
        if not differs({"tags": {}} | given | checked.normalized, olds, "vin", "brand", "tags"):
            return checked
    return check_vehicle(given, unknown=is_unknown)


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
    unknown = [name for name in ("vin", "brand", "tags") if holds_unknown(news.get(name))]
    replaces = [name for name in differs(news, olds, "vin") if name not in unknown]
    replaces += [name for name in ("brand", "tags") if name not in unknown and _is_changed(name, olds, news)]
    notices = []
    if "vin" in replaces and facts.deletes_first():
        raise ClearanceStays(
            f"`delete_before_replace` would revoke {olds.get('vin')} in the middle of the program, before it is known which resource has "
            f"it next. Remove that option: a change of the VIN to {news.get('vin')} does not need that order. Nothing was done"
        )
    if replaces:
        notices += _what_is_lost(olds, news, replaces, facts)
    elif unknown and origin.is_held(olds.get("status")):
        notices.append(
            Notice(
                f"{', '.join(unknown)} of {olds.get('vin')} ({olds.get('status')}) will be known during the `up`: a value "
                "other than the current one replaces the vehicle, which ends its clearance",
                "warning",
            )
        )
    changed = [*replaces, *unknown, *FLEET_VEHICLE.changed_options(news, olds)]
    if not unknown and _accepts_drift(olds, news):
        changed += ["brand", "tags"]
    if is_due(olds.get("status"), olds.get("retried_at"), news, facts.now, facts.retry_interval):
        changed.append("status")
    # The same VIN cannot be requested while its old clearance lives.
    same_vin = bool(replaces) and "vin" not in replaces
    if same_vin and origin.is_held(olds.get("status")):
        _refuse_what_is_known_to_fail(olds, news, facts)
        facts.run.retag(str(olds.get("vin")), facts.urn)
    return Difference(
        changed,
        replaces,
        delete_first=same_vin,
        notices=notices,
        gives_up=[str(olds.get("vin"))] if same_vin else (),
    )


async def create(work: Work, props: Props) -> State:
    """Request clearance, or adopt what is registered."""
    found = await _ensure(work, props, is_new=True)
    outputs = _outputs(work, found, props, request_id=_new_request_id(), wanted=_as_wanted(props))
    return State(found.vin, outputs, holds=[outputs["vin"]])


async def read(work: Work, id_: str, props: Props) -> State | None:
    """
    What is registered now; None where it is not registered at all.

    What somebody else revoked, canceled or rejected stays, with the reason: it is a person's decision. Other tags or another
    brand than the program's are told, and change nothing: the API cannot change them, and no clearance ends for them.
    """
    origin.refuse_other_server(props, work.service.settings)
    # Of one that is imported nothing is known but the id, as it was typed.
    vin = props.get("vin") or parse_vin(id_)
    held = origin.is_held(props.get("status"))
    found = await work.service.read(vin, is_held=held)
    if found is None:
        unseen = origin.why_unseen(props, [vin], work.service.settings) if held else None
        if unseen is not None:
            raise unseen
        return None
    if is_gone(found) and held:
        reason = reason_of(found)
        work.reporter.warn(
            f"{vin} was {found.status} by somebody else{f', with the reason: {reason}' if reason else ''}. It stays in the stack, and is not requested "
            "again: to request it again, once that is agreed, set retry_revoked=True"
        )
    # Of one that is imported nobody has wanted anything yet: it is wanted as it is.
    wanted = (props.get("wanted") or _as_wanted(props)) if props else {}
    outputs = _outputs(
        work, found, props, request_id=props.get("request_id") or _new_request_id(), wanted=wanted
    )
    _tell_drift(work, vin, outputs)
    return State(vin, outputs, {**FLEET_VEHICLE.given(outputs), **wanted}, holds=[vin])


async def update(work: Work, id_: str, olds: Props, news: Props) -> State:
    """Keep changed settings; request one that ended again where that is wanted."""
    now = work.service.clock.now()
    if is_due(olds.get("status"), olds.get("retried_at"), news, now, work.retry_interval):
        origin.refuse_other_server(olds, work.service.settings)
        found = await _ensure(work, news)
        outputs = _outputs(work, found, news, request_id=_new_request_id(), wanted=_as_wanted(news))
        return State(id_, {**outputs, "retried_at": write_instant(now)}, holds=[found.vin.upper()])
    kept = FLEET_VEHICLE.kept(olds) | {name: olds[name] for name in ("brand", "tags") if name in olds}
    registered = {"brand": olds.get("brand"), "tags": olds.get("tags") or {}}
    wanted = _as_wanted(news)
    kept["wanted"] = wanted if wanted != registered else None
    return State(id_, {**FLEET_VEHICLE.given(news), **kept}, holds=[id_])


async def delete(work: Work, id_: str, props: Props) -> None:
    """
    Revoke an approved clearance, cancel a pending one; keep it where another resource has the vehicle now.

    Raises: ClearanceStays, and what Release.release raises.
    """
    origin.refuse_other_server(props, work.service.settings)
    vin = props.get("vin", id_)
    verdict = work.run.let_go([vin], work.going)[vin]
    if verdict.fate is Fate.KEEP:
        work.reporter.info(why_kept(vin, verdict, work.going))
        return
    end = await work.service.release(
        vin,
        on_uncancellable=props.get("on_uncancellable") or "fail",
        transition_timeout_s=transition_timeout_s(props),
        reporter=work.reporter,
        # Without a changelog it is this machine's own instant, of a request that was not read since.
        requested=parse_instant(props.get("requested_at") or "") if props.get("changelog") else None,
    )
    if end is Released.UNKNOWN and origin.is_held(status := str(props.get("status"))):
        if unseen := origin.why_unseen(props, [vin], work.service.settings):
            raise unseen
        work.reporter.warn(nothing_to_revoke(vin, status))


def _new_request_id() -> str:
    # Tells one request for a vehicle from the next, and is written with each step of each resource: short.
    return secrets.token_hex(6)


def _as_wanted(props: Mapping[str, Any]) -> Props:
    return {name: _normal(name, props) for name in ("brand", "tags")}


def _normal(name: str, props: Mapping[str, Any]) -> Any:
    """The brand or the tags in the form in which they are compared."""
    if name == "tags":
        return composed_tags(props.get("tags") or {})
    brand = props.get("brand")
    return (wire_name(brand) or brand) if isinstance(brand, str) else brand


def _is_changed(name: str, olds: Props, news: Props) -> bool:
    """Whether the program's brand or tags are neither what is registered nor what the stack requested."""
    with readable("brand and tags"):
        before = [_normal(name, one) for one in (olds, olds.get("wanted")) if one]
    return _normal(name, news) not in before


def _accepts_drift(olds: Props, news: Props) -> bool:
    """Whether the program has come to say what is registered, after something else was wanted."""
    return bool(olds.get("wanted")) and _as_wanted(news) == _as_wanted(olds)


def _tell_drift(work: Work, vin: str, outputs: Props) -> None:
    wanted = outputs.get("wanted")
    if not wanted:
        return
    work.reporter.warn(
        f"{vin} is registered {told_drift(outputs, wanted)}, as this stack requested (GET /fleets/vehicles). {cannot_be_changed('program')}, run "
        "`pulumi destroy --target` with this resource, then `pulumi up`: that revokes it and requests it again"
    )


def _refuse_what_is_known_to_fail(olds: Props, news: Props, facts: Facts) -> None:
    """Raises: ClearanceStays where the old clearance would end for a request that cannot succeed."""
    vin, brand = str(news.get("vin")), news.get("brand")
    why = facts.why_refused(vin, brand) if isinstance(brand, str) else ""
    if why:
        raise ClearanceStays(
            f"{vin} ({olds.get('status')}) would be revoked before its new request could be refused: {why}. Nothing was done. To request "
            "it anyway, run `pulumi destroy --target` with this resource, then `pulumi up`"
        )


async def _ensure(work: Work, props: Mapping[str, Any], *, is_new: bool = False) -> RegisteredVehicle:
    wanted = {name: props[name] for name in ("vin", "brand", "control_measures", "tags") if props.get(name)}
    if odometer := wanted.get("control_measures", {}).get("odometer"):
        # Pulumi's numbers are floats; the platform takes an integer.
        wanted["control_measures"] = {"odometer": {**odometer, "value": int(odometer["value"])}}
    found = await work.service.ensure_clearance(
        wanted,
        transition_timeout_s=transition_timeout_s(props),
        may_adopt=props.get("adopt") is not False,
        keeps_ended=is_new and not may_retry(props) and work.run.is_held_in_stack(str(wanted["vin"])),
        reporter=work.reporter,
    )
    if found.status == "rejected" and not is_new:
        work.reporter.warn(
            f"{found.vin} was rejected at once. It stays in the stack, with the reason in status_reason"
        )
    return found


def _outputs(
    work: Work, found: RegisteredVehicle, props: Mapping[str, Any], *, request_id: str, wanted: Props
) -> Props:
    """What stands in the state: brand and tags as registered, what the stack `wanted` where that differs, and the rest."""
    requested, approved = requested_at(found), approved_at(found)
    registered = {"brand": brand_of(found) or props.get("brand"), "tags": tags_of(found)}
    if registered["tags"] is None:
        # Left out by the platform. One that is adopted has none, as far as is known; of others it says nothing.
        is_adopted = "status" not in props and not isinstance(found, NotedVehicle)
        registered["tags"] = {} if is_adopted else composed_tags(props.get("tags") or {})
    return {
        **FLEET_VEHICLE.given(props),
        "vin": found.vin.upper(),
        **registered,
        "wanted": wanted if wanted and wanted != registered else None,
        "retried_at": props.get("retried_at"),
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
        else "cancels its pending clearance, if the carmaker allows it,"
    )
    unseen = unseen_differences(_normal("tags", news), _normal("tags", olds)) if replaces == ["tags"] else ""
    seen = f" The texts differ only in invisible characters: {unseen}." if unseen else ""
    then = f"requests {news.get('vin')}" if "vin" in replaces else "requests it again"
    unless = ", unless another resource of the program has it by then" if "vin" in replaces else ""
    return [
        Notice(
            f"a change of {', '.join(replaces)} replaces {vin} ({status} since {since}): it {what} and {then}, which "
            f"takes from minutes to weeks, without data meanwhile{unless}{seen}",
            "warning",
        )
    ]
