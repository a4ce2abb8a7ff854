"""What README shows is what is there: the picture of the emulator's page, by the text that it carries."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from .conftest import load


@pytest.mark.browser
def test_the_picture_of_the_page_shows_the_page_as_it_is(tmp_path: Path) -> None:
    shown = load("shown")
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        # In CI a picture that nobody compared is a failure.
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no Chromium on PATH")
    with shown.chromium() as browser:
        shown.picture(browser, tmp_path / "page.png")
    assert shown.text_of(tmp_path / "page.png") == shown.text_of(shown.PICTURE), "run scripts/shown again"


def test_moments_and_durations_are_left_out_of_the_comparison() -> None:
    shown = load("shown")
    assert shown.steady("4 vehicles\nseat \t2026-11-25 15:14 UTC\n3 minutes ago") == "4 vehicles\nseat \t UTC"
    lines = shown.closing("Updating\n\nOutputs:\n    a: 1  \n\nDuration: 3s\n\n\nat http://h:77/ \n", 77)
    assert lines == "Outputs:\n    a: 1\n\nat http://h:8480/\n"
    readme = f"before\n{shown.BEGIN}old\n{shown.END}after\n```\n"
    assert shown.with_closing(readme, lines) == f"before\n{shown.BEGIN}{lines}{shown.END}after\n```\n"
    assert shown.shown_closing(shown.with_closing(readme, lines)) == lines
