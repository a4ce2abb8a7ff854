"""
Rows of docs/behaviour.md that no engine is needed for: programs of a user, played in milliseconds.

`scripts/test --engine tests/behaviour` runs the same on the real engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_highmobility.testing import RunningEmulator, serve_emulator

from ..engine.conftest import Project
from ..played import PlayedProject


@pytest.fixture
def emulator() -> Iterator[RunningEmulator]:
    """An emulator of the test's own; vehicles are approved after a second, revoked after half of one."""
    with serve_emulator(approve_after="1s", revoke_after="500ms", cancel_after="500ms") as running:
        yield running


@pytest.fixture
def project(
    request: pytest.FixtureRequest, tmp_path: Path, emulator: RunningEmulator
) -> Iterator[PlayedProject | Project]:
    """A project that uses the test's own emulator."""
    if request.config.getoption("--engine"):
        yield Project(tmp_path / "project", emulator.environment)
        return
    played = PlayedProject(tmp_path / "project", emulator.environment)
    yield played
    played.stack.close()
