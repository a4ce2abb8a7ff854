"""How many clearances of single resources one `up` may end: a program that lost half of its vehicles must not end them."""

from __future__ import annotations

from collections.abc import Collection

from ..clearance.states import ACTIVE, Status
from ..errors import ClearanceStays, ConfigError
from ..fleet.plan import named, removals_allowed
from ..settings import MAX_REVOCATIONS
from .claims import Claims
from .ending import Fate, Going, judge
from .saved_state import SavedState

# Fewer than that are no accident that weighs; a Fleet's own `max_removals` counts for itself.
ALWAYS_ALLOWED = 10
SHARE = "10%"


def held_in(saved: SavedState) -> int:
    """How many vehicles the stack holds as pending or approved."""
    return len(
        {vin for one in saved.live for vin, status in one.statuses.items() if Status.of(status) in ACTIVE}
    )


def singles_due(claims: Claims, saved: SavedState) -> list[str]:
    """Of the single vehicles that the stack holds, those whose clearance ends with the program as it is."""
    found = set()
    for record in saved.records:
        if record.kind != "FleetVehicle" or not (record.is_live or record.is_old_copy):
            continue
        vin = record.id.upper()
        if record.is_live and claims.is_checked(record.urn) and claims.held_by(record.urn) is None:
            continue
        if Status.of(record.statuses.get(vin, "")) not in ACTIVE:
            continue
        if judge(vin, Going(record.urn, record.id), claims, saved).fate is Fate.END:
            found.add(vin)
    return sorted(found)


def refuse_too_many(vins: Collection[str], held: int, limit: str | None) -> None:
    """
    `limit`: the setting as written, a number or a share; by default more than ten and more than a tenth are too many.

    Raises: ClearanceStays, ConfigError.
    """
    try:
        allowed = (
            max(ALWAYS_ALLOWED, removals_allowed(SHARE, held)) if limit is None else _allowed(limit, held)
        )
    except ValueError as error:
        raise ConfigError(f"{MAX_REVOCATIONS.names}: {error}") from error
    if len(vins) <= allowed:
        return
    raise ClearanceStays(
        f"This `up` would end the clearances of {len(vins):,} single vehicles ({named(sorted(vins))}), of {held:,} that the stack holds, and "
        f"{allowed:,} are allowed. Was a list cut off, or a part of the program left out? None of them was ended. If this is intended, set "
        f"{MAX_REVOCATIONS.names} to {len(vins)} for this `up`; a destroy is not limited."
    )


def _allowed(limit: str, held: int) -> int:
    return removals_allowed(int(limit) if limit.strip().isdigit() else limit, held)
