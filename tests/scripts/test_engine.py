"""scripts/engine on machines that have Pulumi, Go, a network, a cache, or none of them."""

from __future__ import annotations

import os
import re
import shutil
import signal
from pathlib import Path

import pytest

from .conftest import PARTS, PINNED, ROOT, Installer, Machine, is_alive

ENGINE = ROOT / "scripts" / "engine"


def minimum() -> tuple[int, ...]:
    found = re.search(r"^MINIMUM = \((\d+), (\d+), (\d+)\)$", ENGINE.read_text(), re.MULTILINE)
    assert found
    return tuple(int(part) for part in found.groups())


def dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)


def folder_in(output: str) -> Path:
    """The folder to put on PATH: the last line of stdout, and here the only one."""
    assert output.count("\n") == 1
    return Path(output.strip())


def test_a_pulumi_on_path_that_is_recent_enough_is_taken(machine: Machine) -> None:
    machine.has_pulumi(dotted(minimum()))
    run = machine.run(ENGINE)
    assert run.returncode == 0
    assert folder_in(run.stdout) == machine.bin
    assert f"taking Pulumi {dotted(minimum())} from PATH" in run.stderr
    assert machine.made() == []


def test_a_pulumi_older_than_the_minimum_is_passed_over(machine: Machine) -> None:
    machine.has_pulumi("3.199.9")
    machine.has_go()
    run = machine.run(ENGINE)
    assert run.returncode == 0
    assert folder_in(run.stdout) != machine.bin
    assert f"it is 3.199.9, {dotted(minimum())} or later is needed" in run.stderr


def test_a_pulumi_that_does_not_run_is_passed_over(machine: Machine) -> None:
    machine.has_pulumi("3.259.0")
    machine.has_program("pulumi", "raise SystemExit(1)")
    machine.has_go()
    run = machine.run(ENGINE)
    assert folder_in(run.stdout) != machine.bin
    assert "of unknown version" in run.stderr


@pytest.mark.parametrize("absent", ["pulumi-language-python", "pulumi-resource-pulumi-python"])
def test_a_pulumi_without_its_python_parts_is_passed_over(machine: Machine, absent: str) -> None:
    machine.has_pulumi("3.260.0", parts=tuple(part for part in PARTS if part != absent))
    machine.has_go()
    run = machine.run(ENGINE)
    assert folder_in(run.stdout) != machine.bin
    assert f"it comes without {absent}" in run.stderr


def test_python_parts_may_lie_elsewhere_on_path(machine: Machine) -> None:
    elsewhere = machine.folder / "plugins"
    machine.has_pulumi("3.260.0", parts=())
    for part in PARTS:
        machine.has_program(part, "", folder=elsewhere)
    machine.environment["PATH"] += os.pathsep + str(elsewhere)
    assert folder_in(machine.run(ENGINE).stdout) == machine.bin


def test_a_folder_that_the_user_names_goes_before_path(machine: Machine) -> None:
    named = machine.folder / "named"
    machine.has_pulumi("3.260.0")
    machine.has_pulumi("3.258.0", folder=named)
    machine.environment["HIGHMOBILITY_ENGINE_DIR"] = str(named)
    run = machine.run(ENGINE)
    assert folder_in(run.stdout) == named
    assert "taking Pulumi 3.258.0" in run.stderr


@pytest.mark.parametrize(
    ("version", "said"), [(None, "no pulumi in it that runs"), ("3.100.0", "is 3.100.0")]
)
def test_a_named_folder_of_no_use_is_an_error(machine: Machine, version: str | None, said: str) -> None:
    """The user meant this one: taking another without a word would be worse."""
    named = machine.folder / "named"
    if version:
        machine.has_pulumi(version, folder=named)
    machine.has_pulumi("3.260.0")
    machine.environment["HIGHMOBILITY_ENGINE_DIR"] = str(named)
    run = machine.run(ENGINE)
    assert run.returncode == 1
    assert run.stdout == ""
    assert said in run.stderr


