"""A pytest fixture: `pytest_plugins = ["pulumi_highmobility.testing.plugin"]`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from . import RunningEmulator, serve_emulator


@pytest.fixture
def highmobility_emulator() -> Iterator[RunningEmulator]:
    """A fresh emulator that approves after a second."""
    with serve_emulator(approve_after="1s") as emulator:
        yield emulator
