"""Runs whole programs on the real Pulumi engine, against the real emulator, each in processes of its own."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pulumi_highmobility.testing import RunningEmulator, serve_emulator

from . import warm_python
from .key_service import key_service

ROOT = Path(__file__).resolve().parent.parent.parent
HEADER = "import pulumi\nimport pulumi_highmobility as hm\n"
TYPE = "pulumi-python:dynamic/highmobility:"
# For hundreds of resources: else the engine writes the whole state after each step, most of the time and none of the matter.
UNSAVED = {"PULUMI_EXPERIMENTAL": "1", "PULUMI_SKIP_CHECKPOINTS": "1"}


@dataclass(frozen=True)
class Run:
    """How one call of pulumi ended, and what a user saw of it."""

    status: int
    output: str

    def summary(self) -> dict[str, int]:
        """The closing counts: {"created": 2, "unchanged": 1}."""
        closing = self.output.rpartition("Resources:")[2]
        counts = re.findall(r"^\s+(?:[-+~=]+ )?(\d+) (\w+)", closing, re.MULTILINE)
        return {word: int(count) for count, word in counts}


# What `pulumi stack init` writes for a plain project and for another, by path; made once in a process.
_empty_stacks: dict[bool, dict[Path, bytes]] = {}
# The key by which Pulumi's state marks a value as a secret.
_SIGNATURE = "4dabf18193072939515e22adb298388d"


def _shown(value: Any) -> Any:
    return "[secret]" if isinstance(value, dict) and _SIGNATURE in value else value


class Project:
    """
    A Pulumi project with one stack, in a folder of its own.

    `plain`: as a user has it, with a Python for each start and a passphrase; others save time, see warm_python and
    key_service. `main` is a program that is there already, with a passphrase too.
    """

    def __init__(
        self,
        folder: Path,
        environment: dict[str, str],
        *,
        main: Path | None = None,
        stack: str = "test",
        plain: bool = False,
    ) -> None:
        self.folder = folder
        self.environment = {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "HOME": str(folder),
            "PULUMI_HOME": str(folder / ".pulumi"),
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "of the tests",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            # The engine lives for seconds: its memory is collected less often.
            "GOGC": "400",
            "PULUMI_PYTHON_CMD": str(warm_python.plain_command() if plain else warm_python.command()),
            **environment,
        }
        (folder / "state").mkdir(parents=True)
        self.program_folder = main or folder
        if main is not None:
            self("stack", "init", stack, expect=0)
            return
        (folder / "Pulumi.yaml").write_text("name: fleet\nruntime: python\n")
        # Which stack is selected is kept by the folder's path, which a copy does not have.
        self.environment["PULUMI_STACK"] = "test"
        if not plain:
            self.environment = {**key_service().environment, **self.environment}
        if plain not in _empty_stacks:
            provider = () if plain else ("--secrets-provider", key_service().secrets_provider)
            self("stack", "init", "test", *provider, expect=0)
            written = [folder / "Pulumi.test.yaml", *(folder / "state").rglob("*")]
            _empty_stacks[plain] = {
                path.relative_to(folder): path.read_bytes() for path in written if path.is_file()
            }
            return
        for path, content in _empty_stacks[plain].items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)

    def program(self, text: str) -> None:
        """Set the program; the imports of pulumi and hm are there."""
        (self.program_folder / "__main__.py").write_text(HEADER + textwrap.dedent(text))

    def __call__(self, *arguments: str, expect: int | None = None, cwd: Path | None = None) -> Run:
        """Run pulumi; `expect` is the exit status that the test rests on."""
        done = subprocess.run(  # noqa: PLW1510 - the status is the test's to judge
            ["pulumi", *arguments, "--non-interactive", "--color=never"],
            cwd=cwd or self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=500,
        )
        run = Run(done.returncode, done.stdout)
        if expect is not None:
            assert run.status == expect, run.output
        return run

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start pulumi, as the leader of a session of its own, and leave it running."""
        return subprocess.Popen(
            ["pulumi", *arguments, "--yes", "--skip-preview", "--non-interactive", "--color=never"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def up(self, *flags: str, expect: int = 0) -> Run:
        """pulumi up"""
        return self("up", "--yes", "--skip-preview", *flags, expect=expect)

    def preview(self, *flags: str, expect: int = 0) -> Run:
        """pulumi preview"""
        return self("preview", *flags, expect=expect)

    def refresh(self, *flags: str, expect: int = 0) -> Run:
        """pulumi refresh"""
        return self("refresh", "--yes", "--skip-preview", *flags, expect=expect)

    def destroy(self, *flags: str, expect: int = 0) -> Run:
        """pulumi destroy"""
        return self("destroy", "--yes", "--skip-preview", *flags, expect=expect)

    def recover(self) -> None:
        """What docs/backends.md says to do after a kill: what is half written beside the state goes, then the lock."""
        url = self.environment["PULUMI_BACKEND_URL"]
        if url.startswith("file:"):
            for attributes in Path(url.removeprefix("file://")).glob(".pulumi/stacks/*/*.attrs"):
                if attributes.stat().st_size == 0:
                    attributes.unlink()
        self("cancel", "--yes", expect=0)

    def stays_as_it_is(self) -> None:
        """`preview --expect-no-changes` passes."""
        self.preview("--expect-no-changes")

    def outputs(self, *, secrets: bool = False) -> dict[str, Any]:
        """The stack's outputs; secrets are "[secret]" unless they are to be shown."""
        if not secrets:
            for resource in self._resources():
                if resource["type"] == "pulumi:pulumi:Stack":
                    return {name: _shown(value) for name, value in resource.get("outputs", {}).items()}
            return {}
        shown = self("stack", "output", "--json", *(["--show-secrets"] if secrets else []), expect=0)
        outputs: dict[str, Any] = json.loads(shown.output)
        return outputs

    def state(self, *flags: str) -> list[dict[str, Any]]:
        """The resources of our types in the stack's state; flags are those of `pulumi stack export`."""
        return [resource for resource in self._resources(*flags) if resource["type"].startswith(TYPE)]

    def _resources(self, *flags: str) -> list[dict[str, Any]]:
        """As `pulumi stack export` shows them, from the file that it reads: a run of pulumi costs a quarter of a second."""
        if flags or not self.environment["PULUMI_BACKEND_URL"].startswith("file:"):
            self("stack", "export", "--file", "exported.json", *flags, expect=0)
            exported = json.loads((self.folder / "exported.json").read_text())
            return exported["deployment"].get("resources") or []
        stack = self.environment.get("PULUMI_STACK", "test")
        (path,) = (self.folder / "state").glob(f".pulumi/stacks/*/{stack}.json")
        latest = json.loads(path.read_text())["checkpoint"]["latest"] or {}
        resources: list[dict[str, Any]] = latest.get("resources") or []
        return resources

    def resource(self, kind: str, name: str) -> dict[str, Any]:
        """The outputs of one resource in the stack's state. Raises: LookupError."""
        for resource in self.state():
            if resource["type"] == TYPE + kind and resource["urn"].endswith(f"::{name}"):
                outputs: dict[str, Any] = resource["outputs"]
                return outputs
        raise LookupError(f"no {kind} {name} in state")


@pytest.fixture(scope="session", autouse=True)
def _engine() -> None:
    if shutil.which("pulumi") is None:
        pytest.fail("no pulumi on PATH: run the tests with `make test` or scripts/test")


@pytest.fixture
def emulator() -> Iterator[RunningEmulator]:
    """An emulator of the test's own; vehicles are approved after a second, revoked after half of one."""
    with serve_emulator(approve_after="1s", revoke_after="500ms", cancel_after="500ms") as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, emulator: RunningEmulator) -> Project:
    """A project that uses the test's own emulator."""
    return Project(tmp_path / "project", emulator.environment)


@pytest.fixture
def plain_project(tmp_path: Path, emulator: RunningEmulator) -> Project:
    """The same as a user has it, for tests of how processes end and of Pulumi's SDK."""
    return Project(tmp_path / "project", emulator.environment, plain=True)


def wait_until(is_so: Callable[[], bool], what: str, *, seconds: float = 300) -> None:
    """Look again and again; `what` is said where it does not come to be."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def find_secrets(emulator: RunningEmulator, texts: Iterator[tuple[str, bytes]]) -> list[str]:
    """
    Which of the texts (by name) hold a secret of the emulator's run, in plain or base64.

    Tokens are known by their digests alone: every run of token characters is tried.
    """
    credentials = emulator.credentials()
    needles = [credentials["client_secret"].encode()]
    for key in ("service_account_key", "oauth_private_key"):
        pem_lines = credentials[key]["private_key"].strip().splitlines()[1:-1]
        needles += [line.encode() for line in pem_lines if len(line) > 20]
    needles += [base64.b64encode(needle)[:-4] for needle in needles]
    digests = emulator.controls.token_digests()
    assert digests, "no token was ever issued: there is nothing to search for"
    found = []
    for name, text in texts:
        if any(needle in text for needle in needles) or _has_token(text, digests):
            found.append(name)
    return found


def _has_token(text: bytes, digests: set[str], length: int = 43) -> bool:
    decoded = (
        base64.b64decode(run + b"=" * (-len(run) % 4)) for run in re.findall(rb"[A-Za-z0-9+/]{56,}", text)
    )
    for chunk in (text, *decoded):
        for run in re.findall(rb"[A-Za-z0-9_-]{43,}", chunk):
            windows = (run[start : start + length] for start in range(min(len(run) - length + 1, 4000)))
            if any(hashlib.sha256(window).hexdigest() in digests for window in windows):
                return True
    return False


@pytest.fixture
def secrets_in(emulator: RunningEmulator) -> Callable[[Iterator[tuple[str, bytes]]], list[str]]:
    """Names of the given texts that hold a secret."""
    return lambda texts: find_secrets(emulator, texts)
