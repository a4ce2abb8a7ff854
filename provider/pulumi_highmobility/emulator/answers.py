"""What is answered when something is wrong: the platform's two shapes of errors, in one place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Problem(Exception):
    """
    An error answer in the platform's own shape: {"errors": [{title, source, detail}]}.

    `bare` leaves the object around the list out, as the specification has it for one call.
    """

    status: int
    title: str
    source: str | None = None
    detail: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    bare: bool = False

    def body(self) -> dict[str, Any] | list[dict[str, Any]]:
        """The JSON body."""
        error = {"title": self.title, "source": self.source, "detail": self.detail}
        errors = [{name: value for name, value in error.items() if value is not None}]
        return errors if self.bare else {"errors": errors}


@dataclass
class OAuthProblem(Exception):
    """An error answer in OAuth's shape, RFC 6749 section 5.2: {"error", "error_description"}."""

    description: str
    error: str = "invalid_request"
    status: int = 400
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """The JSON body."""
        return {"error": self.error, "error_description": self.description}


def bad_assertion() -> Problem:
    """POST /auth_tokens with anything but a good assertion."""
    return Problem(
        401,
        "Not authorized",
        "assertion",
        "Missing or invalid assertion. It must be a JWT signed with the service account key.",
    )


def not_authorized() -> Problem:
    """No bearer token, or one that is not good (any longer)."""
    return Problem(
        401,
        "Not authorized",
        "Authorization",
        "Missing or invalid authorization header. The token must be obtained through the service account API and "
        'sent as a header with the format "Authorization: Bearer <token>"',
    )


def expired_token() -> Problem:
    """A bearer token that was good. One public client signs in again on this detail alone."""
    return Problem(401, "Not authorized", "Authorization", "Expired token")


def unknown_auth_token() -> Problem:
    """DELETE of a bearer token that nobody knows: OpenAPI hm-service-account-token-v1 has a bare list for this 404."""
    return Problem(404, "Not found", "auth_token", "The auth token is not known.", bare=True)


def no_fleet() -> Problem:
    """The application has no fleet access."""
    return Problem(403, "Forbidden", "Authorization", "This service account is not associated with a fleet.")


def missing_scope(scope: str) -> Problem:
    """The bearer token was requested with fewer scopes; of the eligibility call no 403 is documented."""
    detail = f"The token lacks the scope {scope}."
    if scope == "vehicle:eligibility-check":
        return Problem(401, "Not authorized", "Authorization", detail)
    return Problem(403, "Forbidden", "Authorization", detail)


def not_found() -> Problem:
    """No such vehicle in this application."""
    return Problem(404, "Not found", "vin", "The vehicle is not registered.")


def invalid(source: str, detail: str) -> Problem:
    """A payload that lacks a parameter, or has a wrong one."""
    return Problem(422, "Invalid input", source, detail)


def already_removed() -> Problem:
    """DELETE of a clearance that has ended."""
    return Problem(409, "Conflict", "vin", "Clearance is already removed")


def in_transition() -> Problem:
    """DELETE of a clearance that is ending."""
    return Problem(409, "Conflict", "vin", "Clearance is in transition mode")


def cannot_cancel() -> Problem:
    """DELETE of a pending clearance at a carmaker that does not cancel."""
    return Problem(422, "not supported", "vin", "cancellation is not supported for this vin")


def too_early() -> Problem:
    """DELETE of a pending clearance within a day of its request."""
    return Problem(
        422, "too early", "status", "the pending status could only be canceled after 1 day it's created"
    )


def too_many(application: str, retry_after_s: int) -> Problem:
    """More calls than the limit."""
    return Problem(
        429,
        "Too many requests",
        f"fleet-manager-api:{application}",
        f"retry after {retry_after_s}s",
        {"Retry-After": str(retry_after_s)},
    )
