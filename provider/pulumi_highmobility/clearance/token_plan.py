"""What an `up` should do with a vehicle token, decided from state and wishes alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from .states import Status


class TokenStatus(str, Enum):
    """A vehicle token's state, as it stands in the stack."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"
    AWAITING_CLEARANCE = "awaiting_clearance"


class TokenStep(str, Enum):
    """What to do next: nothing, ask for a new token, renew by refresh token, or see whether it still holds."""

    KEEP = "keep"
    ISSUE = "issue"
    RENEW = "renew"
    REVALIDATE = "revalidate"


@dataclass(frozen=True)
class TokenState:
    """
    What is known of a token.

    `clearance_status` is the clearance's state when the token was last looked at; `request_id` names the
    request for clearance that it was issued under, None for a vehicle outside the stack.
    """

    status: TokenStatus
    clearance_status: str
    request_id: str | None
    expires_at: datetime | None


def next_step(
    state: TokenState,
    *,
    vehicle_status: str | None,
    request_id: str | None,
    min_remaining_s: float | None,
    now: datetime,
) -> TokenStep:
    """
    What an `up` should do.

    `vehicle_status` and `request_id` come from the vehicle in the program (None for one outside the
    stack). A vehicle whose status in state is older than the token's is no reason to doubt it: only a
    new request for clearance is.
    """
    if state.status is TokenStatus.AWAITING_CLEARANCE or state.status is TokenStatus.REVOKED:
        approved = Status.APPROVED.value in (vehicle_status, state.clearance_status)
        if request_id != state.request_id:
            return TokenStep.REVALIDATE
        return TokenStep.ISSUE if approved else TokenStep.KEEP
    if request_id != state.request_id:
        return TokenStep.REVALIDATE
    if min_remaining_s is not None and state.expires_at is not None:
        left_s = (state.expires_at - now).total_seconds()
        if left_s < min_remaining_s:
            return TokenStep.RENEW
    return TokenStep.KEEP
