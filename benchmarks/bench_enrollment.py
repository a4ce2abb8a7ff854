#!/usr/bin/env python3
"""
Measure FleetEnrollment on the real engine: a resource for each clearance and token, beside one for all of each.

Run it with the engine: scripts/with-engine python benchmarks/bench_enrollment.py
"""

from __future__ import annotations

from functools import partial

import click
from bench_lives import ENROLLMENT_OPERATIONS, Measured, one_life

from pulumi_highmobility.testing import start_emulator

FORMS = ("enrollment", "enrollment as one")


@click.command(help=__doc__)
@click.option("--size", default=300, show_default=True, help="Vehicles, each with a token.")
@click.option("--latency", default="150ms", show_default=True, help="Added by the emulator to each answer.")
def main(size: int, latency: str) -> None:
    with start_emulator(approve_after="1s", latency=latency) as emulator:
        tell = partial(click.echo, err=True)
        lives = {form: one_life(form, size, emulator, tell=tell) for form in FORMS}
    click.echo(f"{size:,} vehicles with tokens, latency {latency}\n")
    click.echo("| operation | one resource each | `as_one=True` | requests, each | requests, as one |")
    click.echo("| --- | --- | --- | --- | --- |")
    for name in ENROLLMENT_OPERATIONS:
        each, one = (lives[form][name] for form in FORMS)
        click.echo(
            f"| {name} | {each.seconds:.1f} s | {one.seconds:.1f} s | {requests_of(each)} | {requests_of(one)} |"
        )


def requests_of(measured: Measured) -> str:
    told = (f"{count:,} {route}" for route, count in sorted(measured.requests.items()) if "auth" not in route)
    return ", ".join(told) or "none"


if __name__ == "__main__":
    main()
