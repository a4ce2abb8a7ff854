"""A file of the program does not take the place of a library that this package needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pulumi_highmobility.dynamic.own_modules import NAMES


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("as_folder", [False, True], ids=["file", "folder"])
def test_a_file_of_a_library_s_name_beside_the_program_is_not_taken_for_it(
    tmp_path: Path, name: str, as_folder: bool
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
    for command in (["program.py"], ["-c", program]):
        done = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
