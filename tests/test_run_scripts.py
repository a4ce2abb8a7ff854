"""`run` of examples/applications and examples/many-stacks, with a `pulumi` of the tests: statuses, and signals."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from .test_ci_scripts import EXAMPLE, Runner

EXAMPLES = EXAMPLE.parent
# Each stack's own file tells what became of its run.
STOPPABLE = """
if [ "$1" = stack ]; then exit 0; fi
stack=${{4:-$3}}
trap 'echo "caught {name}"; sleep 0.3; echo released >"released-$stack"; exit 3' {name}
echo started >"started-$stack"
for _ in $(seq 600); do sleep 0.05; done
"""


def applications(folder: Path) -> Runner:
    runner = Runner(folder, EXAMPLES / "applications")
    for stack in ("logistics", "insurance"):
        (runner.folder / f"Pulumi.{stack}.yaml").write_text("config: {}\n")
    return runner


def run(runner: Runner, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [runner.folder / "run", *arguments],
        env=runner.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def stopped(runner: Runner, name: str, started: int, *arguments: str) -> tuple[int, str]:
    runner.pulumi(STOPPABLE.format(name=name))
    process = subprocess.Popen(
        [runner.folder / "run", *arguments],
        env=runner.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    end = time.monotonic() + 300
    while len(list(runner.folder.glob("started-*"))) < started:
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(getattr(signal, f"SIG{name}"))
    said, _ = process.communicate(timeout=300)
    return process.returncode, said


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP"])
def test_a_signal_ends_the_application_in_order_and_leaves_out_those_after_it(
    tmp_path: Path, name: str
) -> None:
    runner = applications(tmp_path)
    status, said = stopped(runner, name, 1, "up", "--yes")
    assert status == 1
    assert f"caught {name}" in said
    assert (runner.folder / "released-insurance").exists(), said
    assert f"stopped by SIG{name} before logistics" in said
    assert runner.called() == ["up --yes --stack insurance --non-interactive"]


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP"])
def test_a_signal_ends_every_part_in_order(tmp_path: Path, name: str) -> None:
    runner = Runner(tmp_path, EXAMPLES / "many-stacks")
    status, said = stopped(runner, name, 3, "3", "up", "--yes")
    assert status == 1
    for part in ("1-of-3", "2-of-3", "3-of-3"):
        assert f"{part}: caught {name}" in said
        assert (runner.folder / f"released-{part}").exists(), said


def test_an_application_that_fails_stops_none_of_the_others(tmp_path: Path) -> None:
    runner = applications(tmp_path)
    runner.pulumi('if [ "$3" = insurance ]; then exit 4; fi')
    ended = run(runner, "preview")
    assert (ended.returncode, len(runner.called())) == (1, 2)
    assert "run: failed: insurance" in ended.stderr


def test_every_part_is_run_with_its_name_before_each_line(tmp_path: Path) -> None:
    runner = Runner(tmp_path, EXAMPLES / "many-stacks")
    runner.pulumi('if [ "$1" = stack ]; then exit 0; fi; echo one; echo two')
    ended = run(runner, "3", "up", "--yes")
    assert (ended.returncode, ended.stderr) == (0, "")
    wanted = [f"{part}-of-3: {line}" for part in (1, 2, 3) for line in ("one", "two")]
    assert sorted(ended.stdout.splitlines()) == wanted
    assert "up --yes --stack 2-of-3 --non-interactive" in runner.called()
    assert "stack select --create 2-of-3" in runner.called()


@pytest.mark.parametrize("failing", ["stack", "up"])
def test_a_part_that_fails_is_told(tmp_path: Path, failing: str) -> None:
    runner = Runner(tmp_path, EXAMPLES / "many-stacks")
    runner.pulumi(f'case "$1 $*" in {failing}*2-of-3*) echo no >&2; exit 4;; esac')
    ended = run(runner, "3", "up")
    assert (ended.returncode, ended.stdout) == (1, "2-of-3: no\n")
    assert "1 of 3 failed" in ended.stderr


def test_the_examples_pass_signals_on_in_the_same_way() -> None:
    # Each is a folder that is copied by itself, so that each has its own copy.
    whole = (EXAMPLE / "ci" / "signals.bash").read_text()
    for example in ("applications", "many-stacks"):
        assert (EXAMPLES / example / "signals.bash").read_text() == whole
