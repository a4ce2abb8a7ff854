"""The page: as text, and in a real headless Chromium."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, sync_playwright

from pulumi_highmobility.api.shapes import Changelog, RegisteredVehicle
from pulumi_highmobility.report.episodes import histories_of
from pulumi_highmobility.report.html import MOST_REASONS, MOST_VINS, html_page
from pulumi_highmobility.report.summary import summarize
from pulumi_highmobility.text import visible

from .fleets import NOW, fleet, stamp, vin_of

SIZES = (0, 1, 50, 10_000)
# Bytes; a page with all plots and no list of VINs.
MOST_PLOTS_BYTES = 110_000


def page_of(vehicles: list[RegisteredVehicle]) -> str:
    return html_page(summarize(histories_of(vehicles, NOW), NOW))


@pytest.fixture(scope="module")
def pages() -> dict[int, str]:
    return {size: page_of(fleet(size)) for size in SIZES}


class Elements(HTMLParser):
    """Every element with its attributes, and the text that stands outside of the style sheet."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._inside = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        if self._inside != "style":
            self.text += data


def hostile(reason: str, brand: str) -> list[RegisteredVehicle]:
    """Vehicles with outside texts in each place where the page shows one."""
    start, end = stamp(NOW.replace(month=1)), stamp(NOW.replace(month=2))
    pending, approved = Changelog(start, "pending"), Changelog(end, "approved")
    return [
        RegisteredVehicle(vin_of(1), "rejected", brand, {}, [pending, Changelog(end, "rejected", reason)]),
        RegisteredVehicle(vin_of(2), "pending", brand, {}, [pending]),
        RegisteredVehicle(reason, "pending", brand, {}, [pending]),
        RegisteredVehicle(vin_of(3), "approved", brand, {}, [pending, approved]),
        RegisteredVehicle(vin_of(4), reason, None, {}, [approved]),
    ]


outside = st.text(max_size=40) | st.sampled_from(
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "</style></svg><b>",
        "{{ 7 * 7 }}",
        "$x$ \\frac",
        "&lt;b&gt;",
        "\x1b[2J\u202e",
        "]]>",
        "a" * 3000,
    ]
)


def shape_of(elements: Elements) -> set[tuple[str, tuple[str, ...]]]:
    """Which elements there are, with the names of their attributes."""
    return {(tag, tuple(attributes)) for tag, attributes in elements.found}


@pytest.fixture(scope="module")
def harmless(pages: dict[int, str]) -> set[tuple[str, tuple[str, ...]]]:
    """The elements of pages without hostile texts."""
    return shape_of(Elements(pages[50])) | shape_of(Elements(page_of(hostile("reason", "brand"))))


@settings(max_examples=12)
@given(outside, outside)
def test_outside_text_is_never_markup(
    harmless: set[tuple[str, tuple[str, ...]]], reason: str, brand: str
) -> None:
    """The elements are those of a harmless fleet, and what is shown is the text itself, with control characters visible."""
    given_ = Elements(page_of(hostile(reason, brand)))
    assert shape_of(given_) <= harmless
    assert "script" not in {tag for tag, _ in given_.found}
    assert visible(brand) in given_.text
    assert visible(reason.strip()) in given_.text


@pytest.mark.parametrize("size", SIZES)
def test_nothing_in_the_file_runs_or_comes_from_elsewhere(pages: dict[int, str], size: int) -> None:
    page = pages[size]
    elements = Elements(page).found
    tags = {tag for tag, _ in elements}
    assert tags.isdisjoint(
        {"script", "img", "iframe", "object", "embed", "form", "a", "image", "foreignobject"}
    )
    for _, attributes in elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        for name in ("src", "href", "action"):
            assert (attributes.get(name) or "#").startswith(("#", "data:,"))
    assert re.findall(r"(?:https?:)?//(?!www\.w3\.org)[a-z]", page) == []
    assert "url(" not in page.replace("url(#", "")


@pytest.mark.parametrize("size", SIZES)
def test_the_policy_allows_the_one_style_sheet_alone(pages: dict[int, str], size: int) -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", pages[size], re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in pages[size]


@pytest.mark.parametrize("size", SIZES)
def test_ids_are_unique_and_what_refers_to_one_finds_it(pages: dict[int, str], size: int) -> None:
    elements = Elements(pages[size]).found
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    values = [value or "" for _, attributes in elements for value in attributes.values()]
    wanted = [attributes["aria-labelledby"] for _, attributes in elements if "aria-labelledby" in attributes]
    wanted += [
        name
        for value in values
        for name in re.findall(r"^#(.+)|url\(#(.+)\)", value)
        for name in name
        if name
    ]
    assert set(wanted) <= set(ids)


