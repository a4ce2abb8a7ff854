"""What becomes of a vehicle: by the last characters of its VIN, as with a payment provider's test cards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DAY = 86_400.0

Outcome = Literal["approve", "reject", "stay", "error"]


@dataclass(frozen=True)
class Scenario:
    """
    One course of events.

    `after` is in seconds of the emulator's time from the request, None: the emulator's --approve-after.
    `then_revoked_after` seconds after its approval the driver revokes. `error` is the description of the
    row that a request gets.
    """

    ending: str
    meaning: str
    outcome: Outcome = "approve"
    after: float | None = None
    reason: str | None = None
    then_revoked_after: float | None = None
    eligible: bool = True
    error: str | None = None


def _rejected(ending: str, cause: str, after_days: float = 0.0) -> Scenario:
    when = f"after {after_days:g} days" if after_days else "after the approval time"
    return Scenario(
        ending,
        f"rejected {when}: {cause}",
        outcome="reject",
        after=after_days * DAY or None,
        reason=f"{cause} (a reason of the emulator's)",
    )


DEFAULT = Scenario("", "approved after the approval time")

# Endings hold no I, O or Q, since a VIN has none. The causes are those of the carmakers' lifecycles.
SCENARIOS: tuple[Scenario, ...] = (
    Scenario("APPR0", "approved at once", after=0.0),
    Scenario("APPR1", "approved after an hour", after=3600.0),
    Scenario("APPR9", "approved after 9 days", after=9 * DAY),
    Scenario(
        "REJ00",
        "rejected at once",
        outcome="reject",
        after=0.0,
        reason="not eligible (a reason of the emulator's)",
    ),
    _rejected("REJ01", "the vehicle is not eligible"),
    _rejected("REJ02", "the odometer does not match"),
    _rejected("REJ03", "the vehicle is in a fleet with another data package"),
    _rejected("REJ04", "no data came within 10 days", 10),
    _rejected("REJ05", "privacy mode was on for 15 days", 15),
    _rejected("REJ06", "no consent came within 10 days", 10),
    _rejected("REJ07", "the vehicle is active through another provider"),
    _rejected("REJ08", "the vehicle is blocked because of theft"),
    Scenario("STAY0", "stays pending for ever", outcome="stay"),
    Scenario("DRVR0", "approved, and revoked by the driver a minute later", then_revoked_after=60.0),
    Scenario(
        "NTEL0",
        "not eligible: the look-up says so, a request is rejected",
        outcome="reject",
        reason="the vehicle is not eligible (a reason of the emulator's)",
        eligible=False,
    ),
    Scenario("ERRR0", "the request gets an error row", outcome="error", error="The vehicle is not accepted"),
)


def scenario_of(vin: str) -> Scenario:
    """The scenario that the VIN's ending names, else the default."""
    return next((scenario for scenario in SCENARIOS if vin.upper().endswith(scenario.ending)), DEFAULT)
