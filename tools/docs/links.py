"""
A hook of mkdocs: what the pages of docs/ link to outside docs/, which the site does not have.

On GitHub such a link works as it stands. On the site its text stays, with the path beside it. A target that is not in the
repository is a warning, and so an error of `mkdocs build --strict`; so is a page that loads anything from another host.
"""

from __future__ import annotations

import logging
import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])+)\]\(([^)\s#]+)(?:#[^)]*)?\)")
FENCE = re.compile(r"^ *(```+|~~~+)")
LOADED = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["']?((?:https?:)?//[^"'\s>]+)"""
    r"""|<link\b(?=[^>]*\brel=["']?(?:stylesheet|preconnect|preload|icon))[^>]*\bhref=["']?((?:https?:)?//[^"'\s>]+)"""
)
# Of mkdocs: --strict counts what is said below this name.
log = logging.getLogger("mkdocs.hooks.links")


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """The page with the text of each link that leaves docs/ in place of the link."""
    return without_links_outside(markdown, page.file.src_uri)


def on_post_page(output: str, *, page: Any, **_: Any) -> str:
    """The page as it is, after a look at what it loads."""
    for host in loaded_from_elsewhere(output):
        log.warning("'%s' loads %s", page.file.src_uri, host)
    return output


def without_links_outside(markdown: str, page: str) -> str:
    """`page` is its path below docs/."""
    lines = []
    fence = ""
    for line in markdown.splitlines(keepends=True):
        mark = FENCE.match(line)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        lines.append(line if mark or fence else LINK.sub(lambda link: _shown(link, page), line))
    return "".join(lines)


def _shown(link: re.Match[str], page: str) -> str:
    text, target = link[1], link[2]
    if re.match(r"[a-z]+:", target):
        return link[0]
    path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), target))
    if path.startswith("docs/"):
        return link[0]
    if path.startswith("..") or not (ROOT / path).exists():
        log.warning("'%s' links to '%s', which is not in the repository", page, target)
    path = path.removesuffix("/README.md")
    return text if path.startswith(text.strip("`")) else f"{text} (`{path}`)"


def loaded_from_elsewhere(html: str) -> list[str]:
    """The addresses on other hosts that a page loads by itself; a link that a reader follows is none."""
    return [script or sheet for script, sheet in LOADED.findall(html)]
