"""State in a folder, in S3 and in PostgreSQL: locks, an engine that is killed, many runners over one backend."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pulumi_highmobility.testing import RunningEmulator

from . import backends
from .conftest import ROOT, UNSAVED, Project, wait_until
from .test_interruption import kill_all_of
from .test_moves import fleet, vehicle, vin, writes

pytestmark = pytest.mark.engine

KINDS = {"file": backends.file, "s3": backends.s3, "postgresql": backends.postgresql}
VEHICLES = len((ROOT / "examples" / "ci" / "vehicles.csv").read_text().split()) - 1


@pytest.fixture(params=list(KINDS))
def environment(
    request: pytest.FixtureRequest, tmp_path: Path, emulator: RunningEmulator
) -> Iterator[dict[str, str]]:
    """The settings of one backend and of the test's own emulator."""
    with KINDS[request.param](tmp_path) as settings:
        yield {**emulator.environment, **settings}


@pytest.fixture
def project(tmp_path: Path, environment: dict[str, str]) -> Project:
    """examples/ci, as a runner has checked it out."""
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / "examples" / "ci", folder)
    return Project(folder, environment, main=folder)


def start(project: Project, *command: str, pause_s: int = 1) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=project.folder,
        env={**project.environment, "LOCK_PAUSE_SECONDS": str(pause_s)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def requested_once(emulator: RunningEmulator, count: int) -> bool:
    vehicles = emulator.controls.vehicles()
    statuses = [[change["status"] for change in vehicle["changelog"]] for vehicle in vehicles]
    return len(vehicles) == count and all(told.count("pending") == 1 for told in statuses)


def test_two_updates_at_once_run_one_after_the_other(project: Project, emulator: RunningEmulator) -> None:
    emulator.controls.fault("delay", seconds=3, method="POST", path="/fleets/vehicles")
    runs = [start(project, "ci/up", "test") for _ in range(2)]
    ended = [(run, run.communicate(timeout=120)[0]) for run in runs]
    for run, output in ended:
        assert run.returncode == 0, output
    assert any("another run holds the lock of test" in output for _, output in ended)
    # Who holds it: the user, the machine, the process and since when.
    assert any("(pid " in output for _, output in ended if "locked" in output)
    assert requested_once(emulator, VEHICLES)
    # All are approved and have their tokens, however quick the two runs were.
    emulator.controls.advance(10)
    project.up("--refresh")
    project.preview("--expect-no-changes")
    # The commands read the stack from its backend as well.
    status = start(
        project, "pulumi-highmobility", "status", "--stack", "test", "--fail-on", "unmanaged,missing,drift"
    )
    output, _ = status.communicate(timeout=300)
    assert status.returncode == 0, output


# What Pulumi keeps beside the state, in a folder; it does not write it at a stroke.
ATTRIBUTES = Path(".pulumi", "stacks", "fleet", "test.json.attrs")


def released_lock(folder: Path) -> Callable[[], object]:
    """A lock that is listed and then not found; returns what ends that."""
    lock = folder / ".pulumi" / "locks" / "organization" / "fleet" / "test" / "released.json"
    lock.symlink_to("nowhere")
    return lock.unlink


def half_written_state(folder: Path) -> Callable[[], object]:
    """A state whose attributes another run is writing; returns what ends that."""
    attributes = folder / ATTRIBUTES
    whole = attributes.read_text()
    attributes.write_text("")
    return lambda: attributes.write_text(whole)


@pytest.mark.parametrize(
    ("told", "begin"),
    [("2 errors occurred:", released_lock), ("failed to load checkpoint: EOF", half_written_state)],
)
@pytest.mark.parametrize("environment", ["file"], indirect=True)
def test_what_another_run_is_writing_is_read_again_a_few_times(
    project: Project,
    emulator: RunningEmulator,
    tmp_path: Path,
    told: str,
    begin: Callable[[Path], Callable[[], object]],
) -> None:
    end = begin(tmp_path)
    output, _ = (stays := start(project, "ci/up", "test", pause_s=0)).communicate(timeout=120)
    assert stays.returncode != 0
    assert output.count(told) == 4, output
    assert emulator.controls.vehicles() == []
    goes = start(project, "ci/up", "test")
    assert goes.stdout is not None
    for line in goes.stdout:
        if "trying again" in line:
            end()
            break
    output, _ = goes.communicate(timeout=120)
    assert goes.returncode == 0, output
    assert requested_once(emulator, VEHICLES)


@pytest.mark.parametrize("environment", ["file"], indirect=True)
def test_a_command_reads_a_state_again_that_another_run_is_writing(project: Project, tmp_path: Path) -> None:
    status = ("pulumi-highmobility", "status", "--stack", "test")
    half_written_state(tmp_path)
    output, _ = (never := start(project, *status)).communicate(timeout=120)
    assert never.returncode == 1
    assert "failed to load checkpoint: EOF" in output
    # Pulumi itself, after whose first failure the other run's write is done.
    attributes = tmp_path / ATTRIBUTES
    command = tmp_path / "bin" / "pulumi"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\n{shutil.which("pulumi")} "$@" || {{ rm {attributes}; exit 1; }}\n')
    command.chmod(0o755)
    project.environment["PATH"] = f"{command.parent}:{project.environment['PATH']}"
    output, _ = (read := start(project, *status)).communicate(timeout=120)
    assert read.returncode == 0, output
    assert not attributes.exists()


def test_an_engine_that_is_killed_leaves_its_lock_and_nothing_is_requested_twice(
    project: Project, emulator: RunningEmulator, tmp_path: Path
) -> None:
    emulator.controls.fault("delay", seconds=3, method="POST", path="/fleets/vehicles")
    killed = project.start("up")
    wait_until(lambda: emulator.controls.pending_faults() == [], "no request came")
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate(timeout=300)
    # Pulumi's language host notices the engine's end only after minutes.
    kill_all_of(killed.pid)
    wait_until(
        lambda: any(line["fault"] == "delay" for line in emulator.controls.requests()),
        "the platform never carried the request out",
    )
    locked = project.up(expect=1)
    assert "currently locked" in locked.output
    assert f"pid {killed.pid}" in locked.output
    if project.environment["PULUMI_BACKEND_URL"].startswith("file:"):
        # As if it had been killed a moment later or earlier, when it saved the state.
        half_written_state(tmp_path)
        assert "failed to load checkpoint: EOF" in project("cancel", "--yes", expect=1).output
    # The run is known to be dead: this is the one case for it.
    project.recover()
    project.up("--refresh")
    assert requested_once(emulator, VEHICLES)
    project.preview("--expect-no-changes")


@pytest.mark.parametrize("environment", ["s3", "postgresql"], indirect=True)
def test_four_runners_share_a_backend(
    tmp_path: Path, environment: dict[str, str], emulator: RunningEmulator
) -> None:
    folder = tmp_path / "many-stacks"
    shutil.copytree(ROOT / "examples" / "many-stacks", folder)
    split = Project(folder, environment, main=folder)
    count = len((folder / "fleet.csv").read_text().split()) - 1
    done = subprocess.run(
        ["./run", "4", "up", "--yes", "--skip-preview", "--color=never"],
        cwd=folder,
        env=split.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert requested_once(emulator, count)
    # Each stack has its own part. (`pulumi stack ls` never ends here on PostgreSQL: engine 3.259.0.)
    parts = [split.state("--stack", f"{part}-of-4") for part in range(1, 5)]
    assert sum(len(fleet["inputs"]["vehicles"].splitlines()) for fleet, _ in parts) == count


@pytest.mark.parametrize("saves", [{}, UNSAVED], ids=["each step saved", "saved at the end"])
def test_a_removal_ends_on_every_backend(
    tmp_path: Path, environment: dict[str, str], emulator: RunningEmulator, saves: dict[str, str]
) -> None:
    """The provider reads the stack's state there while the engine has it locked."""
    folder = tmp_path / "removal"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: fleet\nruntime: python\n")
    (folder / "__main__.py").write_text("")
    project = Project(folder, {**environment, **saves}, main=folder)
    project.program(fleet(1, *range(90, 100)) + vehicle("old", 2))
    project.up()
    emulator.controls.advance(60)
    emulator.controls.clear_requests()
    project.program(fleet(*range(90, 100)) + vehicle("new", 2))
    run = project.up()
    assert "saved state cannot be read" not in run.output
    assert writes(emulator) == [("DELETE", [vin(1)])]
    project.stays_as_it_is()
