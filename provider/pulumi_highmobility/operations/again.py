"""Whether a clearance that somebody else ended, or refused, is requested again: only where the program says so, and not too often."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from ..clearance.states import GONE, Status
from ..clock import parse_instant

FLAGS = ("retry_rejected", "retry_revoked")


def is_ended(status: object) -> bool:
    """Whether a state says that a clearance was rejected, revoked or canceled by somebody else."""
    return isinstance(status, str) and Status.of(status) in GONE | {Status.REJECTED}


def is_told_to(status: object, props: Mapping[str, Any]) -> bool:
    """Whether the program says that one of this status is to be requested again."""
    if not is_ended(status):
        return False
    return props.get("retry_rejected" if status == "rejected" else "retry_revoked") is True


def is_due(
    status: object, retried_at: object, props: Mapping[str, Any], now: datetime, interval: timedelta
) -> bool:
    """
    As `is_told_to`, and the last request of this kind is long enough ago.

    A carmaker that rejects at once would be asked without end: each rejection is a webhook, and each webhook an `up`.
    """
    if not is_told_to(status, props):
        return False
    last = parse_instant(retried_at) if isinstance(retried_at, str) else None
    return last is None or now - last >= interval


def may_retry(props: Mapping[str, Any]) -> bool:
    """Whether the program says of any ending that the vehicle is to be requested again."""
    return any(props.get(flag) is True for flag in FLAGS)
