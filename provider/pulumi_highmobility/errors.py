"""
Every error this package raises on purpose.

HighMobilityError
├─ ConfigError            settings are missing or contradict each other; raised before any request
│  └─ NoCredentials       none are set, or not all: a preview needs none
├─ OtherServer            the settings name another server than the one that the state is about
├─ VehicleUnseen          other credentials do not see what the state holds
├─ Interrupted            the engine was told to stop while the operation ran
├─ BoardUnusable          processes of one run cannot tell each other what they know
├─ StateUnreadable        the stack's saved state cannot be read
├─ ClearanceStays         a delete ended nothing: somebody may want the vehicle, or that cannot be known
├─ NotTheApi              an answer that the platform's API does not give: another server, or a wrong base URL
├─ TransportError         no usable answer: refused, timed out, cut off, not JSON
├─ ApiError               the platform said no
│  ├─ NotAuthorized       401: the credentials or the bearer token were not taken
│  ├─ Forbidden           403: the application has no fleet access
│  ├─ VehicleNotFound     404
│  ├─ ClearanceConflict   409: the clearance is already removed, or in transition
│  ├─ InvalidRequest      422: a parameter is missing or refused, or it cannot be cancelled (yet)
│  ├─ RateLimited         429
│  ├─ TokenRefused        400 in OAuth's form
│  └─ ServerError         5xx
├─ ListIncomplete         the list lacks more vehicles than can be looked up one by one
├─ FleetIncomplete        some vehicles of a Fleet could not be released
├─ TokensIncomplete       some tokens of a fleet could not be revoked
└─ ClearanceError         a rule of clearance stands in the way of one vehicle
   ├─ ClearanceRefused    the platform answered the request with a row of status "error"
   ├─ ClearanceMismatch   the VIN is registered already, with another brand or other tags
   ├─ ClearanceEnded      rejected, revoked or canceled: waiting longer cannot help
   ├─ CancellationRefused a pending clearance cannot be canceled, or not yet
   ├─ VehicleUnreadable   the platform's row of the vehicle cannot be read
   └─ WaitTimeout         a bounded wait came to its end

The tree in this docstring is the truth: a test compares it with the classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, TypeVar

_A = TypeVar("_A", bound="ApiError")

__all__ = [
    "ApiError",
    "BoardUnusable",
    "CancellationRefused",
    "ClearanceConflict",
    "ClearanceEnded",
    "ClearanceError",
    "ClearanceMismatch",
    "ClearanceRefused",
    "ClearanceStays",
    "ConfigError",
    "FleetIncomplete",
    "Forbidden",
    "HighMobilityError",
    "Interrupted",
    "InvalidRequest",
    "ListIncomplete",
    "NoCredentials",
    "NotAuthorized",
    "NotTheApi",
    "OtherServer",
    "RateLimited",
    "ServerError",
    "StateUnreadable",
    "TokenRefused",
    "TokensIncomplete",
    "TransportError",
    "VehicleNotFound",
    "VehicleUnreadable",
    "VehicleUnseen",
    "WaitTimeout",
]


class HighMobilityError(Exception):
    """The root of all errors that this package raises on purpose."""


class ConfigError(HighMobilityError):
    """Settings are missing or contradict each other; no request was made."""


class NoCredentials(ConfigError):
    """Credentials are not set, or not all of them, or their file is not here; all else that was looked at is right."""


class OtherServer(HighMobilityError):
    """The settings name another server than the one that the stack's state was read from; nothing was done."""


class VehicleUnseen(HighMobilityError):
    """Other credentials than those that last saw a vehicle do not see it: they may be of another application."""


class Interrupted(HighMobilityError):
    """The engine was told to stop (Ctrl-C) while the operation ran."""

    def __init__(self) -> None:
        super().__init__("interrupted; run `pulumi up` again, it continues where this one ended")


class BoardUnusable(HighMobilityError):
    """The processes of one run cannot tell each other what they know; see run/board.py."""


class StateUnreadable(HighMobilityError):
    """The stack's saved state cannot be read, or it is not the one at hand; see run/saved_state.py."""


class ClearanceStays(HighMobilityError):
    """A delete ended nothing, and its record stays: somebody may want the vehicle, or that cannot be known."""


class ListIncomplete(HighMobilityError):
    """The list lacks more of the vehicles that the state holds than can be looked up one by one; nothing was changed."""


