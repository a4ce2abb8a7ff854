"""A vehicle that moves between resources keeps its clearance: Pulumi knows resources by name, the platform vehicles by VIN."""

from __future__ import annotations

import os
import signal
import time

import pytest

from pulumi_highmobility.testing import RunningEmulator

from .conftest import TYPE, Project
from .test_interruption import kill_all_of

pytestmark = pytest.mark.engine


def vin(number: int) -> str:
    return f"WBA8E9C50GK000{number:03}"


def vehicle(name: str, number: int, more: str = "") -> str:
    return f'hm.FleetVehicle("{name}", vin="{vin(number)}", brand="bmw"{more})\n'


def fleet(*numbers: int, name: str = "fleet", more: str = "") -> str:
    rows = ", ".join(f'dict(vin="{vin(number)}", brand="bmw")' for number in numbers)
    return f'hm.Fleet("{name}", vehicles=[{rows}]{more})\n'


def statuses(emulator: RunningEmulator) -> dict[str, str]:
    return {vehicle["vin"]: vehicle["status"] for vehicle in emulator.controls.vehicles()}


def writes(emulator: RunningEmulator) -> list[tuple[str, list[str]]]:
    """What was requested or ended, as method and VINs."""
    return [
        (line["method"], line["vins"])
        for line in emulator.controls.requests()
        if line["path"].startswith("/fleets/vehicles") and line["method"] != "GET"
    ]


def urn(project: Project, kind: str, name: str) -> str:
    return next(
        str(resource["urn"])
        for resource in project.state()
        if resource["type"] == TYPE + kind and resource["urn"].endswith(f"::{name}")
    )


def is_settled(project: Project, emulator: RunningEmulator) -> None:
    """The next runs have nothing to do, and the state says what the platform says."""
    # No clearance changes meanwhile.
    emulator.controls.advance(10)
    project.refresh()
    project.stays_as_it_is()
    known = statuses(emulator)
    for resource in project.state():
        if resource["type"] == TYPE + "FleetVehicle":
            assert resource["outputs"]["status"] == known[resource["outputs"]["vin"]]


@pytest.mark.parametrize("order", [1, -1], ids=["in order", "in reverse"])
def test_a_vehicle_keeps_its_clearance_wherever_it_moves_within_a_program(
    project: Project, emulator: RunningEmulator, order: int
) -> None:
    """Renamed, given a parent, shifted in a list, exchanged, into a Fleet and out of it; one is really removed."""
    gone = 10

    def program(*lines: str) -> None:
        project.program("".join(lines[::order]))

    program(
        vehicle("van", 1),
        vehicle("child", 2),
        *(vehicle(f"shift-{place}", number) for place, number in enumerate([gone, 11, 12])),
        vehicle("left", 20),
        vehicle("right", 21),
        vehicle("single", 30),
        fleet(31, 32),
        fleet(40, 41, name="one"),
        fleet(42, name="two"),
        fleet(50, 51, name="renamed"),
    )
    project.up()
    emulator.controls.advance(5)
    project.refresh()
    assert set(statuses(emulator).values()) == {"approved"}
    emulator.controls.clear_requests()

    parent = ', opts=pulumi.ResourceOptions(parent=pulumi.ComponentResource("my:Depot", "depot"))'
    program(
        vehicle("van-12", 1),
        vehicle("child", 2, parent),
        *(vehicle(f"shift-{place}", number) for place, number in enumerate([11, 12])),
        vehicle("left", 21),
        vehicle("right", 20),
        fleet(32, 30, more=", max_removals=1"),
        vehicle("from-fleet", 31),
        fleet(41, name="one", more=", max_removals=1"),
        fleet(42, 40, name="two"),
        fleet(50, 51, name="renamed-2"),
    )
    preview = project.preview()
    assert "keeps its clearance" in preview.output
    run = project.up()
    assert writes(emulator) == [("DELETE", [vin(gone)])]
    assert f'{vin(1)} keeps its clearance: FleetVehicle "van-12" has it now' in run.output
    assert f'{vin(30)} keeps its clearance: Fleet "fleet" has it now' in run.output
    emulator.controls.advance(5)
    known = statuses(emulator)
    assert known.pop(vin(gone)) == "revoked"
    assert set(known.values()) == {"approved"}
    is_settled(project, emulator)

    emulator.controls.clear_requests()
    project.destroy()
    assert {vins[0] for _, vins in writes(emulator)} == set(known)


