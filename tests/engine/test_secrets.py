"""The whole life of both resources with every log turned on: no secret in anything that was written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pulumi_highmobility.testing import RunningEmulator, start_emulator

from .conftest import Project

pytestmark = pytest.mark.engine

VIN = "WBA8E9C50GK000001"
PROGRAM = f"""
import logging
logging.basicConfig(level=logging.DEBUG)
van = hm.FleetVehicle("van", vin="{VIN}", brand="bmw")
approval = hm.VehicleApproval("van", vehicle=van, timeout_minutes=2)
token = hm.VehicleAccessToken("van", vehicle=approval{{more}})
pulumi.export("token", token.access_token)
pulumi.export("refresh", token.refresh_token)
"""


@pytest.fixture
def emulator() -> Iterator[RunningEmulator]:
    """In a process of its own, since its log is looked through too."""
    with start_emulator(approve_after="1s", revoke_after="500ms") as running:
        yield running


def test_no_secret_is_written_anywhere(
    project: Project,
    emulator: RunningEmulator,
    secrets_in: Callable[[Iterator[tuple[str, bytes]]], list[str]],
) -> None:
    """
    Standard output and error, the state with its history and backups, and the emulator's own log and files.

    Apart from it are the channels of Pulumi itself that docs/security.md lists, such as --debug, where its Python
    SDK logs each answer of the engine whole: they show secret outputs, whatever a provider does.
    """
    written: list[tuple[str, bytes]] = []

    def keep(name: str, output: str) -> None:
        written.append((name, output.encode()))

    project.program(PROGRAM.format(more=""))
    keep("up", project.up().output)
    keep("refresh", project.refresh().output)
    keep("preview", project.preview("--diff").output)
    project.program(PROGRAM.format(more=", min_remaining_seconds=3600"))
    keep("renewed", project.up("--diff").output)
    project.program(PROGRAM.format(more=', keepers={"rotation": 1}'))
    keep("rotated", project.up("--diff").output)
    keep("outputs", project("stack", "output", "--json", expect=0).output)
    keep("export", project("stack", "export", expect=0).output)
    keep("history", project("stack", "history", "--json", expect=0).output)
    keep("stack", project("stack", "--show-urns", expect=0).output)
    emulator.controls.fault("status", status=500, times=100, method="DELETE")
    keep("failed destroy", project.destroy(expect=1).output)
    emulator.controls.clear_faults()
    keep("destroy", project.destroy().output)
    written += [(str(path), path.read_bytes()) for path in below(project.folder / "state")]
    folder = emulator.credentials_file.parent
    written += [(path.name, path.read_bytes()) for path in (folder / "emulator.log",)]
    assert secrets_in(iter(written)) == []
    assert any(b"awaiting" in text or b"VehicleAccessToken" in text for _, text in written)


def below(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())
