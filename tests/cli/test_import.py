"""`import`: what is written, what is left out, and that it reads back as it is registered."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import pulumi_highmobility as hm
from pulumi_highmobility.cli.comparison import Line
from pulumi_highmobility.cli.import_ import CannotBeWritten, _csv, _read_back, _yaml, rows_of
from pulumi_highmobility.testing import RunningEmulator

from .conftest import FLEET, MERCEDES, REJECTED, Tool, vin

KEPT = [row for row in FLEET if row["vin"] not in (REJECTED, MERCEDES)]


@pytest.mark.parametrize("suffix", ["csv", "json", "yaml"])
def test_a_file_reads_back_as_what_is_registered(tool: Tool, emulator: RunningEmulator, suffix: str) -> None:
    before = emulator.controls.vehicles()
    ended = tool("import", "--output", f"fleet.{suffix}")
    assert ended.status == 0
    read = getattr(hm, f"vehicles_from_{suffix}")(tool.folder / f"fleet.{suffix}")
    assert [dict(row) for row in read] == KEPT
    assert f"Left out: 1 ({REJECTED}). They are rejected" in ended.err
    assert f"Left out: 1 ({MERCEDES}). mercedes-benz needs an odometer reading" in ended.err
    assert "Wrote 3 vehicles" in ended.err
    # Nothing but a look: no vehicle of the platform is another one.
    assert emulator.controls.vehicles() == before


def test_a_program_has_a_resource_per_vehicle(tool: Tool) -> None:
    assert tool("import", "--output", "fleet.py", "--brand", "bmw").status == 0
    calls = [
        node
        for node in ast.walk(ast.parse((tool.folder / "fleet.py").read_text()))
        if isinstance(node, ast.Call)
    ]
    given = [{key.arg: ast.literal_eval(key.value) for key in call.keywords} for call in calls]
    assert given == KEPT[:2]


def test_a_file_is_replaced_only_when_told(tool: Tool) -> None:
    path = tool.folder / "fleet.csv"
    path.write_text("mine")
    refused = tool("import", "--output", "fleet.csv")
    assert refused.status == 1
    assert "--force" in refused.err
    assert path.read_text() == "mine"
    assert tool("import", "--output", "fleet.csv", "--force").status == 0
    assert path.read_text() != "mine"
    assert [file.name for file in tool.folder.iterdir()] == ["fleet.csv"]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--output", "fleet.txt"], 2, "must end with one of"),
        (["--output", "nowhere/fleet.csv"], 1, "cannot be written"),
        (["--output", "fleet.csv", "--brand", "ford"], 1, "no vehicle to write"),
    ],
)
def test_what_cannot_be_done_is_said(tool: Tool, arguments: list[str], status: int, said: str) -> None:
    ended = tool("import", *arguments)
    assert (ended.status, said in ended.err) == (status, True), ended.err
    assert list(tool.folder.iterdir()) == []


@pytest.mark.parametrize("tag", [" north", "a\nb", "a\rb"])
def test_a_tag_that_csv_cannot_hold_is_an_error_and_not_another_tag(tag: str) -> None:
    rows = [{"vin": vin(1), "brand": "bmw", "tags": {"depot": tag}}]
    with pytest.raises(CannotBeWritten, match=r"\.json file instead"):
        _read_back(_csv(rows), ".csv", rows)


@pytest.mark.parametrize(
    "tag", ["NO", "1e5", "110.000", "# x", "{a: b}", "\u00fcml\u00e4ut", "\\n", '"', "  x "]
)
def test_yaml_holds_every_text(tag: str, tmp_path: Path) -> None:
    rows = [{"vin": vin(1), "brand": "bmw", "tags": {"depot": tag, tag: "x"}}] if tag.strip() else []
    _read_back(_yaml(rows), ".yaml", rows)


def test_an_unknown_status_and_a_missing_brand_are_left_out() -> None:
    lines = [Line(vin(1), "bmw", "error", "", "", {}), Line(vin(2), "", "approved", "", "", {})]
    rows, left_out = rows_of(lines)
    assert rows == []
    assert list(left_out.values()) == [[vin(1)], [vin(2)]]