def test_a_forced_replacement_keeps_the_clearance_and_says_so(
    project: Project, emulator: RunningEmulator
) -> None:
    project.program(vehicle("van", 1) + fleet(2, 3))
    project.up()
    emulator.controls.advance(5)
    project.refresh()
    emulator.controls.clear_requests()
    forced = [("FleetVehicle", "van"), ("Fleet", "fleet")]
    run = project.up(*(f"--replace={urn(project, kind, name)}" for kind, name in forced))
    assert run.output.count("through this replacement, which no changed input requires") >= 2
    for kind, name in forced:
        project("state", "taint", urn(project, kind, name), expect=0)
    run = project.up()
    assert "through this replacement" in run.output
    assert writes(emulator) == []
    assert set(statuses(emulator).values()) == {"approved"}
    assert project.resource("Fleet", "fleet")["counts"] == {"approved": 2}
    is_settled(project, emulator)


def test_targets_and_destroys(project: Project, emulator: RunningEmulator) -> None:
    """A VIN moved with --target or --exclude stays; a destroy revokes, whichever it is."""
    others = vehicle("other", 8) + vehicle("third", 9) + fleet(6, 7)
    project.program(vehicle("van", 1) + others)
    project.up()
    emulator.controls.advance(5)
    project.refresh()
    emulator.controls.clear_requests()

    old = urn(project, "FleetVehicle", "van")
    project.program(vehicle("renamed", 1) + others)
    project.up("--target", old, "--target", old.replace("::van", "::renamed"))
    assert writes(emulator) == []
    old = urn(project, "FleetVehicle", "renamed")
    project.program(vehicle("again", 1) + others)
    project.up("--exclude", urn(project, "FleetVehicle", "other"))
    assert writes(emulator) == []
    assert set(statuses(emulator).values()) == {"approved"}

    project.destroy("--target", urn(project, "FleetVehicle", "again"))
    assert writes(emulator) == [("DELETE", [vin(1)])]
    project.destroy("--target", urn(project, "Fleet", "fleet"), "--target-dependents")
    assert {vins[0] for _, vins in writes(emulator)} == {vin(1), vin(6), vin(7)}
    project.program(others)
    project.destroy("--run-program")
    assert {vins[0] for _, vins in writes(emulator)} == {vin(number) for number in (1, 6, 7, 8, 9)}
    assert project.state() == []


def test_a_run_that_is_killed_between_creates_and_deletes_keeps_what_the_program_wants(
    plain_project: Project, emulator: RunningEmulator
) -> None:
    project = plain_project
    project.program("".join(vehicle(f"van-{place}", number) for place, number in enumerate([1, 2, 3])))
    project.up()
    emulator.controls.advance(5)
    project.refresh()
    project.program("".join(vehicle(f"van-{place}", number) for place, number in enumerate([2, 3])))
    emulator.controls.fault("delay", seconds=3, method="DELETE", path=f"/fleets/vehicles/{vin(1)}")
    process = project.start("up")
    deadline = time.monotonic() + 300
    while emulator.controls.pending_faults():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    kill_all_of(process.pid)
    process.communicate(timeout=300)
    project.recover()
    project.up()
    emulator.controls.advance(10)
    assert statuses(emulator) == {vin(1): "revoked", vin(2): "approved", vin(3): "approved"}
    requested = [vins for method, vins in writes(emulator) if method == "POST"]
    assert sorted(number for vins in requested for number in vins) == [vin(1), vin(2), vin(3)]
    is_settled(project, emulator)


