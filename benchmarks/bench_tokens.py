#!/usr/bin/env python3
"""
Measure FleetAccessTokens over the player of the engine: time, requests and state, beside the Fleet alone.

There is no engine in it: what is measured is this package and the emulator, which has a process of its own. On the engine each
operation costs the same once more, for one resource, however many vehicles it has.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

ROOT = Path(__file__).resolve().parent.parent
# The player is part of the tests.
sys.path.insert(0, str(ROOT))

from tests.played import PlayedProject  # noqa: E402 - after the path

from pulumi_highmobility.secret import Secret  # noqa: E402 - as above
from pulumi_highmobility.testing import RunningEmulator, start_emulator  # noqa: E402 - as above

FLEET = """
rows = [{{"vin": f"WBA8E9C50GK{{number:06}}", "brand": "bmw"}} for number in range({size})]
fleet = hm.Fleet("vans", vehicles=rows)
"""
TOKENS = FLEET + 'tokens = hm.FleetAccessTokens("vans", fleet=fleet{more})\n'


def bytes_of(value: Any) -> int:
    """What a value takes in a stack's state, where a secret is a cipher in base64."""
    if isinstance(value, Secret):
        return len(json.dumps(value.reveal())) * 4 // 3
    return len(json.dumps(value))


@click.command(help=__doc__)
@click.option("--size", default=1000, show_default=True, help="Vehicles.")
@click.option("--latency", default="0ms", show_default=True, help="Added by the emulator to each answer.")
def main(size: int, latency: str) -> None:
    with TemporaryDirectory() as folder, start_emulator(approve_after="0s", latency=latency) as emulator:
        project = PlayedProject(Path(folder) / "project", emulator.environment)
        click.echo(f"{size:,} vehicles, latency {latency}\n")
        click.echo("| operation | s | requests |\n| --- | --- | --- |")
        steps: list[tuple[str, str, Callable[[], Any]]] = [
            ("Fleet alone: first `up`", FLEET, project.up),
            ("Fleet alone: refresh", FLEET, project.refresh),
            ("tokens: first `up`", TOKENS, project.up),
            ("tokens: `up` without changes", TOKENS, project.up),
            ("tokens: refresh", TOKENS, project.refresh),
            ("tokens: renewal of all", TOKENS, project.up),
        ]
        for name, text, run in steps:
            more = ", min_remaining_seconds=3600" if name.endswith("of all") else ""
            project.program(text.format(size=size, more=more))
            measure(emulator, name, run)
        record = project.stack.live("FleetAccessTokens", "vans")
        held = sum(map(bytes_of, (*record.outputs.values(), *record.inputs.values())))
        measure(emulator, "tokens and Fleet: destroy", project.destroy)
        click.echo(f"\nstate of the tokens: {held / size:,.0f} bytes a vehicle")
        project.stack.close()


def measure(emulator: RunningEmulator, name: str, run: Callable[[], Any]) -> None:
    emulator.controls.clear_requests()
    began = time.perf_counter()
    run()
    took = time.perf_counter() - began
    sent = Counter(
        f"{line['method']} {'/'.join(line['path'].split('/')[:3])}" for line in emulator.controls.requests()
    )
    told = ", ".join(
        f"{count:,} {route}" for route, count in sorted(sent.items()) if "auth_tokens" not in route
    )
    click.echo(f"| {name} | {took:.1f} | {told or 'none'} |")


if __name__ == "__main__":
    main()
