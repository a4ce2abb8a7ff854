"""scripts/venv: which Python it takes, when it makes the environment anew, and when it does nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ROOT, Machine


@pytest.fixture
def clone(machine: Machine) -> Path:
    """A checkout on a machine that has a shell, but no Python."""
    machine.has("bash", "dirname", "cat", "cksum", "mkdir", "rm")
    folder = machine.folder / "clone"
    (folder / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "venv", folder / "scripts")
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    return folder


def run_venv(clone: Path, machine: Machine) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [clone / "scripts" / "venv"],
        env=machine.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_no_python_is_an_error_that_says_which_is_needed(clone: Path, machine: Machine) -> None:
    run = run_venv(clone, machine)
    assert run.returncode == 1
    assert "Python 3.10 or later is needed" in run.stderr


def test_a_python_that_is_too_old_counts_as_none(clone: Path, machine: Machine) -> None:
    machine.has_program("python3", "import sys\nsys.version_info = (3, 9, 18)\nexec(sys.argv[2])")
    assert "Python 3.10 or later is needed" in run_venv(clone, machine).stderr


def test_a_python_that_cannot_make_environments_names_the_package_to_install(
    clone: Path, machine: Machine
) -> None:
    machine.has_program("python3", "import sys\nsys.modules['ensurepip'] = None\nexec(sys.argv[2])")
    run = run_venv(clone, machine)
    assert run.returncode == 1
    assert "apt-get install python3-venv" in run.stderr
    assert not (clone / ".venv").exists()


# A Python that makes environments of nothing but itself, and a pip that notes its calls and may wait.
PYTHON = """
import os, pathlib, shutil, sys, time
notes = pathlib.Path(os.environ["NOTES"])
if sys.argv[1] == "-c":
    if "_base_executable" in sys.argv[2]:
        python = pathlib.Path(os.environ["HOME"]).parent / "bin" / "python3"
        print(f"3.13.0 {python}\\n{python}")
    else:
        os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
elif sys.argv[1:3] == ["-m", "venv"]:
    (pathlib.Path(sys.argv[3]) / "bin").mkdir(parents=True)
    shutil.copy(__file__, pathlib.Path(sys.argv[3]) / "bin" / "python")
elif sys.argv[1:3] == ["-m", "pip"]:
    with (notes / "pip.log").open("a") as log:
        print(os.getpid(), os.environ["PIP_CONSTRAINT"], *sys.argv[3:], file=log)
    print("pip is at work", flush=True)
    while (notes / "pip waits").exists():
        time.sleep(0.02)
"""


@pytest.fixture
def pip(machine: Machine) -> Pip:
    """The machine has a Python."""
    machine.has_program("python3", PYTHON)
    notes = machine.folder / "notes"
    notes.mkdir()
    machine.environment["NOTES"] = str(notes)
    return Pip(notes)


class Pip:
    """What pip was asked."""

    def __init__(self, notes: Path) -> None:
        self._notes = notes

    def calls(self) -> list[str]:
        """The lines of its log: process, constraints, arguments."""
        log = self._notes / "pip.log"
        return log.read_text().splitlines() if log.exists() else []

    def waits(self) -> None:
        """Make it wait from now on."""
        (self._notes / "pip waits").touch()

    def goes_on(self) -> None:
        """End the waiting."""
        (self._notes / "pip waits").unlink()


def start_venv(clone: Path, machine: Machine) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [clone / "scripts" / "venv"],
        env=machine.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_until_said(process: subprocess.Popen[str], words: str) -> None:
    assert process.stdout
    for line in process.stdout:
        if words in line:
            return
    pytest.fail(f"the script ended without saying {words!r}")


def test_the_package_is_installed_once_at_the_pinned_versions(
    clone: Path, machine: Machine, pip: Pip
) -> None:
    first = run_venv(clone, machine)
    assert first.returncode == 0, first.stderr
    assert "installing" in first.stderr
    second = run_venv(clone, machine)
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    (call,) = pip.calls()
    assert call.split()[1] == "constraints.txt"
    assert call.endswith("-e .[dev] pip")


@pytest.mark.parametrize("changed", ["pyproject.toml", "constraints.txt"])
def test_other_versions_are_installed_into_the_same_environment(
    clone: Path, machine: Machine, pip: Pip, changed: str
) -> None:
    """It may be in use: a running test would lose its own Python."""
    run_venv(clone, machine)
    (clone / ".venv" / "in use").touch()
    with (clone / changed).open("a") as file:
        file.write("# changed\n")
    assert run_venv(clone, machine).returncode == 0
    assert len(pip.calls()) == 2
    assert (clone / ".venv" / "in use").exists()


def test_a_checkout_that_was_moved_gets_a_new_environment(clone: Path, machine: Machine, pip: Pip) -> None:
    """The programs in an environment name its folder."""
    run_venv(clone, machine)
    run_venv(clone.rename(clone.with_name("moved")), machine)
    assert len(pip.calls()) == 2


def test_the_environment_can_be_made_anew_while_it_is_active(clone: Path, machine: Machine, pip: Pip) -> None:
    run_venv(clone, machine)
    shutil.copy(clone / ".venv" / "bin" / "python", clone / ".venv" / "bin" / "python3")
    machine.environment["PATH"] = f"{clone}/.venv/bin:{machine.environment['PATH']}"
    (clone / ".venv" / "complete").unlink()
    assert run_venv(clone, machine).returncode == 0
    assert len(pip.calls()) == 2


def test_what_runs_within_the_environment_does_not_make_it_anew(clone: Path, machine: Machine) -> None:
    """A real Python calls the one below it `python3` from without and `python3.11` from within."""
    (machine.bin / "python3").symlink_to(Path(sys.executable).resolve())
    # In place of the pip that would install the whole package.
    pip = machine.folder / "modules" / "pip"
    pip.mkdir(parents=True)
    for name in ("__init__.py", "__main__.py"):
        (pip / name).touch()
    machine.environment["PYTHONPATH"] = str(pip.parent)
    first = run_venv(clone, machine)
    assert first.returncode == 0, first.stderr
    in_use = clone / ".venv" / "in use"
    in_use.touch()
    machine.environment["PATH"] = f"{clone}/.venv/bin:{machine.environment['PATH']}"
    second = run_venv(clone, machine)
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert in_use.exists()


def test_a_run_killed_half_way_is_no_environment(clone: Path, machine: Machine, pip: Pip) -> None:
    pip.waits()
    with start_venv(clone, machine) as killed:
        wait_until_said(killed, "pip is at work")
        killed.kill()
        os.kill(int(pip.calls()[0].split()[0]), signal.SIGKILL)
    pip.goes_on()
    (clone / ".venv" / "half-made").touch()
    assert run_venv(clone, machine).returncode == 0
    assert len(pip.calls()) == 2
    assert not (clone / ".venv" / "half-made").exists()


def test_two_runs_at_once_install_once(clone: Path, machine: Machine, pip: Pip) -> None:
    pip.waits()
    with start_venv(clone, machine) as first:
        wait_until_said(first, "pip is at work")
        with start_venv(clone, machine) as second:
            wait_until_said(second, "waiting for it")
            pip.goes_on()
            assert first.wait(300) == 0
            assert second.wait(300) == 0
    assert len(pip.calls()) == 1
