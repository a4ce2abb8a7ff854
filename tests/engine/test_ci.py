"""examples/ci: each step of its files is run as CI would run it, from a copy of the folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from pulumi_highmobility.testing import RunningEmulator, serve_emulator

from .conftest import ROOT, Project

pytestmark = pytest.mark.engine

EXAMPLE = ROOT / "examples" / "ci"
GITHUB = EXAMPLE / ".github" / "workflows" / "fleet.yml"
GITLAB = EXAMPLE / ".gitlab-ci.yml"
VIN = "WBA0000000EMU0001"


@dataclass(frozen=True)
class Ended:
    status: int
    output: str
    summary: str


@dataclass(frozen=True)
class Runner:
    """A machine of CI: the checked-out folder, and what the jobs' environment has."""

    folder: Path
    environment: Mapping[str, str]

    def job(self, name: str, *, without: tuple[str, ...] = ()) -> Ended:
        """Every `run:` step of GitHub's job, one after the other, until one fails."""
        workflow = yaml.safe_load(GITHUB.read_text())
        summary = self.folder.parent / f"summary-{name}-{time.monotonic_ns()}.md"
        environment = {key: text for key, text in self.environment.items() if key not in without}
        environment |= {"STACK": "test", "GITHUB_STEP_SUMMARY": str(summary)}
        output, status = "", 0
        for step in workflow["jobs"][name]["steps"]:
            if status == 0 and "run" in step:
                status, told = self._bash(step["run"], environment)
                output += told
        return Ended(status, output, summary.read_text() if summary.exists() else "")

    def _bash(self, script: str, environment: Mapping[str, str]) -> tuple[int, str]:
        done = subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        return done.returncode, done.stdout


@pytest.fixture
def emulator() -> Iterator[RunningEmulator]:
    with serve_emulator(approve_after="0s", revoke_after="0s") as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, emulator: RunningEmulator) -> Project:
    folder = tmp_path / "checkout"
    shutil.copytree(EXAMPLE, folder)
    return Project(folder, emulator.environment, main=folder)


@pytest.fixture
def runner(project: Project) -> Runner:
    return Runner(project.folder, project.environment)


def test_from_a_pull_request_to_the_nightly_look(
    runner: Runner, emulator: RunningEmulator, project: Project
) -> None:
    preview = runner.job(
        "preview", without=("HIGHMOBILITY_CREDENTIALS_FILE", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE")
    )
    assert preview.status == 0, preview.output
    assert "+ 6 to create" in preview.output
    assert "### Preview" in preview.summary
    assert "### Fleet clearances of preview: 2 requested" in preview.summary
    assert emulator.controls.vehicles() == []
    up = runner.job("up")
    assert up.status == 0, up.output
    assert "### Update of test" in up.summary
    assert {vehicle["status"] for vehicle in emulator.controls.vehicles()} == {"approved"}
    assert runner.job("up").status == 0
    drift = runner.job("drift")
    assert drift.status == 0, drift.output
    assert drift.summary == "### Drift of test\nNone.\n"
    emulator.controls.move(VIN, "rejected", reason="no contract")
    drift = runner.job("drift")
    assert drift.status == 1
    assert f"rejected: 1 ({VIN})" in drift.summary
    (project.folder / "vehicles.csv").write_text("vin,brand\nnonsense,bmw\n")
    broken = runner.job("up")
    assert broken.status != 0
    assert "is not a valid VIN" in broken.output


def test_gitlab_runs_the_same_commands() -> None:
    github = yaml.safe_load(GITHUB.read_text())["jobs"]
    gitlab: dict[str, Any] = yaml.safe_load(GITLAB.read_text())
    install = gitlab["default"]["before_script"]
    for name, job in github.items():
        assert [step["run"] for step in job["steps"] if "run" in step] == install + gitlab[name]["script"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--builtin-schema", "vendor.github-workflows", str(GITHUB)],
        ["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci", str(GITLAB)],
    ],
    ids=["github", "gitlab"],
)
def test_the_files_pass_the_schemas(arguments: list[str]) -> None:
    command = str(Path(sys.executable).parent / "check-jsonschema")
    done = subprocess.run(
        [command, *arguments], capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stdout + done.stderr
