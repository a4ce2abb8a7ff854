"""What an operation has at hand beside its own values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..clearance.reporter import Reporter
from ..run.ending import Going
from ..text import visible
from ..vehicle.brands import nearest_brand, wire_name

if TYPE_CHECKING:
    from ..clearance.service import ClearanceService
    from ..run.engine_run import EngineRun


# What was ended or refused by somebody is requested again once a day at most.
RETRY_INTERVAL = timedelta(days=1)


@dataclass
class Facts:
    """
    What a check or diff may know beside the properties; it makes no request.

    `id` is empty in a check. `checks_eligibility` is what the setting says, where a resource's input says nothing.
    """

    now: datetime
    run: EngineRun
    urn: str
    id: str = ""
    checks_eligibility: bool = False
    retry_interval: timedelta = RETRY_INTERVAL
    _is_current: bool = field(default=False, init=False)

    def deletes_first(self) -> bool:
        """Whether the program gave this resource `delete_before_replace`."""
        self.look()
        return self.run.claims.deletes_first(self.urn)

    def look(self) -> None:
        """Take what the program has told; once is enough for a call."""
        if not self._is_current:
            self.run.look_at_board()
            self._is_current = True

    def why_refused(self, vin: str, brand: str) -> str:
        """Why a request for this vehicle is known to fail; empty where nothing is known against it."""
        if wire_name(brand) is None:
            near = nearest_brand(brand)
            return f'"{visible(brand)}" is not a brand that this version knows' + (
                f'. Did you mean "{near}"?' if near else ""
            )
        if (vin, brand) in self.run.ineligible:
            return "it is not eligible according to the carmaker (POST /eligibility)"
        return ""

    def wanted_by(self, vin: str) -> str | None:
        """The URN of another resource that wants `vin`, or of this one; None where the program has none."""
        self.look()
        return self.run.wanted_by(vin, self.urn)


@dataclass(frozen=True)
class Work:
    """The platform, the user, and the run that a create, read, update or delete belongs to; `id` is empty in a create."""

    service: ClearanceService
    reporter: Reporter
    run: EngineRun
    urn: str
    id: str = ""
    retry_interval: timedelta = RETRY_INTERVAL

    @property
    def going(self) -> Going:
        """The record at hand, for a delete."""
        return Going(self.urn, self.id)
