"""
Pairs of programs, drawn: what the plan says of each vehicle is what the `up` then does on the real engine.

Thousands run over the player (tests/plan/test_fidelity.py). Here two do, and PLAN_ENGINE_PAIRS=40 runs dozens by hand.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from typing import Any

import pytest

from pulumi_highmobility.testing import RunningEmulator

from .conftest import Project
from .test_plan import plan

pytestmark = pytest.mark.engine

VINS = [f"WBA8E9C50GK00000{number}" for number in range(1, 7)]
PAIRS = int(os.environ.get("PLAN_ENGINE_PAIRS", "2"))
Row = dict[str, Any]


def writes(emulator: RunningEmulator) -> set[tuple[str, str]]:
    """What was requested or ended since the last look: a delete of what had ended already ends nothing."""
    found = {
        (line["method"], vin)
        for line in emulator.controls.requests()
        if line["path"].startswith("/fleets/vehicles") and line["method"] != "GET"
        if line["status"] == 200
        for vin in line["vins"]
    }
    emulator.controls.clear_requests()
    return found


def drawn(rng: random.Random, before: Mapping[str, Row]) -> tuple[str, dict[str, Row]]:
    """A program with each vehicle at one of its resources or nowhere, mostly as it was before."""
    places: dict[str, list[Row]] = {"one": [], "two": [], "single": [], "renamed": []}
    rows = {}
    for vin in VINS:
        row = dict(before.get(vin) or {"vin": vin, "brand": rng.choice(["bmw", "opel"]), "tags": {}})
        if rng.random() < 0.25:
            row["tags"] = {"customer": rng.choice(["acme", "globex"])}
        if rng.random() < 0.1:
            row["brand"] = rng.choice(["bmw", "opel"])
        place = rng.choice([*places, "nowhere"])
        if place != "nowhere":
            places[place].append(row)
            rows[vin] = row
    lines = []
    for name in ("one", "two"):
        if places[name]:
            retain = ', on_removal="retain"' if rng.random() < 0.15 else ""
            limit = rng.choice(["100%", "100%", "10%"])
            lines.append(f'hm.Fleet("{name}", vehicles={places[name]!r}, max_removals="{limit}"{retain})')
    token = rng.choice([*places["single"], None]) if places["single"] else None
    for row in [*places["single"], *places["renamed"]]:
        is_single = row in places["single"]
        name = f"van-{row['vin'][-1]}" if is_single else f"renamed-{row['vin'][-1]}"
        arguments = ", ".join(f"{key}={value!r}" for key, value in row.items())
        line = f'hm.FleetVehicle("{name}", {arguments})'
        lines.append(f'hm.VehicleAccessToken("{name}", vehicle={line})' if row is token else line)
    rng.shuffle(lines)
    return "\n".join(lines) + "\n", rows


@pytest.mark.parametrize("seed", range(PAIRS))
def test_a_plan_says_what_the_up_does_on_the_engine(
    project: Project, emulator: RunningEmulator, seed: int
) -> None:
    rng = random.Random(seed)
    first, rows = drawn(rng, {})
    project.program(first)
    project.up()
    emulator.controls.advance(5)
    if rng.random() < 0.3 and rows:
        emulator.controls.move(rng.choice(list(rows)), "revoked", reason="by the driver")
    project.up("--refresh")
    writes(emulator)
    second, _ = drawn(rng, rows)
    project.program(second)
    found = plan(project)
    run = project("up", "--yes", "--skip-preview")
    done = writes(emulator)
    said = f"{first}\n---\n{second}\n{found.found}\n{sorted(done)}\n{run.output}"
    refused = found.vins("refused") or not found.found["complete"]
    assert (run.status != 0) is bool(refused), said
    if not found.found["complete"]:
        return
    unsure = set(found.vins("unknown"))
    ends = {vin for name in ("revoked", "canceled", "re-requested") for vin in found.vins(name)}
    requests = {vin for name in ("requested", "re-requested") for vin in found.vins(name)}
    ended = {vin for method, vin in done if method == "DELETE"} - unsure
    requested = {vin for method, vin in done if method == "POST"} - unsure
    if run.status == 0:
        assert (ended, requested) == (ends, requests), said
        held = set(found.vins("kept")) | set(found.vins("adopted"))
        state = str([one["outputs"] for one in project.state()])
        assert all(vin in state for vin in held), said
    else:
        assert ended <= ends, said
        assert requested <= requests, said
