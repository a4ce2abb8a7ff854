"""What an operation has at hand beside its own values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from ..clearance.reporter import Reporter

if TYPE_CHECKING:
    from ..clearance.claims import Claims
    from ..clearance.service import ClearanceService

KeeperOf = Callable[[str], "str | None"]
"""The URN of the resource for which the clearance of a VIN has to stay, None where there is none: see Claims."""


@dataclass(frozen=True)
class Facts:
    """What a check or diff may know beside the properties; it makes no request."""

    now: datetime
    keeper_of: KeeperOf
    checks_eligibility: bool = False
    """What the setting says, where a resource's input says nothing."""


@dataclass(frozen=True)
class Work:
    """The platform, the user, and the run that a create, read, update or delete belongs to."""

    service: ClearanceService
    reporter: Reporter
    claims: Claims
    urn: str

    def keeper_of(self, vin: str) -> str | None:
        """See Claims.keeper_of, for the resource at work."""
        return self.claims.keeper_of(vin, self.urn)
