"""The how-to pages that a user copies from: their programs, run over the player of the engine, end as the pages say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from pulumi_highmobility.cli.commands import command
from pulumi_highmobility.testing import RunningEmulator, serve_emulator

from .cli.conftest import register
from .played import PlayedProject

DOCS = Path(__file__).resolve().parent.parent / "docs"
VANS = ("WBA8E9C50GK123457", "WBA8E9C50GK123458", "VF3LCYHZPHS123459")
HEADER = "vin,brand,tags\n"


def programs(page: str) -> list[str]:
    """The Python blocks of a page, in its order; one in a list item is indented."""
    found = re.findall(r"^( *)```python\n(.*?)^\1```$", (DOCS / page).read_text(), re.M | re.S)
    return [re.sub(rf"^{indent}", "", block, flags=re.M) for indent, block in found]


def row(vin: str) -> str:
    return f"{vin},{'bmw' if vin.startswith('WBA') else 'peugeot'},\n"


def writes(emulator: RunningEmulator) -> list[str]:
    """The requests for a clearance, and for its end."""
    return [
        line["method"]
        for line in emulator.controls.requests()
        if line["path"].startswith("/fleets/vehicles") and line["method"] != "GET"
    ]


def statuses(emulator: RunningEmulator) -> dict[str, str]:
    return {vehicle["vin"]: vehicle["status"] for vehicle in emulator.controls.vehicles()}


@pytest.fixture
def emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningEmulator]:
    """Three vehicles are cleared already, by a script; commands find the emulator, and files where the test runs."""
    monkeypatch.chdir(tmp_path)
    with serve_emulator("--application", "one", "--application", "two", approve_after="1s") as running:
        for name, value in running.environment.items():
            if name.startswith("HIGHMOBILITY_"):
                monkeypatch.setenv(name, value)
        register(running, [{"vin": vin, "brand": row(vin).split(",")[1]} for vin in VANS])
        running.controls.advance(2)
        running.controls.clear_requests()
        yield running


@pytest.fixture
def projects(emulator: RunningEmulator, tmp_path: Path) -> Iterator[list[PlayedProject]]:
    """Two stacks."""
    both = [PlayedProject(tmp_path / name, emulator.environment) for name in ("first", "second")]
    yield both
    for one in both:
        one.stack.close()


def test_an_existing_fleet_is_imported_and_adopted_without_a_request(
    emulator: RunningEmulator, projects: list[PlayedProject]
) -> None:
    done = CliRunner().invoke(command, ["import", "--output", "vans.csv"])
    assert done.exit_code == 0, done.output
    (shown,) = re.findall(r"^Wrote 3 vehicles.*\n.*", (DOCS / "existing-fleet.md").read_text(), re.M)
    assert shown in done.output
    project = projects[0]
    project.program(programs("existing-fleet.md")[0])
    run = project.up()
    assert run.output.count("is registered already (approved") == 3
    assert set(project.outputs()["statuses"].values()) == {"approved"}
    project.stays_as_it_is()
    assert writes(emulator) == []


def test_single_resources_become_a_fleet_in_one_up_and_keep_clearance_and_token(
    emulator: RunningEmulator, projects: list[PlayedProject]
) -> None:
    project = projects[0]
    before, after = programs("existing-fleet.md")[1:]
    project.program(before)
    project.up()
    token = project.resource("VehicleAccessToken", "first")["access_token"]
    Path("vans.csv").write_text(HEADER + "".join(row(vin) for vin in VANS[:2]))
    project.program(after)
    run = project.up()
    assert f'{VANS[0]} keeps its clearance: Fleet "vans" has it now' in run.output
    assert project.resource("VehicleAccessToken", "first")["access_token"] == token
    project.stays_as_it_is()
    assert writes(emulator) == []


def test_a_list_whose_tags_are_not_the_registered_ones_is_told_as_the_page_shows(
    emulator: RunningEmulator, projects: list[PlayedProject]
) -> None:
    project = projects[0]
    other = "WBA8E9C50GK123460"
    register(emulator, [{"vin": other, "brand": "bmw", "tags": {"customer": "globex"}}])
    emulator.controls.clear_requests()
    Path("vans.csv").write_text(f"{HEADER}{other},bmw,customer=acme\n")
    project.program(programs("existing-fleet.md")[0])
    run = project.up(expect=1)
    page = (DOCS / "existing-fleet.md").read_text()
    (shown,) = re.findall(r"but not as the program says: its tags are .*?\}\.", page)
    assert shown in run.output
    assert writes(emulator) == []


def test_another_key_of_the_application_changes_nothing_and_another_applications_is_refused(
    emulator: RunningEmulator, projects: list[PlayedProject], tmp_path: Path
) -> None:
    project = projects[0]
    Path("vans.csv").write_text(HEADER + "".join(map(row, VANS)))
    project.program(programs("existing-fleet.md")[0])
    project.up()
    # The same application by its OAuth client instead of its key: other credentials, as after a rotation.
    rotated = emulator.credentials()
    del rotated["service_account_key"], rotated["oauth_private_key"]
    file = tmp_path / "rotated.json"
    file.write_text(json.dumps(rotated))
    project.environment["HIGHMOBILITY_CREDENTIALS_FILE"] = str(file)
    project.stays_as_it_is()
    project.up()
    before = project.resource("Fleet", "vans")["registered_with"]
    project.refresh()
    after = project.resource("Fleet", "vans")["registered_with"]
    assert before == f"{emulator.base_url} {emulator.credentials()['service_account_key']['id']}"
    assert after == f"{emulator.base_url} {rotated['client_id']}"
    other = emulator.credentials_file.with_name(f"{emulator.credentials_file.stem}-two.json")
    project.environment["HIGHMOBILITY_CREDENTIALS_FILE"] = str(other)
    kept = project.state()
    assert "Do these belong to another application?" in project.refresh(expect=1).output
    assert project.state() == kept
    assert writes(emulator) == []


def test_a_stack_is_split_as_the_page_says(emulator: RunningEmulator, projects: list[PlayedProject]) -> None:
    whole, south = projects
    retaining, adopting = programs("moving.md")
    Path("all.csv").write_text(HEADER + "".join(map(row, VANS)))
    whole.program(retaining)
    whole.up()
    Path("south.csv").write_text(HEADER + "".join(map(row, VANS[1:])))
    south.program(adopting)
    assert south.up().output.count("is registered already (approved") == 2
    Path("all.csv").write_text(HEADER + row(VANS[0]))
    whole.up()
    whole.program(retaining.replace(', on_removal="retain"', ""))
    whole.up()
    whole.stays_as_it_is()
    south.up("--refresh")
    south.stays_as_it_is()
    assert writes(emulator) == []
    assert set(statuses(emulator).values()) == {"approved"}
    assert south.resource("FleetAccessTokens", "vans")["counts"] == {"active": 2}


def test_a_vehicle_of_two_stacks_is_lost_to_both_by_a_destroy_of_one(
    emulator: RunningEmulator, projects: list[PlayedProject]
) -> None:
    for project in projects:
        project.program(f'van = hm.FleetVehicle("van", vin="{VANS[0]}", brand="bmw")')
        project.up()
    projects[0].destroy()
    emulator.controls.advance(60)
    run = projects[1].refresh()
    assert "by somebody else" in run.output
    projects[1].up()
    assert writes(emulator) == ["DELETE"]
    assert statuses(emulator)[VANS[0]] == "revoked"


def test_a_single_vehicle_that_is_retained_stays_for_the_next_stack(
    emulator: RunningEmulator, projects: list[PlayedProject]
) -> None:
    text = f'hm.FleetVehicle("van", vin="{VANS[0]}", brand="bmw", opts=pulumi.ResourceOptions(retain_on_delete=True))'
    projects[0].program(text)
    projects[0].up()
    projects[0].program("")
    projects[0].up()
    projects[1].program(text)
    projects[1].up()
    assert writes(emulator) == []
