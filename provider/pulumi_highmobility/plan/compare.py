"""The rule: what an `up` does to each vehicle, by the same judgements that the run makes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from ..api.shapes import RegisteredVehicle
from ..clearance.states import Status
from ..errors import (
    ClearanceStays,
    ConfigError,
    FleetIncomplete,
    HighMobilityError,
    OtherServer,
    StateUnreadable,
)
from ..fleet.held import Member
from ..fleet.leaving import Leaving
from ..fleet.plan import named, plan_fleet
from ..fleet.roster import Row as RosterRow
from ..fleet.roster import read_roster
from ..operations import origin
from ..operations.again import is_due, may_retry
from ..operations.fleet import refuse_a_lost_fleet
from ..operations.values import holds_unknown, readable
from ..operations.work import RETRY_INTERVAL
from ..run.brake import held_in, refuse_too_many, singles_due
from ..run.claims import Claims
from ..run.ending import Fate, Going, judge
from ..run.saved_state import Record
from ..run.urns import shown
from ..settings import Settings
from .calm import LEAST, without_calm
from .clearances import Clearances
from .preview import GOING, IN_PROGRAM, Preview, Step
from .stock import Had, Stock, resources_of, stock_of
from .tokens import rows_of_tokens
from .values import Plan, Row, What

_OF_VEHICLES = ("FleetVehicle", "Fleet")


@dataclass(frozen=True)
class Facts:
    """
    What is known beside the preview.

    `state`: the resources of the stack's saved state, None where nobody read it. `registered`: by VIN, what the platform has,
    None where nobody asked it. `has_targets`: only some resources take part. `max_revocations`: the setting, as written.
    """

    now: datetime
    state: Sequence[Mapping[str, Any]] | None = None
    registered: Mapping[str, RegisteredVehicle] | None = None
    has_targets: bool = False
    max_revocations: str | None = None
    retry_interval: timedelta = RETRY_INTERVAL
    settings: Settings | None = None
    """The server and the credentials of the `up`, where they are known."""
    least_calm: int = LEAST
    """See calm.without_calm."""


def make_plan(preview: Preview, facts: Facts) -> Plan:
    """What the `up` of this preview does. Raises: StateUnreadable."""
    empty = Plan(stack=preview.stack, asked=facts.registered is not None)
    if preview.troubles:
        return replace(empty, rows=_refused(preview), is_whole=False)
    resources = resources_of(preview, facts.state)
    wrong = wrong_server(stock_of(resources), facts) if facts.settings else None
    if wrong is not None:
        refused = (Row(What.REFUSED, why=str(wrong)), Row(What.UNKNOWN, why=_REST))
        return replace(empty, rows=refused, is_whole=False)
    with readable("vehicles, registry and leaving"):
        reduced = without_calm(preview, resources, facts.least_calm)
    stock = stock_of(reduced.resources)
    comparison = _Comparison(reduced.preview, facts, stock, reduced.count)
    rows = tuple(sorted(comparison.compare(), key=_rank))
    return replace(empty, rows=rows, unchanged=comparison.unchanged(rows) + reduced.count)


def wrong_server(stock: Stock, facts: Facts) -> HighMobilityError | None:
    """The error with which an `up` ends before it does anything: another server, or credentials that do not see the vehicles."""
    if facts.settings is None:
        return None
    try:
        origin.refuse_state_of_another_server(stock.saved, facts.settings)
    except OtherServer as error:
        return error
    for record in stock.saved.records if facts.registered is not None else ():
        unseen = [
            vin
            for vin, status in record.statuses.items()
            if origin.is_held(status) and vin not in (facts.registered or {})
        ]
        found = origin.why_unseen({origin.PROPERTY: record.server}, unseen, facts.settings)
        if found is not None:
            return found
    return None


_ORDER = {what: place for place, what in enumerate(What)}
_REST = "What else an `up` does is not known until that is corrected"


def _rank(row: Row) -> tuple[int, str, str, str]:
    return _ORDER[row.what], row.brand, row.vin, row.urn


def _refused(preview: Preview) -> tuple[Row, ...]:
    troubles = [Row(What.REFUSED, urn=one.urn, why=one.message) for one in dict.fromkeys(preview.troubles)]
    return (*troubles, Row(What.UNKNOWN, why=_REST))


@dataclass
class _Comparison:
    """
    Plays the run over values: what the program wants, then what it takes and requests, then what is deleted.

    `calm` counts vehicles of the stack that were left out. `open` are the resources whose vehicles are not known: any vehicle may be theirs.
    """

    preview: Preview
    facts: Facts
    stock: Stock
    calm: int = 0
    claims: Claims = field(default_factory=Claims)
    rows: list[Row] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    _wanted: dict[str, dict[str, RosterRow]] = field(default_factory=dict)
    _due: dict[str, dict[str, Leaving]] = field(default_factory=dict)
    _is_older: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clearances = Clearances(self.stock, self.claims, self.facts.now, self.facts.registered)

    def compare(self) -> list[Row]:
        """The rows, in no order."""
        program = [step for step in self.preview.steps if step.op in IN_PROGRAM]
        for step in program:
            self._want(step)
        self._name_what_is_not_listed()
        for step in program:
            if step.kind in _OF_VEHICLES and step.takes_part and step.urn not in self.open:
                self._bring_about(step)
        self._delete(program)
        return [*_one_each(self.rows), *rows_of_tokens(self.preview.steps, self.facts.now)]

    def unchanged(self, rows: Iterable[Row]) -> int:
        """How many of the vehicles that the stack holds no row is about."""
        held = {vin for record in self.stock.saved.live for vin in record.vins or ()}
        return len(held - {row.vin for row in rows})

    # What the program wants -----------------------------------------------------------------------------------------------------

    def _want(self, step: Step) -> None:
        record = self.stock.live(step)
        if not step.takes_part:
            if step.kind in _OF_VEHICLES:
                self.open.append(step.urn)
            return
        if self.facts.has_targets and step.op == "same":
            # The engine repeats what the state has, and not what the program gives a resource that takes no part.
            self._wanted[step.urn] = {}
            return
        wanted = self._wanted_by(step, record)
        if wanted is None:
            self.open.append(step.urn)
            wanted = {} if record is None else {vin: {} for vin in record.vins or ()}
            self._unknown(
                step.urn,
                "Which vehicles it has is a secret, or not known before the `up`",
                len(record.vins or ()) if record else 0,
            )
        self._wanted[step.urn] = wanted
        others = self.claims.check(step.urn, wanted, has_state=record is not None)
        if record is not None:
            self.claims.know(step.urn, record.id)
        self.rows += [
            Row(
                What.REFUSED,
                vin,
                urn=step.urn,
                to=other,
                why="two resources want it: a VIN can have only one resource",
            )
            for vin, other in others.items()
        ]

    def _wanted_by(self, step: Step, record: Record | None) -> dict[str, RosterRow] | None:
        """By VIN, what the program gives a resource; None where that is not known."""
        if step.kind not in _OF_VEHICLES:
            return {}
        if step.op == "same" and record is not None:
            return None if record.vins is None else {vin: {} for vin in record.vins}
        inputs = step.inputs
        if step.kind == "FleetVehicle":
            vin = inputs.get("vin")
            return {vin.upper(): dict(inputs)} if isinstance(vin, str) else None
        text = inputs.get("vehicles")
        if not isinstance(text, str) or (
            record is not None and (record.vins is None or self.stock.is_hidden(record))
        ):
            return None
        try:
            return {str(row["vin"]): row for row in read_roster(text)}
        except (ValueError, LookupError, TypeError) as error:
            raise StateUnreadable(f"the list of {shown(step.urn)} cannot be read ({error})") from error

    def _name_what_is_not_listed(self) -> None:
        for step in self.preview.steps:
            if step.op not in IN_PROGRAM | GOING and step.kind in _OF_VEHICLES:
                self.open.append(step.urn)
                vins = self.stock.saved.at(step.urn, str((step.old or {}).get("id") or ""))
                stake = sum(len(one.vins or ()) for one in vins)
                self._unknown(
                    step.urn,
                    f'The preview has a step "{step.op}" for it, which this version does not know',
                    stake,
                )
        if self.preview.unlisted and self.facts.state is None:
            self.open.append("")

    def _unknown(self, urn: str, why: str, at_stake: int = 0) -> None:
        self.rows.append(Row(What.UNKNOWN, urn=urn, why=why, at_stake=at_stake))

    # Creates and updates --------------------------------------------------------------------------------------------------------

    def _bring_about(self, step: Step) -> None:
        record = self.stock.live(step)
        if step.op == "same":
            return
        if step.kind == "FleetVehicle":
            held = self._bring_about_vehicle(step, record)
        elif record is None:
            held = self._take_all(step, self._wanted[step.urn], step.inputs)
        else:
            held = self._update_fleet(step, record)
        id_ = (
            record.id
            if record is not None and step.kind == "Fleet"
            else next(iter(self._wanted[step.urn]), "")
        )
        self.claims.hold(step.urn, id_, held)

    def _bring_about_vehicle(self, step: Step, record: Record | None) -> Iterable[str]:
        ((vin, row),) = self._wanted[step.urn].items()
        if record is None:
            self._take_all(step, {vin: row}, step.inputs)
        elif step.op == "update":
            self._update_vehicle(step, record, vin, row)
        elif vin != record.id.upper():
            self.claims.replace(step.urn)
            self._take_all(step, {vin: row}, step.inputs)
        elif {"brand", "tags"} & set(step.reasons):
            self.claims.give_up(step.urn, [vin])
            self.claims.replace(step.urn)
            self._request_anew(step, record, {vin: row}, self.stock.props(record))
            self.claims.lose(step.urn, record.id)
        elif (step.old or {}).get("pendingReplacement"):
            verdict = judge(vin, Going(record.urn, record.id), self._replacing(step), self.stock.saved)
            if verdict.fate is Fate.REFUSE:
                self._refuse(vin, step.urn, verdict.reason)
        return [vin]

    def _replacing(self, step: Step) -> Claims:
        self.claims.replace(step.urn)
        return self.claims

    def _update_vehicle(self, step: Step, record: Record, vin: str, row: RosterRow) -> None:
        props, inputs = self.stock.props(record), step.inputs
        unknown = [name for name in ("brand", "tags") if holds_unknown(inputs.get(name))]
        had = self.stock.had(record, vin)
        if unknown:
            why = f"Its {' and '.join(unknown)} will be known during the `up`: another value ends its clearance, and requests it again"
            self.rows.append(
                Row(What.UNKNOWN, vin, had.brand, had.status, had.since, record.urn, why=why, at_stake=1)
            )
        elif is_due(
            props.get("status"), props.get("retried_at"), inputs, self.facts.now, self.facts.retry_interval
        ):
            self.rows.append(self.clearances.requested_again(had, row, step.urn))

    def _update_fleet(self, step: Step, record: Record) -> Iterable[str]:
        inputs, fleet = step.inputs, self.stock.fleet(record)
        wanted = self._wanted[step.urn]
        older = {vin: one for vin, one in fleet.leaving.items() if vin not in wanted}
        members = dict(fleet.members)
        for vin in wanted.keys() & fleet.leaving.keys():
            row, member = self.clearances.put_back(fleet.leaving[vin], step.urn)
            if row is not None:
                self.rows.append(row)
            if member is not None:
                members[vin] = member
        unsure = {row.vin for row in self.rows if row.what is What.UNKNOWN and row.urn == step.urn}
        drifted = {vin: one.registered for vin, one in members.items() if one.registered}
        plan = plan_fleet({vin: one.row for vin, one in members.items()}, wanted, drifted)
        added = {vin: wanted[vin] for vin in plan.added if vin not in unsure}
        self._take_all(step, added, inputs)
        for vin in self._due_again(members, inputs, plan.lost):
            self.rows.append(
                self.clearances.requested_again(self.stock.had(record, vin), wanted[vin], step.urn)
            )
        self.claims.give_up(step.urn, plan.changed)
        changed = {vin: wanted[vin] for vin in plan.changed}
        self._request_anew(step, record, changed, inputs)
        self._note_leaving(record, older, plan.removed, inputs)
        return wanted

    def _due_again(
        self, members: Mapping[str, Member], inputs: Mapping[str, Any], lost: Collection[str]
    ) -> list[str]:
        """Those that somebody refused or ended, and that the program wants to be requested again."""
        now, interval = self.facts.now, self.facts.retry_interval
        due = {
            vin for vin, one in members.items() if is_due(one.status, one.retried_at, inputs, now, interval)
        }
        return sorted(due.difference(lost))

    def _note_leaving(
        self,
        record: Record,
        older: Mapping[str, Leaving],
        removed: Iterable[str],
        inputs: Mapping[str, Any],
    ) -> None:
        fleet = self.stock.fleet(record)
        self._is_older[record.id] = set(older)
        self._due[record.id] = dict(older)
        for vin in removed:
            if inputs.get("on_removal") == "retain":
                self._retain(record, vin, 'on_removal is "retain"')
                continue
            member = fleet.members[vin]
            had = self.stock.had(record, vin)
            self._due[record.id][vin] = Leaving(
                member.row, had.status, member.reason, fleet.as_of, member.serial, fleet.serial + 1
            )

    def _take_all(
        self, step: Step, wanted: Mapping[str, RosterRow], props: Mapping[str, Any]
    ) -> Iterable[str]:
        for vin, row in wanted.items():
            self.rows.append(
                self.clearances.taken(
                    vin,
                    row,
                    step.urn,
                    may_adopt=props.get("adopt") is not False,
                    keeps_ended=not may_retry(props),
                )
            )
        return wanted

    def _request_anew(
        self,
        step: Step,
        record: Record,
        wanted: Mapping[str, RosterRow],
        props: Mapping[str, Any],
    ) -> None:
        """End those whose brand or tags changed, and request them again."""
        for vin, row in wanted.items():
            verdict = judge(vin, Going(record.urn, record.id), self.claims, self.stock.saved)
            if verdict.fate is Fate.END:
                had = self.stock.had(record, vin)
                self.rows.append(
                    self.clearances.requested_anew(had, row, step.urn, _changed(had, row), props)
                )
            else:
                self._refuse(vin, step.urn, verdict.reason or f"{shown(verdict.holder)} has it too")

    def _refuse(self, vin: str, urn: str, why: str) -> None:
        self.rows.append(Row(What.REFUSED, vin, urn=urn, why=why))

    def _retain(self, record: Record, vin: str, why: str) -> None:
        held = any(one is not record for one in self.stock.saved.holding(vin))
        if not self.claims.wants_of(vin) and not held:
            self.rows.append(
                self.clearances.row(What.RETAINED, self.stock.had(record, vin), record.urn, why=why)
            )

    # Deletes --------------------------------------------------------------------------------------------------------------------

    def _delete(self, program: Sequence[Step]) -> None:
        """In the run they come in any order: what one keeps, no other ends."""
        self._end_what_left(program)
        going = list(self._going())
        singles = [record for record in going if record.kind == "FleetVehicle"]
        if singles and not self._is_braked(singles):
            for record in singles:
                self._delete_vehicle(record)
        for record in going:
            if record.kind == "Fleet":
                self._delete_fleet(record)

    def _going(self) -> Iterable[Record]:
        """The records that the run deletes, but for those that the user wants to be left at the platform."""
        saved = self.stock.saved
        found: dict[int, Record] = {id(one): one for one in saved.records if one.is_old_copy}
        for step in self.preview.steps:
            record = self.stock.live(step)
            is_replaced = (
                step.kind == "FleetVehicle"
                and step.op in IN_PROGRAM - {"same"}
                and step.urn not in self.open
                and record is not None
                and record.id.upper() not in self._wanted[step.urn]
            )
            if record is not None and (step.op in GOING or is_replaced):
                found[id(record)] = record
        for record in found.values():
            if record.kind not in _OF_VEHICLES:
                continue
            if self.stock.raw(record).get("retainOnDelete"):
                for vin in record.vins or ():
                    self._retain(record, vin, "`retain_on_delete`")
            else:
                yield record

    def _is_braked(self, singles: Sequence[Record]) -> bool:
        """Whether more single vehicles would end than one `up` may end."""
        saved = self.stock.saved
        fates = [judge(one.id.upper(), Going(one.urn, one.id), self.claims, saved).fate for one in singles]
        if self.facts.has_targets or not self.claims.has_program or Fate.END not in fates:
            return False
        try:
            held = held_in(saved) + self.calm
            refuse_too_many(singles_due(self.claims, saved), held, self.facts.max_revocations)
        except (ClearanceStays, ConfigError) as error:
            self._refuse("", "", str(error))
            return True
        return False

    def _delete_vehicle(self, record: Record) -> None:
        vin = record.id.upper()
        verdict = judge(vin, Going(record.urn, record.id), self.claims, self.stock.saved)
        if verdict.fate is Fate.REFUSE:
            self._end_refused(record, [vin], verdict.reason)
            return
        if verdict.fate is Fate.END:
            self._end(record, vin, self.stock.props(record), is_older=record.is_old_copy)
        self.claims.lose(record.urn, record.id)

    def _delete_fleet(self, record: Record) -> None:
        if record.vins is None or self.stock.is_hidden(record):
            self._unknown(record.urn, "It is deleted, and its list is a secret", len(record.vins or ()))
            return
        fleet, props = self.stock.fleet(record), self.stock.props(record)
        signalled = self.stock.saved.signalled(record.id)
        left = {vin for vin, one in fleet.leaving.items() if one.key not in signalled}
        retains = props.get("on_removal") == "retain"
        members = [] if retains else sorted(fleet.members)
        going = Going(record.urn, record.id)
        found = {vin: judge(vin, going, self.claims, self.stock.saved) for vin in [*members, *sorted(left)]}
        refused = {vin: one.reason for vin, one in found.items() if one.fate is Fate.REFUSE}
        if refused:
            self._end_refused(record, list(refused), next(iter(refused.values())))
            return
        ends = [vin for vin, one in found.items() if one.fate is Fate.END]
        if ends and self.claims.has_program and not self.open and not self.facts.has_targets:
            try:
                refuse_a_lost_fleet(len(fleet.members) + len(left), ends, props)
            except FleetIncomplete as error:
                self._refuse("", record.urn, str(error))
                return
        for vin in ends:
            self._end(record, vin, props, is_older=vin in left or record.is_old_copy)
        if retains:
            for vin in sorted(fleet.members):
                self._retain(record, vin, 'on_removal is "retain"')
        self.claims.lose(record.urn, record.id)

    def _end_what_left(self, program: Sequence[Step]) -> None:
        """What has left Fleets that stay in the program ends with the old copies of their removals."""
        saved = self.stock.saved
        fleets = {one.id: one for one in saved.live if one.kind == "Fleet"}
        for step in program:
            record = self.stock.live(step)
            if step.kind != "FleetRemovals" or record is None:
                continue
            fleet = fleets.get(str(record.properties.get("fleet_id", "")))
            if fleet is None or fleet.vins is None or self.stock.is_hidden(fleet):
                continue
            if fleet.id not in self._due:
                self._due[fleet.id] = dict(self.stock.fleet(fleet).leaving)
                self._is_older[fleet.id] = set(self._due[fleet.id])
            if step.op in ("replace", "update"):
                # The new copy is there before the old one is deleted.
                self.claims.hold(step.urn, record.id, ())
            copies = [one for one in saved.records if one.is_old_copy and one.urn == record.urn]
            if step.op == "replace":
                copies.append(record)
            self._end_leaves(fleet, copies, step.inputs)

    def _end_leaves(self, fleet: Record, copies: Sequence[Record], inputs: Mapping[str, Any]) -> None:
        keys = [(one, frozenset(str(one.properties.get("keys", "")).split())) for one in copies]
        for vin, one in sorted(self._due[fleet.id].items()):
            copy = next((copy for copy, known in keys if one.key not in known), None)
            if copy is None:
                continue
            verdict = judge(vin, Going(copy.urn, copy.id), self.claims, self.stock.saved)
            if verdict.fate is Fate.REFUSE:
                self._end_refused(fleet, [vin], verdict.reason)
            elif verdict.fate is Fate.END:
                self._end(fleet, vin, inputs, is_older=vin in self._is_older[fleet.id])

    def _end_refused(self, record: Record, vins: Sequence[str], why: str) -> None:
        if self.open or self.facts.has_targets:
            for vin in vins:
                self.rows.append(self._not_known(record, vin))
            return
        self._refuse(vins[0], record.urn, f"{named(vins)}: {why}")

    def _end(self, record: Record, vin: str, props: Mapping[str, Any], *, is_older: bool) -> None:
        if self.open or self.facts.has_targets:
            self.rows.append(self._not_known(record, vin))
            return
        row = self.clearances.ended(self.stock.had(record, vin), record.urn, props, is_older=is_older)
        if row is not None:
            self.rows.append(row)

    def _not_known(self, record: Record, vin: str) -> Row:
        why = f"its clearance ends, unless {self._who_may_want_it()} has it by then"
        had = self.stock.had(record, vin)
        is_held = Status.of(had.status) in (Status.PENDING, Status.APPROVED)
        return self.clearances.row(What.UNKNOWN, had, record.urn, why=why, at_stake=int(is_held))

    def _who_may_want_it(self) -> str:
        if self.facts.has_targets:
            return "a resource of the program that takes no part in this run"
        if "" in self.open:
            return (
                f"one of the {self.preview.unlisted:,} unchanged resources that the preview leaves out (make it with `--show-sames`, "
                "or give `--stack`)"
            )
        return ", ".join(map(shown, self.open[:3]))


def _one_each(rows: Iterable[Row]) -> list[Row]:
    """Of a vehicle the most dangerous row; of several that are refused the first, at which the `up` ends."""
    found: dict[object, Row] = {}
    for place, row in enumerate(rows):
        key = row.vin or place
        other = found.get(key)
        if other is None or _ORDER[row.what] < _ORDER[other.what]:
            found[key] = row
    return list(found.values())


def _changed(had: Had, row: RosterRow) -> str:
    """Which of brand and tags a resource wants otherwise than before."""
    before = {"brand": had.brand, "tags": had.tags or {}}
    found = [
        name
        for name in ("brand", "tags")
        if plan_fleet({had.vin: before}, {had.vin: {**before, name: row.get(name) or before[name]}}).changed
        or (name == "tags" and bool(had.tags) and not row.get("tags"))
    ]
    return " and ".join(found) or "brand or tags"
