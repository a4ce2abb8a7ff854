"""Fleet on the real engine: a list as one resource, exactly what changed is asked for, nothing lost by one bad row."""

from __future__ import annotations

from collections import Counter

from pulumi_highmobility.testing import RunningEmulator

from ..cli.conftest import register
from ..engine.conftest import Project
from ..engine.test_fleet import fleet, requested, vehicle, vin


def test_a_change_of_the_list_touches_exactly_what_changed(
    project: Project, emulator: RunningEmulator
) -> None:
    kept = [vehicle(number) for number in range(20)]
    project.program(fleet(*kept, vehicle(90), vehicle(91, tags={"customer": "acme"})))
    project.up()
    emulator.controls.advance(5)
    emulator.controls.clear_requests()
    project.program(
        fleet(vehicle(92), *kept, vehicle(91, tags={"customer": "umbrella"}), more=", max_removals=2")
    )
    preview = project.preview().output
    assert f"1 added ({vin(92)}): clearance is requested, adopted, or taken over" in preview
    assert f"1 removed ({vin(90)}): clearance is revoked or canceled" in preview
    assert f"1 changed in brand or tags ({vin(91)})" in preview
    project.up()
    assert requested(emulator) == {vin(92): 1, vin(91): 1}
    deleted = [line["vins"] for line in emulator.controls.requests() if line["method"] == "DELETE"]
    assert sorted(deleted) == [[vin(90)], [vin(91)]]
    assert emulator.controls.vehicle(vin(91))["tags"] == {"customer": "umbrella"}
    project.refresh()
    assert project.up().summary() == {"unchanged": 3}


def test_a_reading_of_the_odometer_is_no_change(project: Project, emulator: RunningEmulator) -> None:
    reading = {"odometer": {"value": 110_000, "unit": "kilometers"}}
    later = {"odometer": {"value": 120_000, "unit": "kilometers"}}
    project.program(fleet(vehicle(1, brand="mercedes-benz", control_measures=reading)))
    project.up()
    assert emulator.controls.vehicle(vin(1))["odometer"] == "110000 kilometers"
    project.program(fleet(vehicle(1, brand="mercedes-benz", control_measures=later)))
    assert project.up().summary() == {"unchanged": 3}


def test_a_network_that_goes_away_half_way_loses_nothing(project: Project, emulator: RunningEmulator) -> None:
    """The first chunk of a thousand is in the state, though the second met no platform."""
    project.program(
        'hm.Fleet("vans", vehicles=[dict(vin=f"WBA8E9C50GK{n:06}", brand="bmw") for n in range(1500)])'
    )
    emulator.controls.fault(
        "status", method="POST", path="/fleets/vehicles", vin=vin(1499), status=500, times=9
    )
    run = project.up(expect=1)
    assert "500 to POST /fleets/vehicles" in run.output
    assert "1,000 vehicles are in the stack's state; 500 remaining" in run.output
    emulator.controls.clear_faults()
    project.up()
    assert project.resource("Fleet", "vans")["counts"] == {"pending": 1500}
    registered = Counter(registered["vin"] for registered in emulator.controls.vehicles())
    assert len(registered) == 1500
    pendings = [
        [change["status"] for change in registered["changelog"]].count("pending")
        for registered in emulator.controls.vehicles()
    ]
    assert set(pendings) == {1}


def test_a_list_that_was_cut_off_revokes_nothing(project: Project, emulator: RunningEmulator) -> None:
    whole = [vehicle(number) for number in range(20)]
    project.program(fleet(*whole))
    project.up()
    emulator.controls.advance(5)
    project.program(fleet(*whole[:3]))
    for run in (project.preview(expect=1), project.up(expect=1)):
        assert "17 of 20 vehicles would lose their clearance" in run.output
        assert "max_removals allows 2" in run.output
        assert "set max_removals=17" in run.output
    project.program(fleet())
    assert "20 of 20 vehicles would lose" in project.preview(expect=1).output
    assert {registered["status"] for registered in emulator.controls.vehicles()} == {"approved"}
    project.program(fleet(*whole[:18]))
    project.up()
    project.program(fleet(*whole[:3], more=", max_removals='90%'"))
    project.up()
    emulator.controls.advance(5)
    statuses = Counter(registered["status"] for registered in emulator.controls.vehicles())
    assert statuses == {"approved": 3, "revoked": 17}


def test_all_that_is_wrong_with_the_list_is_told_at_preview(project: Project) -> None:
    project.program(
        f"""
        hm.Fleet("vans", max_removals="many", on_removal="forget", vehicles=[
            dict(vin="WBA8E9C50GK00000O", brand="bmw"),
            dict(vin="{vin(1)}", brand="mercedes-benz"),
            dict(vin="{vin(2)}", brand="bmw", tag=dict(a="b")),
            dict(vin="{vin(3)}", brand="bmw"),
            dict(vin="{vin(3).lower()}", brand="bmw"),
            dict(brand="bmw"),
        ])
        """
    )
    run = project.preview(expect=1)
    for told in (
        "vehicles[0].vin",
        "vehicles[1].control_measures.odometer",
        'A vehicle has no such input. Did you mean "tags"?',
        f"{vin(3)} is already vehicles[3]",
        "vehicles[5].vin",
        'it takes "revoke" or "retain"',
    ):
        assert told in run.output
    project.program('hm.Fleet("vans", max_removals="many", vehicles=[])')
    assert '"many" is not a share' in project.preview(expect=1).output


