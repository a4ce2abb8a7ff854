"""docs/command-line.md: every command in it is run as it stands there."""

from __future__ import annotations

import re
import shlex
import subprocess

import pytest

from pulumi_highmobility.testing import RunningEmulator

from .conftest import ROOT, Project

pytestmark = pytest.mark.engine

PAGE = (ROOT / "docs" / "command-line.md").read_text()
BLOCKS = re.findall(r"^```console\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_every_command_of_the_page_runs(project: Project, emulator: RunningEmulator) -> None:
    """The page's stack "production" in the folder "infra" is the test's."""
    project.program('hm.FleetVehicle("van", vin="WBA8E9C50GK000001", brand="bmw", tags={"depot": "north"})')
    project.up()
    emulator.controls.advance(5)
    project.refresh()
    lines = [line for block in BLOCKS for line in block.splitlines()]
    assert len(lines) >= 8
    for line in lines:
        words = shlex.split(line.replace("production", "test").replace("infra", "."))
        assert words[0] == "pulumi-highmobility"
        done = subprocess.run(
            words, cwd=project.folder, env=project.environment, capture_output=True, text=True, check=False, timeout=120
        )  # fmt: skip
        assert done.returncode == 0, (line, done.stderr, done.stdout)
        assert "Traceback" not in done.stderr
    assert {path.name for path in project.folder.glob("*.*")} >= {"vehicles.csv", "bmw.py", "clearance.html"}


def test_every_option_of_the_commands_is_named() -> None:
    """In the page, or in the help that it leads to: none is left undocumented."""
    from pulumi_highmobility.cli.import_ import import_fleet  # noqa: PLC0415
    from pulumi_highmobility.cli.status import status  # noqa: PLC0415

    named = {"--brand", "--tag", "--status", "--vin"}
    for command in (status, import_fleet):
        options = {option for parameter in command.params for option in parameter.opts}
        missing = {option for option in options if f"`{option}" not in PAGE and f" {option}" not in PAGE}
        assert missing <= named
