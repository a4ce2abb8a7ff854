"""A machine of one's own for the scripts: a PATH with nothing on it but what a test puts there, a home, a cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PINNED = "3.259.0"
PARTS = ("pulumi-language-python", "pulumi-language-python-exec", "pulumi-resource-pulumi-python")
# Takes the place of the Go compiler: what it builds is a program that prints a version. FAKE_GO says how it behaves.
FAKE_GO = """
import os, pathlib, sys, time
with open(os.environ["FAKE_GO_LOG"], "a") as log:
    print(sys.argv[1], os.getpid(), file=log)
if sys.argv[1] == "list":
    print(os.environ["FAKE_SDK"])
    sys.exit()
if os.environ.get("FAKE_GO") == "fail":
    sys.exit("go: the module proxy cannot be reached")
print("building")
while os.environ.get("FAKE_GO") == "wait" and not pathlib.Path(os.environ["FAKE_GO_LOG"]).with_name("go on").exists():
    time.sleep(0.02)
target = pathlib.Path(sys.argv[sys.argv.index("-o") + 1])
target.write_text("#!/bin/sh\\necho v3.259.0\\n")
target.chmod(0o755)
"""


class Machine:
    """What a script sees: PATH, home, cache, environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.home = folder / "home"
        self.cache = folder / "cache"
        for made in (self.bin, self.home):
            made.mkdir(parents=True)
        self.has("sh", "env")
        self.environment = {
            "PATH": str(self.bin),
            "HOME": str(self.home),
            "XDG_CACHE_HOME": str(self.cache),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HIGHMOBILITY_ENGINE_INSTALLER": "http://127.0.0.1:1/nobody-listens-here",
        }

    def has(self, *commands: str) -> None:
        """Put real commands on the PATH."""
        for command in commands:
            found = shutil.which(command)
            assert found, command
            (self.bin / command).symlink_to(found)

    def has_program(self, name: str, text: str, *, folder: Path | None = None) -> Path:
        """Put a small Python program on the PATH."""
        file = (folder or self.bin) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!{sys.executable}\n{text}")
        file.chmod(0o755)
        return file

    def has_pulumi(self, version: str, *, parts: tuple[str, ...] = PARTS, folder: Path | None = None) -> None:
        """A pulumi that knows nothing but its version."""
        self.has_program("pulumi", f'print("v{version}")', folder=folder)
        for part in parts:
            self.has_program(part, "", folder=folder)

    def has_go(self, behaviour: str = "build") -> None:
        """A Go that builds, fails, or waits until it is told to go on."""
        self.has_program("go", FAKE_GO)
        sdk = self.folder / "sdk"
        for part in ("cmd/pulumi-language-python-exec", "dist/pulumi-resource-pulumi-python"):
            self.has_program(Path(part).name, "", folder=(sdk / "python" / part).parent)
        self.environment |= {
            "FAKE_GO": behaviour,
            "FAKE_SDK": str(sdk),
            "FAKE_GO_LOG": str(self.folder / "go.log"),
        }

    def go_calls(self) -> list[list[str]]:
        """Each call of Go: the verb and the process."""
        log = self.folder / "go.log"
        return [line.split() for line in log.read_text().splitlines()] if log.exists() else []

    def let_go_finish(self) -> None:
        """End the waiting of a Go that waits."""
        (self.folder / "go on").touch()

    def made(self) -> list[str]:
        """What is in the engine's cache, locks left out."""
        cache = self.cache / "pulumi-highmobility" / "engine"
        return sorted(entry.name for entry in cache.glob("*") if entry.suffix != ".lock")

    def start(self, script: Path, *, merged: bool = False) -> subprocess.Popen[str]:
        """Start a Python script; `merged` puts its stderr into its stdout."""
        return subprocess.Popen(
            [sys.executable, script],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
            text=True,
        )

    def run(self, script: Path) -> subprocess.CompletedProcess[str]:
        """Run a Python script to its end."""
        with self.start(script) as process:
            out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess([str(script)], process.returncode, out, err)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine without Pulumi, without Go and without a network."""
    return Machine(tmp_path)


class Installer:
    """Serves an installer's script at `url`, and counts how often it was asked for."""

    def __init__(self) -> None:
        self.script = ""
        self.asked = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                body = outer.script.encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/install.sh"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def delivers(self, version: str) -> None:
        """Take arguments as the official installer does, and put a Pulumi of this version into the root."""
        self.script = f"""#!/bin/sh
exec {sys.executable} - "$@" <<'END'
import pathlib, sys
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
assert given["--version"] == "{PINNED}" and sys.argv[-1] == "--no-edit-path"
folder = pathlib.Path(given["--install-root"]) / "bin"
folder.mkdir()
for name in {("pulumi", *PARTS)!r}:
    (folder / name).write_text("#!/bin/sh\\necho v{version}\\n")
    (folder / name).chmod(0o755)
END
"""


@pytest.fixture
def installer(machine: Machine) -> Iterator[Installer]:
    """An installer that the machine can reach."""
    serving = Installer()
    machine.environment["HIGHMOBILITY_ENGINE_INSTALLER"] = serving.url
    yield serving
    serving.close()


def is_alive(pid: int) -> bool:
    """Whether a process still runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # One that has ended, but that nobody has asked for its status, is in the table still.
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def load(name: str) -> ModuleType:
    """A script of scripts/, as a module."""
    loader = SourceFileLoader(name, str(ROOT / "scripts" / name))
    spec = spec_from_loader(name, loader)
    assert spec
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module
