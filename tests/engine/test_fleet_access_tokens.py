"""FleetAccessTokens on the real engine: the life of many tokens as one resource, secrets in nothing that is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from pulumi_highmobility.testing import RunningEmulator

from ..cli.conftest import register
from .conftest import Project
from .test_fleet import vehicle, vin
from .test_secrets import below

pytestmark = pytest.mark.engine

# What the tokens' values are, without a run of pulumi to show the secret.
EXPORTS = """
import hashlib
def digests(found):
    return {vin: hashlib.sha256(one["access_token"].encode()).hexdigest() for vin, one in found.items()}
pulumi.export("digests", pulumi.Output.unsecret(tokens.tokens.apply(digests)))
pulumi.export("counts", tokens.counts)
pulumi.export("failed", tokens.failed)
pulumi.export("expires_at", tokens.expires_at)
pulumi.export("awaiting", tokens.awaiting)
pulumi.export("tokens", tokens.tokens)
"""


def program(*numbers: int, more: str = "", of_fleet: str = "") -> str:
    rows = [vehicle(number) for number in numbers]
    return (
        f'fleet = hm.Fleet("vans", vehicles={rows!r}, max_removals="100%"{of_fleet})\n'
        f'tokens = hm.FleetAccessTokens("tokens", fleet=fleet{more})\n{EXPORTS}'
    )


def approved(emulator: RunningEmulator, *numbers: int) -> None:
    """Register vehicles and have them approved: the first `up` adopts them, and issues their tokens."""
    register(emulator, [vehicle(number) for number in numbers])
    emulator.controls.advance(5)


def living(emulator: RunningEmulator) -> dict[str, list[str]]:
    """The digests of the access tokens that live, by VIN."""
    found = {
        one["vin"]: [token["access_sha256"] for token in one["tokens"] if token["access_lives"]]
        for one in emulator.controls.vehicles()
    }
    return {vin: digests for vin, digests in found.items() if digests}


def known(project: Project) -> dict[str, list[str]]:
    """The same, as the program is given them."""
    return {vin: [digest] for vin, digest in project.outputs()["digests"].items()}


def test_the_tokens_of_a_list_live_and_end_as_one_resource_and_are_written_nowhere(
    project: Project,
    emulator: RunningEmulator,
    secrets_in: Callable[[Iterator[tuple[str, bytes]]], list[str]],
) -> None:
    """Issued, failed in part, awaited, renewed, rotated, revoked; the state, its history and all that was said are searched."""
    written: list[tuple[str, bytes]] = []

    def keep(name: str, output: str) -> None:
        written.append((name, output.encode()))

    approved(emulator, 1, 2, 3)
    emulator.controls.fault(
        "status", method="POST", path="/fleets/access_tokens", vin=vin(2), status=422, times=1
    )
    project.program(program(1, 2, 3, 4))
    failed = project.up(expect=1)
    keep("failed in part", failed.output)
    assert vin(2) in failed.output
    assert project.resource("FleetAccessTokens", "tokens")["counts"] == {
        "active": 2,
        "awaiting_clearance": 1,
        "failed": 1,
    }
    emulator.controls.advance(5)
    keep("refresh", project.refresh().output)
    keep("awaited", project.up("--diff").output)
    assert known(project) == living(emulator)
    assert project.outputs()["counts"] == {"active": 4}
    assert project.outputs()["tokens"] == "[secret]"
    project.up("--refresh", "--expect-no-changes")
    first = known(project)
    project.program(program(1, 2, 3, 4, more=", min_remaining_seconds=3600"))
    keep("preview", project.preview("--diff").output)
    keep("renewed", project.up("--diff").output)
    assert known(project) == living(emulator)
    assert not {tuple(one) for one in first.values()} & {tuple(one) for one in known(project).values()}
    project.program(program(1, 2, 3, 4, more=", keepers=dict(rotation=1)"))
    keep("rotated", project.up("--diff").output)
    assert known(project) == living(emulator)
    project.program(program(1, 2, more=", keepers=dict(rotation=1)"))
    keep("removed", project.up("--diff").output)
    assert sorted(living(emulator)) == [vin(1), vin(2)]
    keep("outputs", project("stack", "output", "--json", expect=0).output)
    keep("export", project("stack", "export", expect=0).output)
    keep("history", project("stack", "history", "--json", expect=0).output)
    project.program(program(1, 2).partition("tokens =")[0])
    keep("gone", project.up().output)
    assert living(emulator) == {}
    keep("destroy", project.destroy().output)
    written += [(str(path), path.read_bytes()) for path in below(project.folder / "state")]
    assert secrets_in(iter(written)) == []
