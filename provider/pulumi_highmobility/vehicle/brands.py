"""
What is known of each carmaker, in one table; docs/brands.md shows it to users and a test compares.

Only the opening part of each source could be read: None and "unknown" mean "not in what was read".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from .wording import fold, nearest

SeveralApplications = Literal["yes", "no", "same data package", "unknown"]

_DOCS = "https://docs.high-mobility.com"
# Where each fact comes from, by the letters of Brand.sources.
SOURCES: Mapping[str, str] = MappingProxyType(
    {
        # The table of features at the head of each page.
        "G": f"{_DOCS}/oem-guides/GUIDE",
        # The chart of the activation; GUIDE is the brand or its group.
        "L": f"{_DOCS}/oem-guides/GUIDE/clearance-lifecycle",
        "E": f"{_DOCS}/docs/vehicle-eligibility",
        "O": "https://github.com/highmobility/open-api-specifications/blob/main/hm-fleet-clearance-v1.yml",
        "OE": "https://github.com/highmobility/open-api-specifications/blob/main/hm-eligibility-v1.yml",
        "A": f"{_DOCS}/docs/getting-started/fleet-clearance/activation-process",
        # Older pages by brand.
        "P": f"{_DOCS}/guides/platform/GUIDE",
        "T": f"{_DOCS}/guides/cloud/service-account-api-fleet-clearance-tutorial",
    }
)

VW_GROUP_TAG = "vw-group-customer-name"


@dataclass(frozen=True)
class Brand:
    """One carmaker's brand and how its clearances differ."""

    name: str
    """As on the wire."""
    sources: tuple[str, ...]
    """Letters of SOURCES."""
    group: str | None = None
    """The group whose guide covers the brand; None where it has a guide of its own, or none."""
    cancels_pending: bool = False
    """Whether DELETE on a pending clearance is supported: O names those that do, and no other."""
    eligibility_lookup: bool | None = None
    """Whether POST /eligibility takes the brand; None where the sources are silent or disagree."""
    several_applications: SeveralApplications = "unknown"
    """Whether a VIN can be cleared for several applications at a time."""
    preconditions: tuple[str, ...] = ()
    """What must be so before the carmaker approves, a sentence each."""
    consent: str | None = None
    """A consent that somebody must give at the carmaker, and where; a sentence."""
    partner_tag: str | None = None
    """A tag that applications configured as partner must send."""
    requires_odometer: bool = False
    """Whether the request needs the odometer's reading."""
    pending_limit: str | None = None
    """How long a clearance can stay pending, a sentence; None where nothing is known."""


_STELLANTIS = Brand(
    name="",
    sources=("E", "OE", "O", "L"),
    group="stellantis",
    cancels_pending=True,
    eligibility_lookup=True,
    several_applications="same data package",
    pending_limit="A car that sends no data within 10 days of its activation is rejected; the activation itself has no known limit.",
)
_VOLKSWAGEN_GROUP = Brand(
    name="",
    sources=("G", "L", "O"),
    group="volkswagen-group",
    cancels_pending=True,
    eligibility_lookup=False,
    several_applications="no",
    preconditions=("In the car, the connectivity settings must be on and the privacy mode off.",),
    partner_tag=VW_GROUP_TAG,
    # An older copy of the guide gives the privacy mode 10 days; this is the newer one's number.
    pending_limit="The privacy mode is checked for 15 days and the first data awaited for 10 more, then the car is rejected; the activation before that has no known limit.",
)
_BMW_AND_MINI = Brand(
    name="",
    sources=("P", "E", "OE", "O"),
    eligibility_lookup=True,
    preconditions=("Fleet cars built before 07/2020 need a ConnectedDrive subscription.",),
)
_TOYOTA_AND_LEXUS = Brand(name="", sources=("E", "OE", "O"), eligibility_lookup=True)

