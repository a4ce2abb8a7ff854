"""What several parts of the tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_highmobility.emulator.app import Options
from pulumi_highmobility.emulator.server import serve_in_thread
from pulumi_highmobility.settings import load_settings

from .served import Served


@pytest.fixture
def options() -> Options:
    """How the emulator behaves; a module or class may say otherwise."""
    return Options()


@pytest.fixture
def served(tmp_path: Path, options: Options) -> Iterator[Served]:
    """An emulator over HTTP, with clients whose clock does not wait."""
    credentials = tmp_path / "credentials.json"
    with serve_in_thread(options, db=tmp_path / "emulator.db", credentials=credentials) as (emulator, _):
        settings = load_settings({}, {"HIGHMOBILITY_CREDENTIALS_FILE": str(credentials)})
        yield Served(emulator, settings)
