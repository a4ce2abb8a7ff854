"""Drawn cases rest on no clock, and come again: see tests/conftest.py."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies

TESTS = Path(__file__).parent


@settings(max_examples=3)
@given(strategies.integers())
def test_a_case_may_take_as_long_as_it_likes(number: int) -> None:
    time.sleep(0.25)  # hypothesis' own limit is 200 ms


@pytest.mark.parametrize("word", ["deadline", "suppress_health_check", "derandomize", "database"])
def test_only_the_profile_says_how_cases_are_drawn(word: str) -> None:
    own = (
        {"conftest.py", "test_drawn.py", "test_fidelity.py"}
        if word == "derandomize"
        else {"conftest.py", "test_drawn.py"}
    )
    found = [
        file
        for file in TESTS.rglob("*.py")
        if file.name not in own and re.search(rf"\b{word}=", file.read_text())
    ]
    assert not found
