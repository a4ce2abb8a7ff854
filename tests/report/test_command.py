"""`pulumi-highmobility report` from the command line, against the emulator over HTTP."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from pulumi_highmobility.cli.commands import command
from pulumi_highmobility.testing import RunningEmulator, serve_emulator

from ..cli.conftest import Ended, Tool
from .fleets import vin_of

# Endings that the emulator's scenarios know: approved at once, after an hour, rejected, pending.
ENDINGS = {"bmw": ["APPR0", "APPR1", "REJ01", "STAY0"], "ford": ["APPR1", "REJ02"]}


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    with serve_emulator(approve_after="2h") as running:
        yield running


@pytest.fixture(scope="module")
def fleet_size(emulator: RunningEmulator) -> int:
    """Seven copies of each kind, requested and let come to their ends."""
    credentials = json.loads(emulator.credentials_file.read_text())
    kinds = [(brand, ending) for brand, endings in ENDINGS.items() for ending in endings]
    rows = [
        {"vin": f"{vin_of(0)[:10]}{number:02}{ending}", "brand": brand}
        for number, (brand, ending) in enumerate(kinds * 7)
    ]
    with httpx.Client(base_url=emulator.base_url, timeout=300, trust_env=False) as http:
        body = {name: credentials[name] for name in ("client_id", "client_secret")}
        answer = http.post("/access_tokens", json={**body, "grant_type": "client_credentials"})
        bearer = {"Authorization": f"Bearer {answer.raise_for_status().json()['access_token']}"}
        http.post("/fleets/vehicles", json={"vehicles": rows}, headers=bearer).raise_for_status()
    emulator.controls.advance(3 * 3600)
    return len(rows)


def run(*arguments: str, environment: dict[str, str], cwd: Path, starts: bool = False) -> Ended:
    """`starts` does it as a shell would, which takes a hundred times as long."""
    tool = Tool({**os.environ, **environment}, cwd)
    return (tool.process if starts else tool)("report", *arguments)


def test_a_fleet_at_the_emulator_becomes_page_json_and_csv(
    emulator: RunningEmulator, fleet_size: int, tmp_path: Path
) -> None:
    done = run(
        "--output", "r.html", "--csv", "r.csv", "--json", "--now", emulator_time(emulator),
        environment=emulator.environment, cwd=tmp_path, starts=True,
    )  # fmt: skip
    assert done.status == 0, done.err
    document = json.loads(done.out)
    assert document["total"]["vehicles"] == fleet_size
    bmw, ford = document["brands"]
    assert bmw["outcomes"] == {"approved": 14, "rejected": 7, "canceled": 0, "pending": 7}
    assert ford["outcomes"] == {"approved": 7, "rejected": 7, "canceled": 0, "pending": 0}
    assert bmw["time_to_approval"][0]["seconds"] == pytest.approx(0, abs=1)
    assert bmw["time_to_approval"][1]["seconds"] == pytest.approx(3600, abs=1)
    assert bmw["time_to_approval"][2]["seconds"] is None
    assert bmw["late"] == 7
    assert {(one["brand"], one["count"]) for one in document["rejections"]} == {("bmw", 7), ("ford", 7)}
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Late for their brand: 7" in page
    rows = list(csv.DictReader(io.StringIO((tmp_path / "r.csv").read_text(encoding="utf-8"))))
    assert sum(row["record"] == "pending" for row in rows) == 7
    assert "Wrote r.html" in done.err


def test_one_brand_alone(emulator: RunningEmulator, fleet_size: int, tmp_path: Path) -> None:
    done = run("--csv", "-", "--brand", "Ford", environment=emulator.environment, cwd=tmp_path)
    assert done.status == 0, done.err
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert [row["brand"] for row in rows if row["record"] == "brand"] == ["ford"]
    assert fleet_size > 14
    assert rows[0]["vehicles"] == "14"


def test_a_file_is_not_overwritten_without_force(
    emulator: RunningEmulator, fleet_size: int, tmp_path: Path
) -> None:
    file = tmp_path / "mine.html"
    file.write_text("mine")
    before = len(emulator.controls.requests())
    refused = run("--output", "mine.html", environment=emulator.environment, cwd=tmp_path)
    assert (refused.status, file.read_text()) == (1, "mine")
    assert "mine.html exists" in refused.err
    assert len(emulator.controls.requests()) == before
    forced = run("--output", "mine.html", "--force", environment=emulator.environment, cwd=tmp_path)
    assert forced.status == 0, forced.err
    assert "<!doctype html>" in file.read_text(encoding="utf-8")
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine.html"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--output FILE.html, --json or --csv FILE"),
        (["--json", "--csv", "-"], "would both print"),
        (["--output", "a", "--csv", "a"], "the same file"),
        (["--json", "--now", "soon"], "is not a valid time"),
    ],
)
def test_wrong_use_ends_with_2_before_any_request(arguments: list[str], said: str) -> None:
    done = CliRunner(env={"HIGHMOBILITY_CREDENTIALS_FILE": "nowhere.json"}).invoke(
        command, ["report", *arguments]
    )
    assert done.exit_code == 2
    assert said in " ".join(done.output.split())


def test_a_failure_is_one_line_and_no_traceback(emulator: RunningEmulator, tmp_path: Path) -> None:
    nothing = {"HIGHMOBILITY_CREDENTIALS_FILE": "nowhere.json"}
    missing = run("--json", environment=nothing, cwd=tmp_path, starts=True)
    assert (missing.status, missing.out) == (1, "")
    assert "Traceback" not in missing.err
    assert "HIGHMOBILITY_CREDENTIALS_FILE" in missing.err
    nowhere = run("--csv", "no/such/folder.csv", environment=emulator.environment, cwd=tmp_path)
    assert nowhere.status == 1
    assert "cannot be written" in nowhere.err


def emulator_time(emulator: RunningEmulator) -> str:
    """The end of the day of the last change: the emulator's time was moved on."""
    last = max(
        change["timestamp"] for vehicle in emulator.controls.vehicles() for change in vehicle["changelog"]
    )
    return f"{last[:11]}23:59:59"
