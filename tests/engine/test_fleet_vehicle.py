"""FleetVehicle on the real engine: a row of the behaviour table each, seen from both ends."""

from __future__ import annotations

import pytest

from pulumi_highmobility.testing import RunningEmulator

from ..cli.conftest import register
from .conftest import Project

pytestmark = pytest.mark.engine

VIN = "WBA8E9C50GK000001"
OTHER = "WBA8E9C50GK000002"
MERCEDES = "WDD2130041A000001"


def vehicle(vin: str = VIN, brand: str = "bmw", more: str = "") -> str:
    return f'van = hm.FleetVehicle("van", vin="{vin}", brand="{brand}"{more})\npulumi.export("status", van.status)\n'


def posts(emulator: RunningEmulator) -> int:
    return sum(
        line["method"] == "POST" and line["path"] == "/fleets/vehicles"
        for line in emulator.controls.requests()
    )


def test_a_vehicle_registered_already_is_adopted_without_a_request(
    project: Project, emulator: RunningEmulator
) -> None:
    register(emulator, [{"vin": VIN, "brand": "bmw"}])
    project.program(vehicle())
    assert posts(emulator) == 1
    run = project.up()
    assert posts(emulator) == 1
    assert "adopted, no request was made" in run.output
    assert project.resource("FleetVehicle", "van")["vin"] == VIN
    project.stays_as_it_is()


def test_a_vehicle_registered_with_other_tags_is_not_taken_over(
    project: Project, emulator: RunningEmulator
) -> None:
    register(emulator, [{"vin": VIN, "brand": "bmw", "tags": {"customer": "acme"}}])
    project.program(vehicle(more=', tags={"customer": "globex"}'))
    run = project.up(expect=1)
    assert "registered already" in run.output
    assert "acme" in run.output
    assert emulator.controls.vehicle(VIN)["status"] in ("pending", "approved")


def test_many_vehicles_are_asked_for_in_few_requests(project: Project, emulator: RunningEmulator) -> None:
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


def test_a_refresh_of_many_is_one_list_request(project: Project, emulator: RunningEmulator) -> None:
    project.program(
        """
        for number in range(20):
            hm.FleetVehicle(f"van-{number}", vin=f"WBA8E9C50GK1000{number:02}", brand="bmw")
        """
    )
    project.up()
    emulator.controls.clear_requests()
    project.refresh()
    reads = [line["path"] for line in emulator.controls.requests() if line["method"] == "GET"]
    assert reads == ["/fleets/vehicles"]


def test_an_unchanged_program_makes_no_request_at_all(project: Project, emulator: RunningEmulator) -> None:
    project.program(vehicle())
    project.up()
    emulator.controls.clear_requests()
    project.up("--expect-no-changes")
    project.stays_as_it_is()
    assert emulator.controls.requests() == []


def test_an_approval_is_seen_by_a_refresh(project: Project, emulator: RunningEmulator) -> None:
    project.program(vehicle())
    project.up()
    assert project.outputs()["status"] == "pending"
    emulator.controls.advance(2)
    project.refresh()
    van = project.resource("FleetVehicle", "van")
    assert van["status"] == "approved"
    assert van["approved_at"].endswith("Z")
    assert [change["status"] for change in van["changelog"]] == ["pending", "approved"]
    project.stays_as_it_is()


def test_a_rejected_vehicle_stays_with_its_reason_and_is_asked_for_again_only_when_told(
    project: Project, emulator: RunningEmulator
) -> None:
    project.program(vehicle())
    project.up()
    emulator.controls.move(VIN, "rejected", reason="no data came")
    project.refresh()
    van = project.resource("FleetVehicle", "van")
    assert (van["status"], van["status_reason"]) == ("rejected", "no data came")
    project.up("--expect-no-changes")
    assert posts(emulator) == 1
    project.program(vehicle(more=", retry_rejected=True"))
    assert project.up().summary() == {"updated": 1, "unchanged": 1}
    assert posts(emulator) == 2
    assert project.resource("FleetVehicle", "van")["status"] == "pending"
    project.up("--expect-no-changes")


def test_a_vehicle_revoked_by_its_driver_is_asked_for_again_by_the_next_up(
    project: Project, emulator: RunningEmulator
) -> None:
    project.program(vehicle())
    project.up()
    emulator.controls.move(VIN, "revoked")
    project.refresh()
    assert project.state() == []
    assert project.up().summary()["created"] == 1
    # It may be approved by now.
    statuses = [change["status"] for change in emulator.controls.vehicle(VIN)["changelog"]]
    assert statuses[statuses.index("revoked") + 1] == "pending"


def test_a_vehicle_being_revoked_is_waited_for_and_asked_for_then(
    project: Project, emulator: RunningEmulator
) -> None:
    register(emulator, [{"vin": VIN, "brand": "bmw"}])
    project.program(vehicle())
    emulator.controls.move(VIN, "revoking")
    run = project.up()
    assert "waiting for it to come to the end of its old clearance" in run.output or posts(emulator) == 2
    statuses = [change["status"] for change in emulator.controls.vehicle(VIN)["changelog"]]
    assert statuses[statuses.index("revoked") + 1] == "pending"


def test_changed_tags_replace_the_vehicle_and_say_what_is_lost(
    project: Project, emulator: RunningEmulator
) -> None:
    project.program(vehicle(more=', tags={"customer": "acme"}'))
    project.up()
    emulator.controls.advance(2)
    project.refresh()
    project.program(vehicle(more=', tags={"customer": "globex"}'))
    preview = project.preview()
    assert "revokes its clearance" in preview.output
    assert "replace" in preview.output
    project.up()
    assert emulator.controls.vehicle(VIN)["tags"] == {"customer": "globex"}
    statuses = [change["status"] for change in emulator.controls.vehicle(VIN)["changelog"]]
    assert statuses[:5] == ["pending", "approved", "revoking", "revoked", "pending"]
    project.up("--expect-no-changes")


