"""The states of a clearance and the moves between them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType


class Status(str, Enum):
    """A clearance's state, by its name on the wire."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    REVOKING = "revoking"
    REVOKED = "revoked"
    CANCELING = "canceling"
    CANCELED = "canceled"

    @classmethod
    def of(cls, text: str) -> Status | None:
        """The state of this name; None for one that is not known here (one guide names "error")."""
        return _BY_NAME.get(text)


_BY_NAME = {status.value: status for status in Status}

MOVES: Mapping[Status, frozenset[Status]] = MappingProxyType(
    {
        Status.PENDING: frozenset({Status.APPROVED, Status.REJECTED, Status.CANCELING}),
        Status.APPROVED: frozenset({Status.REVOKING}),
        Status.REVOKING: frozenset({Status.REVOKED}),
        Status.CANCELING: frozenset({Status.CANCELED}),
        # From an end, the same VIN may be requested again.
        Status.REJECTED: frozenset({Status.PENDING}),
        Status.REVOKED: frozenset({Status.PENDING}),
        Status.CANCELED: frozenset({Status.PENDING}),
    }
)

ACTIVE = frozenset({Status.PENDING, Status.APPROVED})
IN_TRANSITION = frozenset({Status.REVOKING, Status.CANCELING})
ENDED = frozenset({Status.REJECTED, Status.REVOKED, Status.CANCELED})
# A rejected vehicle stays in the stack, with the carmaker's reason; these two are simply not there any more.
GONE = frozenset({Status.REVOKED, Status.CANCELED})