def test_what_the_installer_brings_is_kept_in_the_cache(machine: Machine, installer: Installer) -> None:
    installer.delivers(PINNED)
    machine.has_go("fail")
    first = machine.run(ENGINE)
    assert first.returncode == 0, first.stderr
    folder = folder_in(first.stdout)
    assert folder.is_relative_to(machine.cache)
    assert [file.name for file in sorted(folder.iterdir())] == ["pulumi", *PARTS]
    assert list(machine.home.iterdir()) == []

    second = machine.run(ENGINE)
    assert folder_in(second.stdout) == folder
    assert "from the cache" in second.stderr
    assert installer.asked == 1
    assert machine.go_calls() == []


def test_another_version_than_the_pinned_one_is_not_kept(machine: Machine, installer: Installer) -> None:
    installer.delivers("3.260.0")
    run = machine.run(ENGINE)
    assert run.returncode == 1
    assert f"not a complete Pulumi {PINNED}" in run.stderr
    assert machine.made() == []


def test_a_page_in_place_of_the_installer_is_not_run(machine: Machine, installer: Installer) -> None:
    installer.script = "<html>Sign in to this network</html>"
    run = machine.run(ENGINE)
    assert run.returncode == 1
    assert "something else than a script" in run.stderr


def test_an_installer_that_fails_is_quoted(machine: Machine, installer: Installer) -> None:
    installer.script = "#!/bin/sh\necho 'no such version' >&2\nexit 3\n"
    run = machine.run(ENGINE)
    assert run.returncode == 1
    assert "the official installer failed: no such version" in run.stderr


def test_without_a_network_the_engine_is_built(machine: Machine) -> None:
    machine.has_go()
    run = machine.run(ENGINE)
    assert run.returncode == 0, run.stderr
    folder = folder_in(run.stdout)
    assert all(os.access(folder / part, os.X_OK) for part in ("pulumi", *PARTS))
    assert "the official installer cannot be reached" in run.stderr
    assert "expect 6 to 12 minutes" in run.stderr
    assert [verb for verb, _ in machine.go_calls()] == ["build", "build", "list"]


def test_a_change_of_the_recipe_makes_another_engine(machine: Machine, tmp_path: Path) -> None:
    machine.has_go()
    clone = tmp_path / "clone"
    shutil.copytree(ROOT / "tools" / "engine", clone / "tools" / "engine")
    (clone / "scripts").mkdir()
    shutil.copy(ENGINE, clone / "scripts")
    first = folder_in(machine.run(ENGINE).stdout)
    assert folder_in(machine.run(clone / "scripts" / "engine").stdout) == first
    with (clone / "tools" / "engine" / "go.sum").open("a") as recipe:
        recipe.write("\n")
    assert folder_in(machine.run(clone / "scripts" / "engine").stdout) != first


def test_an_engine_in_the_cache_that_lost_a_part_is_made_anew(machine: Machine) -> None:
    machine.has_go()
    folder = folder_in(machine.run(ENGINE).stdout)
    (folder / PARTS[0]).unlink()
    assert folder_in(machine.run(ENGINE).stdout) == folder
    assert (folder / PARTS[0]).exists()


def test_without_network_and_go_the_error_names_the_ways_out(machine: Machine) -> None:
    run = machine.run(ENGINE)
    assert run.returncode == 1
    assert run.stdout == ""
    go = re.search(r"^go (\S+)$", (ROOT / "tools/engine/go.mod").read_text(), re.MULTILINE)
    assert go
    assert f"install Pulumi {dotted(minimum())} or later" in run.stderr
    assert f"install Go {go[1]} or later" in run.stderr
    assert "HIGHMOBILITY_ENGINE_DIR" in run.stderr
    assert "Traceback" not in run.stderr
    assert machine.made() == []


