"""Releasing a clearance: revoking an approved one, canceling a pending one."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING

from ..api.shapes import RegisteredVehicle
from ..clock import Clock, write_instant
from ..errors import CancellationRefused, ClearanceConflict, InvalidRequest, VehicleNotFound
from ..inputs import OnUncancellable
from .listing import Listing
from .registered import is_gone, is_later_request, requested_at, status_of
from .reporter import Reporter
from .states import Status
from .watch import Watch

if TYPE_CHECKING:
    from ..api.client import FleetApi

# DELETEs under way at a time: "moderate use, no bursts within a few seconds" (OpenAPI, hm-fleet-clearance-v1).
RELEASES_AT_ONCE = 8
# "the pending status could only be canceled after 1 day it's created" (OpenAPI, hm-fleet-clearance-v1)
CANCEL_AFTER = timedelta(days=1)


class Released(Enum):
    """What came of a release: `UNKNOWN` to the platform, `ANOTHERS`: requested again by somebody else, so left alone."""

    ENDED = "ended"
    UNKNOWN = "unknown"
    ANOTHERS = "anothers"
    ABANDONED = "abandoned"


class Release:
    """Ends clearances, and takes one that has ended already for done."""

    def __init__(self, api: FleetApi, listing: Listing, watch: Watch, clock: Clock) -> None:
        self._api = api
        self._listing = listing
        self._watch = watch
        self._clock = clock
        # Of all Fleets and vehicles of the process together.
        self._slots = asyncio.Semaphore(RELEASES_AT_ONCE)

    async def release(
        self,
        vin: str,
        *,
        on_uncancellable: OnUncancellable,
        transition_timeout_s: float,
        reporter: Reporter,
        requested: datetime | None = None,
    ) -> Released:
        """
        Revoke or cancel the clearance of `vin`.

        Where `requested`, the platform's instant of the clearance that is meant, is given, one that was requested later is
        left alone: it is another's.

        One that is unknown, removed already or rejected is success; one in transition is waited for,
        `transition_timeout_s` seconds at most.

        Raises: CancellationRefused (a pending clearance that the platform does not cancel, or not yet,
        unless `on_uncancellable` is "abandon"), WaitTimeout, and what the API raises.
        """
        if requested is not None:
            found = await self._listing.look_up(vin)
            if is_later_request(found, requested):
                since = requested_at(found) if found else None
                reporter.warn(
                    f"{vin} was requested again by somebody else ({write_instant(since) if since else 'later'}), after this resource "
                    "had requested it: that clearance is not ended"
                )
                return Released.ANOTHERS
        try:
            async with self._slots:
                row = await self._api.delete_clearance(vin)
        except VehicleNotFound:
            self._listing.note(vin, None)
            return Released.UNKNOWN
        except ClearanceConflict as conflict:
            if conflict.is_in_transition:
                await self._wait_out(vin, transition_timeout_s, reporter)
            elif not conflict.is_removed:
                # A conflict of another kind: it does not say that the clearance has ended.
                raise
        except InvalidRequest as refusal:
            return await self._take_refusal(vin, refusal, on_uncancellable, reporter)
        else:
            self._listing.note(vin, RegisteredVehicle(vin=vin, status=row.status, tags=row.tags))
        return Released.ENDED

    async def _wait_out(self, vin: str, timeout_s: float, reporter: Reporter) -> None:
        def is_over(seen: RegisteredVehicle | None) -> bool:
            return is_gone(seen) or status_of(seen) is Status.REJECTED

        await self._watch.wait_for(
            vin, is_over, goal="to be revoked or canceled", timeout_s=timeout_s, reporter=reporter
        )

    async def _take_refusal(
        self, vin: str, refusal: InvalidRequest, on_uncancellable: OnUncancellable, reporter: Reporter
    ) -> Released:
        vehicle = await self._listing.look_up(vin)
        if is_gone(vehicle) or status_of(vehicle) is Status.REJECTED:
            return Released.ENDED
        if status_of(vehicle) is not Status.PENDING:
            # Refused for another reason than that a pending clearance cannot be canceled.
            raise refusal
        since = requested_at(vehicle) if vehicle is not None else None
        if on_uncancellable == "abandon":
            reporter.warn(
                f'{vin} stays registered at the platform, pending: it answered "{refusal.detail}" to '
                f'DELETE /fleets/vehicles/{vin}, and on_uncancellable is "abandon". If the carmaker approves it, '
                "it must be revoked by hand."
            )
            return Released.ABANDONED
        if refusal.title == "too early" or "after 1 day" in refusal.detail:
            when = f"from {_a_day_after(since)} on" if since else "a day after its request"
            advice = f"It can be canceled {when}: run the same command again then."
        else:
            advice = "This carmaker does not cancel a pending clearance: run the same command again once it is approved or rejected."
        raise CancellationRefused(
            f'The pending clearance of {vin} cannot be canceled: "{refusal.detail or refusal.title}" '
            f"(DELETE /fleets/vehicles/{vin}). {advice} To leave it registered at the platform instead: with the vehicle in "
            'the program, set on_uncancellable="abandon" and run `pulumi up`; then remove it.',
            vin=vin,
        )


def nothing_to_revoke(vin: str, status: str) -> str:
    """What is said of a vehicle that the stack holds and the platform does not know."""
    return (
        f"{vin} was {status} in the stack's state, and the platform does not know it (404 to DELETE "
        f"/fleets/vehicles/{vin}): there was nothing to revoke"
    )


def unseen_by_others(vin: str, status: str) -> str:
    """As `nothing_to_revoke`, where other credentials last saw it: these may be of another application."""
    return (
        f"{vin} is {status} in the stack's state, last seen with other credentials, and unknown to these (404 to DELETE "
        f"/fleets/vehicles/{vin}). It was not revoked: set the previous credentials, or others of the same application."
    )


def _a_day_after(since: datetime) -> str:
    try:
        return write_instant(since + CANCEL_AFTER)
    except OverflowError:
        return write_instant(since)
