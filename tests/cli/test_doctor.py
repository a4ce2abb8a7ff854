"""`doctor`: what it finds, what it advises, and that it shows no secret."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest

from pulumi_highmobility.cli.commands import _TOOLS, command
from pulumi_highmobility.emulator.app import Options
from pulumi_highmobility.emulator.server import serve_in_thread
from pulumi_highmobility.emulator.world.clock import EmulatorClock
from pulumi_highmobility.testing import RunningEmulator

from .conftest import COMMAND, Tool


def found(tool: Tool, *arguments: str, expect: int, **environment: str) -> dict[str, dict[str, Any]]:
    ended = tool("doctor", "--json", *arguments, **environment)
    assert ended.status == expect, ended.out
    return {check["name"]: check for check in json.loads(ended.out)["checks"]}


def outcomes(checks: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: check["outcome"] for name, check in checks.items()}


@pytest.fixture
def with_pulumi(tool: Tool) -> Tool:
    """Beside a `pulumi` that only tells its version, for the tests that run without an engine."""
    script = tool.folder / "bin" / "pulumi"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\necho v3.259.0\n")
    script.chmod(0o755)
    return Tool({**tool.environment, "PATH": f"{script.parent}:{tool.environment['PATH']}"}, tool.folder)


def test_a_good_set_up_is_all_well_and_shows_no_secret(with_pulumi: Tool, emulator: RunningEmulator) -> None:
    ended = with_pulumi("doctor", HIGHMOBILITY_WEBHOOK_SECRET="short")
    assert ended.status == 0
    lines = [line.split("\t") for line in ended.out.splitlines()]
    assert {line[1] for line in lines} >= {
        "python",
        "Pulumi SDK",
        "Pulumi engine",
        "settings",
        "platform",
        "fleet",
    }
    assert [line[1] for line in lines if line[0] != "ok"] == ["webhook secret"]
    known = emulator.credentials()
    assert known["client_secret"] not in ended.out
    assert known["service_account_key"]["private_key"].splitlines()[1] not in ended.out


def test_a_wrong_key_fails_the_sign_in_alone(with_pulumi: Tool, emulator: RunningEmulator) -> None:
    known = emulator.credentials()
    known["service_account_key"]["private_key"] = known["oauth_private_key"]["private_key"]
    wrong = with_pulumi.folder / "wrong.json"
    wrong.write_text(json.dumps(known))
    checks = found(with_pulumi, expect=1, HIGHMOBILITY_CREDENTIALS_FILE=str(wrong))
    told = outcomes(checks)
    assert (told["platform"], told["sign-in"]) == ("ok", "failure")
    assert known["service_account_key"]["id"] in checks["sign-in"]["found"]


def test_without_network_it_says_what_it_could_not_see(with_pulumi: Tool) -> None:
    checks = found(
        with_pulumi,
        expect=1,
        HIGHMOBILITY_CREDENTIALS_FILE="",
        HIGHMOBILITY_BASE_URL="http://127.0.0.1:9/v1",
        HIGHMOBILITY_CLIENT_ID="an-id",
        HIGHMOBILITY_CLIENT_SECRET="hidden-5512",
    )
    told = outcomes(checks)
    assert (told["settings"], told["platform"], told["sign-in"]) == ("ok", "failure", "skipped")
    assert "hidden-5512" not in json.dumps(checks)
    assert checks["highmobility:clientSecret"]["found"].startswith("set, from")


def test_without_settings_it_says_which_to_set(with_pulumi: Tool) -> None:
    checks = found(with_pulumi, expect=1, HIGHMOBILITY_CREDENTIALS_FILE="")
    assert "highmobility:serviceAccountKey" in checks["settings"]["found"]
    assert checks["platform"]["outcome"] == "skipped"


def test_an_old_engine_and_a_missing_one_are_failures(with_pulumi: Tool) -> None:
    (with_pulumi.folder / "bin" / "pulumi").write_text("#!/bin/sh\necho v3.100.0\n")
    assert "or later is supported" in found(with_pulumi, expect=1)["Pulumi engine"]["found"]
    (with_pulumi.folder / "bin" / "pulumi").write_text("#!/bin/sh\nexit 1\n")
    assert found(with_pulumi, expect=1)["Pulumi engine"]["outcome"] == "failure"


def test_clock_skew_is_told_with_its_direction(with_pulumi: Tool, tmp_path: Path) -> None:
    import time  # noqa: PLC0415 - this test's own clock

    credentials = tmp_path / "skewed.json"
    clock = EmulatorClock(wall=lambda: time.time() + 3600)
    with serve_in_thread(Options(), db=None, clock=clock, credentials=credentials):
        checks = found(with_pulumi, expect=0, HIGHMOBILITY_CREDENTIALS_FILE=str(credentials))
    assert checks["clock skew"]["outcome"] == "warning"
    assert "-3600 s" in checks["clock skew"]["found"] or "-3599 s" in checks["clock skew"]["found"]


def test_an_application_without_a_fleet_is_told(with_pulumi: Tool, tmp_path: Path) -> None:
    credentials = tmp_path / "none.json"
    applications = {"default": {"has_fleet": False}}
    with serve_in_thread(Options(), db=None, credentials=credentials, applications=applications):
        checks = found(with_pulumi, expect=1, HIGHMOBILITY_CREDENTIALS_FILE=str(credentials))
    assert (checks["sign-in"]["outcome"], checks["fleet"]["outcome"]) == ("ok", "failure")


def test_the_list_of_commands_says_what_they_say_themselves() -> None:
    context = click.Context(command)
    for name, tool in _TOOLS.items():
        found_command = command.get_command(context, name)
        assert found_command is not None
        assert (found_command.help or "").strip().splitlines()[0] == tool.told


def test_help_loads_no_command() -> None:
    code = (
        "import sys\nfrom pulumi_highmobility.cli.commands import command\n"
        "try: command(['--help'])\nexcept SystemExit: pass\n"
        "print(sorted({'httpx', 'rich', 'starlette', 'jwt', 'msgspec'} & set(sys.modules)))"
    )
    python = str(Path(COMMAND).parent / "python")
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