def test_the_page_is_made_for_everyone(pages: dict[int, str]) -> None:
    elements = Elements(pages[50]).found
    assert ("html", {"lang": "en"}) in elements
    tags = [tag for tag, _ in elements]
    assert tags.count("h1") == 1
    assert tags.count("table") == tags.count("caption") >= 4
    assert all("scope" in attributes for tag, attributes in elements if tag == "th")
    plots = [attributes for tag, attributes in elements if tag == "svg"]
    assert plots
    assert all(attributes["role"] == "img" for attributes in plots)
    titles = re.findall(r"<title id=[^>]*>([^<]*)</title>", pages[50])
    assert len(titles) == len(plots)
    assert re.fullmatch(
        r"All brands: \d+% of 51 requests approved after .*, half of them within .*\.", titles[0]
    )


def test_the_same_fleet_gives_the_same_bytes(pages: dict[int, str]) -> None:
    """In another process too, with another hash seed."""
    code = (
        "import sys; from tests.report.fleets import fleet; from tests.report.test_page import page_of; "
        "sys.stdout.buffer.write(page_of(fleet(50)).encode())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        cwd=Path(__file__).parent.parent.parent,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    assert done.stdout.decode() == pages[50] == page_of(fleet(50))


def test_the_plots_of_a_large_fleet_are_small(pages: dict[int, str]) -> None:
    plots = re.findall(r"<svg.*?</svg>", pages[10_000], re.DOTALL)
    assert len(plots) == 7
    assert sum(len(plot.encode()) for plot in plots) < MOST_PLOTS_BYTES


def test_long_lists_are_cut_and_the_rest_is_counted() -> None:
    start, end = stamp(NOW.replace(month=1)), stamp(NOW.replace(month=2))
    pending = Changelog(start, "pending")
    waiting = [
        RegisteredVehicle(vin_of(number), "pending", "bmw", {}, [pending]) for number in range(MOST_VINS + 7)
    ]
    rejected = [
        RegisteredVehicle(
            vin_of(1000 + number),
            "rejected",
            "kia",
            {},
            [pending, Changelog(end, "rejected", f"reason {number}")],
        )
        for number in range(MOST_REASONS + 3)
    ]
    text = page_of(waiting + rejected)
    assert len(re.findall("<code>WBA", text)) == MOST_VINS
    assert "7 more: 7 bmw." in text
    assert "3 more requests with 3 other reasons." in text
    assert "VIN" in text
    assert vin_of(1000) not in text


def test_an_empty_fleet_says_so(pages: dict[int, str]) -> None:
    assert "No vehicle is registered." in pages[0]
    assert "<svg" not in pages[0]


def test_without_the_extra_it_says_what_to_install() -> None:
    for module in ("matplotlib", "jinja2"):
        code = f"import sys; sys.modules[{module!r}] = None; import pulumi_highmobility.report.html"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert 'pip install "pulumi-highmobility[report]"' in done.stderr


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        missing = "no Chromium on PATH: install Debian's package chromium, then run these tests again"
        # In CI a page that nobody looked at is a failure.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_a_browser_shows_it_without_a_complaint(
    browser: Browser, pages: dict[int, str], tmp_path: Path, size: int, scheme: Literal["light", "dark"]
) -> None:
    """No request leaves the page, nothing breaks its policy, a phone needs no sideways scrolling, and the colours are in place."""
    file = tmp_path / "report.html"
    file.write_text(pages[size], encoding="utf-8")
    context = browser.new_context(color_scheme=scheme, viewport={"width": 320, "height": 640})
    page = context.new_page()
    complaints: list[str] = []
    requested: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requested.append(request.url))
    page.goto(file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") is (scheme == "light")
    if size:
        # A rule for each stand-in: what has none keeps black, unseen in the dark.
        colours = page.evaluate(
            "[...document.querySelectorAll('svg text')].map(text => getComputedStyle(text).fill)"
        )
        assert set(colours) == {page.evaluate("getComputedStyle(document.body).color")}
        curve = page.evaluate("getComputedStyle(document.querySelector('.stroke-curve')).stroke")
        assert curve == ("rgb(11, 87, 164)" if scheme == "light" else "rgb(122, 183, 255)")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    context.close()
    assert complaints == []
    assert [url for url in requested if not url.startswith("data:")] == [file.as_uri()]
