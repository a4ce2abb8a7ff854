"""The states of a clearance, and what they have in common."""

from __future__ import annotations

from enum import Enum


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

ACTIVE = frozenset({Status.PENDING, Status.APPROVED})
IN_TRANSITION = frozenset({Status.REVOKING, Status.CANCELING})
ENDED = frozenset({Status.REJECTED, Status.REVOKED, Status.CANCELED})
# A rejected vehicle stays in the stack, with the carmaker's reason; these two are simply not there any more.
GONE = frozenset({Status.REVOKED, Status.CANCELED})
