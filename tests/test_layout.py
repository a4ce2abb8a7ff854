"""The layout shows the architecture: what each room may import."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import pulumi_highmobility

ROOT = Path(pulumi_highmobility.__file__).parent
# By room, those that it may import beside the modules that stand alone (errors, settings, text, clock, secret, …).
MAY_IMPORT = {
    "vehicle": set(),
    "api": set(),
    "files": {"vehicle"},
    "clearance": {"api", "vehicle"},
    "fleet": {"api", "vehicle", "clearance"},
    "run": {"vehicle", "clearance", "fleet"},
    "operations": {"api", "vehicle", "clearance", "fleet", "run"},
    "engine": {"api", "clearance", "run", "operations"},
    "dynamic": {"engine", "operations"},
    "plugin": {"vehicle", "fleet", "clearance", "run", "engine", "operations"},
    "resources": {"vehicle", "files", "fleet", "run", "operations", "dynamic"},
    "emulator": set(),
    "report": {"api", "vehicle", "clearance"},
    "plan": {"api", "vehicle", "clearance", "fleet", "run", "operations", "report"},
}
# Where Pulumi's SDK may be imported: the rest can be tried without it, and serve another door.
KNOW_PULUMI = {"engine", "dynamic", "plugin", "resources", "functions"}


def imports_of(file: Path) -> Iterator[str]:
    """The first part of each module that a file imports: a room of ours with a dot before it."""
    here = file.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield str(node.module).split(".")[0]
        elif isinstance(node, ast.ImportFrom):
            above = here[: len(here) - node.level + 1]
            parts = [*above, *(node.module or "").split(".")]
            yield f".{parts[0]}"


# The emulator's own rooms, beside its modules that stand alone (answers, wire).
EMULATOR_MAY_IMPORT = {
    "world": set(),
    "serving": {"world"},
    "api": {"world", "serving"},
    "controls": {"world", "serving", "api", "parts"},
}


@pytest.mark.parametrize("room", sorted(EMULATOR_MAY_IMPORT))
def test_a_room_of_the_emulator_imports_only_those_below_it(room: str) -> None:
    rooms = EMULATOR_MAY_IMPORT.keys() | {"parts", "app", "server", "command"}
    modules = modules_of("emulator")
    for name in modules:
        if name.startswith(f"emulator.{room}."):
            found = {module.split(".")[1] for module in modules[name]} & rooms
            assert found - {room} <= EMULATOR_MAY_IMPORT[room], name


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_a_room_imports_only_those_below_it(room: str) -> None:
    rooms = {path.name for path in ROOT.iterdir() if path.is_dir()}
    for file in (ROOT / room).rglob("*.py"):
        found = {name[1:] for name in imports_of(file) if name.startswith(".") and name[1:] in rooms}
        assert found - {room} <= MAY_IMPORT[room], file


def test_every_room_is_in_the_table_or_stands_beside() -> None:
    beside = {"cli", "webhooks", "testing"}
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} == MAY_IMPORT.keys() | beside


def test_pulumi_is_known_at_the_door_alone() -> None:
    for file in ROOT.rglob("*.py"):
        room = file.relative_to(ROOT).parts[0].removesuffix(".py")
        if room not in KNOW_PULUMI:
            assert "pulumi" not in set(imports_of(file)), file


def modules_of(room: str) -> dict[str, set[str]]:
    """Each module of a room, by its path, with the modules of the room that it imports, for types too."""
    files = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts): file for file in (ROOT / room).rglob("*.py")
    }
    found: dict[str, set[str]] = {}
    for name, file in files.items():
        parts = name.split(".")
        found[name] = set()
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level:
                module = ".".join([*parts[: -node.level], *([node.module] if node.module else [])])
                found[name] |= {module, *(f"{module}.{each.name}" for each in node.names)} & files.keys()
    return found


@pytest.mark.parametrize("room", ["emulator", "files"])
def test_no_module_imports_one_that_imports_it(room: str) -> None:
    left = modules_of(room)
    while free := [name for name, imported in left.items() if not imported & left.keys()]:
        for name in free:
            del left[name]
    assert not left
