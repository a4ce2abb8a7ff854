"""The quickstarts in YAML, TypeScript and Go, word for word from their pages, on the real engine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pulumi_highmobility.testing import RunningEmulator

from .conftest import ROOT, Project
from .test_moves import statuses, writes

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1200)]

VINS = {"WBA8E9C50GK123457", "WDD2130041A123456", "VF3LCYHZPHS123459"}


def files_of(page: str) -> dict[str, str]:
    """The files that a page has the user write: each is named, then shown."""
    text = (ROOT / "docs" / page).read_text()
    return dict(re.findall(r"^`([\w./-]+)`[^\n]*:\n\n```[\w-]+\n(.*?)^```$", text, re.M | re.S))


@pytest.fixture
def project(tmp_path: Path, emulator: RunningEmulator) -> Project:
    """An empty folder beside a clone, with the language hosts and the plugin installed as the pages say."""
    found = Project(tmp_path / "fleet", emulator.environment)
    (found.folder / "Pulumi.yaml").unlink()
    (tmp_path / "pulumi-highmobility").symlink_to(ROOT)
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "languages"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    hosts = done.stdout.splitlines()[-1]
    environment = found.environment
    environment["PATH"] = os.pathsep.join([environment["PATH"], hosts])
    # What npm and Go have downloaded already; with -trimpath Go takes what it has compiled for the engine.
    for name in ("GOPATH", "GOMODCACHE", "GOCACHE"):
        environment[name] = subprocess.run(
            ["go", "env", name], capture_output=True, text=True, check=True
        ).stdout.strip()
    environment["GOFLAGS"] = "-trimpath"
    if cache := npm_cache():
        environment["npm_config_cache"] = cache
    command(found, "pulumi-highmobility", "plugin", "install")
    return found


def npm_cache() -> str:
    npm = shutil.which("npm")
    return (
        ""
        if npm is None
        else subprocess.run(
            [npm, "config", "get", "cache"], capture_output=True, text=True, check=True
        ).stdout.strip()
    )


def command(project: Project, *words: str) -> None:
    done = subprocess.run(
        words, cwd=project.folder, env=project.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("page", "prepare"),
    [("yaml.md", ()), ("typescript.md", ("npm", "install")), ("go.md", ("go", "mod", "tidy"))],
)
def test_a_quickstart_lives_from_the_first_up_to_destroy(
    project: Project, emulator: RunningEmulator, page: str, prepare: tuple[str, ...]
) -> None:
    for name, content in files_of(page).items():
        (project.folder / name).write_text(content)
    if prepare:
        assert f"\n{' '.join(prepare)}\n" in (ROOT / "docs" / page).read_text()
        command(project, *prepare)
    # The stack, the provider and five resources.
    assert project.up().summary()["created"] in (6, 7)
    assert statuses(emulator).keys() == VINS
    project.stays_as_it_is()
    emulator.controls.advance(61)
    project("up", "--refresh", "--yes", "--skip-preview", expect=0)
    outputs = project.outputs(secrets=True)
    assert outputs["status"] == "approved"
    assert outputs["statuses"] == dict.fromkeys(VINS - {"WBA8E9C50GK123457"}, "approved")
    tokens = outputs.get("tokens") or outputs["allTokens"]
    assert tokens.keys() == outputs["statuses"].keys()
    assert all(pair.keys() == {"accessToken", "refreshToken", "expiresAt"} for pair in tokens.values())
    assert outputs.get("token") or outputs["accessToken"]
    project.stays_as_it_is()
    project.destroy()
    assert set(statuses(emulator).values()) <= {"revoking", "revoked"}
    assert [method for method, _ in writes(emulator)].count("POST") <= 2


def test_a_vehicle_that_leaves_a_list_in_yaml_is_ended_by_its_fleet_removals(
    project: Project, emulator: RunningEmulator
) -> None:
    program = (
        files_of("yaml.md")["Pulumi.yaml"]
        .replace("  vans:\n", "  vans:\n")
        .replace("      vehicles:\n", "      maxRemovals: 1\n      vehicles:\n")
    )
    removals = "  vans-removals:\n    type: highmobility:FleetRemovals\n    properties:\n      fleetId: ${vans.id}\n      leaving: ${vans.leaving}\n"
    assert removals in program
    gone = "        - vin: VF3LCYHZPHS123459\n          brand: peugeot\n"
    assert gone in program
    file = project.folder / "Pulumi.yaml"
    # Without it nothing ends, and the user is told why.
    file.write_text(program.replace(removals, ""))
    project.up()
    emulator.controls.advance(61)
    file.write_text(program.replace(removals, "").replace(gone, ""))
    said = project.up().output
    assert "has no FleetRemovals for it: they keep their clearance" in said
    assert statuses(emulator)["VF3LCYHZPHS123459"] == "approved"
    file.write_text(program.replace(gone, ""))
    project.up()
    project.up()
    assert statuses(emulator)["VF3LCYHZPHS123459"] in ("revoking", "revoked")
    assert statuses(emulator)["WBA8E9C50GK123457"] == "approved"


def test_the_sdks_are_those_of_the_schema() -> None:
    """Generated anew, and compared; `scripts/sdks` writes them."""
    done = subprocess.run([ROOT / "scripts" / "sdks", "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
