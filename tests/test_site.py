"""The site of docs/: its nav, and the hook that treats what the site does not have. `make docs` builds it, strictly."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
SITE: dict[str, Any] = yaml.safe_load((ROOT / "mkdocs.yml").read_text())


@pytest.fixture(scope="module")
def links() -> ModuleType:
    spec = spec_from_file_location("links", ROOT / "tools" / "docs" / "links.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pages_of(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    else:
        for each in nav.values() if isinstance(nav, dict) else nav:
            yield from pages_of(each)


def test_every_page_is_in_the_nav_once() -> None:
    there = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")} - {"README.md"}
    assert sorted(pages_of(SITE["nav"])) == sorted(there)


def test_the_site_has_four_parts() -> None:
    assert [*map("".join, SITE["nav"])] == ["Start", "Concepts", "How to", "Reference"]


def test_github_s_index_has_the_same_parts_and_pages() -> None:
    parts = re.split(r"^## (.+)\n", (DOCS / "README.md").read_text(), flags=re.M)[1:]
    on_github = {part: re.findall(r"^- \[.+\]\((.+)\)", text, re.M) for part, text in batched(parts)}
    on_site = {part: [*pages_of(pages)] for entry in SITE["nav"] for part, pages in entry.items()}
    on_site["Start"].remove("index.md")
    assert on_github == on_site


def batched(texts: list[str]) -> Iterator[tuple[str, str]]:
    return zip(texts[::2], texts[1::2], strict=True)


def test_links_and_anchors_are_checked() -> None:
    checks = [*SITE["validation"]["nav"].values(), *SITE["validation"]["links"].values()]
    assert set(checks) == {"warn"}
    assert "build --strict" in (ROOT / "scripts" / "docs").read_text()
    assert "\nstep make docs\n" in (ROOT / ".ci" / "run").read_text()


def test_the_extra_is_pinned() -> None:
    bounds = re.search(
        r'^docs = \["mkdocs-material>=([\d.]+),<10"\]$', (ROOT / "pyproject.toml").read_text(), re.M
    )
    pinned = re.search(r"^mkdocs-material==([\d.]+)$", (ROOT / "constraints.txt").read_text(), re.M)
    assert bounds is not None
    assert pinned is not None
    assert pinned[1].startswith(f"{bounds[1]}.")


@pytest.mark.parametrize(
    ("page", "written", "shown"),
    [
        ("ci.md", "[examples/ci](../examples/ci/README.md) has", "examples/ci has"),
        ("ci.md", "see [Versions](../README.md#versions).", "see Versions (`README.md`)."),
        ("ci.md", "[`ci/up`](../examples/ci/README.md)", "`ci/up` (`examples/ci`)"),
        ("resources/fleet.md", "[it](../../tests/test_layout.py)", "it (`tests/test_layout.py`)"),
        ("resources/fleet.md", "[Large](../scale.md#x)", "[Large](../scale.md#x)"),
        ("ci.md", "[a](scale.md), [b](#b), ![c](scale.svg)", "[a](scale.md), [b](#b), ![c](scale.svg)"),
        ("ci.md", "[out](https://example.com/../x)", "[out](https://example.com/../x)"),
        ("ci.md", "```\n[a](../nowhere)\n```\n", "```\n[a](../nowhere)\n```\n"),
    ],
)
def test_a_link_that_leaves_docs_keeps_its_text(
    links: ModuleType, caplog: pytest.LogCaptureFixture, page: str, written: str, shown: str
) -> None:
    assert links.without_links_outside(written, page) == shown
    assert caplog.records == []


@pytest.mark.parametrize("target", ["../examples/nowhere", "../../somewhere/else"])
def test_a_link_to_what_the_repository_lacks_is_a_warning(
    links: ModuleType, caplog: pytest.LogCaptureFixture, target: str
) -> None:
    links.without_links_outside(f"[a]({target})", "ci.md")
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.name.startswith("mkdocs."), "else --strict does not count it"
    assert target in record.getMessage()


def test_what_a_page_loads_from_another_host_is_found(links: ModuleType) -> None:
    page = (
        '<a href="https://a.example">x</a><link rel="canonical" href="https://b.example">'
        '<script src="assets/x.js"></script><script src="https://c.example/x.js"></script>'
        '<link rel="stylesheet" href="//d.example/x.css"><img alt="x" src="scale.svg">'
    )
    assert links.loaded_from_elsewhere(page) == ["https://c.example/x.js", "//d.example/x.css"]
