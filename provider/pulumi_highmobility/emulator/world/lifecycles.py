"""
How carmakers differ while a clearance is pending.

The facts are those of the platform's clearance lifecycle pages (Volkswagen Group, Stellantis, Ford) and of the
feature tables of its carmaker guides; where a page was not available, a brand has no entry and no special rule.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from .scenarios import DAY, Condition, own_words

# What becomes of a request for a vehicle that another application has approved already.
Elsewhere = Literal["independent", "rejected", "same-package", "at-once"]
PARTNER_TAG = "vw-group-customer-name"


@dataclass(frozen=True)
class Lifecycle:
    """
    A carmaker's flow. `limits` are the days after which a condition rejects; a condition without one stays pending.

    `pauses`: a vehicle in progress at another application waits for that to end. `needs_partner_tag`: of an
    application that is a partner.
    """

    elsewhere: Elsewhere = "independent"
    pauses: bool = False
    limits: tuple[tuple[Condition, float, str], ...] = ()
    consent_poll_s: float = 0.0
    needs_partner_tag: bool = False

    def limit_of(self, condition: str) -> tuple[float, str] | None:
        """Seconds and the reason in the end."""
        return next(
            ((days * DAY, own_words(cause)) for name, days, cause in self.limits if name == condition), None
        )

    def seen_consent_at(self, requested_at: float, now: float) -> float:
        """When the carmaker next looks for a consent given `now`."""
        if not self.consent_poll_s:
            return now
        return requested_at + math.ceil((now - requested_at) / self.consent_poll_s) * self.consent_poll_s


_NO_DATA: tuple[Condition, float, str] = ("no-data", 10, "no data came within 10 days")
_VOLKSWAGEN_GROUP = Lifecycle(
    elsewhere="rejected",
    limits=(("privacy-mode", 15, "privacy mode was on for 15 days"), _NO_DATA),
    needs_partner_tag=True,
)
_STELLANTIS = Lifecycle(elsewhere="same-package", pauses=True, limits=(_NO_DATA,))
_FORD = Lifecycle(
    elsewhere="at-once",
    pauses=True,
    limits=(("no-consent", 10, "no consent came within 10 days"),),
    consent_poll_s=12 * 3600.0,
)
LIFECYCLES: dict[str, Lifecycle] = {
    **dict.fromkeys(("volkswagen", "audi", "skoda", "seat", "cupra"), _VOLKSWAGEN_GROUP),
    **dict.fromkeys(
        ("citroen", "ds", "opel", "peugeot", "vauxhall", "jeep", "fiat", "alfaromeo", "maserati"), _STELLANTIS
    ),
    "ford": _FORD,
    # "One VIN in several apps: no", the guide's feature table.
    "polestar": Lifecycle(elsewhere="rejected"),
}
_ANY = Lifecycle()


def lifecycle_of(brand: str) -> Lifecycle:
    """The brand's, or one without special rules."""
    return LIFECYCLES.get(brand, _ANY)
