"""The benchmark itself: that it measures three providers and a Fleet, with what they asked of the platform."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ROOT
from .warm_python import plain_command

pytestmark = pytest.mark.engine


def test_it_measures_each_provider_and_a_fleet(tmp_path: Path) -> None:
    figures = tmp_path / "results" / "figures.json"
    done = subprocess.run(  # noqa: PLW1510 - its output says why
        [sys.executable, ROOT / "benchmarks/run", "--sizes", "2", "--fleet-sizes", "100", "--latencies", "1ms", "--repeat", "1", "--json", figures],
        env=os.environ | {
            "COLUMNS": "300",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PULUMI_PYTHON_CMD": str(plain_command()),
            "GOGC": "400",
        },
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    rows = {(row["provider"], row["operation"]): row for row in json.loads(figures.read_text())["rows"]}
    assert all(row["seconds"] > 0 for row in rows.values())
    assert rows["nothing", "create"]["ratio"] == 1
    assert "beyond_empty_s" in rows["Fleet", "create"]

    assert not any(rows["nothing", name]["requests"] for name in ("create", "refresh", "destroy"))
    assert rows["naive", "refresh"]["requests"] == {"POST /access_tokens": 2, "GET …/{vin}": 2}
    assert rows["ours", "no-op up"]["requests"] == rows["ours", "preview"]["requests"] == {}
    assert rows["ours", "destroy"]["requests"]["DELETE …/{vin}"] == 2
    assert rows["Fleet", "refresh"]["requests"]["GET /fleets/vehicles"] == 1
    for part in ("engine", "program", "provider"):
        assert rows["ours", "create"]["peak_mib"][part] > 10
    assert "DELETE …/{vin}" in done.stdout
