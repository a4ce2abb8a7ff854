"""The documentation against what it speaks of."""

from __future__ import annotations

import ast
import importlib
import json
import re
from pathlib import Path

import pytest

import pulumi_highmobility as hm
from pulumi_highmobility.resources.args import (
    FleetAccessTokensArgs,
    FleetArgs,
    FleetVehicleArgs,
    VehicleAccessTokenArgs,
    VehicleApprovalArgs,
)

ROOT = Path(__file__).resolve().parent.parent


def test_every_row_of_the_behaviour_tables_names_a_test_that_exists() -> None:
    named = re.findall(r"`(test_\w+)`(?=.* \|$)", (ROOT / "docs" / "behaviour.md").read_text(), re.MULTILINE)
    existing = {
        node.name
        for folder in ("engine", "behaviour")
        for file in (ROOT / "tests" / folder).glob("test_*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef)
    }
    assert len(named) > 35
    assert set(named) <= existing


@pytest.mark.parametrize(
    ("page", "resource", "args"),
    [
        ("fleet-vehicle", hm.FleetVehicle, FleetVehicleArgs),
        ("fleet", hm.Fleet, FleetArgs),
        ("vehicle-approval", hm.VehicleApproval, VehicleApprovalArgs),
        ("vehicle-access-token", hm.VehicleAccessToken, VehicleAccessTokenArgs),
        ("fleet-access-tokens", hm.FleetAccessTokens, FleetAccessTokensArgs),
    ],
)
def test_a_resources_page_names_its_inputs_and_outputs(page: str, resource: type, args: type) -> None:
    text = (ROOT / "docs" / "resources" / f"{page}.md").read_text()
    inputs, outputs = text.split("| output | |")
    documented = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| ([^|]+) \|", inputs, re.MULTILINE))))
    assert documented == set(args.__annotations__)
    shown = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| ([^|]+) \|", outputs, re.MULTILINE))))
    assert shown | documented >= set(resource.__annotations__)


def test_links_between_pages_lead_somewhere() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_supported_versions_are_those_of_the_package() -> None:
    """pyproject.toml is the place; everything else is compared with it."""
    project = (ROOT / "pyproject.toml").read_text()
    oldest = re.findall(r'"pulumi>=(\d+)\.(\d+),<4"', project)[0]
    python = re.findall(r'requires-python = ">=([\d.]+)"', project)[0]
    readme = (ROOT / "README.md").read_text()
    assert f"Pulumi's Python SDK and engine {'.'.join(oldest)}.0 or later" in readme
    assert f"Python {python} or later" in readme
    assert f"MINIMUM = ({', '.join(oldest)}, 0)" in (ROOT / "scripts" / "engine").read_text()
    pinned = re.findall(r"^pulumi==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)[0]
    assert f'VERSION = "{pinned}"' in (ROOT / "scripts" / "engine").read_text()


def test_tables_and_plot_are_made_of_the_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    report = importlib.import_module("bench_report")
    rows = json.loads((ROOT / "benchmarks" / "figures.json").read_text())["rows"]
    for name, row in (("docs/scale.md", "| create |"), ("README.md", "| first `up` |")):
        page = (ROOT / name).read_text()
        assert report.page_with(page, rows) == page, f"run what docs/scale.md says on {name}"
        assert row in page
    assert report.digest_of(rows) in (ROOT / "docs" / "scale.svg").read_text()
