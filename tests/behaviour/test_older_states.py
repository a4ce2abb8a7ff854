"""
A stack's state as earlier releases wrote it is taken up without a request, and nothing of it is lost.

The files are what `pulumi stack export` gave on the real engine, at the commits that name them, without secrets, stack traces and
the provider's pickle; the server's address is exchanged for that of the test's own emulator.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pulumi_highmobility.secret import Secret
from pulumi_highmobility.settings import load_settings
from pulumi_highmobility.testing import RunningEmulator

from ..cli.conftest import register
from ..engine.test_moves import writes
from ..lifecycle import TYPE, Record
from ..played import PlayedProject

STATES = Path(__file__).parent / "states"
V, W, REJECTED = "WBA8E9C50GK000001", "WBA8E9C50GK000002", "WBA8E9C50GK0REJ03"
ROWS: list[dict[str, Any]] = [
    {"vin": f"WBA8E9C50GK00001{n}", "brand": "bmw", "tags": {"unit": str(n)}} for n in range(4)
]
PROGRAM = """
van = hm.FleetVehicle("van", vin="WBA8E9C50GK000001", brand="bmw", tags={{"customer": "acme"}})
hm.FleetVehicle("plain", vin="WBA8E9C50GK000002", brand="bmw")
hm.FleetVehicle("rejected", vin="WBA8E9C50GK0REJ03", brand="bmw")
hm.Fleet("fleet", vehicles={rows!r})
hm.VehicleAccessToken("van", vehicle=van)
hm.VehicleApproval("van", vehicle=van, timeout_minutes=5)
"""


@pytest.fixture
def played(tmp_path: Path, emulator: RunningEmulator) -> Any:
    project = PlayedProject(tmp_path / "project", emulator.environment)
    yield project
    project.stack.close()


def take_up(played: PlayedProject, emulator: RunningEmulator, commit: str) -> None:
    """The state of a release, and its vehicles at the platform."""
    vehicles: list[dict[str, Any]] = [
        {"vin": V, "brand": "bmw", "tags": {"customer": "acme"}},
        {"vin": W, "brand": "bmw"},
    ]
    register(emulator, [*vehicles, {"vin": REJECTED, "brand": "bmw"}, *ROWS])
    emulator.controls.advance(60)
    emulator.controls.clear_requests()
    settings = load_settings({}, emulator.environment)
    here = f"{settings.base_url} {settings.credentials_id}"
    text = re.sub(
        r'"registered_with": "[^"]*"', f'"registered_with": "{here}"', (STATES / f"{commit}.json").read_text()
    )
    for one in json.loads(text):
        outputs = {
            name: Secret("of another run") if value == "a secret" else value
            for name, value in one["outputs"].items()
        }
        kind = one["type"].removeprefix(TYPE)
        played.stack.records.append(Record(one["urn"], kind, one["id"], one["inputs"], outputs))
    played._is_there = True


@pytest.mark.parametrize(("commit", "has_child"), [("bc0380d", False), ("e0e97a3", False), ("today", True)])
def test_a_state_of_an_earlier_release_is_read_without_a_change(
    played: PlayedProject, emulator: RunningEmulator, commit: str, has_child: bool
) -> None:
    take_up(played, emulator, commit)
    size = len(played.stack.records)
    played.program(PROGRAM.format(rows=ROWS))
    # A Fleet has had a child of its own since.
    new = {} if has_child else {"create": 1}
    assert played.preview().summary() == {"unchanged": size + 1, **new}
    played.up()
    played.refresh()
    played.up()
    assert played.preview().summary() == {"unchanged": size + 1 + len(new)}
    assert writes(emulator) == []
    held = played.stack.held()
    assert set(held) == {V, W, REJECTED, *(str(row["vin"]) for row in ROWS)}
    assert set(played.stack.claimed().values()) == {"approved", "rejected"}
    # What leaves the list ends: once the child is there, in the same run.
    played.program(PROGRAM.format(rows=ROWS[1:]))
    played.up()
    assert writes(emulator) == [("DELETE", [ROWS[0]["vin"]])]


@pytest.mark.parametrize("commit", ["bc0380d", "e0e97a3"])
def test_a_destroy_of_such_a_state_ends_all_of_it(
    played: PlayedProject, emulator: RunningEmulator, commit: str
) -> None:
    take_up(played, emulator, commit)
    played.refresh()
    emulator.controls.clear_requests()
    played.destroy()
    ended = {vin for method, vins in writes(emulator) if method == "DELETE" for vin in vins}
    assert ended >= {V, W, *(str(row["vin"]) for row in ROWS)}
    assert played.state() == []
