"""What README and docs/plan.md show of a plan is what the command prints."""

from __future__ import annotations

import pytest

from .shown import BEGIN, PAGES, PREVIEW, on_a_terminal, page_with


def test_the_pages_show_what_the_command_prints() -> None:
    printed = on_a_terminal("--from", str(PREVIEW))
    for page in PAGES:
        text = page.read_text()
        assert BEGIN in text
        assert page_with(text, printed) == text, "run python -m tests.plan.shown"


@pytest.mark.parametrize("columns", [46, 60, 79, 200])
def test_no_vin_is_cut_on_any_terminal(columns: int) -> None:
    printed = on_a_terminal("--from", str(PREVIEW), columns=columns)
    table = printed.partition("re-requested: ")[0]
    for vin in ("WBA8E9C50GK123460", "WBA8E9C50GK123470", "VF3LCYHZPHS123459", "W0V8E9C50GK123456"):
        assert vin in table
    assert max(map(len, table.splitlines())) <= columns
