"""
A hook of mkdocs: where long names in the first columns of a table may break. In the very first they do on a phone only (site.css).

Without it `transition_timeout_minutes` takes half of a phone's width, and the text beside it is cut off until the table is moved.
The last column is left alone: text has spaces to break at.
"""

from __future__ import annotations

import re
from typing import Any

CELLS = re.compile(r"<tr>\s*<td>.*?</td>(?:\s*<td>.*?</td>(?=\s*<td>))?", re.DOTALL)
NAME = re.compile(r"(?<=<code>)[^<]+(?=</code>)")


def on_page_content(html: str, **_: Any) -> str:
    """The page with a possible break after each underscore and colon of such names."""
    return CELLS.sub(lambda cell: NAME.sub(with_breaks, cell[0]), html)


def with_breaks(name: re.Match[str]) -> str:
    """`a_b` as `a_<wbr>b`; entities such as `&lt;` stay whole."""
    return re.sub(r"(?<=\w)([_:])(?=\w)", r"\1<wbr>", name[0])