def test_a_build_that_fails_is_quoted_and_leaves_nothing(machine: Machine) -> None:
    machine.has_go("fail")
    run = machine.run(ENGINE)
    assert run.returncode == 1
    assert "`go build` failed: go: the module proxy cannot be reached" in run.stderr
    assert machine.made() == []


def test_a_cache_that_cannot_be_written_is_named(machine: Machine) -> None:
    machine.cache.write_text("a file where the folder would be")
    run = machine.run(ENGINE)
    assert run.returncode == 1
    assert "XDG_CACHE_HOME" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_killed_build_leaves_nothing_that_a_later_run_trusts(machine: Machine) -> None:
    machine.has_go("wait")
    with machine.start(ENGINE, merged=True) as killed:
        compiler = wait_for_compiler(machine)
        killed.kill()
        # Killed outright, it cannot end its compiler: the test does.
        os.kill(compiler, signal.SIGKILL)
    assert [name for name in machine.made() if ".making-" in name]

    machine.has_go()
    run = machine.run(ENGINE)
    assert run.returncode == 0, run.stderr
    assert machine.made() == [folder_in(run.stdout).parent.name]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_build_told_to_end_takes_its_compiler_with_it(machine: Machine, number: signal.Signals) -> None:
    machine.has_go("wait")
    with machine.start(ENGINE, merged=True) as told:
        compiler = wait_for_compiler(machine)
        told.send_signal(number)
        assert "Traceback" not in told.communicate(timeout=300)[0]
    assert told.returncode == 128 + number
    assert not is_alive(compiler)
    assert machine.made() == []


def test_two_runs_at_once_build_one_engine(machine: Machine) -> None:
    machine.has_go("wait")
    with machine.start(ENGINE, merged=True) as first:
        wait_for_compiler(machine)
        with machine.start(ENGINE, merged=True) as second:
            assert second.stdout
            said = [second.stdout.readline()]
            while "another run is making the engine" not in said[-1]:
                assert said[-1], said
                said.append(second.stdout.readline())
            machine.let_go_finish()
            of_first = first.communicate(timeout=300)[0]
            of_second = second.communicate(timeout=300)[0]
    assert (first.returncode, second.returncode) == (0, 0)
    assert of_first.splitlines()[-1] == of_second.splitlines()[-1]
    assert "the one that the other run has made" in of_second
    assert [verb for verb, _ in machine.go_calls()] == ["build", "build", "list"]


def wait_for_compiler(machine: Machine) -> int:
    """The process of the compiler, as soon as it is at work."""
    while not machine.go_calls():
        os.sched_yield()
    return int(machine.go_calls()[0][1])


def test_the_pinned_versions_are_one(machine: Machine) -> None:
    """The engine's, the SDK's in constraints.txt, the recipe's; and the SDK that pyproject.toml admits."""
    assert f'VERSION = "{PINNED}"' in ENGINE.read_text()
    assert f"pulumi=={PINNED}\n" in (ROOT / "constraints.txt").read_text()
    recipe = (ROOT / "tools/engine/go.mod").read_text()
    assert f"github.com/pulumi/pulumi/pkg/v3 v{PINNED}" in recipe
    assert f"github.com/pulumi/pulumi/sdk/v3 v{PINNED}" in recipe
    admitted = re.search(r'"pulumi>=(\d+)\.(\d+)', (ROOT / "pyproject.toml").read_text())
    assert admitted
    assert minimum() == (int(admitted[1]), int(admitted[2]), 0)


@pytest.mark.parametrize(
    "address", ["http://mirror.invalid/install.sh", "ftp://mirror.invalid/x", "file:///etc/passwd"]
)
def test_an_installer_that_anybody_on_the_way_can_change_is_not_run(machine: Machine, address: str) -> None:
    machine.environment["HIGHMOBILITY_ENGINE_INSTALLER"] = address
    machine.has_go()
    run = machine.run(ENGINE)
    assert "is not an https address" in run.stderr
    assert run.returncode == 0, "the next way is taken"
