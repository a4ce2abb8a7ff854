"""The examples that are whole programs, as a user runs them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_highmobility.testing import RunningEmulator, serve_emulator

from .conftest import ROOT, Project

EXAMPLES = ROOT / "examples"


def copied(name: str, folder: Path, environment: dict[str, str]) -> Project:
    shutil.copytree(EXAMPLES / name, folder)
    return Project(folder, environment, main=folder)


@pytest.fixture
def emulator() -> Iterator[RunningEmulator]:
    """Two applications; vehicles are approved at once."""
    applications = ["--application", "logistics", "--application", "insurance"]
    with serve_emulator(*applications, approve_after="0s", revoke_after="0s") as running:
        yield running


@pytest.mark.engine
def test_tokens_are_handed_to_another_stack_and_stay_secret(
    tmp_path: Path, emulator: RunningEmulator
) -> None:
    fleet = copied("handover/fleet", tmp_path / "fleet", emulator.environment)
    fleet.up()
    fleet.up("--refresh")
    tokens = fleet.outputs(secrets=True)["tokens"]
    assert all(tokens.values())
    # The other stack has the backend and the passphrase, and no credentials.
    backend = {"PULUMI_BACKEND_URL": fleet.environment["PULUMI_BACKEND_URL"]}
    service = copied("handover/service", tmp_path / "service", backend)
    service("config", "set", "fleetStack", "organization/fleet/test", expect=0)
    output = service.up().output
    shown = json.loads(service("stack", "output", "--json", expect=0).output)
    assert shown == {"settings": "[secret]", "vehicles": len(tokens)}
    assert json.loads(service.outputs(secrets=True)["settings"]) == tokens
    assert not any(token in output for token in tokens.values())


@pytest.mark.engine
def test_each_application_has_a_stack_and_credentials_of_its_own(
    tmp_path: Path, emulator: RunningEmulator
) -> None:
    folder = tmp_path / "applications"
    credentials = emulator.credentials_file.parent
    shutil.copytree(EXAMPLES / "applications", folder)
    project = Project(folder, {}, main=folder, stack="logistics")
    project("stack", "init", "insurance", expect=0)
    files = {"logistics": emulator.credentials_file, "insurance": credentials / "credentials-insurance.json"}
    for stack, file in files.items():
        project("config", "set", "highmobility:credentialsFile", str(file), "--stack", stack, expect=0)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["./run", *arguments, "--color=never"],
            cwd=folder,
            env=project.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    done = run("up", "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout + done.stderr
    owners = {vehicle["vin"][-4:]: vehicle["application"] for vehicle in emulator.controls.vehicles()}
    assert owners["0001"] == owners["0002"] != owners["0003"]
    # The wrong credentials for one: refused, the other goes on, and nothing is lost.
    project(
        "config",
        "set",
        "highmobility:credentialsFile",
        str(files["logistics"]),
        "--stack",
        "insurance",
        expect=0,
    )
    # Without the program a refresh takes the settings of the last `up`, from the state.
    done = run("refresh", "--run-program", "--yes", "--skip-preview")
    assert done.returncode == 1, done.stdout
    assert "failed: insurance" in done.stderr
    assert "highmobility:movedFrom" in done.stdout
    assert {vehicle["status"] for vehicle in emulator.controls.vehicles()} == {"approved"}
    assert len(project.state("--stack", "insurance")) == 2


def test_the_unit_tests_beside_another_providers_resources_pass(tmp_path: Path) -> None:
    # Not in the environment of the tests: Pulumi would look for the provider's plugin at each run.
    packages = tmp_path / "packages"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(packages)]
    pinned = ["pulumi-kubernetes==4.34.2", "parver==1.0.1", "Arpeggio==2.0.3"]
    got = subprocess.run([*install, *pinned], capture_output=True, text=True, check=False, timeout=120)
    if got.returncode != 0:
        pytest.skip(f"pulumi-kubernetes cannot be fetched here: {got.stderr.strip().splitlines()[-1:]}")
    folder = shutil.copytree(EXAMPLES / "kubernetes", tmp_path / "kubernetes")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(packages), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
