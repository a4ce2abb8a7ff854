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
    issued_at: datetime | None = None

    @property
    def life_s(self) -> float | None:
        """How long the access token lives from its issue to its end; None where there is none."""
        if self.issued_at is None or self.expires_at is None:
            return None
        return (self.expires_at - self.issued_at).total_seconds()


def next_step(
    state: TokenState,
    *,
    vehicle_status: str | None,
    request_id: str | None,
    min_remaining_s: float | None,
    is_new_minimum: bool = False,
    now: datetime,
) -> TokenStep:
    """
    What an `up` should do.

    `vehicle_status` and `request_id` come from the vehicle in the program (None for one outside the
    stack). A vehicle whose status in state is older than the token's is no reason to doubt it: only a
    new request for clearance is. `is_new_minimum`: the token was not issued or renewed under this minimum yet.
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
        least_s = min_remaining_s if is_new_minimum else reachable_minimum_s(state, min_remaining_s)
        if left_s < least_s:
            return TokenStep.RENEW
    return TokenStep.KEEP


def reachable_minimum_s(state: TokenState, min_remaining_s: float) -> float:
    """
    The wish for a minimum, or half of what a token lives where it asks for more than any token has.

    Without that bound each `up` would renew the token, for ever.
    """
    life_s = state.life_s
    return min_remaining_s if life_s is None or min_remaining_s < life_s else life_s / 2
