"""Making a Fleet's list true: requests in chunks, releases side by side, what failed kept by VIN."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar

from ..errors import ClearanceError, FleetIncomplete, HighMobilityError, InvalidRequest
from .enrollment import MISSING_MAX_AGE_S, Enrollment
from .fleet_plan import FleetPlan, vehicles
from .fleet_record import FleetRecord, Member
from .listing import Listing
from .record import is_gone, is_in_transition, reason_of, tags_of
from .release import OnUncancellable, Release
from .reporter import FewWords, Reporter
from .requests import MAX_BATCH
from .roster import Row

OnRemoval = Literal["revoke", "retain"]
WhenUnknown = Callable[[str], None]

# DELETEs under way at a time: "moderate use, no bursts within a few seconds" (OpenAPI, hm-fleet-clearance-v1).
RELEASES_AT_ONCE = 8
_SAY_EVERY = 100
_SHOWN = 5

T = TypeVar("T")


class FleetWork:
    """
    Works on a FleetRecord, which tells at any moment what has been done.

    What fails for one vehicle is kept in `record.failed` and holds up no other. What fails for a whole call
    (no network, no authorisation) is raised, and the rest is left undone.
    """

    def __init__(self, enrollment: Enrollment, release: Release, listing: Listing) -> None:
        self._enrollment = enrollment
        self._release = release
        self._listing = listing

    async def carry_out(
        self,
        record: FleetRecord,
        wanted: Mapping[str, Row],
        plan: FleetPlan,
        *,
        again: Sequence[str] = (),
        keep: Collection[str] = (),
        on_removal: OnRemoval,
        on_uncancellable: OnUncancellable,
        transition_timeout_s: float,
        reporter: Reporter,
        may_adopt: bool = True,
        when_unknown: WhenUnknown = lambda _: None,
    ) -> None:
        """
        Request what is added, end what is removed, do both to what changed; request rejected ones `again`.

        New vehicles come first: a removal that fails must not keep them waiting. Of those removed, the ones to `keep`
        leave the record with their clearance. `when_unknown`: see Release.release.

        Raises: what the API raises about a whole call.
        """
        record.serial += 1
        record.failed.clear()
        few = FewWords(reporter)
        try:
            new = [wanted[vin] for vin in (*plan.added, *again)]
            await self._request(record, new, transition_timeout_s, may_adopt, few)
            for vin in plan.removed if on_removal == "retain" else keep:
                record.members.pop(vin, None)
            ending = [vin for vin in (*plan.removed, *plan.changed) if vin in record.members]
            await self.release(record, ending, on_uncancellable, transition_timeout_s, few, when_unknown)
            free = [wanted[vin] for vin in plan.changed if vin not in record.members]
            await self._request(record, free, transition_timeout_s, may_adopt, few)
        finally:
            few.sum_up()

    async def release_all(
        self,
        record: FleetRecord,
        vins: Sequence[str],
        *,
        on_uncancellable: OnUncancellable,
        transition_timeout_s: float,
        reporter: Reporter,
        when_unknown: WhenUnknown = lambda _: None,
    ) -> None:
        """
        Revoke or cancel every clearance of a Fleet that is deleted.

        Raises: FleetIncomplete after all were tried; what the API raises about a whole call.
        """
        few = FewWords(reporter)
        record.failed.clear()
        try:
            await self.release(record, vins, on_uncancellable, transition_timeout_s, few, when_unknown)
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
        record: FleetRecord,
        vins: Sequence[str],
        on_uncancellable: OnUncancellable,
        transition_timeout_s: float,
        reporter: Reporter,
        when_unknown: WhenUnknown,
    ) -> None:
        """Revoke or cancel each; those that could not be stay in the record, with the reason. Raises: as above."""
        todo = iter(vins)
        done = 0

        async def release_some() -> None:
            nonlocal done
            for vin in todo:
                try:
                    await self._release.release(
                        vin,
                        on_uncancellable=on_uncancellable,
                        transition_timeout_s=transition_timeout_s,
                        reporter=reporter,
                        when_unknown=when_unknown,
                    )
                except ClearanceError as error:
                    record.failed[vin] = str(error)
                else:
                    record.members.pop(vin, None)
                done += 1
                if done % _SAY_EVERY == 0:
                    reporter.progress(f"released {done:,} of {vehicles(len(vins))}")

        await _all([release_some() for _ in range(min(RELEASES_AT_ONCE, len(vins)))])

    async def refresh(self, record: FleetRecord) -> list[str]:
        """
        Bring the record up to what is registered now: what is gone leaves it, drift shows in its rows.

        Returns the VINs that are not in the list at all, sorted.
        """
        listed = await self._listing.current()
        unknown = []
        for vin, member in sorted(record.members.items()):
            found = listed.get(vin)
            if found is None or is_gone(found):
                if found is None:
                    unknown.append(vin)
                del record.members[vin]
                continue
            tags = tags_of(found)
            row = dict(member.row)
            row["brand"] = found.brand or row["brand"]
            if tags is not None:
                row["tags"] = tags
            record.members[vin] = Member(row, found.status, reason_of(found), member.serial)
        return unknown

    async def _request(
        self,
        record: FleetRecord,
        rows: Sequence[Row],
        transition_timeout_s: float,
        may_adopt: bool,
        reporter: Reporter,
    ) -> None:
        if not rows:
            return
        listed = await self._listing.current(max_age_s=MISSING_MAX_AGE_S)
        # Those whose old clearance is still ending are waited for: after all that need no wait.
        ordered = sorted(rows, key=lambda row: is_in_transition(listed.get(str(row["vin"]))))
        done = 0
        for chunk in _chunks(ordered, MAX_BATCH):
            await _all(
                [self._request_one(record, row, transition_timeout_s, may_adopt, reporter) for row in chunk]
            )
            done += len(chunk)
            if len(ordered) > len(chunk):
                reporter.progress(f"requested {done:,} of {vehicles(len(ordered))}")

    async def _request_one(
        self,
        record: FleetRecord,
        row: Row,
        transition_timeout_s: float,
        may_adopt: bool,
        reporter: Reporter,
    ) -> None:
        vin = str(row["vin"])
        try:
            found = await self._enrollment.ensure_clearance(
                row, transition_timeout_s=transition_timeout_s, may_adopt=may_adopt, reporter=reporter
            )
        except (ClearanceError, InvalidRequest) as error:
            record.failed[vin] = str(error)
        else:
            record.members[vin] = Member(row, found.status, reason_of(found), record.serial)


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