def test_a_fleet_that_is_removed_whole_is_held_to_its_limit(
    project: Project, emulator: RunningEmulator
) -> None:
    van = vehicle("van", 100)
    project.program(van + fleet(*range(1, 21)))
    project.up()
    emulator.controls.advance(5)
    project.refresh()
    emulator.controls.clear_requests()
    project.program(van)
    run = project.up(expect=1)
    assert "20 of 20 vehicles would lose their clearance" in run.output
    assert "max_removals allows 2" in run.output
    assert writes(emulator) == []
    project.destroy("--target", urn(project, "Fleet", "fleet"), "--target-dependents")
    assert len(writes(emulator)) == 20


def test_a_vehicle_of_two_stacks_is_adopted_with_a_warning_or_not_at_all(
    project: Project, emulator: RunningEmulator
) -> None:
    project.program(vehicle("van", 1) + fleet(2))
    project.up()
    project("stack", "init", "second", expect=0)
    project.environment["PULUMI_STACK"] = "second"
    strict = vehicle("van", 1, ", adopt=False") + fleet(2, more=", adopt=False")
    project.program(strict)
    run = project.up("--continue-on-error", expect=1)
    assert run.output.count("`adopt` is False") >= 2
    assert [resource["outputs"].get("counts") for resource in project.state()] == [{"error": 1}]
    project.program(vehicle("van", 1) + fleet(2))
    run = project.up()
    assert f"warning: {vin(1)} is registered already" in run.output
    assert f"warning: {vin(2)} is registered already" in run.output
    # A vehicle of one's own is not asked about again, whatever `adopt` says.
    project.program(strict)
    project.up()
    project.stays_as_it_is()


def test_inputs_that_are_not_known_yet_replace_nothing(project: Project, emulator: RunningEmulator) -> None:
    """Tags made of another resource's output: unknown while that one is replaced, and then the same as before."""
    text = """
    import os, secrets
    from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider

    class Numbers(ResourceProvider):
        serialize_as_secret_always = False
        def diff(self, id, olds, news):
            changed = olds["seed"] != news["seed"]
            return DiffResult(changes=changed, replaces=["seed"] if changed else [], delete_before_replace=True)
        def create(self, props):
            return CreateResult("id", {{**props, "customer": "acme"}})

    class Number(Resource):
        customer: pulumi.Output[str]
        def __init__(self, name, seed):
            super().__init__(Numbers(), name, {{"seed": seed, "customer": None}})

    number = Number("number", "{seed}")
    hm.FleetVehicle("van", vin="{vin}", brand="bmw", tags={{"customer": number.customer}})
    """
    project.program(text.format(seed="1", vin=vin(1)))
    project.up()
    emulator.controls.advance(5)
    project.refresh()
    emulator.controls.clear_requests()
    project.program(text.format(seed="2", vin=vin(1)))
    assert "a value other than the current one replaces the vehicle" in project.preview().output
    project.up()
    assert writes(emulator) == []
    assert statuses(emulator) == {vin(1): "approved"}


def test_an_engine_that_is_killed_takes_its_provider_with_it(
    plain_project: Project, emulator: RunningEmulator
) -> None:
    """SIGKILL to the engine alone, in the midst of revoking 120 vehicles: nothing is begun after it."""
    project = plain_project
    project.program(fleet(*range(120)))
    project.up()
    emulator.controls.advance(5)
    emulator.controls.fault("delay", seconds=0.2, times=1000, method="DELETE")
    process = project.start("destroy")
    deadline = time.monotonic() + 300
    while sum(line["method"] == "DELETE" for line in emulator.controls.requests()) < 8:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    # Ends when everybody has closed the output: nothing of the run is left.
    process.communicate(timeout=300)
    # Pulumi's language host notices the engine's end only after minutes.
    kill_all_of(process.pid)
    time.sleep(0.5)
    deleted = sum(line["method"] == "DELETE" for line in emulator.controls.requests())
    assert deleted <= 24, "the provider went on without its engine"
    emulator.controls.clear_faults()
    project.recover()
    project.destroy()
    emulator.controls.advance(5)
    assert set(statuses(emulator).values()) == {"revoked"}
