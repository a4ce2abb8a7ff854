"""What is known of each brand's clearance, with where it is known from."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

SeveralApplications = Literal["yes", "no", "same data package", "unknown"]

# Where the facts are from, below https://docs.high-mobility.com.
SOURCES: Mapping[str, str] = MappingProxyType(
    {
        "G": "/oem-guides/…: the brand's feature table",
        "L": "/oem-guides/…/clearance-lifecycle",
        "E": "/docs/vehicle-eligibility",
        "O": "OpenAPI hm-fleet-clearance-v1",
        "OE": "OpenAPI hm-eligibility-v1",
        "T": "the fleet clearance tutorial",
        "P": "/guides/platform/…, older pages",
    }
)

VW_GROUP = "volkswagen-group"
STELLANTIS = "stellantis"
VW_PARTNER_TAG = "vw-group-customer-name"


@dataclass(frozen=True)
class Brand:
    """
    One brand, by its name on the wire.

    `cancels_pending`: a pending clearance can be canceled, a day after the request (O). `eligibility_lookup`:
    POST /eligibility knows the brand, None where the sources disagree. `precondition`: what must be given or
    set before the request. `pending_limit`: how long pending may last.
    """

    name: str
    sources: tuple[str, ...]
    group: str | None = None
    cancels_pending: bool = False
    eligibility_lookup: bool | None = False
    several_applications: SeveralApplications = "unknown"
    requires_odometer: bool = False
    partner_tag: str | None = None
    precondition: str = ""
    pending_limit: str = ""


def _stellantis(name: str, *, eligibility_lookup: bool = True) -> Brand:
    return Brand(
        name,
        ("E", "OE", "O", "L"),
        group=STELLANTIS,
        cancels_pending=True,
        eligibility_lookup=eligibility_lookup,
        several_applications="same data package",
        pending_limit="approved at the first data; 10 days without data reject",
    )


def _volkswagen(name: str) -> Brand:
    return Brand(
        name,
        ("G", "L", "O"),
        group=VW_GROUP,
        cancels_pending=True,
        several_applications="no",
        partner_tag=VW_PARTNER_TAG,
        precondition="the car's connectivity settings are on and its privacy mode is off",
        pending_limit="15 days of privacy mode, or 10 days without data, reject",
    )


BRANDS: Mapping[str, Brand] = MappingProxyType(
    {
        brand.name: brand
        for brand in (
            *(
                Brand(
                    name,
                    ("E", "OE", "O", "P"),
                    eligibility_lookup=True,
                    precondition="a fleet car built before 07/2020 has a ConnectedDrive subscription",
                )
                for name in ("bmw", "mini")
            ),
            Brand(
                "mercedes-benz",
                ("E", "OE", "O", "T"),
                cancels_pending=True,
                eligibility_lookup=True,
                requires_odometer=True,
            ),
            *(
                _stellantis(name)
                for name in ("citroen", "ds", "opel", "peugeot", "vauxhall", "jeep", "fiat", "alfaromeo")
            ),
            _stellantis("maserati", eligibility_lookup=False),
            Brand(
                "ford",
                ("G", "L", "E", "OE"),
                eligibility_lookup=True,
                several_applications="yes",
                precondition="the car is in the customer's Ford Pro fleet portal account, with the consent given there",
                pending_limit="10 days without consent reject; after the consent, pending has no end",
            ),
            Brand("renault", ("E", "OE"), eligibility_lookup=True),
            Brand("dacia", ("E", "OE"), eligibility_lookup=None),
            Brand("toyota", ("E", "OE"), eligibility_lookup=True),
            Brand("lexus", ("E", "OE"), eligibility_lookup=True),
            Brand(
                "porsche",
                ("G",),
                several_applications="yes",
                precondition="Porsche Connect is active (and the car is no first-generation Macan)",
            ),
            Brand("kia", ("E", "OE")),
            Brand(
                "tesla",
                ("G", "P"),
                several_applications="yes",
                precondition="the fleet owner has given consent in Tesla's own flow, once for the whole fleet",
            ),
            Brand("volvo-cars", ("E", "OE"), eligibility_lookup=True),
            *(_volkswagen(name) for name in ("volkswagen", "audi", "skoda", "seat", "cupra")),
            Brand(
                "polestar",
                ("G",),
                several_applications="no",
                precondition="the car is in the EEA, Norway, Switzerland or the UK",
            ),
            Brand(
                "nissan",
                ("G",),
                several_applications="yes",
                precondition="the car is in the EEA, the UK or Switzerland",
            ),
            Brand("sandbox", ("O", "OE"), eligibility_lookup=True),
        )
    }
)

# What people call a brand that the wire calls otherwise.
_OTHER_NAMES = {
    "vw": "volkswagen",
    "mercedes": "mercedes-benz",
    "mb": "mercedes-benz",
    "volvo": "volvo-cars",
    "alfa": "alfaromeo",
    "alfaromeo": "alfaromeo",
    "dsautomobiles": "ds",
}


def wire_name(name: str) -> str | None:
    """The known brand that `name` spells but for case, accents, spaces and dashes; None for any other."""
    folded = _fold(name)
    return next((brand for brand in BRANDS if _fold(brand) == folded), None)


def nearest_brand(name: str) -> str | None:
    """The known brand that `name` may mean, None where none is near."""
    folded = _fold(name)
    if folded in _OTHER_NAMES:
        return _OTHER_NAMES[folded]
    by_fold = {_fold(brand): brand for brand in BRANDS}
    near = difflib.get_close_matches(folded, by_fold, n=1, cutoff=0.7)
    return by_fold[near[0]] if near else None


def notices_for(brand: str, *, tags: Mapping[str, str]) -> list[str]:
    """What a user should know before asking this carmaker for clearance."""
    known = BRANDS.get(brand)
    if known is None:
        return []
    notices = []
    if known.precondition:
        notices.append(f"{brand} clears a vehicle only if {known.precondition}")
    if known.partner_tag and known.partner_tag not in tags:
        notices.append(
            f'{brand}: an application configured as partner must send the tag "{known.partner_tag}"'
        )
    if not known.cancels_pending and brand != "sandbox":
        notices.append(
            f"{brand} does not cancel a pending clearance: until it is approved or rejected, a delete fails"
        )
    if known.pending_limit:
        notices.append(f"{brand}: {known.pending_limit}")
    return notices


def _fold(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return "".join(character for character in decomposed if character.isalnum() and character.isascii())
