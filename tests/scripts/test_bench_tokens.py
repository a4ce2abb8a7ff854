"""benchmarks/bench_tokens.py runs, and counts what is asked of the platform."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def test_it_prints_time_requests_and_state_of_each_operation() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "bench_tokens.py", "--size", "3"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = {line.split(" | ")[0].strip("| "): line for line in done.stdout.splitlines() if " | " in line}
    assert "3 POST /fleets/access_tokens" in rows["tokens: first `up`"]
    assert rows["tokens: `up` without changes"].endswith("| none |")
    assert "3 GET /vehicleinfo" in rows["tokens: refresh"]
    assert "3 POST /access_tokens" in rows["tokens: renewal of all"]
    assert "6 DELETE /access_tokens" in rows["tokens and Fleet: destroy"]
    assert "bytes a vehicle" in done.stdout
