"""A file of the program does not take the place of a library that this package needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pulumi_highmobility.engine.own_modules import NAMES

# What a program has, and how it is started: each has something of every name, and for one name all four are tried.
FILE, FOLDER = False, True
SCRIPT, LINE = False, True
KINDS = [(FILE, SCRIPT), (FOLDER, LINE)]


@pytest.mark.parametrize(
    ("name", "as_folder", "as_line"),
    [(name, *kind) for name in NAMES for kind in KINDS] + [("jwt", FILE, LINE), ("jwt", FOLDER, SCRIPT)],
)
def test_a_file_of_a_library_s_name_beside_the_program_is_not_taken_for_it(
    tmp_path: Path, name: str, as_folder: bool, as_line: bool
) -> None:
    if as_folder:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('the program s own')\n")
    else:
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('the program s own')\n")
    program = (
        "import pulumi_highmobility, pulumi_highmobility.api.client, pulumi_highmobility.clearance.service"
    )
    (tmp_path / "program.py").write_text(program)
    command = ["-c", program] if as_line else ["program.py"]
    done = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("leave_out", [True, False])
def test_httpx_comes_without_its_command_line_where_nobody_gives_it_commands(leave_out: bool) -> None:
    script = f"""
import sys
from pulumi_highmobility.engine.own_modules import leave_out_httpx_command
if {leave_out}:
    leave_out_httpx_command()
import httpx
print(callable(httpx.main), httpx.Client().get is not None, any(name in sys.modules for name in ("rich", "pygments")))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["True", "True", str(not leave_out)], done.stderr


def test_a_check_and_a_difference_need_no_http_client() -> None:
    """Nor what signs and reads: a preview without credentials makes no request."""
    script = """
import sys
import pulumi_highmobility.operations.runner, pulumi_highmobility.run.engine_run
from pulumi_highmobility.operations import fleet, fleet_removals, fleet_vehicle, vehicle_access_token, vehicle_approval
print([name for name in ("httpx", "jwt", "cryptography") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr
