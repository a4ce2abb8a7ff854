"""
A hook of mkdocs: a page whose table, list or code block was not taken for one.

Python-Markdown wants a blank line before each, where GitHub does not, and shows the marks as text otherwise. Such a page is a
warning, and so an error of `mkdocs build --strict`.
"""

from __future__ import annotations

import logging
import re
from html.parser import HTMLParser
from typing import Any

MARKUP = re.compile(
    r"\|\s*:?-{3,}"  # the line below a table's header
    r"|^\s*\|[^\n]*\|\s*$"  # a row of a table
    r"|\n\s*(?:[-*+]|1\.) \S"  # a list that follows a line of text
    r"|\n#{1,6} \S"  # a heading
    r"|```|~~~"  # a block of code
    r"|\]\(|\*\*",  # a link; bold text
    re.MULTILINE,
)
VERBATIM = {"code", "pre", "script", "style"}
# Of mkdocs: --strict counts what is said below this name.
log = logging.getLogger("mkdocs.hooks.rendered")


def on_post_page(output: str, *, page: Any, **_: Any) -> str:
    """The page as it is, after a look at its text."""
    for text in raw_markup(output):
        log.warning("'%s' shows its markup as text: %s", page.file.src_uri, text)
    return output


def raw_markup(html: str) -> list[str]:
    """The pieces of an article's text, code apart, that a reader should not see as they are."""
    article = _Article()
    article.feed(html)
    return [text.strip()[:100] for text in article.texts if MARKUP.search(text)]


class _Article(HTMLParser):
    """The text between the tags of <article>."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._is_inside = False
        self._verbatim = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self._is_inside = self._is_inside or tag == "article"
        self._verbatim += tag in VERBATIM

    def handle_endtag(self, tag: str) -> None:
        self._is_inside = self._is_inside and tag != "article"
        self._verbatim -= tag in VERBATIM

    def handle_data(self, data: str) -> None:
        if self._is_inside and not self._verbatim:
            self.texts.append(data)