_TABLE = (
    *(replace(_BMW_AND_MINI, name=name) for name in ("bmw", "mini")),
    Brand(
        name="mercedes-benz",
        sources=("E", "OE", "O", "T"),
        cancels_pending=True,
        eligibility_lookup=True,
        # O calls it deprecated; T says that the carmaker compares it with the car's own reading.
        requires_odometer=True,
        preconditions=("The odometer's reading must agree with the car's.",),
    ),
    *(
        replace(_STELLANTIS, name=name)
        for name in ("citroen", "ds", "opel", "peugeot", "vauxhall", "jeep", "fiat", "alfaromeo")
    ),
    # A Stellantis brand that no list of look-ups names; all else is inferred from its group.
    replace(_STELLANTIS, name="maserati", sources=("L", "O"), eligibility_lookup=None),
    Brand(
        name="ford",
        sources=("G", "L", "O"),
        eligibility_lookup=True,
        several_applications="yes",
        preconditions=("The car must be in the customer's Ford Pro fleet portal account.",),
        consent="The fleet's owner must consent in the Ford Pro fleet portal; without it the car is rejected after 10 days.",
        pending_limit="Once consent is given, the activation has no limit: a clearance can stay pending indefinitely.",
    ),
    Brand(name="renault", sources=("E", "OE", "O"), eligibility_lookup=True),
    # E lists a look-up (spelled "daica"), OE does not.
    Brand(name="dacia", sources=("E", "OE", "O")),
    *(replace(_TOYOTA_AND_LEXUS, name=name) for name in ("toyota", "lexus")),
    Brand(
        name="porsche",
        sources=("G", "O"),
        eligibility_lookup=False,
        several_applications="yes",
        preconditions=(
            "Porsche Connect must be active.",
            "A first-generation Macan (combustion engine) is not supported.",
        ),
    ),
    Brand(name="kia", sources=("E", "OE", "O")),
    Brand(
        name="tesla",
        sources=("G", "P", "O"),
        eligibility_lookup=False,
        several_applications="yes",
        consent="The fleet's owner must consent in Tesla's own flow, once for the whole fleet, before clearance is requested.",
    ),
    Brand(name="volvo-cars", sources=("E", "OE", "O"), eligibility_lookup=True),
    *(replace(_VOLKSWAGEN_GROUP, name=name) for name in ("volkswagen", "audi", "skoda", "seat", "cupra")),
    Brand(
        name="polestar",
        sources=("G", "O"),
        eligibility_lookup=False,
        several_applications="no",
        preconditions=("The car must be in the EEA, Norway, Switzerland or the United Kingdom.",),
    ),
    # Missing from the brands of our copy of O, but in its published reference page.
    Brand(
        name="nissan",
        sources=("G",),
        eligibility_lookup=False,
        several_applications="yes",
        preconditions=("The car must be in the EEA, Switzerland or the United Kingdom.",),
    ),
    Brand(name="sandbox", sources=("O", "OE"), eligibility_lookup=True),
)

BRANDS: Mapping[str, Brand] = MappingProxyType({brand.name: brand for brand in _TABLE})

# What people write for names that share few letters with the one on the wire.
_ALSO_CALLED = {
    "vw": "volkswagen",
    "merc": "mercedes-benz",
    "mb": "mercedes-benz",
    "daimler": "mercedes-benz",
    "volvo": "volvo-cars",
    "alfa": "alfaromeo",
    "dsautomobiles": "ds",
}


def wire_name(name: str) -> str | None:
    """The known brand that this is, but for case, diacritics and blanks around it; else None."""
    if name in BRANDS:
        return name
    folded = fold(name)
    return folded if folded in BRANDS else None


def nearest_brand(name: str) -> str | None:
    """The known brand most likely meant ("vw" → "volkswagen"), None where none comes close."""
    found = nearest(name, (*BRANDS, *_ALSO_CALLED))
    return _ALSO_CALLED.get(found, found) if found is not None else None


def notices_for(brand: str, *, tags: Iterable[str] = (), checks_eligibility: bool = False) -> list[str]:
    """
    What to tell a user before clearance of a `brand`'s vehicle is requested, a sentence or two each.

    `tags` are the names of the vehicle's tags (a mapping will do); `checks_eligibility` is whether the
    user wants the look-up. Nothing is known, and nothing said, of a brand outside of BRANDS.
    """
    known = BRANDS.get(brand)
    if known is None:
        return []
    notices = [known.consent] if known.consent else []
    notices.extend(known.preconditions)
    if known.partner_tag and known.partner_tag not in tags:
        notices.append(
            f'An application configured as partner needs the tag "{known.partner_tag}": without it, {brand} rejects.'
        )
    if not known.cancels_pending:
        notices.append(f"A pending clearance cannot be canceled with {brand}, only an approved one revoked.")
    if known.pending_limit:
        notices.append(known.pending_limit)
    if checks_eligibility and not known.eligibility_lookup:
        notices.append(
            f"{brand} has no eligibility look-up: only the clearance itself shows whether it takes the vehicle."
            if known.eligibility_lookup is False
            else f"Whether {brand} has an eligibility look-up is not known: it may be refused."
        )
    return notices
