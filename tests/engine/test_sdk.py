"""What leans on Pulumi's SDK, on the real engine: run with the oldest and the newest SDK too (`scripts/test --sdk`)."""

from __future__ import annotations

import signal
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pulumi_highmobility.testing import RunningEmulator

from .conftest import Project

pytestmark = [pytest.mark.engine, pytest.mark.sdk]


@pytest.fixture
def project(plain_project: Project) -> Project:
    """With the SDK as it comes."""
    return plain_project


GOOD = [f"WBA8E9C50GK00000{number}" for number in range(5)]
BAD = "WBA8E9C50GK000009"


def rows(*extra: str) -> str:
    return "[" + ", ".join([*(f'dict(vin="{vin}", brand="bmw")' for vin in GOOD), *extra]) + "]"


def test_a_life_with_a_failing_row(project: Project, emulator: RunningEmulator) -> None:
    """What was reached is in the state, in plain words; the next run is right, and so are refresh and destroy."""
    bad_row = f'dict(vin="{BAD}", brand="nosuchbrand")'
    project.program(f'hm.Fleet("vans", vehicles={rows(bad_row)})\n')
    failed = project.up(expect=1)
    assert 'Fleet "vans": Clearance of WBA8E9C50GK000009 was refused: "The brand is invalid"' in failed.output
    assert "5 vehicles are in the stack's state; 1 remaining" in failed.output
    assert_plain(failed.output)
    assert project.resource("Fleet", "vans")["counts"] == {"pending": 5, "error": 1}

    project.program(
        f"""
        hm.Fleet("vans", vehicles={rows()})
        van = hm.FleetVehicle("van", vin="WBA8E9C50GK000101", brand="bmw")
        hm.VehicleAccessToken("van", vehicle=hm.VehicleApproval("van", vehicle=van, timeout_minutes=2))
        """
    )
    project.up()
    assert project.resource("VehicleAccessToken", "van")["status"] == "active"
    emulator.controls.move(GOOD[0], "rejected", reason="Not in this country")
    refreshed = project.refresh()
    assert_plain(refreshed.output)
    assert project.resource("Fleet", "vans")["counts"] == {"approved": 4, "rejected": 1}
    project.stays_as_it_is()

    emulator.controls.fault("status", status=500, times=1000, method="DELETE")
    stuck = project.destroy(expect=1)
    assert "The platform answered 500 to DELETE" in stuck.output
    assert_plain(stuck.output)
    emulator.controls.clear_faults()
    project.destroy()
    assert project.state() == []
    emulator.controls.advance(5)
    assert {vehicle["status"] for vehicle in emulator.controls.vehicles()} == {"revoked", "rejected"}


def test_each_operation_of_a_vehicle_fails_in_our_words(project: Project, emulator: RunningEmulator) -> None:
    van = 'hm.FleetVehicle("van", vin="WBA8E9C50GK000102", brand="{}")'
    project.program(van.format("nosuchbrand"))
    refused = project.up(expect=1)
    assert 'error: FleetVehicle "van": Clearance of WBA8E9C50GK000102 was refused' in refused.output
    assert_plain(refused.output)
    project.program(van.format("bmw"))
    project.up()
    emulator.controls.fault("status", status=403, times=1000)
    refused = project.refresh(expect=1)
    assert 'FleetVehicle "van": The platform answered 403 to POST /auth_tokens' in refused.output
    assert_plain(refused.output)


def test_a_bug_of_ours_says_so_and_keeps_its_traceback(project: Project) -> None:
    project.program('hm.FleetVehicle("van", vin="WBA8E9C50GK000103", brand="bmw")')
    # Python imports this at its start: in the provider's process it puts a bug into the check.
    (project.folder / "sitecustomize.py").write_text(
        "import sys\n"
        "if 'pulumi.dynamic' in ' '.join(sys.orig_argv):\n"
        "    import pulumi_highmobility.operations.fleet_vehicle as module\n"
        "    module.check = lambda *_: 1 / 0\n"
    )
    project.environment["PYTHONPATH"] = str(project.folder)
    run = project.preview(expect=1)
    assert 'FleetVehicle "van": this is a bug in pulumi-highmobility' in run.output
    assert "ZeroDivisionError" in run.output


