"""What an `up` will do to clearances, as far as it is known at the end of a preview: Pulumi tells a provider of no deletion there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..clearance.states import ACTIVE, Status
from ..fleet.leaving import read_leaving
from ..fleet.plan import named
from .claims import Claims
from .ending import resources_of
from .saved_state import Record, SavedState


@dataclass(frozen=True)
class Forecast:
    """VINs, sorted: whose clearance ends, and which leave a resource and keep it; `unknown` are Fleets whose list is not known."""

    ends: tuple[str, ...] = ()
    stays: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One line; empty where there is nothing to say."""
        parts = []
        if self.ends:
            clearances = "clearance" if len(self.ends) == 1 else "clearances"
            parts.append(f"ends {len(self.ends):,} {clearances} ({named(self.ends)})")
        if self.stays:
            move = "vehicle moves and stays" if len(self.stays) == 1 else "vehicles move and stay"
            parts.append(
                f"{'' if self.ends else 'ends no clearance; '}{len(self.stays):,} {move} ({named(self.stays)})"
            )
        if self.unknown:
            parts.append(f"what leaves {', '.join(self.unknown)} is known during the `up`")
        return f"this `up` {', '.join(parts)}" if self.ends or self.stays else ""


def forecast(
    claims: Claims,
    saved: SavedState,
    predicted: Mapping[str, frozenset[str] | None],
    *,
    has_targets: bool = False,
) -> Forecast:
    """
    By what the preview has checked, and what the stack holds.

    `predicted`: by a Fleet's id, the leaves that its diff came to. `has_targets`: only some resources take part, so that what is
    not declared stays.
    """
    is_whole = not has_targets and not claims.unchecked()
    due: dict[str, str] = {}
    unknown = []
    going = {id(record) for record in saved.records if is_whole and _is_going(record, claims, saved)}
    for record in saved.records:
        if id(record) in going:
            due |= {vin: record.statuses.get(vin, "") for vin in record.vins or ()}
            due |= _left(record, saved)
        elif record.is_live and record.kind == "FleetVehicle":
            for urn in resources_of(record, claims, saved):
                if claims.is_replaced(urn) and not claims.gives_up(urn, record.id.upper()):
                    due |= record.statuses
        elif record.is_live and record.kind == "Fleet" and record.id in predicted:
            leaves = predicted[record.id]
            if leaves is None:
                unknown.append(f'Fleet "{record.name}"')
                continue
            vins = {leave.partition("@")[0] for leave in leaves - saved.signalled(record.id)}
            due |= {vin: record.statuses.get(vin, "approved") for vin in vins}
    ends, stays = [], []
    for vin, status in sorted(due.items()):
        is_held = any(
            id(one) not in going and not resources_of(one, claims, saved) for one in saved.holding(vin)
        )
        if claims.wants_of(vin) or is_held:
            stays.append(vin)
        elif Status.of(status) in ACTIVE:
            ends.append(vin)
    return Forecast(tuple(ends), tuple(stays), tuple(unknown))


def _left(record: Record, saved: SavedState) -> dict[str, str]:
    """What has left a Fleet, and not ended: it ends with the Fleet, where no record of its removals is to end it."""
    leaving = read_leaving(record.properties.get("leaving", "")) if record.kind == "Fleet" else {}
    if not leaving:
        return {}
    signalled = saved.signalled(record.id)
    return {vin: one.status for vin, one in leaving.items() if one.key not in signalled}


def _is_going(record: Record, claims: Claims, saved: SavedState) -> bool:
    """An old copy, or one whose resource the program no longer has."""
    if record.kind not in ("FleetVehicle", "Fleet"):
        return False
    return record.is_old_copy or (record.is_live and not resources_of(record, claims, saved))
