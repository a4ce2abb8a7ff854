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


def hook(name: str) -> ModuleType:
    spec = spec_from_file_location(name, ROOT / "tools" / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def links() -> ModuleType:
    return hook("links")


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


def test_the_hooks_are_those_of_the_folder() -> None:
    there = {str(file.relative_to(ROOT)) for file in (ROOT / "tools" / "docs").glob("*.py")}
    assert set(SITE["hooks"]) == there


@pytest.mark.parametrize(
    "text",
    [
        "<p>| a | b |\n| --- | --- |\n| c | d |</p>",
        "<p>before\n| a | b |</p>",
        "<p>before:\n- one\n- two</p>",
        "<p>before:\n1. one</p>",
        "<p>```\npulumi up</p>",
        "<p>[text](page.md)</p>",
        "<p>**bold</p>",
        "<p>before\n## Heading</p>",
    ],
)
def test_markup_that_is_shown_as_text_is_found(text: str) -> None:
    found = hook("rendered").raw_markup(f"<nav>a | b</nav><article>{text}</article>")
    assert len(found) == 1


@pytest.mark.parametrize(
    "text",
    [
        "<p>a - b, a | b, 2 * 3</p>",
        "<p><code>a</code> - a remark</p>",
        "<pre><code>| a | b |\n| --- | --- |\n```\n- c</code></pre>",
        "<table><tr><td><code>a | b</code></td><td>--fail-on</td></tr></table>",
        "<ul>\n<li>one</li>\n</ul>",
    ],
)
def test_what_is_rendered_is_no_finding(text: str) -> None:
    assert hook("rendered").raw_markup(f"<article>{text}</article><p>| a | b |</p>") == []


def test_long_names_in_a_tables_first_columns_may_break() -> None:
    cells = "<td><code>max_age</code> or <code>hm:key</code></td>\n"
    page = (
        f"<tr>\n{cells}{cells}<td><code>a_b</code></td>\n</tr>\n<tr>\n{cells}<td><code>c_d</code></td>\n</tr>"
    )
    broken = page.replace("max_", "max_<wbr>").replace("hm:", "hm:<wbr>")
    assert hook("names").on_page_content(page) == broken


def test_the_plain_index_is_made_of_the_pages() -> None:
    index = hook("index")
    assert index.INDEX.read_text() == index.made(), "run .venv/bin/python tools/docs/index.py"
    listed = re.findall(r"^- \[.+\]\((.+)\): .+", index.made(), re.M)
    assert sorted([*listed, "index.md"]) == sorted(pages_of(SITE["nav"]))


def test_on_the_site_the_plain_index_leads_to_its_pages(tmp_path: Path) -> None:
    index = hook("index")
    (tmp_path / "llms.txt").write_text(
        "- [Fleet](resources/fleet.md): x\n- [Out](https://example.com/a.md)\n"
    )
    index.on_post_build(config={"site_dir": str(tmp_path)})
    assert (
        tmp_path / "llms.txt"
    ).read_text() == "- [Fleet](resources/fleet.html): x\n- [Out](https://example.com/a.md)\n"
