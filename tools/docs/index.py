"""
docs/llms.txt: a plain index of the pages, for programs that read. It is made of docs/README.md, whose parts and pages are the nav's.

Run it as .venv/bin/python tools/docs/index.py. It is a hook of mkdocs, too: on the site its links lead to the site's pages.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
INDEX = ROOT / "docs" / "llms.txt"


def made() -> str:
    """The text, as it should be."""
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    parts = (ROOT / "docs" / "README.md").read_text().partition("\n## ")
    return f"# {site['site_name']}\n\n> {site['site_description']}\n" + "".join(parts[1:])


def on_post_build(*, config: Any, **_: Any) -> None:
    """The copy on the site names its pages as the site does."""
    copy = Path(config["site_dir"]) / INDEX.name
    copy.write_text(re.sub(r"\]\(([^):]+)\.md\)", r"](\1.html)", copy.read_text()))


if __name__ == "__main__":
    INDEX.write_text(made())