def test_a_changed_vin_replaces_the_vehicle(project: Project, emulator: RunningEmulator) -> None:
    project.program(vehicle())
    project.up()
    emulator.controls.advance(2)
    project.program(vehicle(vin=OTHER))
    project.up()
    emulator.controls.advance(2)
    assert emulator.controls.vehicle(VIN)["status"] == "revoked"
    assert emulator.controls.vehicle(OTHER)["status"] == "approved"


def test_a_later_odometer_is_no_change(project: Project) -> None:
    reading = ', control_measures={{"odometer": {{"value": {}, "unit": "kilometers"}}}}'
    project.program(vehicle(MERCEDES, "mercedes-benz", reading.format(110_000)))
    project.up()
    project.program(vehicle(MERCEDES, "mercedes-benz", reading.format(120_000)))
    project.up("--expect-no-changes")


def test_drift_in_tags_shows_at_preview(project: Project, emulator: RunningEmulator) -> None:
    """Somebody revokes the vehicle behind the stack's back and registers it with other tags."""
    project.program(vehicle(more=', tags={"customer": "acme"}'))
    project.up()
    other = Project(project.folder.parent / "other", emulator.environment)
    emulator.controls.move(VIN, "revoked")
    other.program(vehicle(more=', tags={"customer": "globex"}'))
    other.up()
    project.refresh()
    assert project.resource("FleetVehicle", "van")["tags"] == {"customer": "globex"}
    run = project.preview()
    assert "replace" in run.output


def test_deleting_revokes_an_approved_vehicle(project: Project, emulator: RunningEmulator) -> None:
    project.program(vehicle())
    project.up()
    emulator.controls.advance(2)
    project.destroy()
    emulator.controls.advance(2)
    assert emulator.controls.vehicle(VIN)["status"] == "revoked"


@pytest.mark.parametrize("status", ["revoked", "canceled", "rejected", "revoking", "canceling"])
def test_deleting_a_vehicle_that_has_ended_or_is_ending_succeeds(
    project: Project, emulator: RunningEmulator, status: str
) -> None:
    project.program(vehicle())
    project.up()
    emulator.controls.move(VIN, status)
    project.destroy()
    assert project.state() == []


def test_deleting_a_vehicle_that_the_platform_does_not_know_succeeds(
    project: Project, emulator: RunningEmulator
) -> None:
    project.program(vehicle())
    project.up()
    emulator.controls.reset()
    project.destroy()
    assert project.state() == []


def test_a_pending_vehicle_that_cannot_be_canceled_stays_and_says_how_to_let_go(
    project: Project, emulator: RunningEmulator
) -> None:
    vin = "WBA8E9C50GK1STAY0"
    project.program(vehicle(vin))
    project.up()
    run = project.destroy(expect=1)
    assert f"The pending clearance of {vin} cannot be canceled" in run.output
    assert "cancellation is not supported for this vin" in run.output
    assert 'on_uncancellable="abandon"' in run.output
    assert project.resource("FleetVehicle", "van")["vin"] == vin
    project.program(vehicle(vin, more=', on_uncancellable="abandon"'))
    assert project.up().summary() == {"updated": 1, "unchanged": 1}
    abandoned = project.destroy()
    assert "stays registered at the platform, pending" in abandoned.output
    assert emulator.controls.vehicle(vin)["status"] == "pending"


def test_a_pending_vehicle_can_be_canceled_after_a_day_and_is_told_from_when(
    project: Project, emulator: RunningEmulator
) -> None:
    vin = "WDD2130041A1STAY0"
    odometer = ', control_measures={"odometer": {"value": 1, "unit": "miles"}}'
    project.program(vehicle(vin, "mercedes-benz", odometer))
    project.up()
    run = project.destroy(expect=1)
    assert "the pending status could only be canceled after 1 day" in run.output
    assert "It can be canceled from 20" in run.output
    emulator.controls.advance(86_401)
    project.destroy()
    emulator.controls.advance(2)
    assert emulator.controls.vehicle(vin)["status"] == "canceled"


def test_inputs_that_are_not_known_yet_do_not_disturb_a_preview(project: Project) -> None:
    project.program(
        f"""
        first = hm.FleetVehicle("first", vin="{VIN}", brand="bmw")
        tag = first.status.apply(lambda status: "after-" + status)
        vin = first.request_id.apply(lambda _: "{OTHER}")
        hm.FleetVehicle("second", vin=vin, brand="bmw", tags={{"order": tag}})
        """
    )
    project.preview()
    project.up()
    assert project.resource("FleetVehicle", "second")["tags"] == {"order": "after-pending"}


def test_the_stored_provider_is_a_short_reference(project: Project) -> None:
    project.program(vehicle())
    project.up()
    stored = project.resource("FleetVehicle", "van")["__provider"]
    assert isinstance(stored, str)
    assert len(stored) < 100


def test_a_vehicle_without_tags_shows_none_as_taken_away(project: Project, emulator: RunningEmulator) -> None:
    project.program(f'hm.FleetVehicle("van", vin="{VIN}", brand="bmw")')
    project.up()
    project.refresh()
    project.program(f'hm.FleetVehicle("van", vin="{VIN}", brand="bmw", on_uncancellable="abandon")')
    run = project.up()
    assert "[diff: +on_uncancellable]" in run.output
    project.refresh()
    project.stays_as_it_is()
