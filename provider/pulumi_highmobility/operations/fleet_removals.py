"""
FleetRemovals: the child of a Fleet whose delete is the sign that the program has ended.

What leaves a Fleet's list may move to a resource that the program declares later. So its clearance ends when the engine
deletes the old copy of this record, which it does only after the whole program and all other steps have ended well. If they
did not, the old copy stays in the state, and the next run deletes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from uuid import uuid4

from ..errors import ClearanceStays
from ..fleet.held import HeldFleet, Member
from ..fleet.leaving import Leaving, keys_of, read_leaving
from ..fleet.plan import named, vehicles
from ..fleet.work import FleetWork
from ..inputs import OnUncancellable
from ..run.ending import Fate, is_in_the_midst
from ..run.engine_run import Removals, why_kept
from .schema import FLEET_REMOVALS
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

_SHOWN = 5


def check(olds: Props, news: Props, facts: Facts) -> Checked:  # noqa: ARG001 - as of every resource
    """Note what has left the Fleet, for the deletes of this run."""
    inputs = FLEET_REMOVALS.given(news)
    fleet_id, leaving = inputs.get("fleet_id"), inputs.get("leaving", "")
    if isinstance(fleet_id, str) and isinstance(leaving, str):
        with readable("leaving"):
            rows = read_leaving(leaving)
        facts.run.fleet(fleet_id).checked = Removals(
            facts.urn,
            rows,
            str(inputs.get("on_uncancellable") or "fail"),
            inputs.get("transition_timeout_minutes"),
        )
    return Checked(inputs)


def diff(olds: Props, news: Props, facts: Facts) -> Difference:
    """Replaced, the new one first, where something left that it does not have yet: the old copy's delete ends it."""
    fleet_id, leaving = news.get("fleet_id"), news.get("leaving", "")
    held = _keys(olds)
    if fleet_id != olds.get("fleet_id"):
        return Difference(["fleet_id"])
    if is_unknown(leaving):
        leaves = facts.run.fleet(str(fleet_id)).predicted
        if leaves is None:
            return Difference(["leaving"])
    else:
        leaves = keys_of(read_leaving(str(leaving)))
    if leaves <= held:
        return Difference()
    vins = sorted(key.partition("@")[0] for key in leaves - held)
    ends = [vin for vin in vins if facts.wanted_by(vin) is None]
    text = f"{len(ends):,} removed ({named(ends)}): the clearance ends once everything else in this `up` has succeeded"
    return Difference(["leaving"], ["leaving"], notices=[Notice(text)] if ends else ())


async def create(work: Work, props: Props) -> State:
    """
    A replacement notes all that has left: its old copy's delete follows. One that is made anew notes what has ended already.

    Nothing follows that one, so that the next `up` replaces it.
    """
    leaving = read_leaving(props.get("leaving") or "")
    if work.run.claims.is_replaced(work.urn) or work.run.claims.id_of(work.urn) is not None:
        return State(str(uuid4()), _outputs(props, keys_of(leaving)))
    return State(str(uuid4()), _outputs(props, await _ended(work, leaving)))


async def read(work: Work, id_: str, props: Props) -> State | None:  # noqa: ARG001 - as of every resource
    """Nothing of it stands anywhere else."""
    return State(id_, dict(props), FLEET_REMOVALS.given(props))


async def update(work: Work, id_: str, olds: Props, news: Props) -> State:
    """Of another Fleet by now, whose vehicles have not been signalled."""
    leaving = read_leaving(news.get("leaving") or "")
    if news.get("fleet_id") == olds.get("fleet_id"):
        return State(id_, _outputs(news, keys_of(leaving) & _keys(olds)))
    return State(id_, _outputs(news, await _ended(work, leaving)))


async def delete(work: Work, id_: str, props: Props) -> None:  # noqa: ARG001 - as of every resource
    """
    End what the record of this run has beyond the copy that goes.

    Without such a record, in a destroy or where the Fleet has left the program, the Fleet's own delete ends what is left.
    """
    known = work.run.fleet(str(props.get("fleet_id")))
    known.gone_copies.append(_keys(props))
    live = known.checked
    if live is None:
        return
    if is_in_the_midst(work.going, work.run.claims, work.run.saved(work.urn)):
        raise ClearanceStays(
            "Pulumi deletes this record before the program has ended (`delete_before_replace`), when it is not yet known which resources "
            "take over the vehicles that left the Fleet. Remove that option, and run `pulumi up` again. Nothing was revoked"
        )
    async with known.lock:
        due = {
            one.vin: one
            for one in live.leaving.values()
            if one.key not in _keys(props) and one.key not in known.done
        }
        if due:
            await _end(work, live, due, known.done)


async def _end(work: Work, live: Removals, due: Mapping[str, Leaving], done: set[str]) -> None:
    verdicts = work.run.judge(due, work.going)
    kept = [vin for vin, verdict in verdicts.items() if verdict.fate is Fate.KEEP]
    ends = [vin for vin, verdict in verdicts.items() if verdict.fate is Fate.END]
    for vin in kept[:_SHOWN]:
        work.reporter.info(why_kept(vin, verdicts[vin], work.going))
    if len(kept) > _SHOWN:
        work.reporter.info(
            f"{vehicles(len(kept) - _SHOWN)} more keep their clearance: other resources have them now"
        )
    done.update(due[vin].key for vin in kept)
    # What is left in it after the work has not ended.
    record = HeldFleet({vin: Member(due[vin].row, due[vin].status, serial=due[vin].serial) for vin in ends})
    try:
        await FleetWork(work.service).release_all(
            record,
            ends,
            on_uncancellable=cast("OnUncancellable", live.on_uncancellable),
            transition_timeout_s=transition_timeout_s(
                {"transition_timeout_minutes": live.transition_timeout_minutes}
            ),
            reporter=work.reporter,
            requested=lambda vin: due[vin].requested,
        )
    finally:
        done.update(due[vin].key for vin in ends if vin not in record.members)
    refused = {vin: verdict.reason for vin, verdict in verdicts.items() if verdict.fate is Fate.REFUSE}
    if refused:
        vin, reason = next(iter(refused.items()))
        more = f" (and {len(refused) - 1:,} more)" if len(refused) > 1 else ""
        raise ClearanceStays(
            f"{vin}{more} left the Fleet, and keeps its clearance: {reason}. It was not revoked"
        )


async def _ended(work: Work, leaving: Mapping[str, Leaving]) -> frozenset[str]:
    ended = await FleetWork(work.service).have_ended(list(leaving.values()))
    rest = sorted(leaving.keys() - ended)
    if rest:
        work.reporter.warn(
            f"{vehicles(len(rest))} left the Fleet and still have their clearance ({named(rest)}): the next `pulumi up` ends it"
        )
    return frozenset(one.key for one in leaving.values() if one.vin in ended)


def _keys(props: Mapping[str, Any]) -> frozenset[str]:
    keys = props.get("keys") or ""
    with readable("keys"):
        if not isinstance(keys, str):
            raise TypeError(f"{type(keys).__name__} is not text")
        return frozenset(keys.split())


def _outputs(props: Mapping[str, Any], keys: frozenset[str]) -> Props:
    return {"fleet_id": props.get("fleet_id"), "keys": " ".join(sorted(keys))}
