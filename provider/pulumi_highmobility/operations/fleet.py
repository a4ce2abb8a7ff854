"""Fleet: the clearances of a whole list, as one resource."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from ..clearance.brands import notices_for
from ..clearance.claims import name_of
from ..clearance.fleet_plan import (
    DEFAULT_MAX_REMOVALS,
    FleetPlan,
    named,
    plan_fleet,
    removals_allowed,
    vehicles,
)
from ..clearance.fleet_record import FleetRecord
from ..clearance.roster import Row, check_roster, read_roster, write_roster
from ..clearance.vehicles import Problem
from ..clearance.vin import InvalidVin, parse_vin
from ..errors import FleetIncomplete, HighMobilityError
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
from .work import Facts, KeeperOf, Work

# Of more problems than this the rest is counted.
_SHOWN = 20

SETTINGS = (
    "max_removals",
    "on_removal",
    "on_uncancellable",
    "retry_rejected",
    "transition_timeout_minutes",
    "check_eligibility",
    "adopt",
)
INPUTS = frozenset({"vehicles", *SETTINGS})
OUTPUTS = ("counts", "registry", origin.PROPERTY)


def check(olds: Props, news: Props, facts: Facts) -> Checked:
    """All that is wrong with the list, and whether it would end more clearances than is allowed."""
    problems: list[Problem] = []
    given = without_none(news)
    refuse_unknown_names(given, INPUTS | set(OUTPUTS), problems)
    check_flag(given, "retry_rejected", problems)
    check_flag(given, "check_eligibility", problems)
    check_flag(given, "adopt", problems)
    check_number(given, "transition_timeout_minutes", problems, least=0, most=7 * 24 * 60, unit="minutes")
    check_choice(given, "on_uncancellable", ("fail", "abandon"), problems)
    check_choice(given, "on_removal", ("revoke", "retain"), problems)
    inputs = {name: value for name, value in given.items() if name in INPUTS}
    text = given.get("vehicles")
    if is_unknown(text):
        return Checked(inputs, problems)
    if not isinstance(text, str):
        problems.append(Problem("vehicles", "is missing: give a list of vehicles, each with vin and brand."))
        return Checked(inputs, problems)
    given_rows = read_roster(text)
    wants = _wanted(given_rows)
    checked = check_roster(given_rows)
    problems.extend(checked.problems[:_SHOWN])
    if len(checked.problems) > _SHOWN:
        problems.append(Problem("vehicles", f"has {len(checked.problems) - _SHOWN:,} more problems."))
    if checked.problems:
        return Checked(inputs, problems, wants=wants)
    rows = {str(row["vin"]): row for row in checked.rows}
    before = {str(row["vin"]): row for row in _text_rows(olds)}
    problems.extend(_why_too_many_removals(before, rows, given, facts.keeper_of))
    inputs["vehicles"] = write_roster(rows.values())
    new = [row for vin, row in rows.items() if vin not in before]
    notices: list[Notice] = []
    eligibility: list[tuple[str, str]] = []
    if new and not problems:
        notices += [
            Notice(f"{warning.property}: {warning.reason}", "warning")
            for warning in checked.warnings[:_SHOWN]
        ]
        checks = given.get("check_eligibility", facts.checks_eligibility) is True
        notices += _what_is_known(new, is_first=not before, checks_eligibility=checks)
        eligibility = [(str(row["vin"]), str(row["brand"])) for row in new] if checks else []
    return Checked(inputs, problems, notices, eligibility, wants)


def _wanted(rows: Sequence[Any]) -> dict[str, str]:
    # Wanted even where something is wrong with the list: no clearance must go for that.
    found = {}
    for place, row in enumerate(rows):
        vin = row.get("vin") if isinstance(row, Mapping) else None
        if isinstance(vin, str):
            try:
                found[parse_vin(vin)] = f"vehicles[{place}].vin"
            except InvalidVin:
                continue
    return found


def _why_too_many_removals(
    before: Mapping[str, Row], rows: Mapping[str, Row], given: Mapping[str, Any], keeper_of: KeeperOf
) -> list[Problem]:
    max_removals = given.get("max_removals", DEFAULT_MAX_REMOVALS)
    if is_unknown(max_removals):
        return []
    try:
        allowed = removals_allowed(max_removals, len(before))
    except (TypeError, ValueError, OverflowError) as error:
        return [Problem("max_removals", f"{error}.")]
    plan = plan_fleet(before, rows)
    removed = () if given.get("on_removal") == "retain" else _lost(plan.removed, keeper_of)
    lost = (*removed, *plan.changed)
    if len(lost) <= allowed:
        return []
    changed = f", {len(plan.changed):,} of them changed in brand or tags" if plan.changed else ""
    return [
        Problem(
            "vehicles",
            f"{len(lost):,} of {vehicles(len(before))} would lose their clearance ({named(lost)}{changed}), and "
            f"max_removals allows {allowed:,}. Was the list cut off? If it is meant, set max_removals={len(lost)} "
            "for this `up`.",
        )
    ]


def _lost(vins: Sequence[str], keeper_of: KeeperOf) -> tuple[str, ...]:
    return tuple(vin for vin in vins if keeper_of(vin) is None)


def _what_is_known(new: Sequence[Row], *, is_first: bool, checks_eligibility: bool) -> list[Notice]:
    """What will be requested, and what is known of the carmakers, before any request."""
    notices = []
    if is_first:
        brands = Counter(str(row["brand"]) for row in new)
        told = ", ".join(f"{count:,} {brand}" for brand, count in brands.most_common())
        notices.append(Notice(f"requests the clearance of {vehicles(len(new))}: {told}"))
    said: dict[str, None] = {}
    for row in new:
        for notice in notices_for(
            row["brand"], tags=row.get("tags") or {}, checks_eligibility=checks_eligibility
        ):
            said[f"{row['brand']}: {notice}"] = None
    return notices + [Notice(text, of_brand=True) for text in said]


def diff(olds: Props, news: Props, facts: Facts) -> Difference:
    """A Fleet is never replaced; its vehicles are, where brand or tags change."""
    if is_unknown(news.get("vehicles")):
        return Difference(changes=True)
    record = _record(olds)
    plan = _plan(record, _rows(news))
    again = _rejected(record, news)
    changes = bool(plan) or bool(again) or bool(differs(news, olds, *SETTINGS))
    return Difference(changes, notices=_what_changes(plan, again, news, facts.keeper_of))


def _what_changes(
    plan: FleetPlan, again: Sequence[str], news: Mapping[str, Any], keeper_of: KeeperOf
) -> list[Notice]:
    """The difference by number and first VINs: the text of the whole list would tell nobody anything."""
    notices = []
    if plan.added:
        notices.append(
            Notice(f"{len(plan.added):,} added ({named(plan.added)}): clearance is requested, or adopted")
        )
    if again:
        notices.append(Notice(f"{len(again):,} rejected ({named(again)}): requested again"))
    lost = _lost(plan.removed, keeper_of)
    moved = sorted(set(plan.removed) - set(lost))
    if moved:
        notices.append(
            Notice(
                f"{len(moved):,} removed ({named(moved)}): keep their clearance, another resource has them"
            )
        )
    if lost:
        what = (
            "stay registered"
            if news.get("on_removal") == "retain"
            else "clearance is revoked or canceled, unless another resource of the program has the vehicle now"
        )
        notices.append(Notice(f"{len(lost):,} removed ({named(lost)}): {what}", "warning"))
    if plan.changed:
        notices.append(
            Notice(
                f"{len(plan.changed):,} changed in brand or tags ({named(plan.changed)}): revoked and requested again, which "
                "takes from minutes to weeks, without data meanwhile",
                "warning",
            )
        )
    return notices


async def create(work: Work, props: Props) -> State:
    """Request the clearance of every vehicle, or adopt what is registered."""
    return await _carry_out(work, str(uuid4()), FleetRecord(), props)


async def read(work: Work, id_: str, props: Props) -> State | None:
    """What is registered now, from one list; vehicles that are gone are missing from the inputs it returns."""
    origin.refuse_other_server(props, work.service.settings)
    record = _record(props)
    held = {vin for vin, member in record.members.items() if origin.is_held(member.status)}
    unknown = [vin for vin in await work.service.fleet.refresh(record) if vin in held]
    unseen = origin.why_unseen(props, unknown, work.service.settings)
    if unseen is not None:
        raise unseen
    if unknown:
        work.reporter.warn(
            f"{len(unknown):,} of {vehicles(len(held))} that were pending or approved are registered no longer "
            f"({named(unknown)}): they leave the state, and the next `pulumi up` requests them again"
        )
    outputs = _outputs(work, record, props)
    return State(id_, outputs, {name: outputs[name] for name in INPUTS if name in outputs})


async def update(work: Work, id_: str, olds: Props, news: Props) -> State:
    """Request what was added, end what was removed, and both for what changed."""
    origin.refuse_other_server(olds, work.service.settings)
    return await _carry_out(work, id_, _record(olds), news, olds)


async def delete(work: Work, id_: str, props: Props) -> None:  # noqa: ARG001 - as of every resource
    """Revoke or cancel every clearance that no other resource wants; with on_removal="retain", none."""
    if props.get("on_removal") == "retain":
        return
    record = _record(props)
    vins = _lost(sorted(record.members), work.keeper_of)
    kept = [vin for vin in sorted(record.members) if vin not in set(vins)]
    if kept:
        work.reporter.info(_why_kept(kept, work))
    if not vins:
        return
    origin.refuse_other_server(props, work.service.settings)
    if work.claims.has_program:
        _refuse_a_lost_fleet(len(record.members), vins, props)
    await work.service.fleet.release_all(
        record,
        vins,
        on_uncancellable=props.get("on_uncancellable") or "fail",
        transition_timeout_s=transition_timeout_s(props),
        reporter=work.reporter,
        when_unknown=origin.when_unknown(work, props, _status_in(record)),
    )


def _refuse_a_lost_fleet(size: int, vins: Sequence[str], props: Mapping[str, Any]) -> None:
    allowed = removals_allowed(props.get("max_removals", DEFAULT_MAX_REMOVALS), size)
    if len(vins) <= allowed:
        return
    raise FleetIncomplete(
        f"This Fleet is in the program no longer: {len(vins):,} of {vehicles(size)} would lose their clearance "
        f"({named(vins)}), and its max_removals allows {allowed:,}. Nothing was revoked. If it is meant, run `pulumi destroy "
        '--target` with its URN; to keep the clearances without Pulumi, run `pulumi up` with on_removal="retain" before.',
        reasons={},
    )


def _why_kept(kept: Sequence[str], work: Work) -> str:
    keepers = dict.fromkeys(work.keeper_of(vin) or "" for vin in kept)
    if list(keepers) == [work.urn]:
        return f"{vehicles(len(kept))} keep their clearance through this replacement, which no changed input demands"
    others = ", ".join(name_of(keeper) for keeper in list(keepers)[:3]) + (" …" if len(keepers) > 3 else "")
    return f"{named(kept)}: keep their clearance, {others} in this program has them now"


async def _carry_out(
    work: Work, id_: str, record: FleetRecord, props: Props, olds: Props | None = None
) -> State:
    """The state after the work; a failure keeps what was done in it and fails the operation."""
    wanted = _rows(props)
    plan = _plan(record, wanted)
    again = _rejected(record, props)
    before = record.roster()
    trouble: HighMobilityError | None = None
    if plan.removed and props.get("on_removal") != "retain":
        # The program may still be declaring who takes over what this list gives away.
        await work.claims.settle()
    moved = [vin for vin in plan.removed if work.keeper_of(vin) is not None]
    if moved:
        work.reporter.info(_why_kept(moved, work))
    try:
        await work.service.fleet.carry_out(
            record,
            wanted,
            plan,
            again=again,
            keep=moved,
            on_removal=props.get("on_removal") or "revoke",
            on_uncancellable=props.get("on_uncancellable") or "fail",
            transition_timeout_s=transition_timeout_s(props),
            may_adopt=props.get("adopt") is not False,
            reporter=work.reporter,
            when_unknown=origin.when_unknown(work, olds or {}, _status_in(record)),
        )
    except HighMobilityError as error:
        if record.roster() == before and not record.failed:
            raise
        trouble = error
    reasons = _reasons(record, plan, trouble) if trouble is not None or record.failed else ()
    inputs = {name: props[name] for name in INPUTS if props.get(name) is not None}
    return State(id_, _outputs(work, record, props), inputs if reasons else None, reasons)


def _status_in(record: FleetRecord) -> Callable[[str], str | None]:
    return lambda vin: record.members[vin].status if vin in record.members else None


def _reasons(record: FleetRecord, plan: FleetPlan, trouble: HighMobilityError | None) -> list[str]:
    reasons = [] if trouble is None else [str(trouble)]
    reasons += list(record.failed.values())[:_SHOWN]
    if len(record.failed) > _SHOWN:
        reasons.append(f"and {len(record.failed) - _SHOWN:,} more, in the output `failed`")
    undone = sum(vin not in record.members for vin in plan.added) + sum(
        vin in record.members for vin in plan.removed
    )
    reasons.append(
        f"{vehicles(len(record.members))} are in the stack's state; {undone:,} are left to do. The next `pulumi up` takes "
        "up what is missing"
    )
    return reasons


def _record(props: Mapping[str, Any]) -> FleetRecord:
    return FleetRecord.read(props.get("vehicles") or "", props.get("registry") or "")


def _text_rows(props: Mapping[str, Any]) -> list[Row]:
    text = props.get("vehicles")
    return read_roster(text) if isinstance(text, str) else []


def _rows(props: Mapping[str, Any]) -> dict[str, Row]:
    return {str(row["vin"]): row for row in _text_rows(props)}


def _plan(record: FleetRecord, wanted: Mapping[str, Row]) -> FleetPlan:
    return plan_fleet({vin: member.row for vin, member in record.members.items()}, wanted)


def _rejected(record: FleetRecord, news: Mapping[str, Any]) -> list[str]:
    """Those to request again: still wanted as they are, rejected, and the program says so."""
    if news.get("retry_rejected") is not True:
        return []
    plan = _plan(record, _rows(news))
    unchanged = record.members.keys() - set(plan.lost)
    return sorted(vin for vin in unchanged if record.members[vin].status == "rejected")


def _outputs(work: Work, record: FleetRecord, props: Mapping[str, Any]) -> Props:
    """What stands in the state: the vehicles as they are held, which after a failure are not all that are wanted."""
    settings = {name: props[name] for name in SETTINGS if props.get(name) is not None}
    return {
        **settings,
        "vehicles": record.roster(),
        "counts": record.counts(),
        "registry": record.registry(),
        origin.PROPERTY: origin.origin_of(work.service.settings),
    }
