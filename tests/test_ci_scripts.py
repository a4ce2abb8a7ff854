"""examples/ci without an engine: what its scripts make of their arguments and of what `pulumi` says."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "ci"


class Runner:
    """A copy of the folder, with a `pulumi` that notes its arguments and does as `script` says."""

    def __init__(self, folder: Path, example: Path = EXAMPLE) -> None:
        self.folder = folder / "repository"
        self.calls = folder / "calls"
        self._bin = folder / "bin"
        self._bin.mkdir()
        shutil.copytree(example, self.folder)
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


def test_without_a_stack_it_is_previewed_against_an_emulator_that_ends_with_it(runner: Runner) -> None:
    runner.pulumi('echo "$HIGHMOBILITY_CREDENTIALS_FILE"; test -e "$HIGHMOBILITY_CREDENTIALS_FILE"')
    ended = runner.run("preview")
    assert ended.returncode == 0, ended.stderr
    assert [call.split(" --")[0] for call in runner.called()] == ["stack init preview", "preview"]
    folder = Path(ended.stdout.strip()).parent
    assert not folder.exists()
    lines = [" ".join(each.info["cmdline"]) for each in psutil.process_iter(["cmdline"], ad_value=[])]
    assert not any(str(folder) in line for line in lines)


LOCK = (
    "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or ..."
)


# What Pulumi Cloud answers, as the command line of Pulumi shows it; a link to its documentation follows.
CLOUD = "error: [409] Conflict: Another update is currently in progress."


@pytest.mark.parametrize(
    "lock", [LOCK, f"{CLOUD}\nTo learn more about possible reasons and resolution, visit ..."]
)
def test_a_stack_that_is_locked_is_waited_for(runner: Runner, lock: str) -> None:
    runner.pulumi(f"if [ ! -e tried ]; then touch tried; echo '{lock}'; exit 255; fi")
    assert runner.run("up", "test", LOCK_PAUSE_SECONDS="0").returncode == 0
    assert len(runner.called()) == 2


@pytest.mark.parametrize(
    "said",
    [
        '    error: clearance of X was refused: "The vehicle is currently locked"',
        "error: the vehicle is currently locked",
        f"    {LOCK}",
        f"Diagnostics: {LOCK}",
        '    error: clearance of X was refused: "[409] Conflict: Another update is currently in progress."',
        "error: Another update is currently in progress",
        f"    {CLOUD}",
        f"Diagnostics: {CLOUD}",
        CLOUD.replace("409", "500"),
    ],
)
def test_a_carmakers_words_are_no_lock(runner: Runner, said: str) -> None:
    runner.pulumi(f"cat <<'END'\n{said}\nEND\nexit 255")
    assert runner.run("up", "test", LOCK_PAUSE_SECONDS="0").returncode == 255
    assert len(runner.called()) == 1


STOPPABLE = """
trap 'echo "caught {name}"; sleep 0.3; echo released >>released; exit 3' {name}
echo started >started
for _ in $(seq 600); do sleep 0.05; done
"""


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP"])
@pytest.mark.parametrize("script", ["up", "preview", "drift"])
def test_a_signal_is_passed_on_to_pulumi_whose_end_is_waited_for(
    runner: Runner, script: str, name: str
) -> None:
    runner.pulumi(STOPPABLE.format(name=name))
    process = subprocess.Popen(
        [runner.folder / "ci" / script, "test"],
        env=runner.environment(LOCK_PAUSE_SECONDS="0"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    end = time.monotonic() + 30
    while not (runner.folder / "started").exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(getattr(signal, f"SIG{name}"))
    said, _ = process.communicate(timeout=30)
    assert (runner.folder / "released").exists(), said
    assert f"caught {name}" in said
    assert process.returncode == (1 if script == "drift" else 3)
    assert len(runner.called()) == 1


def test_a_signal_while_a_lock_is_waited_for_ends_the_wait(runner: Runner) -> None:
    runner.pulumi(f"echo '{LOCK}'; exit 255")
    process = subprocess.Popen(
        [runner.folder / "ci" / "up", "test"],
        env=runner.environment(LOCK_PAUSE_SECONDS="60"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "trying again" in line:
            break
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 255
    assert len(runner.called()) == 1


def test_pulumi_can_be_interrupted_in_its_background(runner: Runner) -> None:
    runner.pulumi("grep SigIgn /proc/self/status >ignored")
    assert runner.run("up", "test").returncode == 0
    assert int((runner.folder / "ignored").read_text().split()[1], 16) & 1 << (signal.SIGINT - 1) == 0
