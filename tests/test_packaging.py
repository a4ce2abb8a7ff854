"""What is handed out: the source distribution has what its own tests need."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Of libraries that are imported by another name than they are installed by.
NAMES = {"google": "protobuf", "grpc": "grpcio", "jwt": "pyjwt", "yaml": "pyyaml"}


def test_the_source_distribution_has_all_that_tests_and_scripts_name() -> None:
    named = set()
    for folder in ("tests", "scripts", "benchmarks"):
        for file in (ROOT / folder).rglob("*"):
            if file.is_file():
                named |= set(re.findall(r'\bROOT / "([^"/]+)', file.read_text(errors="replace")))
    for command in ("Makefile", ".ci/run"):
        named |= {command.partition("/")[0]}
        # A path that is run or read from the root, as `scripts/test`.
        named |= set(re.findall(r"(?:^|\s)([a-z.]+)/[a-z]", (ROOT / command).read_text()))
    needed = {name for name in named if (ROOT / name).exists()} - {"pyproject.toml", ".venv", ".dev"}
    assert {"tests", "examples", "scripts", "tools", "constraints.txt", "Pulumi.yaml"} <= needed
    assert needed <= included()


def test_the_source_distribution_names_what_there_is() -> None:
    missing = [name for name in included() if not (ROOT / name).exists()]
    assert missing == []


def test_each_library_that_is_imported_is_declared() -> None:
    """And does not merely come along with another."""
    imported = set()
    for file in (ROOT / "provider").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                imported |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(str(node.module).partition(".")[0])
    # The plugin is imported by pytest itself.
    imported -= {*sys.stdlib_module_names, "pulumi_highmobility", "pytest"}
    assert {"grpc", "google", "h11", "click"} <= imported
    section = (ROOT / "pyproject.toml").read_text().split("\n[project]\n")[1].partition("\ntest = ")[0]
    declared = {name.lower() for name in re.findall(r'"([A-Za-z0-9-]+)(?:\[[^]]*\])?>=', section)}
    assert {NAMES.get(module, module.replace("_", "-")) for module in imported} <= declared


def included() -> set[str]:
    """The first parts of the paths that the source distribution takes; it has pyproject.toml in any case."""
    # Python 3.10 has no reader of TOML.
    section = (ROOT / "pyproject.toml").read_text().split("[tool.hatch.build.targets.sdist]\n")[1]
    return set(re.findall(r'"/([^"]+)"', section.partition("]\n")[0]))
