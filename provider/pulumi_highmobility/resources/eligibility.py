"""The eligibility check at preview: what a carmaker won't take is said before it is asked for."""

from __future__ import annotations

from ..errors import ConfigError, HighMobilityError
from .bridge import BRIDGE, ResourceReporter


def warn_if_not_eligible(vin: str, brand: str, reporter: ResourceReporter) -> None:
    """
    Ask the carmaker and warn of a vehicle that it won't take; never fails a preview.

    Skipped for a brand without look-up, and, with a message, where no credentials are set.

    API: POST /eligibility
    """
    from ..clearance.brands import BRANDS  # noqa: PLC0415 - only where the check is wanted

    known = BRANDS.get(brand)
    if known is not None and known.eligibility_lookup is False:
        # The brand's notices say so.
        return
    try:
        BRIDGE.settings()
    except ConfigError:
        BRIDGE.say_once("eligibility is not checked: no credentials for High Mobility are set here")
        return
    reporter.progress(f"asking {brand} whether {vin} is eligible")
    try:
        answer = BRIDGE.run(lambda service: service.api.check_eligibility(vin, brand))
    except HighMobilityError as error:
        reporter.warn(f"the eligibility of {vin} could not be checked: {error}")
        return
    if not answer.eligible:
        reporter.warn(
            f"{vin} is not eligible, says {brand} (POST /eligibility): its clearance would be rejected"
        )
