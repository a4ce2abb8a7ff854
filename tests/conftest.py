"""What several parts of the tests share."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from pulumi_highmobility.emulator.app import Options
from pulumi_highmobility.emulator.server import serve_in_thread
from pulumi_highmobility.settings import load_settings

from .served import Served

# Drawn cases, by one profile: a busy machine may take as long as it likes for each (hypothesis otherwise fails a case of
# 200 ms, and slow draws), and the same cases come in every run, so that main is green or is not.
# `--hypothesis-profile explore` draws others.
_PATIENT = hypothesis.settings(
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture],
)
hypothesis.settings.register_profile("explore", _PATIENT)
hypothesis.settings.register_profile("same", _PATIENT, derandomize=True, database=None)
hypothesis.settings.load_profile("same")


def pytest_addoption(parser: pytest.Parser) -> None:
    """See tests/behaviour."""
    parser.addoption("--engine", action="store_true", help="run tests/behaviour on the real engine")


def pytest_configure() -> None:
    """
    Let Ctrl-C, and the end of a terminal, reach what the tests start.

    A shell that runs the tests in the background has SIGINT ignored for them, `nohup` SIGHUP, and a child inherits that:
    the tests that send one would wait for an end that never comes.
    """
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


# What takes longest begins first: side by side, it would otherwise run alone at the end.
_LONGEST = (
    "test_size",
    "test_many_stacks",
    "test_faults",
    "test_dev",
    "test_quickstart",
    "test_secrets",
    "test_moves",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests in the order in which they end soonest; those of the engine before the rest."""

    def rank(item: pytest.Item) -> int:
        name = item.path.stem
        return _LONGEST.index(name) if name in _LONGEST else 50 if item.get_closest_marker("engine") else 99

    items.sort(key=rank)


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
