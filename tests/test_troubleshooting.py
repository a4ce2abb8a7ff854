"""docs/troubleshooting.md against the messages that it explains: a message that changes has to change there too."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGE = DOCS / "troubleshooting.md"
PULUMIS = "Pulumi's own messages"
# A shorter piece says nothing: it stands somewhere by chance.
LEAST = 12


class Entry(NamedTuple):
    """One message: the section that it stands in, its heading as written, and what is said of it."""

    section: str
    heading: str
    text: str

    @property
    def pieces(self) -> list[str]:
        """The fixed words that are long enough to be looked for."""
        spans = re.findall(r"`([^`]+)`", self.heading)
        found = (piece.strip() for span in spans for piece in span.split("…"))
        return [piece for piece in found if len(piece) >= LEAST]


def entries_of(page: str) -> list[Entry]:
    found = []
    for part in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        section, _, rest = part.partition("\n")
        for entry in re.split(r"^### ", rest, flags=re.MULTILINE)[1:]:
            heading, _, text = entry.partition("\n")
            found.append(Entry(section, heading, text))
    return found


ENTRIES = entries_of(PAGE.read_text())


def literals_of(source: str) -> Iterator[str]:
    """
    The constants of a source, and the constant parts of its f-strings; the parser has joined adjacent ones.

    Docstrings are left out: nobody is shown them.
    """
    nodes = list(ast.walk(ast.parse(source)))
    docstrings = {node.value for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings:
            yield node.value


def missing(pieces: Iterable[str], literals: Iterable[str]) -> list[str]:
    """The pieces that no single literal holds."""
    # No text has this character, so that no piece is found across two of them.
    joined = "\0".join(literals)
    return [piece for piece in pieces if piece not in joined]


@pytest.fixture(scope="module")
def ours() -> list[str]:
    """What the package and the scripts for CI can say."""
    sources = (ROOT / "provider" / "pulumi_highmobility").rglob("*.py")
    found = [literal for file in sources for literal in literals_of(file.read_text())]
    for script in (ROOT / "examples" / "ci" / "ci").iterdir():
        found += [line for line in script.read_text().splitlines() if not line.lstrip().startswith("#")]
    return found


@pytest.fixture(scope="module")
def known() -> list[str]:
    """What the engine's tests and the other pages say of Pulumi."""
    files = [*(ROOT / "tests" / "engine").glob("*.py"), *DOCS.rglob("*.md")]
    return [" ".join(file.read_text().split()) for file in files if file != PAGE]


def test_there_are_enough_entries_each_once_with_words_to_look_for() -> None:
    assert len(ENTRIES) >= 30
    assert len({entry.heading for entry in ENTRIES}) == len(ENTRIES)
    assert [entry.heading for entry in ENTRIES if not entry.pieces] == []
    assert {entry.section for entry in ENTRIES} > {PULUMIS}


@pytest.mark.parametrize(
    "entry", [entry for entry in ENTRIES if entry.section != PULUMIS], ids=lambda entry: entry.heading
)
def test_every_message_is_one_that_we_write(entry: Entry, ours: list[str]) -> None:
    assert missing(entry.pieces, ours) == []


@pytest.mark.parametrize(
    "entry", [entry for entry in ENTRIES if entry.section == PULUMIS], ids=lambda entry: entry.heading
)
def test_pulumis_messages_are_known_from_the_tests_or_the_docs(entry: Entry, known: list[str]) -> None:
    assert missing(entry.pieces, known) == []


@pytest.mark.parametrize(
    "heading",
    [
        "`No credentials for High Mobility were set.`",
        # Each part is written, but not in one constant: a VIN stands between them.
        "`cannot be canceled: is registered already (`",
        # A docstring of the package.
        "`The root of all errors that this package raises on purpose.`",
    ],
)
def test_a_message_that_nobody_writes_is_found_out(heading: str, ours: list[str]) -> None:
    entry = Entry("", heading, "")
    assert missing(entry.pieces, ours) == entry.pieces != []


def test_adjacent_literals_are_one_and_what_varies_divides_them() -> None:
    source = (
        'def f(vin):\n    """Said to nobody."""\n    return f"{vin} is registered " "already" f" ({vin})"\n'
    )
    assert list(literals_of(source)) == [" is registered already (", ")"]


def without_code(page: str) -> str:
    return re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)


def anchors_of(page: str) -> set[str]:
    """As GitHub makes them of the headings."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", without_code(page), re.MULTILINE):
        anchor = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        again = 0
        while (name := f"{anchor}-{again}" if again else anchor) in found:
            again += 1
        found.add(name)
    return found


def links_of(text: str) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", without_code(text))


def test_every_link_leads_to_a_page_and_to_a_heading_of_it() -> None:
    links = links_of(PAGE.read_text())
    assert len(links) > len(ENTRIES)
    for link in links:
        name, _, anchor = link.partition("#")
        target = (PAGE.parent / name).resolve() if name else PAGE
        assert target.is_file(), link
        assert not anchor or anchor in anchors_of(target.read_text()), link


def test_every_entry_leads_to_a_page_that_tells_more_and_every_section_is_in_the_contents() -> None:
    assert [entry.heading for entry in ENTRIES if not links_of(entry.text)] == []
    sections = anchors_of("".join(f"## {name}\n" for name in {entry.section for entry in ENTRIES}))
    contents = PAGE.read_text().partition("\n## ")[0]
    assert {link.removeprefix("#") for link in links_of(contents)} == sections
