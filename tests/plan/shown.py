"""Make what README and docs/plan.md show of a plan: `python -m tests.plan.shown`. A test makes it again and compares."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PREVIEW = Path(__file__).parent / "data" / "reviewed.json"
PAGES = (ROOT / "README.md", ROOT / "docs" / "plan.md")
BEGIN, END = "<!-- What `pulumi-highmobility plan` prints: tests/plan/shown.py -->\n```\n", "```\n"


def on_a_terminal(*arguments: str, columns: int = 100) -> str:
    """What a person sees of the command on a terminal without colour."""
    ours, theirs = os.openpty()
    command = [str(Path(sys.executable).with_name("pulumi-highmobility")), "plan", *arguments, "--no-color"]
    environment = {"PATH": os.environ["PATH"], "COLUMNS": str(columns), "TERM": "xterm", "NO_COLOR": "1"}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs
    ) as running:
        os.close(theirs)
        text = b""
        try:
            while part := os.read(ours, 4096):
                text += part
        except OSError:
            # The terminal is closed: Linux tells it so.
            pass
        finally:
            os.close(ours)
        running.wait(timeout=300)
    lines = text.decode().replace("\r\n", "\n").splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


def page_with(page: str, text: str) -> str:
    """The page with this between its marks."""
    before, _, after = page.partition(BEGIN)
    return before + BEGIN + text + END + after.partition(END)[2]


def main() -> None:
    """Write it into the pages."""
    text = on_a_terminal("--from", str(PREVIEW))
    for page in PAGES:
        page.write_text(page_with(page.read_text(), text))


if __name__ == "__main__":
    main()
