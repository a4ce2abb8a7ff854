"""What the emulator knows of brands: which the API takes, which look up eligibility, which cancel."""

from __future__ import annotations

# OpenAPI hm-fleet-clearance-v1 and the published reference (nissan).
BRANDS = frozenset(
    [
        "bmw",
        "citroen",
        "ds",
        "mercedes-benz",
        "mini",
        "opel",
        "peugeot",
        "vauxhall",
        "jeep",
        "fiat",
        "alfaromeo",
        "ford",
        "renault",
        "dacia",
        "toyota",
        "lexus",
        "maserati",
        "porsche",
        "kia",
        "tesla",
        "volvo-cars",
        "skoda",
        "audi",
        "volkswagen",
        "seat",
        "cupra",
        "polestar",
        "nissan",
        "sandbox",
    ]
)
# OpenAPI hm-eligibility-v1.
WITH_ELIGIBILITY = frozenset(
    [
        "mercedes-benz",
        "ford",
        "bmw",
        "mini",
        "citroen",
        "peugeot",
        "opel",
        "vauxhall",
        "ds",
        "jeep",
        "fiat",
        "alfaromeo",
        "renault",
        "toyota",
        "lexus",
        "volvo-cars",
        "sandbox",
    ]
)
# "supported for Mercedes-Benz, Volkswagen, Audi, Skoda, SEAT, CUPRA and the Stellantis brands"
CANCELING = frozenset(
    [
        "mercedes-benz",
        "volkswagen",
        "audi",
        "skoda",
        "seat",
        "cupra",
        "citroen",
        "ds",
        "opel",
        "peugeot",
        "vauxhall",
        "jeep",
        "fiat",
        "alfaromeo",
        "maserati",
    ]
)
# The fleet clearance tutorial, "Control Measure".
WITH_ODOMETER = frozenset({"mercedes-benz"})