def test_ctrl_c_ends_a_wait(project: Project, emulator: RunningEmulator) -> None:
    project.program(
        """
        van = hm.FleetVehicle("van", vin="WBA8E9C50GK1STAY0", brand="bmw")
        hm.VehicleApproval("van", vehicle=van, timeout_minutes=30)
        """
    )
    process = project.start("up")
    deadline = time.monotonic() + 300
    while not any(
        (line["method"], line["path"]) == ("GET", "/fleets/vehicles") for line in emulator.controls.requests()
    ):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=300)
    assert 'VehicleApproval "van": interrupted' in output
    assert_plain(output)
    assert project.resource("FleetVehicle", "van")["status"] == "pending"


def test_a_preview_asks_nobody_on_the_network(project: Project, emulator: RunningEmulator) -> None:
    """The engine looks for a plugin of a package whose name begins with "pulumi-", unless the package says it has none."""
    project.program('hm.FleetVehicle("van", vin="WBA8E9C50GK000104", brand="bmw")')
    with recording_proxy() as (address, asked):
        for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"):
            project.environment[name] = address
        # Pulumi's language host runs pip, which looks for a newer pip now and then.
        project.environment["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
        # pip itself, as a user has it.
        del project.environment["PULUMI_PYTHON_CMD"]
        # The engine, the program and the provider speak to each other.
        project.environment["NO_PROXY"] = project.environment["no_proxy"] = "127.0.0.1,localhost"
        project.preview()
        project.up()
    assert asked == []
    assert emulator.controls.vehicle("WBA8E9C50GK000104")["status"] in ("pending", "approved")


@contextmanager
def recording_proxy() -> Iterator[tuple[str, list[str]]]:
    """A proxy that lets nothing through and notes who was wanted."""
    asked: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            asked.append(self.rfile.readline().decode("latin-1").strip())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()


def assert_plain(output: str) -> None:
    for sign in ("Traceback", "grpc-status-details", "Exception calling application", 'File "'):
        assert sign not in output, output


def position_of(project: Project, name: str) -> tuple[str, list[str]]:
    """Where the state says that a resource is declared: file and line, and those of its stack trace, the innermost first."""
    found = next(one for one in project.state() if one["urn"].endswith(f"FleetVehicle::{name}"))
    frames = [frame.get("sourcePosition", "") for frame in found.get("stackTrace") or []]
    return found["sourcePosition"].rpartition("/")[2], [frame.rpartition("/")[2] for frame in frames]


@pytest.mark.sdk
def test_the_state_has_the_users_line_and_no_frame_beside(
    plain_project: Project, emulator: RunningEmulator
) -> None:
    project = plain_project
    project.program('\n\nhm.FleetVehicle("van", vin="1HMCF6112HA3FBBCC", brand="bmw")\n')
    project.up()
    assert position_of(project, "van") == ("__main__.py#5", ["__main__.py#5"])
    project.environment["HIGHMOBILITY_WHOLE_STACK_TRACES"] = "true"
    project.up("--refresh")
    assert position_of(project, "van")[0] == "__main__.py#5"
    project.destroy()
    project.up()
    position, frames = position_of(project, "van")
    assert position == "__main__.py#5"
    assert len(frames) > 8


@pytest.mark.sdk
def test_no_error_of_a_registration_or_of_an_apply_is_lost(
    plain_project: Project, emulator: RunningEmulator
) -> None:
    """Though the SDK does not wait for the outputs of our resources, but for their registration."""
    project = plain_project
    good, bad = "1HMCF6112HA3FBBCC", "WBA8E9C50GK0ERRR0"
    project.program(f'hm.FleetVehicle("bad", vin="{bad}", brand="bmw")\n')
    run = project.up(expect=1)
    assert 'FleetVehicle "bad"' in run.output
    assert "was never retrieved" not in run.output
    program = f"""
    van = hm.FleetVehicle("van", vin="{good}", brand="bmw")
    bad = hm.FleetVehicle("bad", vin="{bad}", brand="bmw")
    hm.FleetVehicle("late", vin="1HMCF6112HA3FBBDD", brand="bmw", tags={{"of": van.status}})
    """
    project.program(program)
    run = project.up("--continue-on-error", expect=1)
    assert 'FleetVehicle "bad"' in run.output
    assert "was never retrieved" not in run.output
    assert sorted(str(one["urn"]).rpartition("::")[2] for one in project.state()) == ["late", "van"]
    project.program(f"""
    van = hm.FleetVehicle("van", vin="{good}", brand="bmw")
    van.status.apply(lambda status: status.no_such_thing())
    """)
    run = project.up(expect=1)
    assert "no_such_thing" in run.output
    project.program(f"""
    van = hm.FleetVehicle("van", vin="{good}", brand="bmw")
    pulumi.export("status", van.status)
    """)
    project.up()
    assert project.outputs() == {"status": project.resource("FleetVehicle", "van")["status"]}
