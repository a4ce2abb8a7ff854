"""`pulumi import` of vehicles that are registered, and how the engine finds the plugin."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pulumi_highmobility.testing import RunningEmulator

from ..cli.conftest import register
from .conftest import ROOT, Project
from .test_doors import AS_IN_OTHERS, choose, native, of_ours
from .test_moves import statuses, vin, writes

pytestmark = pytest.mark.engine


@pytest.fixture
def registered(emulator: RunningEmulator) -> list[str]:
    """Three vehicles that a script registered, one of them a Mercedes-Benz."""
    vehicles: list[dict[str, Any]] = [
        {"vin": vin(1), "brand": "bmw", "tags": {"request_id": "a"}},
        {
            "vin": vin(2),
            "brand": "mercedes-benz",
            "control_measures": {"odometer": {"value": 5, "unit": "kilometers"}},
        },
        {"vin": vin(3), "brand": "peugeot"},
    ]
    register(emulator, vehicles)
    emulator.controls.advance(5)
    emulator.controls.clear_requests()
    return [str(vehicle["vin"]) for vehicle in vehicles]


def import_one(project: Project, name: str, id_: str, *, kind: str = "FleetVehicle", expect: int = 0) -> str:
    return project(
        "import",
        f"highmobility:index:{kind}",
        name,
        id_,
        "--yes",
        "--skip-preview",
        "--protect=false",
        "--generate-code=false",
        expect=expect,
    ).output


def test_registered_vehicles_are_imported_and_then_there_is_no_change(
    project: Project, emulator: RunningEmulator, registered: list[str]
) -> None:
    choose(project, "native")
    project.program("")
    import_one(project, "one", registered[0].lower())
    listed = [
        {"type": "highmobility:index:FleetVehicle", "name": name, "id": id_}
        for name, id_ in (("two", registered[1]), ("three", registered[2]))
    ]
    (project.folder / "vehicles.json").write_text(json.dumps({"resources": listed}))
    project(
        "import",
        "--file",
        "vehicles.json",
        "--yes",
        "--skip-preview",
        "--protect=false",
        "--generate-code=false",
        expect=0,
    )
    assert {one["id"]: one["inputs"] for one in of_ours(project)} == {
        registered[0]: {"vin": registered[0], "brand": "bmw", "tags": {"request_id": "a"}},
        # The platform does not return the reading of the odometer.
        registered[1]: {"vin": registered[1], "brand": "mercedes-benz", "tags": {}},
        registered[2]: {"vin": registered[2], "brand": "peugeot", "tags": {}},
    }
    program = (
        f'hm.FleetVehicle("one", vin="{registered[0]}", brand="bmw", tags={{"request_id": "a"}})\n'
        f'hm.FleetVehicle("two", vin="{registered[1]}", brand="mercedes-benz")\n'
        f'hm.FleetVehicle("three", vin="{registered[2]}", brand="peugeot")\n'
    )
    project.program(program)
    project.stays_as_it_is()
    project.refresh()
    project.stays_as_it_is()
    # Of another vehicle it is demanded as ever, and of this one when it is to be requested anew.
    project.program(program.replace('"mercedes-benz")', '"mercedes-benz", tags={"a": "b"})'))
    assert "controlMeasures.odometer" in project.preview(expect=1).output
    assert writes(emulator) == []
    # What is imported is the stack's.
    project.program(program.replace(program.splitlines()[2], ""))
    project.up()
    assert statuses(emulator)[registered[2]] in ("revoking", "revoked")


def test_an_imported_vehicle_becomes_a_dynamic_resource(
    project: Project, emulator: RunningEmulator, registered: list[str]
) -> None:
    project.program("")
    import_one(project, "one", registered[0])
    choose(project, "dynamic")
    project.program(
        f'hm.FleetVehicle("one", vin="{registered[0]}", brand="bmw", tags={{"request_id": "a"}})\n'
    )
    assert project.up().summary() == {"updated": 1, "unchanged": 1}
    project.stays_as_it_is()
    assert writes(emulator) == []


@pytest.mark.parametrize(
    ("kind", "id_", "said"),
    [
        ("FleetVehicle", "WBA8E9C50GK000009", "does not exist"),
        ("FleetVehicle", "WBA", "is not a valid VIN"),
        ("Fleet", "vans", "cannot be imported: declare it with its vehicles"),
        ("FleetRemovals", "vans", "cannot be imported"),
        ("VehicleAccessToken", "token", "shows a token once"),
        ("FleetAccessTokens", "tokens", "shows a token once"),
        ("VehicleApproval", "approval", "cannot be imported"),
    ],
)
def test_what_cannot_be_imported_is_refused_in_words(
    project: Project, registered: list[str], kind: str, id_: str, said: str
) -> None:
    project.program("")
    assert said in import_one(project, "x", id_, kind=kind, expect=1)
    assert of_ours(project) == []


@pytest.mark.parametrize("way", ["installed", "named in Pulumi.yaml"])
def test_the_engine_finds_the_plugin_without_path(
    project: Project, emulator: RunningEmulator, tmp_path: Path, way: str
) -> None:
    """By a PATH that has no plugin: of the environment only its Python."""
    project.environment["PULUMI_IGNORE_AMBIENT_PLUGINS"] = "true"
    project.program(AS_IN_OTHERS + native("van", 1))
    # The engine looks for a release of its own then, and says so.
    assert "highmobility" in project.up(expect=1).output
    assert statuses(emulator) == {}
    if way == "installed":
        done = subprocess.run(
            ["pulumi-highmobility", "plugin", "install"],
            env=project.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    else:
        (page,) = re.findall(r"```yaml\n(plugins:\n.*?)```", (ROOT / "docs" / "plugin.md").read_text(), re.S)
        (project.folder / ".venv").mkdir()
        (project.folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
        with (project.folder / "Pulumi.yaml").open("a") as file:
            file.write(page)
    said = project.up().output
    assert "$PATH" not in said
    assert statuses(emulator).keys() == {vin(1)}


def test_the_schema_is_had_from_the_engine(project: Project) -> None:
    shown = project(
        "package", "get-schema", str(Path(sys.executable).parent / "pulumi-resource-highmobility"), expect=0
    ).output
    schema = json.loads(shown[shown.index("{") :])
    assert schema["name"] == "highmobility"
    assert "highmobility:index:FleetVehicle" in schema["resources"]
