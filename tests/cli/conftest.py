"""The commands against an emulator with a small fleet: within this process, and in processes of their own."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pytest

from pulumi_highmobility.cli import main
from pulumi_highmobility.testing import RunningEmulator, serve_emulator

COMMAND = str(Path(sys.executable).parent / "pulumi-highmobility")
REJECTED = "VF70000000000REJ00"[:12] + "REJ00"
MERCEDES = "WDB0000000EMU0001"


def vin(number: int) -> str:
    return f"WBA8E9C50GK{number:06}"


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


@contextmanager
def folder_of(folder: Path) -> Iterator[None]:
    """The present folder, for as long as it lasts."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@dataclass(frozen=True)
class Tool:
    """The command with its environment, in a folder of its own."""

    environment: dict[str, str]
    folder: Path

    def __call__(self, *arguments: str, **environment: str) -> Ended:
        """Within this process: a start takes a hundred times as long as most commands."""
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
        status: object = 0
        with (
            patch.dict(os.environ, {**self.environment, **environment}, clear=True),
            patch.object(sys, "argv", [COMMAND, *arguments]),
            Path(os.devnull).open() as nothing,
            patch.object(sys, "stdin", nothing),
            redirect_stdout(out),
            redirect_stderr(err),
            folder_of(self.folder),
        ):
            try:
                main()
            except SystemExit as ended:
                status = ended.code or 0
        assert isinstance(status, int)
        return Ended(status, *(stream.buffer.getvalue().decode() for stream in (out, err)))

    def process(self, *arguments: str, **environment: str) -> Ended:
        """As a shell starts it: for what depends on the start, and once for each command."""
        done = subprocess.run(
            [COMMAND, *arguments],
            cwd=self.folder,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Ended(done.returncode, done.stdout, done.stderr)


def register(emulator: RunningEmulator, vehicles: list[dict[str, Any]]) -> None:
    """As a script without Pulumi does it."""
    known = emulator.credentials()
    pair = {name: known[name] for name in ("client_id", "client_secret")}
    with httpx.Client(base_url=emulator.base_url, trust_env=False, timeout=300) as http:
        answer = http.post("/access_tokens", json={"grant_type": "client_credentials", **pair})
        http.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"
        http.post("/fleets/vehicles", json={"vehicles": vehicles}).raise_for_status()


LOCALES: dict[str, dict[str, str]] = {
    "ascii": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "latin-1": {"PYTHONIOENCODING": "iso-8859-1"},
    "strict ascii": {"PYTHONIOENCODING": "ascii:strict"},
    "utf-16": {"PYTHONIOENCODING": "utf-16"},
}


FLEET: list[dict[str, Any]] = [
    {"vin": vin(1), "brand": "bmw", "tags": {"depot": "north"}},
    {"vin": vin(2), "brand": "bmw", "tags": {"depot": "south, left"}},
    {"vin": vin(3), "brand": "mini"},
    {"vin": REJECTED, "brand": "citroen"},
    {
        "vin": MERCEDES,
        "brand": "mercedes-benz",
        "control_measures": {"odometer": {"value": 9, "unit": "kilometers"}},
    },
]


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    with serve_emulator(approve_after="0s", revoke_after="0s") as running:
        register(running, FLEET)
        yield running


def environment_of(emulator: RunningEmulator) -> dict[str, str]:
    """The bare minimum, with the folder of the tests' own commands first."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {"PATH": path, "HOME": os.environ.get("HOME", "/"), **emulator.environment}


@pytest.fixture
def tool(emulator: RunningEmulator, tmp_path: Path) -> Tool:
    return Tool(environment_of(emulator), tmp_path)
