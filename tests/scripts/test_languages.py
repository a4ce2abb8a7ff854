"""scripts/languages and scripts/sdks on machines that have Pulumi, Go, a cache, or none of them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ROOT, Machine

LANGUAGES = ROOT / "scripts" / "languages"
SDKS = ROOT / "scripts" / "sdks"
HOSTS = ("pulumi-language-yaml", "pulumi-language-nodejs", "pulumi-language-go")
NODE_PARTS = ("pulumi-resource-pulumi-nodejs", "pulumi-analyzer-policy")
# Takes the place of the Go compiler: the "SDKs" that it generates are copies of the folder that FAKE_SDKS names.
GENERATING_GO = """
import os, shutil, sys
if os.environ["FAKE_SDKS"] == "fail":
    sys.exit("#/resources: a resource has no inputs")
shutil.copytree(os.environ["FAKE_SDKS"], sys.argv[-1])
"""


def has_hosts(machine: Machine, folder: Path | None = None, *, absent: str = "") -> None:
    for host in HOSTS:
        if host != absent:
            machine.has_program(host, "", folder=folder)


def has_go(machine: Machine, behaviour: str = "build") -> None:
    machine.has_go(behaviour)
    for part in NODE_PARTS:
        machine.has_program(part, "", folder=machine.folder / "sdk" / "nodejs" / "dist")


def made(machine: Machine) -> list[str]:
    cache = machine.cache / "pulumi-highmobility" / "languages"
    return sorted(entry.name for entry in cache.glob("*") if entry.suffix != ".lock")


def test_language_hosts_on_path_are_taken(machine: Machine) -> None:
    has_hosts(machine)
    run = machine.run(LANGUAGES)
    assert (run.returncode, run.stdout) == (0, f"{machine.bin}\n")
    assert run.stderr == "languages: taking the language hosts from PATH\n"
    assert made(machine) == []


def test_those_beside_a_pulumi_that_is_linked_from_path_are_taken(machine: Machine) -> None:
    installation = machine.folder / "installation"
    machine.has_pulumi("3.260.0", folder=installation)
    has_hosts(machine, installation)
    (machine.bin / "pulumi").symlink_to(installation / "pulumi")
    run = machine.run(LANGUAGES)
    assert (run.returncode, run.stdout) == (0, f"{installation}\n")
    assert "beside pulumi" in run.stderr


def test_those_in_the_folder_that_the_user_names_go_before_path(machine: Machine) -> None:
    named = machine.folder / "named"
    has_hosts(machine)
    has_hosts(machine, named)
    machine.environment["HIGHMOBILITY_ENGINE_DIR"] = str(named)
    run = machine.run(LANGUAGES)
    assert (run.returncode, run.stdout) == (0, f"{named}\n")


@pytest.mark.parametrize("absent", HOSTS)
def test_an_installation_without_one_of_them_is_passed_over(machine: Machine, absent: str) -> None:
    machine.has_pulumi("3.260.0")
    has_hosts(machine, absent=absent)
    has_go(machine)
    run = machine.run(LANGUAGES)
    assert run.returncode == 0, run.stderr
    folder = Path(run.stdout.strip())
    assert folder.is_relative_to(machine.cache)
    assert all(os.access(folder / name, os.X_OK) for name in (*HOSTS, *NODE_PARTS))


def test_what_was_built_is_taken_from_the_cache(machine: Machine) -> None:
    has_go(machine)
    first = machine.run(LANGUAGES)
    for host in HOSTS:
        assert f"languages: built {host} in " in first.stderr
    assert [verb for verb, _ in machine.go_calls()] == ["build", "build", "build", "list"]
    second = machine.run(LANGUAGES)
    assert second.stdout == first.stdout
    assert second.stderr == "languages: taking the language hosts from the cache\n"
    assert len(machine.go_calls()) == 4


def test_a_change_of_the_recipe_makes_others(machine: Machine, tmp_path: Path) -> None:
    has_go(machine)
    clone = tmp_path / "clone"
    shutil.copytree(ROOT / "tools" / "languages", clone / "tools" / "languages")
    shutil.copytree(ROOT / "tools" / "engine", clone / "tools" / "engine")
    (clone / "scripts").mkdir()
    for script in ("engine", "languages"):
        shutil.copy(ROOT / "scripts" / script, clone / "scripts")
    first = machine.run(LANGUAGES).stdout
    assert machine.run(clone / "scripts" / "languages").stdout == first
    with (clone / "tools" / "languages" / "nodejs" / "go.sum").open("a") as recipe:
        recipe.write("\n")
    assert machine.run(clone / "scripts" / "languages").stdout != first


def test_without_go_the_error_names_the_ways_out(machine: Machine) -> None:
    run = machine.run(LANGUAGES)
    assert (run.returncode, run.stdout) == (1, "")
    go = re.search(r"^go (\S+)$", (ROOT / "tools/languages/yaml/go.mod").read_text(), re.MULTILINE)
    assert go
    assert "no language hosts can be had" in run.stderr
    assert "install Pulumi, which brings them" in run.stderr
    assert f"install Go {go[1]} or later" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_build_that_fails_is_quoted_and_leaves_nothing(machine: Machine) -> None:
    has_go(machine, "fail")
    run = machine.run(LANGUAGES)
    assert run.returncode == 1
    assert "`go build` failed: go: the module proxy cannot be reached" in run.stderr
    assert made(machine) == []


def test_two_runs_at_once_build_them_once(machine: Machine) -> None:
    has_go(machine, "wait")
    with machine.start(LANGUAGES, merged=True) as first:
        while not machine.go_calls():
            os.sched_yield()
        with machine.start(LANGUAGES, merged=True) as second:
            assert second.stdout
            assert "another run is making the language hosts" in second.stdout.readline()
            machine.let_go_finish()
            of_first = first.communicate(timeout=300)[0]
            of_second = second.communicate(timeout=300)[0]
    assert (first.returncode, second.returncode) == (0, 0)
    assert of_first.splitlines()[-1] == of_second.splitlines()[-1]
    assert [verb for verb, _ in machine.go_calls()] == ["build", "build", "build", "list"]


class Generation:
    """scripts/sdks with a generator that makes the files it is given."""

    def __init__(self, machine: Machine) -> None:
        machine.has_program("go", GENERATING_GO)
        self.source = machine.folder / "generated"
        self.out = machine.folder / "sdks"
        self.schema = machine.folder / "schema.json"
        self.schema.write_text(json.dumps({"name": "highmobility"}))
        self.environment = machine.environment | {"FAKE_SDKS": str(self.source)}
        self.makes("nodejs/index.ts", "export {};\n")
        self.makes("go/highmobility/doc.go", "package highmobility\n")

    def makes(self, name: str, text: str) -> None:
        put(self.source / name, text)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, SDKS, "--schema", self.schema, "--out", self.out, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def standing(self) -> dict[str, str]:
        files = (file for file in sorted(self.out.rglob("*")) if file.is_file())
        return {file.relative_to(self.out).as_posix(): file.read_text() for file in files}


def put(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.fixture
def generation(machine: Machine) -> Generation:
    """A machine whose Go generates SDKs of one file each."""
    return Generation(machine)


def test_the_sdks_are_written(generation: Generation) -> None:
    run = generation.run()
    assert (run.returncode, run.stderr) == (0, "sdks: wrote 2 files in sdks/\n")
    assert list(generation.standing()) == ["go/highmobility/doc.go", "nodejs/index.ts"]
    assert generation.run("--check").returncode == 0
    assert "up to date" in generation.run().stderr


def test_the_check_names_what_differs_and_changes_nothing(generation: Generation) -> None:
    generation.run()
    (generation.out / "nodejs/index.ts").write_text("edited\n")
    (generation.out / "go/highmobility/doc.go").unlink()
    put(generation.out / "go/highmobility/old.go", "package highmobility\n")
    before = generation.standing()
    run = generation.run("--check")
    assert run.returncode == 1
    assert run.stderr.splitlines() == [
        "sdks: sdks/go/highmobility/doc.go is missing",
        "sdks: sdks/go/highmobility/old.go is no longer generated",
        "sdks: sdks/nodejs/index.ts differs",
        "sdks: run scripts/sdks",
    ]
    assert generation.standing() == before


def test_what_is_no_longer_generated_goes_and_what_was_installed_stays(generation: Generation) -> None:
    put(generation.out / "nodejs/old.ts", "")
    for name in ("node_modules/typescript/index.js", "bin/index.js", "package-lock.json"):
        put(generation.out / "nodejs" / name, "")
    assert generation.run().returncode == 0
    standing = generation.standing()
    assert "nodejs/old.ts" not in standing
    assert {"nodejs/node_modules/typescript/index.js", "nodejs/bin/index.js", "nodejs/package-lock.json"} <= {
        *standing
    }
    assert generation.run("--check").returncode == 0


def test_a_schema_that_the_generator_refuses_is_quoted(generation: Generation) -> None:
    generation.environment["FAKE_SDKS"] = "fail"
    run = generation.run()
    assert run.returncode == 1
    assert run.stderr == "sdks: `go run` failed: #/resources: a resource has no inputs\n"
    assert generation.standing() == {}


def test_a_schema_that_is_not_there_is_named(generation: Generation) -> None:
    generation.schema.unlink()
    run = generation.run()
    assert run.returncode == 1
    assert f"there is no schema {generation.schema}" in run.stderr


def test_without_go_the_error_says_what_to_install(generation: Generation, machine: Machine) -> None:
    (machine.bin / "go").unlink()
    run = generation.run()
    assert run.returncode == 1
    assert re.search(r"generated with Go [\d.]+ or later: install it", run.stderr)
    assert "Traceback" not in run.stderr
