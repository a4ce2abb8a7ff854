"""The wire's shapes, read tolerantly: unknown fields are ignored, optional ones may be missing."""

from __future__ import annotations

from typing import Any

import msgspec

from ..secret import Secret


class Changelog(msgspec.Struct, frozen=True, gc=False):
    """One change of a clearance; `timestamp` is ISO 8601 in UTC, mostly without an offset. Empty where it is missing."""

    timestamp: str = ""
    status: str = ""
    reason: str | None = None


class RegisteredVehicle(msgspec.Struct, frozen=True):
    """
    A vehicle as GET /fleets/vehicles tells of it.

    `brand` and `tags` are None where the platform left them out, which says nothing about them.
    """

    vin: str
    status: str
    brand: str | None = None
    tags: dict[str, Any] | None = None
    changelog: list[Changelog] = []


class ListedRow(msgspec.Struct, frozen=True):
    """A row of the list as it comes: null is missing, as if the name were not there."""

    vin: str | None = None
    status: str | None = None
    brand: str | None = None
    tags: dict[str, Any] | None = None
    changelog: list[ListedChange | None] | None = None

    def vehicle(self) -> RegisteredVehicle:
        """Raises: ValueError (no VIN, or no status)."""
        if not self.vin or not self.status:
            raise ValueError(f"it has no {'vin' if not self.vin else 'status'}")
        changes = [
            Changelog(change.timestamp or "", change.status or "", change.reason)
            for change in self.changelog or ()
            if change is not None
        ]
        return RegisteredVehicle(self.vin, self.status, self.brand, self.tags, changes)


class ListedChange(msgspec.Struct, frozen=True):
    """A change of a clearance as it comes; null is missing."""

    timestamp: str | None = None
    status: str | None = None
    reason: str | None = None


class ListedVin(msgspec.Struct, frozen=True):
    """What is read of a row that cannot be read otherwise."""

    vin: str | None = None


class NotedVehicle(RegisteredVehicle, frozen=True):
    """What the answer to a request of our own told: its instants are this machine's, not the platform's."""


class ClearanceRow(msgspec.Struct, frozen=True):
    """One row of the answer to POST or DELETE: a `status`, for "error" with a `description`."""

    vin: str
    status: str
    description: str | None = None
    tags: dict[str, Any] | None = None


class ClearanceAnswer(msgspec.Struct, frozen=True):
    """POST /fleets/vehicles: a row a vehicle."""

    vehicles: list[ClearanceRow]


class BearerAnswer(msgspec.Struct, frozen=True):
    """
    POST /auth_tokens or POST /access_tokens with client credentials.

    The older server sends auth_token and validity instants, the newer access_token and expires_in.
    """

    auth_token: str | None = None
    access_token: str | None = None
    valid_from: str | None = None
    valid_until: str | None = None
    expires_in: float | None = None

    def __repr__(self) -> str:
        return "BearerAnswer(**********)"


_NOTHING = msgspec.Raw(b"null")


class TokenAnswer(msgspec.Struct, frozen=True):
    """POST /fleets/access_tokens, and POST /access_tokens with a refresh token."""

    access_token: str
    # Not read with the rest: whatever is wrong with them, such as a number beyond all floats, the pair that came with
    # them must not be lost.
    token_type: msgspec.Raw = _NOTHING
    expires_in: msgspec.Raw = _NOTHING
    refresh_token: str | None = None
    scope: msgspec.Raw = _NOTHING

    def __repr__(self) -> str:
        return "TokenAnswer(**********)"

    def pair(self) -> VehicleTokenPair:
        """The tokens with their secrets masked."""
        return VehicleTokenPair(
            access_token=Secret(self.access_token),
            refresh_token=Secret(self.refresh_token) if self.refresh_token else None,
            token_type=_text(self.token_type) or "bearer",
            scope=_text(self.scope),
            expires_in_s=_seconds(self.expires_in),
        )


def _value(raw: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


def _text(raw: msgspec.Raw) -> str:
    value = _value(raw)
    return value if isinstance(value, str) else ""


def _seconds(raw: msgspec.Raw) -> float:
    """A lifetime; one that cannot be read counts as over, so that the token is renewed when it is needed."""
    try:
        seconds = float(_value(raw))
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return max(0.0, seconds)


class VehicleTokenPair(msgspec.Struct, frozen=True):
    """A vehicle token: the access token lives `expires_in_s` seconds, the refresh token outlives it."""

    access_token: Secret
    refresh_token: Secret | None
    token_type: str
    scope: str
    expires_in_s: float


class VehicleInfo(msgspec.Struct, frozen=True):
    """GET /vehicleinfo: whose vehicle token it is."""

    vin: str
    sub: str = ""


class Eligibility(msgspec.Struct, frozen=True):
    """POST /eligibility: whether a carmaker would take the vehicle, and how its data would come."""

    vin: str
    eligible: bool
    data_delivery: list[str] = []
    connectivity_status: str | None = None
    primary_user_assigned: bool | None = None
