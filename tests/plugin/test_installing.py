"""The plugin as it is installed: a script that starts one interpreter, and says what to do where it cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner

from pulumi_highmobility.cli.commands import command
from pulumi_highmobility.plugin.installing import COMMAND, wrapper

VERSION = version("pulumi-highmobility")


def started(folder: Path, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = folder / COMMAND
    script.write_text(text)
    script.chmod(0o755)
    return subprocess.run([script, *arguments], cwd=folder, capture_output=True, text=True, check=False)


def test_it_starts_the_interpreter_that_it_names_whatever_lies_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('the folder came first')")
    done = started(tmp_path, wrapper(sys.executable, VERSION), "schema")
    assert done.returncode == 0, done.stderr
    assert '"name": "highmobility"' in done.stdout


def test_without_an_address_it_says_what_it_is(tmp_path: Path) -> None:
    done = started(tmp_path, wrapper(sys.executable, VERSION))
    assert done.returncode == 2
    assert "the Pulumi engine starts by itself" in done.stderr


def test_an_interpreter_that_is_gone_is_told(tmp_path: Path) -> None:
    done = started(tmp_path, wrapper(str(tmp_path / "a folder" / "python"), VERSION), "127.0.0.1:1")
    assert done.returncode == 1
    assert "which is gone: run 'pulumi-highmobility plugin install'" in done.stderr


def test_another_version_of_the_package_is_refused(tmp_path: Path) -> None:
    done = started(tmp_path, wrapper(sys.executable, "0.0.1"), "127.0.0.1:1")
    assert done.returncode == 1
    assert (
        f"was installed for pulumi-highmobility 0.0.1, and {sys.executable} has {VERSION} now" in done.stderr
    )


@pytest.mark.parametrize(
    ("pulumi", "said"),
    [
        (None, "There is no `pulumi` on PATH"),
        ("#!/bin/sh\necho 'error: no space left' >&2\nexit 3\n", "ended with status 3: error: no space left"),
        ("#!/nowhere\n", "could not be run"),
    ],
)
def test_what_goes_wrong_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pulumi: str | None, said: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    if pulumi is not None:
        (tmp_path / "pulumi").write_text(pulumi)
        (tmp_path / "pulumi").chmod(0o755)
    done = CliRunner().invoke(command, ["plugin", "install"])
    assert done.exit_code == 1
    assert said in done.output


def test_it_is_installed_by_the_engines_own_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pulumi").write_text(
        '#!/bin/sh\necho "$@" > "$OUT/said"\ncp "$7/pulumi-resource-highmobility" "$OUT"\n'
    )
    (tmp_path / "pulumi").chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), os.environ["PATH"]]))
    monkeypatch.setenv("OUT", str(tmp_path))
    done = CliRunner().invoke(command, ["plugin", "install"])
    assert (done.exit_code, done.output) == (
        0,
        f"The plugin highmobility {VERSION} is installed: `pulumi plugin ls` lists it.\n",
    )
    assert (
        (tmp_path / "said").read_text().startswith(f"plugin install resource highmobility {VERSION} --file ")
    )
    assert (tmp_path / COMMAND).read_text() == wrapper(sys.executable, VERSION)
