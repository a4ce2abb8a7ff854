"""Made-up fleets, the same for the same seed."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone

from pulumi_highmobility.api.shapes import Changelog, RegisteredVehicle

NOW = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)
# Brand, share of the fleet, median of the time to approval in hours, share rejected, share never answered.
KINDS = (
    ("bmw", 30, 2.0, 0.05, 0.02),
    ("mercedes-benz", 20, 12.0, 0.1, 0.05),
    ("volkswagen", 20, 60.0, 0.15, 0.1),
    ("peugeot", 12, 30.0, 0.1, 0.1),
    ("ford", 10, 100.0, 0.2, 0.2),
    ("tesla", 5, 0.2, 0.02, 0.0),
    ("polestar", 2, 5.0, 0.0, 0.0),
    ("nissan", 1, 20.0, 0.3, 0.3),
)
REASONS = ("The vehicle is not eligible", "The odometer does not match", "No data came within 10 days", "")


def vin_of(number: int) -> str:
    return f"WBA0000000E{number:06}"


def stamp(at: datetime) -> str:
    """As the platform writes an instant."""
    return at.isoformat().removesuffix("+00:00")


def fleet(size: int, *, seed: int = 1) -> list[RegisteredVehicle]:
    """`size` vehicles of several brands, requested in the months before NOW."""
    rng = random.Random(seed)
    return [_vehicle(number, rng) for number in range(size)]


def _vehicle(number: int, rng: random.Random) -> RegisteredVehicle:
    brand, _, hours, rejected, silent = rng.choices(KINDS, [kind[1] for kind in KINDS])[0]
    at = NOW - timedelta(days=rng.uniform(0.01, 90))
    changes = [Changelog(stamp(at), "pending")]
    while True:
        at += timedelta(hours=hours * rng.lognormvariate(0, 0.9))
        if rng.random() < silent or at >= NOW:
            break
        if rng.random() < rejected:
            changes.append(Changelog(stamp(at), "rejected", rng.choice(REASONS) or None))
            at += timedelta(hours=rng.uniform(1, 100))
            if rng.random() < 0.5 or at >= NOW:
                break
            changes.append(Changelog(stamp(at), "pending"))
            continue
        changes.append(Changelog(stamp(at), "approved"))
        at += timedelta(days=rng.uniform(1, 100))
        if rng.random() < 0.1 and at < NOW:
            changes += [Changelog(stamp(at), "revoking"), Changelog(stamp(at), "revoked")]
        break
    # The platform's order is not promised.
    if rng.random() < 0.5:
        changes.reverse()
        status = changes[0].status
    else:
        status = changes[-1].status
    return RegisteredVehicle(vin_of(number), status, brand, {}, changes)
