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
    "dynamic": {"api", "clearance", "run", "operations"},
    "resources": {"vehicle", "files", "fleet", "run", "operations", "dynamic"},
    "emulator": set(),
    "report": {"api", "vehicle", "clearance"},
}
# Where Pulumi's SDK may be imported: the rest can be tried without it, and serve another door.
KNOW_PULUMI = {"dynamic", "resources", "functions"}


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
