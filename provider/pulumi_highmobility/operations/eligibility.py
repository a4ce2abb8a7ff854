"""The eligibility check at preview: what a carmaker won't take is said before it is requested."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..clearance.reporter import Reporter
from ..errors import HighMobilityError
from ..vehicle.brands import BRANDS
from .values import Notice

if TYPE_CHECKING:
    from ..clearance.service import ClearanceService

# Look-ups under way at a time; no limit of this call is documented.
_AT_ONCE = 8
# Warnings of more vehicles than this are counted.
_NAMED = 20


def can_be_asked(vehicles: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those (VIN, brand) whose carmaker may have a look-up; of the others their notices say so."""
    return [
        (vin, brand)
        for vin, brand in vehicles
        if brand not in BRANDS or BRANDS[brand].eligibility_lookup is not False
    ]


async def look_up(
    service: ClearanceService,
    vehicles: Sequence[tuple[str, str]],
    reporter: Reporter,
    ineligible: set[tuple[str, str]] | None = None,
) -> list[Notice]:
    """
    Warnings of the (VIN, brand) that their carmakers won't take, and of those that could not be checked.

    The former are added to `ineligible`, too.

    API: POST /eligibility
    """
    todo = iter(vehicles)
    refused: dict[str, str] = {}
    unclear: dict[str, str] = {}
    done = 0

    async def ask_some() -> None:
        nonlocal done
        for vin, brand in todo:
            try:
                answer = await service.api.check_eligibility(vin, brand)
            except HighMobilityError as error:
                unclear[vin] = f"the eligibility of {vin} could not be checked: {error}"
            else:
                if not answer.eligible:
                    if ineligible is not None:
                        ineligible.add((vin, brand))
                    refused[vin] = (
                        f"{vin} is not eligible according to {brand} (POST /eligibility): its clearance would be rejected"
                    )
            done += 1
            reporter.progress(
                f"checked the eligibility of {done:,} of {len(vehicles):,} vehicles with their carmakers"
            )

    await asyncio.gather(*(ask_some() for _ in range(min(_AT_ONCE, len(vehicles)))))
    order = [vin for vin, _ in vehicles]
    messages = [found[vin] for found in (refused, unclear) for vin in order if vin in found]
    notices = [Notice(message, "warning") for message in messages[:_NAMED]]
    if len(messages) > _NAMED:
        more = f"and {len(messages) - _NAMED:,} more vehicles that are not eligible, or could not be checked"
        notices.append(Notice(more, "warning"))
    return notices
