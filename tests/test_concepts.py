"""docs/concepts.md: its pictures can be read, and name what there is."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from pulumi_highmobility.clearance.states import Status

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = (DOCS / "concepts.md").read_text()
SVG = "{http://www.w3.org/2000/svg}"
PICTURES = ["clearance-states.svg", "way-of-an-up.svg"]


def texts_of(picture: str) -> set[str]:
    return {str(text.text) for text in ET.parse(DOCS / picture).iter(f"{SVG}text")}  # noqa: S314 (our own file)


@pytest.mark.parametrize("picture", PICTURES)
def test_a_picture_can_be_read_by_everybody(picture: str) -> None:
    """It has a title and a description, a ground of its own for dark pages, and loads nothing."""
    root = ET.parse(DOCS / picture).getroot()  # noqa: S314 (our own file)
    named = {name: root.find(f"{SVG}{name}") for name in ("title", "desc")}
    assert all(element is not None and element.text for element in named.values())
    assert root.get("aria-labelledby") == "title desc"
    ground = next(element for element in root if element.tag == f"{SVG}rect")
    assert ground.get("fill") == "#ffffff"
    assert "href" not in (DOCS / picture).read_text()


def test_pictures_stand_on_the_page_with_a_text_in_their_place() -> None:
    assert re.findall(r"!\[.{40,}\]\((.+)\)", PAGE) == PICTURES


def test_the_first_picture_names_every_status_and_the_page_explains_it() -> None:
    # What the platform answers for a vehicle that it does not take is no state of a clearance.
    statuses = {"error", *(status.value for status in Status)}
    assert statuses <= texts_of(PICTURES[0])
    table = PAGE.split("| status |")[1].split("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| ([^|]+) \|", table, re.M)))) == statuses


def test_the_words_are_in_order() -> None:
    words = re.findall(r"^\| ([^|]+) \|", PAGE.split("## Words")[1], re.M)[2:]
    assert words == sorted(words, key=str.casefold)
    wanted = "adopt cancel clearance drift re-request release request revoke stack state VIN"
    assert set(wanted.split()) <= set(words)