class NotTheApi(HighMobilityError):
    """
    An error answer that is not in the API's form, or not one of this call.

    It says nothing about a vehicle: a 404 of a proxy, or below a wrong base URL, does not mean that one is gone.
    """


class TransportError(HighMobilityError):
    """
    No usable answer came.

    `may_have_happened` is True where the request had left: its effect is then unknown, and the
    caller must look before it asks again.
    """

    def __init__(self, message: str, *, method: str, path: str, may_have_happened: bool) -> None:
        super().__init__(message)
        self.method = method
        self.path = path
        self.may_have_happened = may_have_happened


class ApiError(HighMobilityError):
    """
    The platform said no.

    `title`, `source` and `detail` are the platform's own words (for OAuth: error and
    error_description as title and detail), empty where it gave none.
    """

    advice: ClassVar[str] = ""
    """What to do about an answer of this kind, where the caller has no hint of its own."""

    def __init__(
        self,
        *,
        method: str,
        path: str,
        status: int,
        title: str = "",
        source: str = "",
        detail: str = "",
        retry_after_s: float | None = None,
        hint: str = "",
    ) -> None:
        self.method = method
        self.path = path
        self.status = status
        self.title = title
        self.source = source
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.hint = hint
        said = ": ".join(part for part in (title, detail) if part) or "no explanation"
        message = f'The platform answered {status} to {method} {path}: "{said}".'
        if retry_after_s is not None:
            message += f" It asks to wait {retry_after_s:,.0f} s before the next call."
        super().__init__(" ".join(filter(None, (message, hint or self.advice))))

    def again(self: _A, *, retry_after_s: float | None = None, hint: str = "") -> _A:
        """The same answer for another caller, with the pause that is left or with a hint."""
        return type(self)(
            method=self.method,
            path=self.path,
            status=self.status,
            title=self.title,
            source=self.source,
            detail=self.detail,
            retry_after_s=self.retry_after_s if retry_after_s is None else retry_after_s,
            hint=hint or self.hint,
        )


class NotAuthorized(ApiError):
    """401: the credentials or the bearer token were not taken."""


class Forbidden(ApiError):
    """403: the application is not associated with a fleet, or a scope is missing."""

    advice = (
        "The application has no fleet, or its credentials lack a scope: run `pulumi-highmobility doctor`."
    )


class VehicleNotFound(ApiError):
    """404: the application has no such vehicle."""


class ClearanceConflict(ApiError):
    """409: the clearance is already removed, or in transition."""

    @property
    def is_removed(self) -> bool:
        """True where the clearance has ended already."""
        return "already removed" in self.detail.lower()

    @property
    def is_in_transition(self) -> bool:
        """True where the clearance is being revoked or canceled just now."""
        return "transition" in self.detail.lower()


class InvalidRequest(ApiError):
    """422: a parameter is missing or refused, or cancelling is not possible (yet)."""


class RateLimited(ApiError):
    """429; `retry_after_s` is the platform's wish in seconds, None where it gave none."""


class TokenRefused(ApiError):
    """400 in OAuth's form: `title` is `error`, `detail` is `error_description`."""


class ServerError(ApiError):
    """5xx: whether the request took effect is unknown."""


class FleetIncomplete(HighMobilityError):
    """Some vehicles of a Fleet could not be released; `reasons` tells why, by VIN."""

    def __init__(self, message: str, *, reasons: Mapping[str, str]) -> None:
        super().__init__(message)
        self.reasons = dict(reasons)


class TokensIncomplete(HighMobilityError):
    """Some tokens of a fleet could not be revoked; the others were."""


class ClearanceError(HighMobilityError):
    """A rule of clearance stands in the way of one vehicle, `vin`."""

    def __init__(self, message: str, *, vin: str) -> None:
        super().__init__(message)
        self.vin = vin


class ClearanceRefused(ClearanceError):
    """The request for clearance came back as a row of status "error"."""


class ClearanceMismatch(ClearanceError):
    """The VIN is registered already, with another brand or other tags than requested."""


class ClearanceEnded(ClearanceError):
    """The clearance was rejected, revoked or canceled: waiting longer cannot help."""


class CancellationRefused(ClearanceError):
    """A pending clearance cannot be canceled, or not yet."""


class VehicleUnreadable(ClearanceError):
    """The platform's row for the vehicle cannot be read; the other rows of its list can."""


class WaitTimeout(ClearanceError):
    """A bounded wait for a change of the clearance came to its end."""
