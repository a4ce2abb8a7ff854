"""FleetEnrollment as one: a Fleet and its tokens in place of single resources, with the same outputs, and a way back."""

from __future__ import annotations

from collections import Counter

import pytest

from pulumi_highmobility.testing import RunningEmulator

from ..engine.conftest import Project
from ..engine.test_enrollment import vin
from ..engine.test_fleet_access_tokens import living

DIGESTS = """
import hashlib
def digests(found):
    return {vin: token and hashlib.sha256(token.encode()).hexdigest() for vin, token in found.items()}
pulumi.export("digests", pulumi.Output.unsecret(fleet.access_tokens.apply(digests)))
pulumi.export("tokens", fleet.refresh_tokens)
pulumi.export("statuses", fleet.statuses)
pulumi.export("customers", fleet.by_tag("customer", fleet.statuses))
pulumi.export("one", pulumi.Output.all(*(fleet.vehicles[vin].status for vin in sorted(fleet.vehicles))))
pulumi.export("single", pulumi.Output.all(*(fleet.tokens[vin].status for vin in sorted(fleet.tokens))))
"""


def program(*numbers: int, more: str = "") -> str:
    rows = [
        {"vin": vin(number), "brand": "bmw", "tags": {"customer": "acme" if number % 2 else "bolt"}}
        for number in numbers
    ]
    return f'fleet = hm.FleetEnrollment("all", vehicles={rows!r}{more})\n{DIGESTS}'


def kinds(project: Project) -> Counter[str]:
    return Counter(one["type"].rpartition(":")[2] for one in project.state())


def writes(emulator: RunningEmulator) -> list[str]:
    """What was requested or ended."""
    lines = emulator.controls.requests()
    return [
        line["method"]
        for line in lines
        if line["path"].startswith("/fleets/vehicles") and line["method"] != "GET"
    ]


def test_an_enrollment_as_one_has_the_same_outputs(project: Project, emulator: RunningEmulator) -> None:
    found = {}
    for more in ("", ", as_one=True"):
        project.program(program(1, 2, more=more))
        project.up()
        assert project.outputs()["digests"] == {vin(1): None, vin(2): None}
        assert project.outputs()["single"] == ["awaiting_clearance"] * 2
        emulator.controls.advance(5)
        project.up("--refresh")
        outputs = project.outputs()
        assert {one: [digest] for one, digest in outputs.pop("digests").items()} == living(emulator)
        found[more] = outputs
        project.destroy()
        emulator.controls.advance(5)
    assert found[""] == found[", as_one=True"]
    assert found[""]["tokens"] == "[secret]"
    assert found[""]["customers"] == {"acme": {vin(1): "approved"}, "bolt": {vin(2): "approved"}}


def test_a_change_of_as_one_ends_no_clearance_and_brings_new_tokens_first(
    project: Project, emulator: RunningEmulator
) -> None:
    numbers = range(1, 21)
    project.program(program(*numbers))
    project.up()
    emulator.controls.advance(5)
    project.up("--refresh")
    assert kinds(project) == {"FleetVehicle": 20, "VehicleAccessToken": 20}
    before = living(emulator)
    for more, there in (
        (", as_one=True", {"Fleet": 1, "FleetRemovals": 1, "FleetAccessTokens": 1}),
        ("", {"FleetVehicle": 20, "VehicleAccessToken": 20}),
    ):
        emulator.controls.clear_requests()
        project.program(program(*numbers, more=more))
        assert "ends no clearance" in project.preview().output
        project.up()
        assert kinds(project) == there
        assert writes(emulator) == []
        assert {one: [digest] for one, digest in project.outputs()["digests"].items()} == living(emulator)
        assert not {digest for one in before.values() for digest in one} & {
            digest for one in living(emulator).values() for digest in one
        }
        sent = [
            line["method"] for line in emulator.controls.requests() if line["path"].endswith("/access_tokens")
        ]
        assert sent == ["POST"] * 20 + ["DELETE"] * 40
        before = living(emulator)
        project.stays_as_it_is()


def test_without_tokens_there_is_a_fleet_alone(project: Project) -> None:
    project.program(program(1, 2, more=", as_one=True, tokens=False"))
    project.up()
    assert kinds(project) == {"Fleet": 1, "FleetRemovals": 1}
    assert project.outputs()["digests"] == {}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (", as_one=True, wait_minutes=5", "as_one=True takes no wait_minutes"),
        (", max_removals=5", "max_removals is an argument of as_one=True"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(project: Project, more: str, said: str) -> None:
    project.program(program(1, more=more))
    assert said in project.preview(expect=1).output
