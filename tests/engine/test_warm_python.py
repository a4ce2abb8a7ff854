"""The Python that the tests give to Pulumi behaves as one that it starts itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import warm_python

REPORT = """
import json, os, sys
print(json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ), __name__, sys.path[0], "pulumi_highmobility" in sys.modules]))
sys.exit(7)
"""
WAIT = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(42))
print(os.getpid(), flush=True)
time.sleep(60)
"""


@pytest.fixture(params=["warm", "plain"])
def python(request: pytest.FixtureRequest) -> Path:
    """Both are held to the same."""
    return warm_python.command() if request.param == "warm" else warm_python.plain_command()


def script(folder: Path, text: str) -> Path:
    """Under the name by which Pulumi's language host runs a program."""
    made = folder / "pulumi-language-python-exec"
    made.write_text(text)
    return made


def test_arguments_folder_environment_and_status_are_its_own(python: Path, tmp_path: Path) -> None:
    program = script(tmp_path, REPORT)
    environment = {"PATH": os.environ["PATH"], "ONLY": "this"}
    done = subprocess.run(
        [python, "-u", program, "--one", "two"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 7, done.stderr
    arguments, folder, seen, name, first, has_ours = json.loads(done.stdout)
    assert arguments == ["--one", "two"]
    assert folder == first == str(tmp_path)
    assert {key: seen[key] for key in environment} == environment
    # What a shell and an interpreter add.
    assert set(seen) - set(environment) <= {"PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"}
    assert name == "__main__"
    assert not has_ours


def test_an_error_is_a_traceback_and_a_status(python: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [python, "-u", script(tmp_path, "1 / 0")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr


@pytest.fixture
def waiting(python: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A program that runs, and waits."""
    command = [str(python), "-u", str(script(tmp_path, WAIT))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process


def test_a_signal_reaches_the_program(waiting: subprocess.Popen[str]) -> None:
    waiting.terminate()
    assert waiting.wait(300) == 42


def test_nothing_lives_on_when_it_is_killed(waiting: subprocess.Popen[str]) -> None:
    waiting.send_signal(signal.SIGKILL)
    assert waiting.stdout is not None
    # The output ends when nobody is left who could write to it.
    assert waiting.stdout.read() == ""
