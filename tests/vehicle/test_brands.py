"""The table of brands, and the page that shows it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_highmobility.vehicle.brands import (
    BRANDS,
    SOURCES,
    VW_GROUP_TAG,
    Brand,
    nearest_brand,
    notices_for,
    wire_name,
)

PAGE = Path(__file__).parents[2] / "docs" / "brands.md"

# The names that the platform publishes.
PUBLISHED = [
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
YES_OR_NO = {True: "yes", False: "no", None: "unknown"}


def table(heading: str) -> dict[str, list[str]]:
    """The rows of the page's table under this heading, by brand; a row may be of several brands."""
    section = PAGE.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    rows: dict[str, list[str]] = {}
    for line in section.splitlines():
        if line.startswith("| `"):
            names, *cells = (cell.strip() for cell in line.strip("|").split("|"))
            for name in re.findall("`([^`]+)`", names):
                assert name not in rows, f"{name} stands in two rows"
                rows[name] = cells
    return rows


def facts(brand: Brand) -> list[str]:
    return [
        YES_OR_NO[brand.cancels_pending],
        YES_OR_NO[brand.eligibility_lookup],
        brand.several_applications,
        YES_OR_NO[brand.requires_odometer],
        f"`{brand.partner_tag}`" if brand.partner_tag else "-",
        ", ".join(brand.sources),
    ]


def preconditions(brand: Brand) -> list[str]:
    before = [brand.consent] if brand.consent else []
    return [" ".join([*before, *brand.preconditions]) or "-", brand.pending_limit or "unknown"]


@pytest.mark.parametrize(
    ("heading", "cells"),
    [
        ("What the API does", facts),
        ("What must be so, and how long it may take", preconditions),
    ],
)
def test_the_page_shows_the_table(heading: str, cells: Callable[[Brand], list[str]]) -> None:
    assert table(heading) == {name: cells(brand) for name, brand in BRANDS.items()}


def test_the_page_lists_the_sources() -> None:
    listed = dict(
        re.findall(r"^- \*\*([A-Z]+)\*\* <([^>]+)>", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert listed == SOURCES


def test_every_published_brand_is_known_and_no_other() -> None:
    assert sorted(BRANDS) == sorted(PUBLISHED)


def test_a_brand_is_filed_under_its_own_name_with_its_sources() -> None:
    for name, brand in BRANDS.items():
        assert brand.name == name
        assert brand.sources
        assert set(brand.sources) <= set(SOURCES)


def test_only_mercedes_the_volkswagen_group_and_stellantis_cancel() -> None:
    cancelling = {brand.group or name for name, brand in BRANDS.items() if brand.cancels_pending}
    assert cancelling == {"mercedes-benz", "volkswagen-group", "stellantis"}


def test_only_the_volkswagen_group_has_a_partners_tag() -> None:
    tags = {(brand.group, brand.partner_tag) for brand in BRANDS.values() if brand.partner_tag}
    assert tags == {("volkswagen-group", "vw-group-customer-name")}


@given(st.sampled_from(sorted(BRANDS)), st.sampled_from([str.upper, str.title, str.capitalize, str.lower]))
def test_case_makes_no_other_brand(name: str, change: Callable[[str], str]) -> None:
    assert wire_name(f" {change(name)} ") == name


@pytest.mark.parametrize(
    ("written", "meant"), [("Škoda", "skoda"), ("CITROËN", "citroen"), ("Citroe\u0308n", "citroen")]
)
def test_diacritics_make_no_other_brand(written: str, meant: str) -> None:
    assert wire_name(written) == meant


@pytest.mark.parametrize("name", ["", " ", "vw", "volvo", "alfa romeo", "hyundai"])
def test_another_name_is_no_brand(name: str) -> None:
    assert wire_name(name) is None


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("vw", "volkswagen"),
        ("VW", "volkswagen"),
        ("Volkswagon", "volkswagen"),
        ("mercedes", "mercedes-benz"),
        ("Mercedes Benz", "mercedes-benz"),
        ("mercedes_benz", "mercedes-benz"),
        ("Škoda", "skoda"),
        ("volvo", "volvo-cars"),
        ("alfa romeo", "alfaromeo"),
        ("bwm", "bmw"),
        ("daica", "dacia"),
        ("toyta", "toyota"),
    ],
)
def test_the_nearest_brand_is_the_one_meant(written: str, meant: str) -> None:
    assert nearest_brand(written) == meant


@pytest.mark.parametrize("name", ["hyundai", "honda", "mazda", "byd", "", "...", "日産"])
def test_nothing_is_suggested_where_nothing_is_near(name: str) -> None:
    assert nearest_brand(name) is None


@given(st.text(max_size=30))
def test_any_text_has_a_known_brand_nearest_or_none(text: str) -> None:
    assert nearest_brand(text) in {*BRANDS, None}


def test_what_cannot_be_canceled_is_said_and_what_can_is_not() -> None:
    for name, brand in BRANDS.items():
        said = any("cannot be canceled" in notice for notice in notices_for(name))
        assert said is not brand.cancels_pending, name


@pytest.mark.parametrize("brand", ["ford", "tesla"])
def test_a_consent_to_give_is_said_first(brand: str) -> None:
    assert "must consent" in notices_for(brand)[0]


def test_the_partners_tag_is_asked_for_where_it_is_missing() -> None:
    assert any(VW_GROUP_TAG in notice for notice in notices_for("audi", tags={"customer": "acme"}))


def test_the_partners_tag_is_not_asked_for_where_it_is_there() -> None:
    assert not any(VW_GROUP_TAG in notice for notice in notices_for("audi", tags={VW_GROUP_TAG: "Acme"}))


def test_how_long_pending_may_last_is_said() -> None:
    assert any("indefinitely" in notice for notice in notices_for("ford"))
    assert any("10 days" in notice for notice in notices_for("opel"))


@pytest.mark.parametrize(
    ("brand", "says"), [("tesla", "has no eligibility look-up"), ("kia", "not known"), ("dacia", "not known")]
)
def test_a_missing_look_up_is_said_to_those_who_want_one(brand: str, says: str) -> None:
    assert not any("look-up" in notice for notice in notices_for(brand))
    assert any(says in notice for notice in notices_for(brand, checks_eligibility=True))


def test_a_look_up_that_is_there_is_not_worth_a_word() -> None:
    assert notices_for("bmw", checks_eligibility=True) == notices_for("bmw")


def test_nothing_is_said_of_an_unknown_brand() -> None:
    assert notices_for("hyundai") == []
