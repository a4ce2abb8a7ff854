"""Fleet: the clearances of a whole list, as one resource."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from ..clearance.registered import cannot_be_changed, told_drift
from ..clearance.states import GONE, Status
from ..clock import parse_instant, write_instant
from ..errors import FleetIncomplete, HighMobilityError
from ..fleet.held import HeldFleet, Member
from ..fleet.leaving import keys_of
from ..fleet.plan import (
    DEFAULT_MAX_REMOVALS,
    FleetPlan,
    named,
    plan_fleet,
    removals_allowed,
    vehicles,
)
from ..fleet.roster import Row, check_roster, read_roster, write_roster
from ..fleet.work import FleetWork
from ..run.ending import Fate, Going
from ..run.urns import shown
from ..vehicle.brands import notices_for
from ..vehicle.check import Problem
from . import origin
from .again import is_due, may_retry
from .schema import FLEET
from .values import (
    Checked,
    Difference,
    Notice,
    Props,
    State,
    is_unknown,
    readable,
    transition_timeout_s,
)
from .work import Facts, Work

# Of more problems than this the rest is counted.
_SHOWN = 20


def check(olds: Props, news: Props, facts: Facts) -> Checked:
    """All that is wrong with the list; whether it would end too many clearances, the diff tells."""
    # The program gives it where the list is a secret: Pulumi then takes the output of this name for one, too.
    leaving = {name: news[name] for name in ("leaving",) if news.get(name) is not None}
    given, problems = FLEET.check(olds, {name: value for name, value in news.items() if name not in leaving})
    _check_limit(given, problems)
    inputs = given | leaving
    text = given.get("vehicles")
    if is_unknown(text):
        return Checked(inputs, problems)
    if not isinstance(text, str):
        problems.append(Problem("vehicles", "is missing: give a list of vehicles, each with vin and brand."))
        return Checked(inputs, problems)
    checked = check_roster(read_roster(text))
    problems.extend(checked.problems[:_SHOWN])
    if len(checked.problems) > _SHOWN:
        problems.append(Problem("vehicles", f"has {len(checked.problems) - _SHOWN:,} more problems."))
    if checked.problems:
        # Wanted even where something is wrong with the list: no clearance must go for that.
        return Checked(inputs, problems, wants=checked.wants)
    rows = {str(row["vin"]): row for row in checked.rows}
    before = {str(row["vin"]): row for row in _text_rows(olds)}
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
    return Checked(inputs, problems, notices, eligibility, checked.wants)


def _check_limit(given: Mapping[str, Any], problems: list[Problem]) -> None:
    """That `max_removals` is a number or a share, where it is set and known."""
    limit = given.get("max_removals", DEFAULT_MAX_REMOVALS)
    if not is_unknown(limit):
        try:
            removals_allowed(limit, 0)
        except (TypeError, ValueError, OverflowError) as error:
            problems.append(Problem("max_removals", f"{error}."))


def _refuse_too_many_removals(record: HeldFleet, plan: FleetPlan, news: Props, facts: Facts) -> None:
    """Raises: FleetIncomplete where this `up` would end more clearances than is allowed, those left by failed runs included."""
    limit = news.get("max_removals", DEFAULT_MAX_REMOVALS)
    if is_unknown(limit) or not (plan.removed or plan.changed):
        return
    removed = () if news.get("on_removal") == "retain" else _lost(plan.removed, facts)
    left = _not_ended_yet(record, _rows(news), facts)
    size = len(record.members) + len(left)
    allowed = removals_allowed(limit, size)
    lost = (*removed, *plan.changed, *left)
    if len(lost) <= allowed:
        return
    changed = f", {len(plan.changed):,} of them changed in brand or tags" if plan.changed else ""
    before = f", {len(left):,} of them removed earlier, by runs that failed" if left else ""
    raise FleetIncomplete(
        f"{len(lost):,} of {vehicles(size)} would lose their clearance ({named(lost)}{changed}{before}), and max_removals allows "
        f"{allowed:,}. Was the list cut off? Nothing was done. If this is intended, set max_removals={len(lost)} for this `up`.",
        reasons={},
    )


def _not_ended_yet(record: HeldFleet, wanted: Collection[str], facts: Facts) -> list[str]:
    """Those that left in earlier runs and are still to be ended."""
    left = {vin: one for vin, one in record.leaving.items() if vin not in wanted}
    if not left:
        return []
    signalled = facts.run.signalled(facts.id, facts.urn)
    return _lost(sorted(vin for vin, one in left.items() if one.key not in signalled), facts)


def _lost(vins: Sequence[str], facts: Facts) -> list[str]:
    return [vin for vin in vins if facts.wanted_by(vin) is None]


def _what_is_known(new: Sequence[Row], *, is_first: bool, checks_eligibility: bool) -> list[Notice]:
    """What will be requested, and what is known of the carmakers, before any request."""
    notices = []
    if is_first:
        brands = Counter(str(row["brand"]) for row in new)
        told = ", ".join(f"{count:,} {brand}" for brand, count in brands.most_common())
        taken = "or takes over those that other resources of the program hold now"
        notices.append(Notice(f"requests the clearance of {vehicles(len(new))}, {taken}: {told}"))
    said: dict[str, None] = {}
    for row in new:
        for notice in notices_for(
            row["brand"], tags=row.get("tags") or {}, checks_eligibility=checks_eligibility
        ):
            said[f"{row['brand']}: {notice}"] = None
    return notices + [Notice(text, of_brand=True) for text in said]


def diff(olds: Props, news: Props, facts: Facts) -> Difference:
    """
    A Fleet is never replaced; its vehicles are, where brand or tags change.

    Raises: FleetIncomplete, where more would lose their clearance than `max_removals` allows.
    """
    if is_unknown(news.get("vehicles")):
        facts.run.predict(facts.id, None)
        return Difference(["vehicles"])
    record = _record(olds)
    wanted = _rows(news)
    back = sorted(wanted.keys() & record.leaving.keys())
    for vin in back:
        # As it will be where the platform still has its clearance.
        one = record.leaving.pop(vin)
        record.members[vin] = Member(one.row, one.status, one.reason, one.serial)
    plan = _plan(record, wanted)
    _refuse_what_is_known_to_fail(record, plan, wanted, facts)
    _refuse_too_many_removals(record, plan, news, facts)
    again = _again(record, news, facts.now, facts.retry_interval)
    changed = FLEET.changed_options(news, olds)
    changed += ["vehicles"] if plan or back else []
    changed += ["registry"] if again else []
    predicted = keys_of(record.leaving)
    if news.get("on_removal") != "retain":
        predicted |= {f"{vin}@{record.serial + 1}" for vin in plan.removed}
    facts.run.predict(facts.id, predicted)
    notices = _what_changes(plan, again, news, facts) if changed else []
    if back:
        text = f"{len(back):,} put back ({named(back)}): keep their clearance, or are requested again if it has ended"
        notices.insert(0, Notice(text))
    return Difference(changed, notices=notices, gives_up=plan.changed)


def _what_changes(
    plan: FleetPlan, again: Sequence[str], news: Mapping[str, Any], facts: Facts
) -> list[Notice]:
    """The difference by number and first VINs: the text of the whole list would tell nobody anything."""
    notices = []
    if plan.added:
        notices.append(
            Notice(
                f"{len(plan.added):,} added ({named(plan.added)}): clearance is requested, adopted, or taken over from "
                "another resource of the program that holds it now"
            )
        )
    if again:
        notices.append(
            Notice(f"{len(again):,} rejected or revoked by somebody else ({named(again)}): requested again")
        )
    lost = _lost(plan.removed, facts)
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
            else "clearance is revoked or canceled, unless another resource of the program has the vehicle by then"
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
    return await _carry_out(work, str(uuid4()), HeldFleet(), props)


async def read(work: Work, id_: str, props: Props) -> State | None:
    """What is registered now, from one list; vehicles that are gone are missing from the inputs it returns."""
    origin.refuse_other_server(props, work.service.settings)
    record = _record(props)
    held = {vin for vin, member in record.members.items() if origin.is_held(member.status)}
    before = len(record.members)
    unknown = [vin for vin in await FleetWork(work.service).refresh(record) if vin in held]
    unseen = origin.why_unseen(props, unknown, work.service.settings)
    if unseen is not None:
        raise unseen
    if unknown:
        work.reporter.warn(
            f"{len(unknown):,} of {vehicles(len(held))} that were pending or approved are no longer registered "
            f"({named(unknown)}): they leave the state, and the next `pulumi up` requests them again"
        )
    outputs = _outputs(work, record, props)
    _tell_what_somebody_did(work, record, held, before)
    return State(id_, outputs, FLEET.given(outputs), holds=list(record.members))


def _tell_what_somebody_did(work: Work, record: HeldFleet, held: Collection[str], size: int) -> None:
    ended = sorted(
        vin for vin in held if vin in record.members and Status.of(record.members[vin].status) in GONE
    )
    if ended:
        reasons = {record.members[vin].reason for vin in ended} - {""}
        why = f", with the reason: {'; '.join(sorted(reasons)[:3])}" if reasons else ""
        work.reporter.warn(
            f"{len(ended):,} of {vehicles(size)} were revoked by somebody else ({named(ended)}{why}). They stay in the stack, and are not requested "
            "again: to request them again, once that is agreed, set retry_revoked=True"
        )
    drifted = {vin: member for vin, member in record.members.items() if member.registered}
    if drifted:
        vin, member = next(iter(sorted(drifted.items())))
        work.reporter.warn(
            f"{len(drifted):,} of {vehicles(size)} are registered differently from what this stack requested ({named(sorted(drifted))}): {vin} "
            f"{told_drift(member.registered or {}, member.row)}. {cannot_be_changed('list')}, take the vehicle out of it, run `pulumi up`, and put "
            "it back: that revokes it and requests it again"
        )


async def update(work: Work, id_: str, olds: Props, news: Props) -> State:
    """Request what was added, note what was removed, and request again what changed."""
    origin.refuse_other_server(olds, work.service.settings)
    return await _carry_out(work, id_, _record(olds), news, olds)


async def delete(work: Work, id_: str, props: Props) -> None:
    """
    Revoke or cancel every clearance that no other resource has, and what left the list and has not ended.

    With on_removal="retain" the members are spared; what left without it is not.
    Raises: ClearanceStays, FleetIncomplete, and what the API raises.
    """
    origin.refuse_other_server(props, work.service.settings)
    record = _record(props)
    signalled = work.run.signalled(id_, work.urn) if record.leaving else frozenset()
    left = {vin: one for vin, one in record.leaving.items() if one.key not in signalled}
    members = [] if props.get("on_removal") == "retain" else sorted(record.members)

    def allow(ends: Sequence[str]) -> None:
        if ends and work.run.claims.has_program:
            refuse_a_lost_fleet(len(record.members) + len(left), ends, props)

    verdicts = work.run.let_go([*members, *sorted(left)], work.going, allow)
    ends = [vin for vin, verdict in verdicts.items() if verdict.fate is Fate.END]
    kept = {vin: verdict.holder for vin, verdict in verdicts.items() if verdict.fate is Fate.KEEP}
    if kept:
        work.reporter.info(_why_kept(kept, work))
    if not ends:
        return
    as_of = parse_instant(record.as_of) if record.as_of else None

    def requested(vin: str) -> datetime | None:
        return left[vin].requested if vin in left else as_of

    await FleetWork(work.service).release_all(
        record,
        ends,
        on_uncancellable=props.get("on_uncancellable") or "fail",
        transition_timeout_s=transition_timeout_s(props),
        reporter=work.reporter,
        requested=requested,
        keeps_unknown=_were_others(work, record, props),
    )


def refuse_a_lost_fleet(size: int, vins: Sequence[str], props: Mapping[str, Any]) -> None:
    """Raises: FleetIncomplete where a Fleet that left the program would lose more of its `size` vehicles than it allows."""
    allowed = removals_allowed(props.get("max_removals", DEFAULT_MAX_REMOVALS), size)
    if len(vins) <= allowed:
        return
    raise FleetIncomplete(
        f"This Fleet is no longer in the program: {len(vins):,} of {vehicles(size)} would lose their clearance "
        f"({named(vins)}), and its max_removals allows {allowed:,}. Nothing was revoked. If this is intended, run `pulumi destroy "
        '--target` with its URN and `--target-dependents`; to keep the clearances without Pulumi, put it back with on_removal="retain" and run `pulumi up` first.',
        reasons={},
    )


def _why_kept(kept: Mapping[str, str], work: Work) -> str:
    holders = list(dict.fromkeys(kept.values()))
    if holders == [work.urn]:
        return f"{vehicles(len(kept))} keep their clearance through this replacement, which no changed input requires"
    others = ", ".join(shown(holder) for holder in holders[:3]) + (" …" if len(holders) > 3 else "")
    return f"{named(list(kept))}: keep their clearance, {others} has them now"


async def _carry_out(
    work: Work, id_: str, record: HeldFleet, props: Props, olds: Props | None = None
) -> State:
    """The state after the work; a failure keeps what was done in it and fails the operation."""
    wanted = _rows(props)
    before = (record.roster(), record.departing())
    trouble: HighMobilityError | None = None
    await FleetWork(work.service).put_back(record, wanted.keys())
    plan = _plan(record, wanted)
    now = work.service.clock.now()
    again = _again(record, props, now, work.retry_interval)
    try:
        await FleetWork(work.service).carry_out(
            record,
            wanted,
            plan,
            again=again,
            spared=_spared(work, plan.changed),
            keeps_ended=lambda vin: not may_retry(props) and work.run.is_held_in_stack(vin),
            now=write_instant(now),
            on_removal=props.get("on_removal") or "revoke",
            on_uncancellable=props.get("on_uncancellable") or "fail",
            transition_timeout_s=transition_timeout_s(props),
            may_adopt=props.get("adopt") is not False,
            reporter=work.reporter,
            keeps_unknown=_were_others(work, record, olds or {}),
        )
        handed_over = work.run.handed_over(record.leaving, Going(work.urn, id_))
        await FleetWork(work.service).tidy(record, handed_over)
    except HighMobilityError as error:
        if (record.roster(), record.departing()) == before and not record.failed:
            raise
        trouble = error
    reasons = _reasons(record, plan, trouble) if trouble is not None or record.failed else ()
    inputs = FLEET.given(props) | {name: props[name] for name in ("leaving",) if props.get(name) is not None}
    outputs = _outputs(work, record, props)
    return State(id_, outputs, inputs if reasons else None, reasons, holds=list(record.members))


def _spared(work: Work, changed: Sequence[str]) -> dict[str, str]:
    """Those whose old clearance must not end, though brand or tags changed, with the reason."""
    if not changed:
        return {}
    found = {}
    # One that left and was put back otherwise is known as changed only now.
    work.run.claims.give_up(work.urn, changed)
    for vin, verdict in work.run.judge(changed, work.going).items():
        if verdict.fate is not Fate.END:
            why = verdict.reason or f"{shown(verdict.holder)} has it too"
            found[vin] = f"{vin} is not revoked and requested again: {why}."
    return found


def _were_others(work: Work, record: HeldFleet, props: Mapping[str, Any]) -> bool:
    """Whether other credentials last saw what the record holds, so that a vehicle unknown to these is no sign of its end."""
    return origin.why_unseen(props, [*record.members, *record.leaving], work.service.settings) is not None


def _reasons(record: HeldFleet, plan: FleetPlan, trouble: HighMobilityError | None) -> list[str]:
    reasons = [] if trouble is None else [str(trouble)]
    reasons += list(record.failed.values())[:_SHOWN]
    if len(record.failed) > _SHOWN:
        reasons.append(f"and {len(record.failed) - _SHOWN:,} more, in the output `failed`")
    undone = sum(vin not in record.members for vin in plan.added)
    reasons.append(
        f"{vehicles(len(record.members))} are in the stack's state; {undone:,} remaining. The next `pulumi "
        "up` retries them"
    )
    return reasons


def _record(props: Mapping[str, Any]) -> HeldFleet:
    with readable("vehicles, registry and leaving"):
        return HeldFleet.read(
            props.get("vehicles") or "", props.get("registry") or "", props.get("leaving") or ""
        )


def _text_rows(props: Mapping[str, Any]) -> list[Row]:
    text = props.get("vehicles")
    return read_roster(text) if isinstance(text, str) else []


def _rows(props: Mapping[str, Any]) -> dict[str, Row]:
    return {str(row["vin"]): row for row in _text_rows(props)}


def _plan(record: HeldFleet, wanted: Mapping[str, Row]) -> FleetPlan:
    drifted = {vin: member.registered for vin, member in record.members.items() if member.registered}
    return plan_fleet({vin: member.row for vin, member in record.members.items()}, wanted, drifted)


def _again(record: HeldFleet, news: Mapping[str, Any], now: datetime, interval: timedelta) -> list[str]:
    """Those to request again: still wanted as they are, ended by somebody else, and the program says so."""
    if not may_retry(news):
        # Of a hundred thousand nothing need be looked at.
        return []
    plan = _plan(record, _rows(news))
    unchanged = record.members.keys() - set(plan.lost)
    return sorted(
        vin
        for vin in unchanged
        if is_due(record.members[vin].status, record.members[vin].retried_at, news, now, interval)
    )


def _refuse_what_is_known_to_fail(
    record: HeldFleet, plan: FleetPlan, wanted: Mapping[str, Row], facts: Facts
) -> None:
    """Raises: FleetIncomplete where an old clearance would end for a request that cannot succeed."""
    for vin in plan.changed:
        brand, status = str(wanted[vin]["brand"]), record.members[vin].status
        if not origin.is_held(status):
            continue
        why = facts.why_refused(vin, brand)
        if not why:
            continue
        raise FleetIncomplete(
            f"{vin} ({status}) changed in the list, and would be revoked before its new request could be refused: {why}. Nothing was done. Correct the "
            "list; to request it anyway, take the vehicle out of the list, run `pulumi up`, and put it back.",
            reasons={},
        )


def _outputs(work: Work, record: HeldFleet, props: Mapping[str, Any]) -> Props:
    """What stands in the state: the vehicles as they are held, which after a failure are not all that are wanted."""
    return {
        **FLEET.given(props),
        "vehicles": record.roster(),
        "counts": record.counts(),
        "registry": record.registry(),
        "leaving": record.departing(),
        origin.PROPERTY: origin.origin_of(work.service.settings),
    }
