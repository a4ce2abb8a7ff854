"""examples/ci without an engine: what its scripts make of their arguments and of what `pulumi` says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "ci"


class Runner:
    """A copy of the folder, with a `pulumi` that notes its arguments and does as `script` says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "repository"
        self.calls = folder / "calls"
        self._bin = folder / "bin"
        self._bin.mkdir()
        shutil.copytree(EXAMPLE, self.folder)
        self.pulumi("exit 0")

    def pulumi(self, script: str) -> None:
        file = self._bin / "pulumi"
        file.write_text(f'#!/usr/bin/env bash\necho "$@" >>{self.calls}\n{script}\n')
        file.chmod(0o755)

    def environment(self, **more: str) -> dict[str, str]:
        path = os.pathsep.join([str(self._bin), str(Path(sys.executable).parent), os.environ["PATH"]])
        return {"PATH": path, "HOME": str(self.folder), **more}

    def run(self, script: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.folder / "ci" / script, *arguments],
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def called(self) -> list[str]:
        return self.calls.read_text().splitlines() if self.calls.exists() else []


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


@pytest.mark.parametrize("script", ["preview", "up", "drift"])
def test_an_empty_stack_is_an_error_and_not_the_selected_one(runner: Runner, script: str) -> None:
    ended = runner.run(script, "")
    assert ended.returncode != 0
    assert "empty" in ended.stderr
    assert runner.called() == []


def test_a_stack_that_is_named_is_previewed(runner: Runner) -> None:
    assert runner.run("preview", "test").returncode == 0
    assert runner.called() == ["preview --stack test --diff --non-interactive --color never"]
