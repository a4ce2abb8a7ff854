"""What becomes of one clearance: taken over, requested, requested again, ended; by what the stack and the platform know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..api.shapes import RegisteredVehicle
from ..clearance.registered import differences, is_active, is_later_request
from ..clearance.release import CANCEL_AFTER
from ..clearance.states import ACTIVE, ENDED, Status
from ..clock import write_instant
from ..fleet.held import Member
from ..fleet.leaving import Leaving
from ..fleet.plan import plan_fleet
from ..fleet.roster import Row as RosterRow
from ..run.claims import Claims
from ..run.saved_state import Record
from ..vehicle.brands import BRANDS
from .stock import Had, Stock, from_platform
from .values import Row, What

_MAYBE = "or adopted, if registered already"
_ABANDON = 'set on_uncancellable="abandon" and run `pulumi up` with the vehicle in the program, then remove it: it stays registered'


@dataclass
class Clearances:
    """
    Judges one vehicle at a time.

    `registered` is what the platform has, None where nobody asked: then the stack's state counts for what it was last read as.
    """

    stock: Stock
    claims: Claims
    now: datetime
    registered: Mapping[str, RegisteredVehicle] | None

    def row(self, what: What, had: Had, urn: str, *, to: str = "", why: str = "", at_stake: int = 0) -> Row:
        """A row of a vehicle, with what the platform knows better."""
        known = self._seen(had.vin)
        now = from_platform(known) if known is not None else had
        return Row(
            what, had.vin, now.brand or had.brand, now.status, now.since or had.since, urn, to, why, at_stake
        )

    # Taken and requested --------------------------------------------------------------------------------------------------------

    def taken(self, vin: str, row: RosterRow, urn: str, *, may_adopt: bool, keeps_ended: bool) -> Row:
        """
        What a resource comes to that has not had this vehicle.

        `keeps_ended`: one that the stack has already, and somebody refused or ended, is not requested again.
        """
        holder = self._holder(vin)
        held = None if holder is None else self.stock.had(holder, vin)
        known = self._seen(vin)
        if self.registered is None and holder is not None and self.stock.is_hidden(holder):
            why = "the brand and tags that it is registered with are a secret of the stack: it is taken over as it is, or the `up` fails"
            return Row(What.UNKNOWN, vin, urn=holder.urn, to=urn, why=why)
        found = held if self.registered is None else from_platform(known) if known is not None else None
        brand = row.get("brand")
        name = brand if isinstance(brand, str) else ""
        if found is None:
            return self._requested(vin, name, urn, may_adopt=may_adopt)
        status = Status.of(found.status)
        if status in ENDED and keeps_ended and holder is not None:
            why = "that was a person's decision, so it is not requested again"
            return self.row(What.KEPT, found, holder.urn, to=urn, why=why)
        if status not in ACTIVE:
            return self._requested(vin, name, urn, may_adopt=may_adopt)
        if not may_adopt:
            why = "it is registered already, and `adopt` is False: remove `adopt=False` to take it over as it is"
            return self.row(What.REFUSED, found, holder.urn if holder else "", to=urn, why=why)
        return self._adopted(found, known, row, holder, urn)

    def _adopted(
        self,
        found: Had,
        known: RegisteredVehicle | None,
        row: RosterRow,
        holder: Record | None,
        urn: str,
    ) -> Row:
        place = holder.urn if holder else ""
        tags = row.get("tags") or {}
        if not isinstance(row.get("brand"), str) or not _is_known(tags):
            why = "its brand or tags will be known during the `up`: the `up` fails if it is registered with others"
            return self.row(What.UNKNOWN, found, place, to=urn, why=why)
        if known is None and _differs_in_what_may_not_be(found, row, holder):
            why = "the stack does not know for certain which tags it is registered with: it is taken over as it is, or the `up` fails"
            return self.row(What.UNKNOWN, found, place, to=urn, why=why)
        if _is_other(found, known, row):
            why = (
                f"it is registered already ({found.status}), with another brand or other tags than the program's, which the API cannot "
                "change. To adopt it, write the registered values into the program. A change after that revokes it and requests it again"
            )
            return self.row(What.REFUSED, found, place, to=urn, why=why)
        return self.row(What.KEPT if holder else What.ADOPTED, found, place, to=urn)

    def _requested(self, vin: str, brand: str, urn: str, *, may_adopt: bool) -> Row:
        if self.registered is not None:
            return Row(What.REQUESTED, vin, brand, to=urn)
        why = _MAYBE if may_adopt else "if registered already, the `up` fails"
        return Row(What.REQUESTED, vin, brand, to=urn, why=why, maybe_adopted=True)

    def requested_again(self, had: Had, row: RosterRow, urn: str) -> Row:
        """One that was rejected, or that somebody else ended, and that the program wants to be requested again."""
        known = self._seen(had.vin)
        if known is not None and is_active(known):
            return self._adopted(from_platform(known), known, row, self._holder(had.vin), urn)
        why = f"it was {had.status}, and the program requests it again"
        return Row(
            What.REQUESTED, had.vin, had.brand, had.status, "", urn, urn, why, 0, self.registered is None
        )

    def put_back(self, one: Leaving, urn: str) -> tuple[Row | None, Member | None]:
        """
        One that left a Fleet, and is in its list again: what is told of it, and as what it is a member again.

        Neither: its clearance has ended, or is another's, so that it is requested as any other.
        """
        if self.registered is None:
            why = "it left the Fleet in an earlier run, and is back: it keeps its clearance, or is requested again if that has ended"
            return Row(What.UNKNOWN, one.vin, str(one.row["brand"]), one.status, urn=urn, why=why), None
        found = self._seen(one.vin)
        if found is not None and is_active(found) and not is_later_request(found, one.requested):
            return None, Member(one.row, found.status, serial=one.serial)
        return None, None

    def requested_anew(
        self, had: Had, row: RosterRow, urn: str, changed: str, props: Mapping[str, Any]
    ) -> Row:
        """One whose clearance ends because its brand or tags changed, and that is requested again."""
        brand = row.get("brand")
        name = brand if isinstance(brand, str) else had.brand
        ended = self.ended(had, urn, props, is_older=False)
        if ended is None:
            why = f"{changed} changed; no clearance ends"
            return Row(What.REQUESTED, had.vin, name, had.status, "", urn, urn, why)
        if ended.what is What.RETAINED:
            why = f"{changed} changed, and its pending clearance cannot be canceled: it stays registered as it is, so that the new request fails"
            return Row(What.REFUSED, had.vin, had.brand, ended.status, ended.since, urn, urn, why)
        if ended.what in (What.REFUSED, What.UNKNOWN):
            return ended
        return Row(
            What.RE_REQUESTED, had.vin, name, ended.status, ended.since, urn, urn, f"{changed} changed"
        )

    # Ended ----------------------------------------------------------------------------------------------------------------------

    def ended(self, had: Had, urn: str, props: Mapping[str, Any], *, is_older: bool) -> Row | None:
        """
        What a delete comes to that no resource hinders; None where there is nothing to end.

        `is_older`: a former run was to end it, and may have.
        """
        known = self._seen(had.vin)
        if self.registered is not None:
            if known is None or not is_active(known):
                return None
            if is_later_request(known, had.requested):
                why = "somebody else requested it again since: that clearance is not ended"
                return self.row(What.RETAINED, had, urn, why=why)
        status = Status.of(known.status if known is not None else had.status)
        if status is None:
            why = f'its status "{had.status}" is not known to this version: its clearance may end'
            return self.row(What.UNKNOWN, had, urn, why=why, at_stake=1)
        if status not in ACTIVE:
            return None
        if is_older and self.registered is None:
            why = "an earlier run was to end its clearance, and did not finish: it ends now, unless it already has"
            return self.row(What.UNKNOWN, had, urn, why=why, at_stake=1)
        if status is Status.APPROVED:
            return self.row(What.REVOKED, had, urn)
        return self._canceled(had, known, urn, abandons=props.get("on_uncancellable") == "abandon")

    def _canceled(self, had: Had, known: RegisteredVehicle | None, urn: str, *, abandons: bool) -> Row:
        """A pending clearance: some carmakers cancel it, none before a day has passed."""
        now = from_platform(known) if known is not None else had
        brand = BRANDS.get(now.brand or had.brand)
        kept = 'its pending clearance cannot be canceled, and on_uncancellable is "abandon"'
        if brand is None:
            why = "whether this carmaker cancels a pending clearance is not known"
            return self.row(What.UNKNOWN, had, urn, why=why, at_stake=1)
        if not brand.cancels_pending:
            if abandons:
                return self.row(What.RETAINED, had, urn, why=kept)
            why = f"{brand.name} does not cancel a pending clearance: run `pulumi up` again once it is approved or rejected, or, to release it, {_ABANDON}"
            return self.row(What.REFUSED, had, urn, why=why)
        due = None if now.requested is None else now.requested + CANCEL_AFTER
        if due is not None and due <= self.now:
            return self.row(What.CANCELED, had, urn)
        if due is None or now.is_latest:
            why = "whether its pending clearance can be canceled yet is not known: a day after its request at the earliest"
            return self.row(What.UNKNOWN, had, urn, why=why, at_stake=1)
        if abandons:
            return self.row(What.RETAINED, had, urn, why=kept)
        why = f"its pending clearance can be canceled from {write_instant(due)} on: run `pulumi up` again then, or, to release it, {_ABANDON}"
        return self.row(What.REFUSED, had, urn, why=why)

    # Known ----------------------------------------------------------------------------------------------------------------------

    def _seen(self, vin: str) -> RegisteredVehicle | None:
        return None if self.registered is None else self.registered.get(vin)

    def _holder(self, vin: str) -> Record | None:
        """The record of the stack that has it, as long as it has not been ended in this run."""
        for record in self.stock.saved.holding(vin):
            if self.claims.times_gone(record.urn, record.id) == 0:
                return record
        return None


def _differs_in_what_may_not_be(found: Had, row: RosterRow, holder: Record | None) -> bool:
    """
    Whether only tags differ, and those that the stack has may not be the platform's.

    The platform leaves out tags, empty ones at least, and one without tags is adopted whatever tags are wanted: a Fleet then
    has those that were wanted.
    """
    if not _is_other(found, None, row) or _is_other(found, None, {**row, "tags": found.tags or {}}):
        return False
    return not found.tags or (holder is not None and holder.kind == "Fleet")


def _is_known(tags: object) -> bool:
    return isinstance(tags, Mapping) and all(isinstance(text, str) for text in tags.values())


def _is_other(found: Had, known: RegisteredVehicle | None, row: RosterRow) -> bool:
    """Whether it is registered with another brand or other tags than a resource wants."""
    if known is not None:
        return bool(differences(known, brand=str(row["brand"]), tags=row.get("tags") or {}))
    tags = row.get("tags") if found.tags is None else found.tags
    return bool(plan_fleet({found.vin: {"brand": found.brand, "tags": tags}}, {found.vin: row}).changed)
