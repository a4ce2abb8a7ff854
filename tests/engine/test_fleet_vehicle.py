"""FleetVehicle on the real engine: a row of the behaviour table each, seen from both ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from pulumi_highmobility.testing import RunningEmulator, serve_emulator

from ..cli.conftest import register
from .conftest import Project

pytestmark = pytest.mark.engine

VIN = "WBA8E9C50GK000001"
OTHER = "WBA8E9C50GK000002"
MERCEDES = "WDD2130041A000001"
ASK = "/fleets/vehicles"


def vehicle(vin: str = VIN, brand: str = "bmw", more: str = "") -> str:
    return f'van = hm.FleetVehicle("van", vin="{vin}", brand="{brand}"{more})\npulumi.export("status", van.status)\n'


def posts(emulator: RunningEmulator) -> int:
    return sum(
        line["method"] == "POST" and line["path"] == "/fleets/vehicles"
        for line in emulator.controls.requests()
    )


def test_what_is_registered_already_is_adopted_refused_or_waited_for(
    project: Project, emulator: RunningEmulator
) -> None:
    """Adopted where it is as wanted, refused with other tags, waited for where its old clearance is about to end."""
    ending = "WBA8E9C50GK000003"
    register(
        emulator,
        [
            {"vin": VIN, "brand": "bmw"},
            {"vin": OTHER, "brand": "bmw", "tags": {"customer": "acme"}},
            {"vin": ending, "brand": "bmw"},
        ],
    )
    emulator.controls.move(ending, "revoking")
    emulator.controls.clear_requests()
    project.program(
        vehicle()
        + vehicle(OTHER, more=', tags={"customer": "globex"}').replace('"van"', '"other"')
        + vehicle(ending).replace('"van"', '"ending"')
    )
    run = project.up("--continue-on-error", expect=1)
    assert f"{VIN} is registered already" in run.output
    assert "adopted, no request was made" in run.output
    assert f"{OTHER} is registered already" in run.output
    assert "tags are {'customer': 'acme'}, not {'customer': 'globex'}" in run.output
    assert sorted(resource["id"] for resource in project.state()) == [VIN, ending]
    # Looks, as often as it takes for the one that was about to end; then one POST for it. The others are as they were.
    asked = [line["vins"] for line in emulator.controls.requests() if line["path"] == ASK]
    assert [vins for vins, _ in groupby(asked)] == [[], [ending]]
    assert emulator.controls.vehicle(OTHER)["status"] in ("pending", "approved")
    statuses = [change["status"] for change in emulator.controls.vehicle(ending)["changelog"]]
    assert statuses[statuses.index("revoked") + 1] == "pending"


@pytest.fixture
def slow_emulator() -> Iterator[RunningEmulator]:
    """Its answers take a second, in which other creates of a run arrive, on a busy machine too."""
    with serve_emulator(latency="1s") as running:
        yield running


def test_many_vehicles_are_requested_in_few_calls_and_read_in_one(
    tmp_path: Path, slow_emulator: RunningEmulator
) -> None:
    emulator = slow_emulator
    project = Project(tmp_path, {**emulator.environment, "HIGHMOBILITY_LISTING_MAX_AGE_SECONDS": "3600"})
    project.program(
        """
        for number in range(20):
            hm.FleetVehicle(f"van-{number}", vin=f"WBA8E9C50GK1000{number:02}", brand="bmw")
        """
    )
    project.up()
    assert len(emulator.controls.vehicles()) == 20
    requests = emulator.controls.requests()
    assert posts(emulator) <= 10
    assert sum(line["method"] == "GET" for line in requests) == 1
    named = [vin for line in requests if line["method"] == "POST" for vin in line["vins"]]
    assert len(named) == len(set(named)) == 20
    emulator.controls.clear_requests()
    project.refresh()
    reads = [line["path"] for line in emulator.controls.requests() if line["method"] == "GET"]
    assert reads == ["/fleets/vehicles"]


def test_an_unchanged_program_makes_no_request_and_a_refresh_sees_the_approval(
    project: Project, emulator: RunningEmulator
) -> None:
    project.program(vehicle())
    project.up()
    assert project.outputs()["status"] == "pending"
    stored = project.resource("FleetVehicle", "van")["__provider"]
    assert isinstance(stored, str)
    assert len(stored) < 100, "the import path of the provider's class, and nothing else"
    emulator.controls.clear_requests()
    project.up("--expect-no-changes")
    assert emulator.controls.requests() == []
    emulator.controls.advance(5)
    project.refresh()
    van = project.resource("FleetVehicle", "van")
    assert van["status"] == "approved"
    assert van["approved_at"].endswith("Z")
    assert [change["status"] for change in van["changelog"]] == ["pending", "approved"]
    project.stays_as_it_is()


def test_a_changed_vin_or_changed_tags_replace_the_vehicle_and_say_what_is_lost(
    project: Project, emulator: RunningEmulator
) -> None:
    """A new VIN is requested before the old one is revoked; the same VIN can only be requested after it."""
    third = "WBA8E9C50GK000003"
    tagged = vehicle(third, more=', tags={{"customer": "{}"}}').replace('"van"', '"tagged"')
    project.program(vehicle() + tagged.format("acme"))
    project.up()
    emulator.controls.advance(5)
    project.refresh()
    emulator.controls.clear_requests()
    project.program(vehicle(OTHER) + tagged.format("globex"))
    preview = project.preview().output
    for changed, vin in (("vin", VIN), ("tags", third)):
        assert f"a change of {changed} replaces {vin} (approved since" in preview
    assert "it revokes its clearance and requests it again, which takes from minutes to weeks" in preview
    assert "+-2 to replace" in preview
    project.up()
    changes = [
        (line["method"], line["vins"])
        for line in emulator.controls.requests()
        if line["method"] in ("POST", "DELETE") and line["vins"]
    ]
    assert changes.index(("POST", [OTHER])) < changes.index(("DELETE", [VIN]))
    assert changes.index(("DELETE", [third])) < changes.index(("POST", [third]))
    emulator.controls.advance(5)
    assert emulator.controls.vehicle(VIN)["status"] == "revoked"
    assert emulator.controls.vehicle(OTHER)["status"] == "approved"
    assert emulator.controls.vehicle(third)["tags"] == {"customer": "globex"}
    statuses = [change["status"] for change in emulator.controls.vehicle(third)["changelog"]]
    assert statuses == ["pending", "approved", "revoking", "revoked", "pending", "approved"]
    project.up("--expect-no-changes")


def test_a_later_odometer_and_tags_that_were_never_given_are_no_change(project: Project) -> None:
    reading = ', control_measures={{"odometer": {{"value": {}, "unit": "kilometers"}}}}'
    bare = f'hm.FleetVehicle("bare", vin="{VIN}", brand="bmw"{{}})'
    project.program(vehicle(MERCEDES, "mercedes-benz", reading.format(110_000)) + bare.format(""))
    project.up()
    project.refresh()
    project.program(vehicle(MERCEDES, "mercedes-benz", reading.format(120_000)) + bare.format(""))
    project.up("--expect-no-changes")
    # What a refresh reads as "no tags" is not shown as tags that are taken away.
    project.program(
        vehicle(MERCEDES, "mercedes-benz", reading.format(120_000))
        + bare.format(', on_uncancellable="abandon"')
    )
    assert "[diff: +on_uncancellable]" in project.up().output
    project.refresh()
    project.stays_as_it_is()


def test_what_happens_behind_the_stacks_back_shows_after_a_refresh(
    project: Project, emulator: RunningEmulator
) -> None:
    """One vehicle is revoked by its driver, another revoked and registered again with other tags, a third forgotten."""
    third = "WBA8E9C50GK000003"
    tagged = vehicle(OTHER, more=', tags={"customer": "acme"}').replace('"van"', '"tagged"')
    project.program(vehicle() + tagged + vehicle(third).replace('"van"', '"third"'))
    project.up()
    emulator.controls.advance(5)
    emulator.controls.move(VIN, "revoked", reason="by the driver")
    emulator.controls.move(OTHER, "revoked")
    register(emulator, [{"vin": OTHER, "brand": "bmw", "tags": {"customer": "globex"}}])
    known = [
        {**one, "tags": one.get("tags") or {}} for one in emulator.controls.vehicles() if one["vin"] != third
    ]
    emulator.controls.clear_requests()
    emulator.controls.fault("answer", method="GET", path="/fleets/vehicles", body=json.dumps(known), times=3)
    emulator.controls.fault("status", method="GET", path=f"/fleets/vehicles/{third}", status=404)
    run = project.refresh()
    emulator.controls.clear_faults()
    assert sorted(resource["id"] for resource in project.state()) == [VIN, OTHER]
    van = project.resource("FleetVehicle", "van")
    assert (van["status"], van["status_reason"]) == ("revoked", "by the driver")
    assert f"{VIN} was revoked by somebody else, with the reason: by the driver" in run.output
    assert project.resource("FleetVehicle", "tagged")["tags"] == {"customer": "globex"}
    assert "with the tags {'customer': 'globex'}, not {'customer': 'acme'}" in run.output
    assert "+ 1 to create" in project.preview().output
    project.program(vehicle() + tagged)
    project.stays_as_it_is()
    project.up()
    assert [
        line["method"] for line in emulator.controls.requests() if line["method"] in ("POST", "DELETE")
    ] == ["POST"]


def test_a_destroy_revokes_what_is_approved_and_takes_what_has_ended_or_is_ending(
    project: Project, emulator: RunningEmulator
) -> None:
    ended = ("revoked", "canceled", "rejected", "revoking", "canceling")
    vins = {status: f"WBA8E9C50GK00001{number}" for number, status in enumerate(("approved", *ended))}
    project.program(
        f"""
        for status, vin in {vins!r}.items():
            hm.FleetVehicle(status, vin=vin, brand="bmw")
        """
    )
    project.up()
    emulator.controls.advance(5)
    for status in ended:
        emulator.controls.move(vins[status], status)
    project.destroy()
    assert project.state() == []
    asked = [line["vins"] for line in emulator.controls.requests() if line["method"] == "DELETE"]
    assert [vins["approved"]] in asked
    emulator.controls.advance(5)
    now = {status: emulator.controls.vehicle(vin)["status"] for status, vin in vins.items()}
    assert now == dict.fromkeys(("approved", "revoked", "revoking"), "revoked") | {
        "canceled": "canceled",
        "canceling": "canceled",
        "rejected": "rejected",
    }
