"""The life of a vehicle token: issued once the clearance is approved, renewed, checked, revoked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from ..api.shapes import VehicleTokenPair
from ..clock import Clock
from ..errors import ClearanceEnded, TokenRefused, VehicleUnseen
from ..secret import Secret
from .listing import Listing
from .registered import reason_of, status_of
from .reporter import Reporter
from .states import ENDED, Status

if TYPE_CHECKING:
    from ..api.client import FleetApi

# Later than any token lives, and with room for any time zone.
_FAR = datetime(9999, 1, 1, tzinfo=timezone.utc)
# How many token calls run side by side at most: "moderate use" is what the platform asks for.
SIDE_BY_SIDE = 8


@dataclass(frozen=True)
class IssuedToken:
    """A vehicle token with the instant, by our clock, at which its access token ends."""

    pair: VehicleTokenPair
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class AwaitingClearance:
    """No token yet: the clearance is in the state `status` (empty: not registered)."""

    status: str


class VehicleTokens:
    """Issues, renews, checks and revokes vehicle tokens."""

    def __init__(
        self, api: FleetApi, listing: Listing, clock: Clock, *, can_refresh_and_revoke: bool
    ) -> None:
        self._api = api
        self._listing = listing
        self._clock = clock
        self._can_refresh_and_revoke = can_refresh_and_revoke
        self._slots = asyncio.Semaphore(SIDE_BY_SIDE)

    async def clearance_status(self, vin: str) -> str:
        """The state of the vehicle's clearance by the shared listing, empty where it is not registered."""
        vehicle = await self._listing.look_up(vin)
        return vehicle.status if vehicle else ""

    async def issue(
        self, vin: str, *, seen_approved: bool, must_be_registered: bool, reporter: Reporter
    ) -> IssuedToken | AwaitingClearance:
        """
        A new token, or what stands in its way.

        `seen_approved`: the caller has just seen the approval, so no look-up comes first. `must_be_registered`:
        a VIN that is not registered is an error, since nothing in the program asks for its clearance.

        Raises: ClearanceEnded (not registered), TokenRefused (approved, and refused all the same).
        API: POST /fleets/access_tokens
        """
        if not seen_approved and await self.clearance_status(vin) != Status.APPROVED.value:
            return await self._awaiting(vin, must_be_registered, reporter)
        asked_at = self._clock.now()
        try:
            async with self._slots:
                return self._issued(await self._api.create_vehicle_token(vin), asked_at)
        except TokenRefused:
            self._listing.forget()
            if await self.clearance_status(vin) == Status.APPROVED.value:
                raise
            return await self._awaiting(vin, must_be_registered, reporter)

    async def renew(
        self, vin: str, refresh_token: Secret | None, *, must_be_registered: bool, reporter: Reporter
    ) -> IssuedToken | AwaitingClearance:
        """
        A new pair by refresh token, or by a new request where there is none, it is dead, or no OAuth client is set.

        Raises: as `issue`.
        API: POST /access_tokens
        """
        if refresh_token is not None and self._can_refresh_and_revoke:
            asked_at = self._clock.now()
            try:
                async with self._slots:
                    return self._issued(await self._api.refresh_vehicle_token(refresh_token), asked_at)
            except TokenRefused as refusal:
                reporter.info(
                    f'{vin}: the refresh token has expired or was revoked ("{refusal.detail or refusal.title}"): requesting a new token'
                )
        return await self.issue(
            vin, seen_approved=False, must_be_registered=must_be_registered, reporter=reporter
        )

    async def is_alive(self, access_token: Secret) -> bool:
        """
        Whether the platform still knows the token.

        API: GET /vehicleinfo
        """
        async with self._slots:
            return await self._api.vehicle_of_token(access_token) is not None

    async def require_revoked(self, vin: str, access_token: Secret, credentials_id: str) -> None:
        """
        For a token that other credentials than ours (`credentials_id`) issued, once it is revoked.

        Revoking an unknown token is a success (RFC 7009), and to another application this one is unknown.

        Raises: VehicleUnseen (it is still valid).
        """
        if await self.is_alive(access_token):
            raise VehicleUnseen(
                f"The access token of {vin} was not revoked: it is still valid after DELETE /access_tokens with the "
                f"credentials {credentials_id}, and other credentials issued it. Set the previous credentials, or others of "
                "the same application."
            )

    async def revoke(
        self, vin: str, *, access_token: Secret, refresh_token: Secret | None, reporter: Reporter
    ) -> None:
        """
        Revoke both tokens of a pair; expired or unknown ones are success. Without an OAuth client, a warning.

        API: DELETE /access_tokens
        """
        if not self._can_refresh_and_revoke:
            reporter.warn(
                f"{vin}: the vehicle token cannot be revoked without the OAuth client's id and secret "
                "(highmobility:clientId, highmobility:clientSecret): it stays valid until it expires."
            )
            return
        async with self._slots:
            if refresh_token is not None:
                await self._api.revoke_vehicle_token(refresh_token, hint="refresh_token")
            # RFC 7009, section 2.1: a server may, but need not, end the access token with its refresh token.
            await self._api.revoke_vehicle_token(access_token, hint="access_token")

    def _issued(self, pair: VehicleTokenPair, asked_at: datetime) -> IssuedToken:
        return IssuedToken(pair, issued_at=asked_at, expires_at=_after(asked_at, pair.expires_in_s))

    async def _awaiting(self, vin: str, must_be_registered: bool, reporter: Reporter) -> AwaitingClearance:
        vehicle = await self._listing.look_up(vin)
        if vehicle is None and must_be_registered:
            raise ClearanceEnded(
                f"{vin} is not registered in this application, so there is no access token for it "
                "(POST /fleets/access_tokens). Request its clearance first, with a FleetVehicle, or correct `vin`.",
                vin=vin,
            )
        status = vehicle.status if vehicle else ""
        if vehicle is not None and status_of(vehicle) in ENDED:
            reason = reason_of(vehicle)
            why = f": {reason}" if reason else ""
            reporter.warn(
                f"{vin} is {status}{why}. There is no access token for it until a new clearance is approved."
            )
        else:
            reporter.info(
                f"{vin} is {status or 'not registered yet'}: the access token is issued by the `pulumi up` that sees "
                "its approval"
            )
        return AwaitingClearance(status)


def _after(instant: datetime, seconds: float) -> datetime:
    """So many seconds later: an absurd number must not lose the pair that came with it."""
    try:
        return instant + timedelta(seconds=max(0.0, seconds))
    except (OverflowError, ValueError):
        return _FAR if seconds > 0 else instant
