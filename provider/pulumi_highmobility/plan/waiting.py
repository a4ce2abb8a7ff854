"""How long an approval takes, by brand, from the fleet's own changelogs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from ..api.shapes import Changelog, RegisteredVehicle
from ..report.episodes import histories_of
from ..report.summary import summarize
from ..vehicle.brands import wire_name
from .preview import decoded

_HALF = 0.5


def to_approval_s(
    vehicles: Iterable[RegisteredVehicle], brands: Collection[str], now: datetime
) -> dict[str, float]:
    """By brand, of these `brands`: within how many seconds half of the requests were approved, where so many were."""
    chosen = [one for one in vehicles if (wire_name(one.brand or "") or one.brand) in brands]
    found: dict[str, float] = {}
    for group in summarize(histories_of(chosen, now), now).brands:
        half = next(one.seconds for one in group.quartiles if one.share == _HALF)
        if half is not None:
            found[wire_name(group.brand) or group.brand] = half
    return found


def changelogs_of(resources: Iterable[Mapping[str, Any]]) -> list[RegisteredVehicle]:
    """The single vehicles of a state, which have their changelogs in it; a Fleet's have none there."""
    found = []
    for resource in resources:
        outputs = decoded(resource.get("outputs") or {})
        log = outputs.get("changelog")
        if not isinstance(log, list) or not isinstance(outputs.get("status"), str):
            continue
        changes = [
            Changelog(str(one.get("timestamp", "")), str(one.get("status", "")))
            for one in log
            if isinstance(one, Mapping)
        ]
        brand = outputs.get("brand")
        vin = str(resource.get("id", ""))
        found.append(
            RegisteredVehicle(
                vin, outputs["status"], brand if isinstance(brand, str) else None, None, changes
            )
        )
    return found
