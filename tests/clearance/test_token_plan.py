"""What an `up` does with a vehicle token, by what is known of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from pulumi_highmobility.clearance.token_plan import TokenState, TokenStatus, TokenStep, next_step

NOW = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)
ACTIVE = TokenState(TokenStatus.ACTIVE, "approved", "request-1", NOW + timedelta(seconds=600))
AWAITING = TokenState(TokenStatus.AWAITING_CLEARANCE, "pending", "request-1", None)
REVOKED = TokenState(TokenStatus.REVOKED, "approved", "request-1", NOW + timedelta(seconds=600))
# Of 600 s, all are left; of 600 s, 299.
WHOLE = replace(ACTIVE, issued_at=NOW)
HALF = replace(ACTIVE, issued_at=NOW - timedelta(seconds=301), expires_at=NOW + timedelta(seconds=299))
EXPIRED = TokenState(TokenStatus.EXPIRED, "approved", "request-1", NOW - timedelta(seconds=1))


@pytest.mark.parametrize(
    ("state", "wish", "step"),
    [
        (ACTIVE, {}, TokenStep.KEEP),
        # The vehicle's status in state is older than the token's: no reason to doubt it.
        (ACTIVE, {"vehicle_status": "pending"}, TokenStep.KEEP),
        (ACTIVE, {"request_id": "request-2"}, TokenStep.REVALIDATE),
        (ACTIVE, {"min_remaining_s": 600}, TokenStep.KEEP),
        (ACTIVE, {"min_remaining_s": 601}, TokenStep.RENEW),
        (WHOLE, {"min_remaining_s": 3600}, TokenStep.KEEP),
        (WHOLE, {"min_remaining_s": 3600, "is_new_minimum": True}, TokenStep.RENEW),
        (HALF, {"min_remaining_s": 3600}, TokenStep.RENEW),
        (HALF, {"min_remaining_s": 250}, TokenStep.KEEP),
        (EXPIRED, {}, TokenStep.KEEP),
        (EXPIRED, {"min_remaining_s": 0}, TokenStep.RENEW),
        (AWAITING, {"vehicle_status": "pending"}, TokenStep.KEEP),
        (AWAITING, {"vehicle_status": "approved"}, TokenStep.ISSUE),
        (AWAITING, {"vehicle_status": "rejected"}, TokenStep.KEEP),
        (AWAITING, {"vehicle_status": "pending", "request_id": "request-2"}, TokenStep.REVALIDATE),
        (REVOKED, {}, TokenStep.ISSUE),
        (REVOKED, {"request_id": "request-2"}, TokenStep.REVALIDATE),
    ],
)
def test_what_an_up_does_next(state: TokenState, wish: dict[str, Any], step: TokenStep) -> None:
    wishes = {"vehicle_status": "approved", "request_id": "request-1", "min_remaining_s": None} | wish
    assert next_step(state, now=NOW, **wishes) is step


def test_a_token_for_a_vehicle_outside_the_stack_is_issued_once_its_approval_was_seen() -> None:
    outside = {"vehicle_status": None, "request_id": None, "min_remaining_s": None, "now": NOW}
    waiting = TokenState(TokenStatus.AWAITING_CLEARANCE, "pending", None, None)
    seen = TokenState(TokenStatus.AWAITING_CLEARANCE, "approved", None, None)
    assert next_step(waiting, **outside) is TokenStep.KEEP  # type: ignore[arg-type]
    assert next_step(seen, **outside) is TokenStep.ISSUE  # type: ignore[arg-type]
