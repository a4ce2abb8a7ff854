"""What becomes of a vehicle: by rules, as with a payment provider's test cards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

DAY = 86_400.0

Outcome = Literal["approve", "reject", "stay", "error"]
Condition = Literal["privacy-mode", "no-data", "no-consent"]
OUTCOMES: tuple[Outcome, ...] = ("approve", "reject", "stay", "error")
DATA_DELIVERY = ("pull", "push")
CONNECTIVITY = ("activated", "deactivated", "unknown")
# In the order in which carmakers look.
CONDITIONS: tuple[Condition, ...] = ("no-consent", "privacy-mode", "no-data")


@dataclass(frozen=True)
class Step:
    """A further move, `after` seconds from the one before."""

    status: str
    after: float = 0.0
    reason: str | None = None


@dataclass(frozen=True)
class Scenario:
    """
    One rule: which vehicles it is for, and what happens to them.

    It is for a vehicle that has all that is given: the VIN's `ending`, a `vin` (with * for any characters), one of
    the `brands`, the `tags`. `after` is in seconds of the emulator's time from the request, None: the emulator's
    --approve-after. `conditions` hold until a control says otherwise; the carmaker's lifecycle tells what comes of
    them. `error` is the description of the row that a request gets. What is None is left to the brand (`cancelable`),
    the contract (`cancelable_after`, seconds from the request) or to whether the vehicle is `eligible` (the look-up's
    other fields).
    """

    ending: str = ""
    meaning: str = ""
    vin: str = "*"
    brands: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    outcome: Outcome = "approve"
    after: float | None = None
    reason: str | None = None
    then: tuple[Step, ...] = ()
    conditions: tuple[Condition, ...] = ()
    eligible: bool = True
    data_delivery: tuple[str, ...] | None = None
    connectivity_status: str | None = None
    primary_user_assigned: bool | None = None
    cancelable: bool | None = None
    cancelable_after: float | None = None
    error: str | None = None

    def is_for(self, vin: str, brand: str, tags: Mapping[str, str]) -> bool:
        """Whether the vehicle is one of those."""
        return (
            vin.endswith(self.ending)
            and fnmatchcase(vin, self.vin)
            and (not self.brands or brand in self.brands)
            and all(tags.get(name) == text for name, text in self.tags)
        )


def _rejected(ending: str, cause: str, after_days: float = 0.0) -> Scenario:
    when = f"after {after_days:g} days" if after_days else "after the approval time"
    return Scenario(
        ending,
        f"rejected {when}: {cause}",
        outcome="reject",
        after=after_days * DAY or None,
        reason=own_words(cause),
    )


def own_words(cause: str) -> str:
    """A reason as it stands in a changelog: the platform publishes none, so nobody may build on these."""
    return f"{cause} (a reason of the emulator's)"


DEFAULT = Scenario("", "approved after the approval time")

# Endings hold no I, O or Q, since a VIN has none. The causes are those of the carmakers' lifecycles.
SCENARIOS: tuple[Scenario, ...] = (
    Scenario("APPR0", "approved at once", after=0.0),
    Scenario("APPR1", "approved after an hour", after=3600.0),
    Scenario("APPR9", "approved after 9 days", after=9 * DAY),
    Scenario("REJ00", "rejected at once", outcome="reject", after=0.0, reason=own_words("not eligible")),
    _rejected("REJ01", "the vehicle is not eligible"),
    _rejected("REJ02", "the odometer does not match"),
    _rejected("REJ03", "the vehicle is in a fleet with another data package"),
    _rejected("REJ04", "no data came within 10 days", 10),
    _rejected("REJ05", "privacy mode was on for 15 days", 15),
    _rejected("REJ06", "no consent came within 10 days", 10),
    _rejected("REJ07", "the vehicle is active through another provider"),
    _rejected("REJ08", "the vehicle is blocked because of theft"),
    Scenario("STAY0", "stays pending indefinitely", outcome="stay"),
    Scenario(
        "PRVM0",
        "privacy mode is on: pending, until it is turned off or the carmaker rejects",
        conditions=("privacy-mode",),
    ),
    Scenario(
        "NDAT0", "sends no data: pending, until it does or the carmaker rejects", conditions=("no-data",)
    ),
    Scenario(
        "NCNS0",
        "no consent is given: pending, until it is or the carmaker rejects",
        conditions=("no-consent",),
    ),
    Scenario(
        "DRVR0",
        "approved, and revoked by the driver a minute later",
        then=(Step("revoking", 60.0, "revoked by the driver (the emulator's scenario)"),),
    ),
    Scenario(
        "NTEL0",
        "not eligible: the look-up says so, a request is rejected",
        outcome="reject",
        reason=own_words("the vehicle is not eligible"),
        eligible=False,
    ),
    Scenario("ERRR0", "the request gets an error row", outcome="error", error="The vehicle is not accepted"),
)


class Scenarios:
    """The rules of a file, and after them the built-in ones; the first that is for a vehicle holds."""

    def __init__(self, rules: tuple[Scenario, ...] = ()) -> None:
        self.rules = rules

    def of(self, vin: str, brand: str = "", tags: Mapping[str, str] | None = None) -> Scenario:
        """The vehicle's rule, else the default."""
        vin = vin.upper()
        rules = (*self.rules, *SCENARIOS)
        return next((rule for rule in rules if rule.is_for(vin, brand, tags or {})), DEFAULT)
