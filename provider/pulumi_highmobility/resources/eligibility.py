"""The eligibility check at preview: what a carmaker won't take is said before it is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, HighMobilityError
from .bridge import BRIDGE, ResourceReporter

if TYPE_CHECKING:
    from ..clearance.service import ClearanceService

# Look-ups under way at a time; no limit of this call is documented.
_AT_ONCE = 8
# Warnings of more vehicles than this are counted.
_NAMED = 20


def wants_eligibility_check(given: Mapping[str, Any]) -> bool:
    """Whether a resource's inputs, or else the setting, ask for the check. Raises: ConfigError."""
    wish = given.get("check_eligibility")
    return wish if isinstance(wish, bool) else BRIDGE.wants_eligibility_check()


def warn_of_the_not_eligible(vehicles: Sequence[tuple[str, str]], reporter: ResourceReporter) -> None:
    """
    Ask the carmakers of these (VIN, brand) side by side and warn of those they won't take; never fails a preview.

    Brands without look-up are left out, and all is skipped, with a message, where no credentials are set.

    API: POST /eligibility
    """
    from ..clearance.brands import BRANDS  # noqa: PLC0415 - only where the check is wanted

    # Of the brands without look-up their notices say so.
    asked = [
        (vin, brand)
        for vin, brand in vehicles
        if brand not in BRANDS or BRANDS[brand].eligibility_lookup is not False
    ]
    if not asked:
        return
    try:
        BRIDGE.settings()
    except ConfigError:
        BRIDGE.say_once("eligibility is not checked: no credentials for High Mobility are set here")
        return
    try:
        refused, unclear = BRIDGE.run(lambda service: _ask(service, asked, reporter))
    except HighMobilityError as error:
        reporter.warn(f"eligibility could not be checked: {error}")
        return
    for message in (*refused, *unclear)[:_NAMED]:
        reporter.warn(message)
    more = len(refused) + len(unclear) - _NAMED
    if more > 0:
        reporter.warn(f"and {more:,} more vehicles that are not eligible, or could not be checked")


async def _ask(
    service: ClearanceService, vehicles: Sequence[tuple[str, str]], reporter: ResourceReporter
) -> tuple[list[str], list[str]]:
    """Messages about those refused, and about those that could not be checked, in the order given."""
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
                    refused[vin] = (
                        f"{vin} is not eligible, says {brand} (POST /eligibility): its clearance would be rejected"
                    )
            done += 1
            reporter.progress(
                f"asked the carmakers of {done:,} of {len(vehicles):,} vehicles whether they are eligible"
            )

    await asyncio.gather(*(ask_some() for _ in range(min(_AT_ONCE, len(vehicles)))))
    order = [vin for vin, _ in vehicles]
    return [refused[vin] for vin in order if vin in refused], [
        unclear[vin] for vin in order if vin in unclear
    ]
