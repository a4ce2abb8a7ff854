"""Making a Fleet's list true: requests in chunks, releases side by side, what failed kept by VIN."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from ..api.shapes import NotedVehicle, RegisteredVehicle
from ..clearance.listing import CONFIRMS_AT_MOST
from ..clearance.queue import MAX_BATCH
from ..clearance.registered import (
    brand_of,
    is_active,
    is_in_transition,
    is_later_request,
    reason_of,
    status_of,
    tags_of,
    told_request_of,
)
from ..clearance.release import (
    RELEASES_AT_ONCE,
    Released,
    nothing_to_revoke,
    unseen_by_others,
)
from ..clearance.reporter import FewWords, Reporter
from ..clearance.requesting import MISSING_MAX_AGE_S
from ..clearance.service import ClearanceService
from ..clearance.states import ACTIVE, ENDED, Status
from ..clock import parse_instant, write_instant
from ..errors import (
    ClearanceError,
    FleetIncomplete,
    HighMobilityError,
    InvalidRequest,
    ListIncomplete,
    VehicleNotFound,
)
from ..inputs import OnRemoval, OnUncancellable
from .held import HeldFleet, Member
from .leaving import Leaving
from .plan import FleetPlan, named, plan_fleet, vehicles
from .roster import Row

_SAY_EVERY = 100
_SHOWN = 5
# Vehicles that left and that a list lacks are looked up by VIN before they count as gone: a few at each update.
_LOOKS_BY_VIN = 10

T = TypeVar("T")


class FleetWork:
    """
    Works on a HeldFleet, which tells at any moment what has been done.

    What fails for one vehicle is kept in `record.failed` and holds up no other. What fails for a whole call
    (no network, no authorisation) is raised, and the rest is left undone.
    """

    def __init__(self, service: ClearanceService) -> None:
        self._service = service
        self._listing = service.listing

    async def put_back(self, record: HeldFleet, wanted: Collection[str]) -> None:
        """
        Those that left and are wanted again are members as before, if the platform still has their clearance.

        What has ended since, or was requested by somebody else, is requested, or adopted; until then it is among those that left.
        """
        back = [vin for vin in wanted if vin in record.leaving]
        if not back:
            return
        listed = await self._listing.current()
        for vin in back:
            one = record.leaving[vin]
            self._listing.refuse_unreadable(vin)
            found = listed.get(vin)
            if found is not None and is_active(found) and not is_later_request(found, one.requested):
                record.members[vin] = Member(one.row, found.status, reason_of(found), one.serial)
                del record.leaving[vin]

    async def carry_out(
        self,
        record: HeldFleet,
        wanted: Mapping[str, Row],
        plan: FleetPlan,
        *,
        again: Sequence[str] = (),
        spared: Mapping[str, str] | None = None,
        keeps_ended: Callable[[str], bool] = lambda _: False,
        now: str = "",
        on_removal: OnRemoval,
        on_uncancellable: OnUncancellable,
        transition_timeout_s: float,
        reporter: Reporter,
        may_adopt: bool = True,
        keeps_unknown: bool = False,
    ) -> None:
        """
        Request what is added, note what is removed, request again what is changed and those of `again`.

        New vehicles come first. What is removed ends nothing here: it goes to `record.leaving`, or, where it is to be
        retained, nowhere. `spared`: changed ones that must not end, with the reason. `keeps_ended`: of which added ones an
        ending is kept, see Requesting. `now`: the instant, for those requested `again`. `keeps_unknown`: see release.

        Raises: what the API raises about a whole call.
        """
        record.serial += 1
        record.failed.clear()
        few = FewWords(reporter)
        try:
            if plan.removed and on_removal != "retain":
                await self._note_leaving(record, plan.removed)
            else:
                for vin in plan.removed:
                    record.members.pop(vin, None)
            for vin in wanted.keys() & record.members.keys():
                member = record.members[vin]
                if member.registered and vin not in plan.changed:
                    # The program may have come to say what is registered.
                    found = {**wanted[vin], **member.registered}
                    if plan_fleet({vin: found}, {vin: wanted[vin]}).changed == ():
                        record.members[vin] = replace(member, row=wanted[vin], registered=None)
            added = [wanted[vin] for vin in plan.added]
            await self._request(record, added, transition_timeout_s, may_adopt, few, keeps_ended)
            await self._request(record, [wanted[vin] for vin in again], transition_timeout_s, may_adopt, few)
            for vin in again:
                if vin in record.members and vin not in record.failed:
                    record.members[vin].retried_at = now
            record.failed.update(spared or {})
            ending = [vin for vin in plan.changed if vin not in (spared or {})]
            await self.release(record, ending, on_uncancellable, transition_timeout_s, few, keeps_unknown)
            free = [wanted[vin] for vin in ending if vin not in record.members]
            await self._request(record, free, transition_timeout_s, may_adopt, few)
        finally:
            few.sum_up()

    async def tidy(self, record: HeldFleet, handed_over: Collection[str]) -> None:
        """
        Forget those that left and have ended, were requested by somebody else since, or that another record holds.

        One that a list lacks may be there all the same: it counts as gone where it is not found by VIN either.
        """
        if not record.leaving:
            return
        listed = await self._listing.current()
        looks = _LOOKS_BY_VIN
        for vin, one in sorted(record.leaving.items()):
            if one.left == record.serial:
                # Just now: what a preview has said of it is what is to come.
                continue
            found = listed.get(vin)
            is_over = _is_over(one, found)
            if found is None and looks > 0:
                looks -= 1
                is_over = await self._is_unknown(vin)
            if is_over or vin in handed_over:
                del record.leaving[vin]

    async def have_ended(self, leaving: Sequence[Leaving]) -> frozenset[str]:
        """The VINs of those whose clearance has ended, or is another's by now, by one list."""
        if not leaving:
            return frozenset()
        listed = await self._listing.current()
        return frozenset(one.vin for one in leaving if _is_over(one, listed.get(one.vin)))

    async def release_all(
        self,
        record: HeldFleet,
        vins: Sequence[str],
        *,
        on_uncancellable: OnUncancellable,
        transition_timeout_s: float,
        reporter: Reporter,
        requested: Callable[[str], datetime | None] = lambda _: None,
        keeps_unknown: bool = False,
    ) -> None:
        """
        Revoke or cancel every clearance of a Fleet that is deleted, or that left it.

        `requested` gives the platform's instant of the clearance that is meant: one of a later request is another's.

        Raises: FleetIncomplete after all were tried; what the API raises about a whole call.
        """
        few = FewWords(reporter)
        record.failed.clear()
        try:
            await self.release(
                record, vins, on_uncancellable, transition_timeout_s, few, keeps_unknown, requested
            )
        finally:
            few.sum_up()
        if record.failed:
            shown = list(record.failed.values())[:_SHOWN]
            raise FleetIncomplete(
                f"{len(record.failed):,} of {vehicles(len(vins))} could not be released; the rest were. Run the same "
                "command again later. " + " ".join(shown),
                reasons=record.failed,
            )

    async def release(
        self,
        record: HeldFleet,
        vins: Sequence[str],
        on_uncancellable: OnUncancellable,
        transition_timeout_s: float,
        reporter: Reporter,
        keeps_unknown: bool,
        requested: Callable[[str], datetime | None] = lambda _: None,
    ) -> None:
        """
        Revoke or cancel each; those that could not be stay in the record, with the reason.

        `keeps_unknown`: so do those that the platform does not know, since other credentials last saw them. Raises: as above.
        """
        todo = iter(vins)
        done = 0

        async def release_some() -> None:
            nonlocal done
            for vin in todo:
                try:
                    end = await self._service.release(
                        vin,
                        on_uncancellable=on_uncancellable,
                        transition_timeout_s=transition_timeout_s,
                        reporter=reporter,
                        requested=requested(vin),
                    )
                except ClearanceError as error:
                    record.failed[vin] = str(error)
                else:
                    one = record.members.get(vin) or record.leaving.get(vin)
                    if end is Released.UNKNOWN and one is not None and Status.of(one.status) in ACTIVE:
                        if keeps_unknown:
                            record.failed[vin] = unseen_by_others(vin, one.status)
                            continue
                        reporter.warn(nothing_to_revoke(vin, one.status))
                    record.members.pop(vin, None)
                    record.leaving.pop(vin, None)
                done += 1
                if done % _SAY_EVERY == 0:
                    reporter.progress(f"released {done:,} of {vehicles(len(vins))}")

        await _all([release_some() for _ in range(min(RELEASES_AT_ONCE, len(vins)))])

    async def refresh(self, record: HeldFleet) -> list[str]:
        """
        Bring the record up to what is registered now: what is not registered leaves it, what somebody ended stays.

        Another brand or other tags than were requested are noted; the rows stay. One that the list lacks is looked up by
        VIN before that is believed. Returns the VINs that are not registered at all, sorted.

        Raises: ListIncomplete, before anything is changed.
        """
        listed = await self._listing.current()
        lacking = [
            vin
            for vin, member in sorted(record.members.items())
            if vin not in listed
            and vin not in self._listing.unreadable
            and Status.of(member.status) in ACTIVE
        ]
        if len(lacking) > CONFIRMS_AT_MOST:
            raise ListIncomplete(
                f"GET /fleets/vehicles returned {len(listed):,} vehicles, and lacks {len(lacking):,} of {vehicles(len(record.members))} that this Fleet "
                f"holds ({named(lacking)}). That is more than can be looked up one by one (60 a minute), so nothing was changed. Run the "
                "same command again: if the list was incomplete, nothing is lost. If the vehicles are really gone, remove them from the list"
            )
        seen = {vin: await self._listing.confirmed(vin) for vin in lacking}
        unknown = []
        latest: datetime | None = None
        for vin, member in sorted(record.members.items()):
            if vin in self._listing.unreadable:
                continue
            found = listed.get(vin) or seen.get(vin)
            if found is None:
                unknown.append(vin)
                del record.members[vin]
                continue
            record.members[vin] = replace(
                member, status=found.status, reason=reason_of(found), registered=_drift(member.row, found)
            )
            requested = told_request_of(found)
            if requested is not None and (latest is None or requested > latest):
                latest = requested
        record.as_of = write_instant(latest) if latest else ""
        return unknown

    async def _note_leaving(self, record: HeldFleet, removed: Sequence[str]) -> None:
        listed = await self._listing.current()
        as_of = parse_instant(record.as_of)
        for vin in removed:
            member = record.members.get(vin)
            if member is None:
                continue
            self._listing.refuse_unreadable(vin)
            found = listed.get(vin)
            # One that somebody else requested since this Fleet was last read is not its own to end.
            is_others = is_later_request(found, as_of)
            requested = as_of if is_others else told_request_of(found) or as_of
            record.leaving[vin] = Leaving(
                member.row,
                member.status,
                member.reason,
                write_instant(requested) if requested else "",
                member.serial,
                record.serial,
            )
            del record.members[vin]

    async def _is_unknown(self, vin: str) -> bool:
        try:
            await self._listing.ask_by_vin(vin)
        except VehicleNotFound:
            return True
        return False

    async def _request(
        self,
        record: HeldFleet,
        rows: Sequence[Row],
        transition_timeout_s: float,
        may_adopt: bool,
        reporter: Reporter,
        keeps_ended: Callable[[str], bool] = lambda _: False,
    ) -> None:
        if not rows:
            return
        record.as_of = ""
        listed = await self._listing.current(max_age_s=MISSING_MAX_AGE_S)
        # Those whose old clearance is still ending are waited for: after all that need no wait.
        ordered = sorted(rows, key=lambda row: is_in_transition(listed.get(str(row["vin"]))))
        done = 0
        for chunk in _chunks(ordered, MAX_BATCH):
            await _all(
                [
                    self._request_one(record, row, transition_timeout_s, may_adopt, reporter, keeps_ended)
                    for row in chunk
                ]
            )
            done += len(chunk)
            if len(ordered) > len(chunk):
                reporter.progress(f"requested {done:,} of {vehicles(len(ordered))}")

    async def _request_one(
        self,
        record: HeldFleet,
        row: Row,
        transition_timeout_s: float,
        may_adopt: bool,
        reporter: Reporter,
        keeps_ended: Callable[[str], bool],
    ) -> None:
        vin = str(row["vin"])
        try:
            found = await self._service.ensure_clearance(
                row,
                transition_timeout_s=transition_timeout_s,
                may_adopt=may_adopt,
                keeps_ended=keeps_ended(vin),
                reporter=reporter,
            )
        except (ClearanceError, InvalidRequest) as error:
            record.failed[vin] = str(error)
        else:
            drift = None if isinstance(found, NotedVehicle) else _drift(row, found, is_adopted=True)
            record.members[vin] = Member(row, found.status, reason_of(found), record.serial, drift)
            record.leaving.pop(vin, None)


def _is_over(one: Leaving, found: RegisteredVehicle | None) -> bool:
    """Whether the clearance of one that left has ended, or is another's by now; a list that lacks it does not say so."""
    return status_of(found) in ENDED or is_later_request(found, one.requested)


def _drift(row: Row, found: RegisteredVehicle, *, is_adopted: bool = False) -> Row | None:
    """The brand and tags as registered, where they are not the row's; tags that are left out say nothing, or there are none."""
    tags = tags_of(found)
    if tags is None:
        tags = {} if is_adopted else row.get("tags") or {}
    registered: Row = {"brand": brand_of(found) or row["brand"], "tags": tags}
    return registered if plan_fleet({"": row}, {"": {**row, **registered}}).changed else None


async def _all(tasks: Sequence[Coroutine[Any, Any, None]]) -> None:
    """All of them, to their end, though one fails for the whole call; then that error is raised."""
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    for end in ends:
        if isinstance(end, HighMobilityError):
            raise end
    for end in ends:
        if isinstance(end, BaseException):
            raise end


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
