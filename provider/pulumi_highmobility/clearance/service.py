"""The rules of clearance over one API client, with all that they share."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..api.shapes import RegisteredVehicle
from ..clock import Clock
from ..errors import ClearanceEnded
from ..inputs import OnUncancellable
from ..settings import Settings
from .listing import Listing
from .queue import ClearanceQueue
from .registered import reason_of, status_of
from .release import Release, Released
from .reporter import Reporter
from .requesting import Requesting
from .states import ENDED, IN_TRANSITION, Status
from .tokens import VehicleTokens
from .watch import Watch

if TYPE_CHECKING:
    from ..api.client import FleetApi


class ClearanceService:
    """One application's clearances: a shared listing, a shared queue, a shared poll."""

    def __init__(self, api: FleetApi, settings: Settings, *, clock: Clock, rng: random.Random) -> None:
        self.api = api
        self.settings = settings
        self.clock = clock
        self.listing = Listing(api, clock, max_age_s=settings.listing_max_age_s)
        self.queue = ClearanceQueue(api, clock)
        self.watch = Watch(api, self.listing, clock, rng)
        self.tokens = VehicleTokens(
            api, self.listing, clock, can_refresh_and_revoke=settings.can_refresh_and_revoke
        )
        self._requesting = Requesting(self.listing, self.queue, self.watch, clock, rng)
        self._release = Release(api, self.listing, self.watch, clock)

    async def ensure_clearance(
        self,
        vehicle: Mapping[str, Any],
        *,
        transition_timeout_s: float,
        reporter: Reporter,
        may_adopt: bool = True,
        keeps_ended: bool = False,
    ) -> RegisteredVehicle:
        """See Requesting.ensure_clearance."""
        return await self._requesting.ensure_clearance(
            vehicle,
            transition_timeout_s=transition_timeout_s,
            may_adopt=may_adopt,
            keeps_ended=keeps_ended,
            reporter=reporter,
        )

    async def read(self, vin: str, *, is_held: bool = False) -> RegisteredVehicle | None:
        """
        The registered vehicle by the shared listing, None where there is none.

        One that the state holds (`is_held`) is looked up by VIN before that is believed. Raises: ListIncomplete, VehicleUnreadable.
        """
        found = await self.listing.look_up(vin)
        if found is None and is_held:
            return await self.listing.confirmed(vin)
        return found

    async def release(
        self,
        vin: str,
        *,
        on_uncancellable: OnUncancellable,
        transition_timeout_s: float,
        reporter: Reporter,
        requested: datetime | None = None,
    ) -> Released:
        """See Release.release."""
        return await self._release.release(
            vin,
            on_uncancellable=on_uncancellable,
            transition_timeout_s=transition_timeout_s,
            reporter=reporter,
            requested=requested,
        )

    async def wait_for_approval(self, vin: str, *, timeout_s: float, reporter: Reporter) -> RegisteredVehicle:
        """
        Wait until the carmaker has approved.

        Raises: ClearanceEnded (rejected, revoked, canceled, being revoked, or not registered), WaitTimeout.
        """
        found = await self.watch.wait_for(
            vin, _is_approved(vin), goal="to be approved", timeout_s=timeout_s, reporter=reporter
        )
        assert found is not None  # noqa: S101 - _is_approved ends the wait otherwise
        return found


def _is_approved(vin: str) -> Callable[[RegisteredVehicle | None], bool]:
    def is_approved(seen: RegisteredVehicle | None) -> bool:
        if seen is None:
            raise ClearanceEnded(
                f"{vin} is not registered (GET /fleets/vehicles): nothing to wait for.", vin=vin
            )
        status = status_of(seen)
        if status in ENDED or status in IN_TRANSITION:
            reason = reason_of(seen)
            why = f' The carmaker says: "{reason}".' if reason else ""
            advice = (
                "The vehicle stays in the stack; once the reason is gone, set retry_rejected=True to request it again."
                if status is Status.REJECTED
                else "The vehicle stays in the stack; to request it again, once that is agreed, set retry_revoked=True."
            )
            raise ClearanceEnded(
                f"{vin} is {seen.status}: waiting longer cannot help.{why} {advice}", vin=vin
            )
        return status is Status.APPROVED

    return is_approved