def test_a_rejected_vehicle_stays_with_its_reason_and_is_asked_again_only_when_told(
    project: Project, emulator: RunningEmulator
) -> None:
    project.program(fleet(vehicle(1), vehicle(2, "REJ01")))
    project.up()
    emulator.controls.advance(5)
    project.refresh()
    project.up()
    outputs = project.outputs()
    assert outputs["counts"] == {"approved": 1, "rejected": 1}
    assert "not eligible" in outputs["rejected"][vin(2, "REJ01")]
    project.stays_as_it_is()
    emulator.controls.clear_requests()
    project.program(fleet(vehicle(1), vehicle(2, "REJ01"), more=", retry_rejected=True"))
    assert "1 rejected" in project.preview().output
    project.up()
    assert requested(emulator) == {vin(2, "REJ01"): 1}
    assert project.outputs()["counts"] == {"approved": 1, "pending": 1}


def test_a_vehicle_that_its_driver_revoked_stays_and_is_requested_again_only_when_told(
    project: Project, emulator: RunningEmulator
) -> None:
    program = [vehicle(number) for number in range(5)]
    project.program(fleet(*program))
    project.up()
    emulator.controls.advance(5)
    emulator.controls.move(vin(3), "revoked", reason="by the driver")
    emulator.controls.clear_requests()
    run = project.refresh()
    assert (
        f"1 of 5 vehicles were revoked by somebody else ({vin(3)}, with the reason: by the driver)"
        in run.output
    )
    assert project.resource("Fleet", "vans")["counts"] == {"approved": 4, "revoked": 1}
    project.stays_as_it_is()
    project.up("--refresh")
    assert requested(emulator) == {}
    project.program(fleet(*program, more=", retry_revoked=True"))
    assert f"1 rejected or revoked by somebody else ({vin(3)}): requested again" in project.preview().output
    project.up()
    assert requested(emulator) == {vin(3): 1}
    assert project.outputs()["statuses"][vin(3)] == "pending"


def test_drift_of_tags_is_told_and_ends_nothing(project: Project, emulator: RunningEmulator) -> None:
    """Somebody revokes a vehicle behind the stack's back and registers it with other tags."""
    project.program(fleet(vehicle(1, tags={"customer": "acme"})))
    project.up()
    emulator.controls.move(vin(1), "revoked")
    register(emulator, [vehicle(1, tags={"customer": "globex"})])
    emulator.controls.advance(5)
    emulator.controls.clear_requests()
    run = project.refresh()
    assert "with the tags {'customer': 'globex'}, not {'customer': 'acme'}" in run.output
    project.stays_as_it_is()
    # What is registered, written into the program, is no change; something else is.
    project.program(fleet(vehicle(1, tags={"customer": "globex"})))
    project.up()
    assert [line for line in emulator.controls.requests() if line["method"] in ("POST", "DELETE")][1:] == []
    project.program(fleet(vehicle(1, tags={"customer": "other"})))
    assert f"1 changed in brand or tags ({vin(1)})" in project.preview().output


def test_a_vehicle_that_is_registered_otherwise_is_not_adopted(
    project: Project, emulator: RunningEmulator
) -> None:
    register(emulator, [vehicle(1, tags={"customer": "acme"})])
    project.program(fleet(vehicle(1, tags={"customer": "other"})))
    run = project.up(expect=1)
    assert "tags are {'customer': 'acme'}, not {'customer': 'other'}" in run.output
    assert project.resource("Fleet", "vans")["counts"] == {"error": 1}
    assert requested(emulator) == {vin(1): 1}


def test_tokens_and_approvals_take_a_vehicle_of_the_fleet(
    project: Project, emulator: RunningEmulator
) -> None:
    project.program(
        f"""
        fleet = hm.Fleet("vans", vehicles=[dict(vin="{vin(1)}", brand="bmw"), dict(vin="{vin(2)}", brand="bmw")])
        hm.VehicleAccessToken("later", vehicle=fleet.vehicle("{vin(2)}"))
        approval = hm.VehicleApproval("one", vehicle=fleet.vehicle("{vin(1).lower()}"), timeout_minutes=2)
        hm.VehicleAccessToken("one", vehicle=approval)
        """
    )
    project.up()
    assert project.resource("VehicleAccessToken", "one")["status"] == "active"
    assert project.resource("VehicleAccessToken", "later")["status"] == "awaiting_clearance"
    emulator.controls.advance(5)
    project.up("--refresh")
    assert project.resource("VehicleAccessToken", "later")["status"] == "active"
    assert project.up("--refresh").summary() == {"unchanged": 6}
    project.destroy()
    assert all(
        not token["access_lives"] and not token["refresh_lives"]
        for registered in emulator.controls.vehicles()
        for token in registered["tokens"]
    )


def test_a_vehicle_that_is_not_in_the_list_is_an_error_of_the_program(project: Project) -> None:
    project.program(
        f"""
        fleet = hm.Fleet("vans", vehicles=[dict(vin="{vin(1)}", brand="bmw")])
        fleet.vehicle("{vin(2)}")
        """
    )
    assert f"{vin(2)} is not in the fleet" in project.preview(expect=1).output
