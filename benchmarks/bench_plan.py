#!/usr/bin/env python3
"""The processor time of `pulumi-highmobility plan` for a large stack, beside that of reading the same file as JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from pulumi_highmobility.fleet.held import HeldFleet, Member
from pulumi_highmobility.fleet.roster import write_roster
from pulumi_highmobility.plan.compare import Facts, make_plan
from pulumi_highmobility.plan.preview import read_preview
from pulumi_highmobility.plan.values import closing

TYPE = "pulumi-python:dynamic/highmobility:"
CHANGES = 10


def urn(kind: str, name: str) -> str:
    return f"urn:pulumi:bench::fleet::{TYPE}{kind}::{name}"


def vin(number: int, maker: str = "WBA8E9C5") -> str:
    return f"{maker}{number:09}"


def fleet(size: int) -> dict[str, Any]:
    """A Fleet of which ten vehicles leave, and ten are new."""
    rows = [
        {"vin": vin(number), "brand": "bmw", "tags": {"depot": str(number % 40)}} for number in range(size)
    ]
    held = HeldFleet({str(row["vin"]): Member(row, "approved") for row in rows}, serial=1)
    new = [{"vin": vin(size + number), "brand": "bmw"} for number in range(CHANGES)]
    old = {"vehicles": held.roster(), "registry": held.registry(), "leaving": ""}
    wanted = write_roster([*rows[CHANGES:], *new])
    state = {"urn": urn("Fleet", "fleet"), "type": f"{TYPE}Fleet"}
    limits = {"max_removals": CHANGES}
    return {
        "op": "update",
        "urn": state["urn"],
        "oldState": {**state, "id": "fleet", "inputs": {"vehicles": old["vehicles"]}, "outputs": old},
        "newState": {**state, "inputs": {"vehicles": wanted, **limits}},
    }


def removals() -> dict[str, Any]:
    place = f"urn:pulumi:bench::fleet::{TYPE}Fleet${TYPE}FleetRemovals::fleet"
    state = {"urn": place, "type": f"{TYPE}FleetRemovals"}
    old = {**state, "id": "removals", "outputs": {"fleet_id": "fleet", "keys": ""}}
    return {
        "op": "replace",
        "urn": place,
        "oldState": old,
        "newState": {**state, "inputs": {"fleet_id": "fleet"}},
    }


def single(number: int) -> dict[str, Any]:
    name = vin(number, "VF3LCYHZ")
    inputs = {"vin": name, "brand": "peugeot", "tags": {}}
    state = {"urn": urn("FleetVehicle", f"van-{number}"), "type": f"{TYPE}FleetVehicle", "inputs": inputs}
    old = {**state, "id": name, "outputs": {**inputs, "status": "approved"}}
    return {"op": "same", "urn": state["urn"], "oldState": old, "newState": old}


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """The least processor time of three turns, and what the last came to."""
    least = float("inf")
    for _ in range(3):
        began = time.process_time()
        found = work()
        least = min(least, time.process_time() - began)
    return least, found


def measure(name: str, steps: list[dict[str, Any]]) -> None:
    text = json.dumps({"steps": steps})
    facts = Facts(datetime.now(timezone.utc))
    reading, _ = seconds(lambda: json.loads(text))
    planning, plan = seconds(lambda: make_plan(read_preview(text), facts))
    size = len(text) / 1e6
    print(f"{name}: {size:.1f} MB, json.loads {reading:.3f} s, plan {planning:.3f} s. {closing(plan)}")


def main() -> int:
    measure("A Fleet of 100,000, 10 removed and 10 added", [fleet(100_000), removals()])
    measure("1,000 single vehicles", [single(number) for number in range(1_000)])
    return 0


if __name__ == "__main__":
    sys.exit(main())
