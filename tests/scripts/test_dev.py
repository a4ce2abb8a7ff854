"""What `make up` and its siblings do, on the real engine: state, emulator process and messages."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pulumi_highmobility import setting_names

from ..engine import warm_python
from ..ports import free_port
from .conftest import ROOT, is_alive, load


class Clone:
    """A checkout of a newcomer's; scripts/local is run as scripts/dev does."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.home = folder.parent / "home"
        self.home.mkdir()
        self.port = port
        for part in ("examples/quickstart", "scripts/local"):
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "Pulumi.yaml", folder)
        self.environment = {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "HOME": str(self.home),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HIGHMOBILITY_EMULATOR_PORT": str(port),
            "PULUMI_PYTHON_CMD": str(warm_python.command()),
        }

    def __call__(self, *arguments: str, expect: int = 0, added: Mapping[str, str] | None = None) -> str:
        """Run a command; what it printed."""
        done = subprocess.run(
            [sys.executable, self.folder / "scripts" / "local", *arguments],
            env={**self.environment, **(added or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == expect, done.stdout
        return done.stdout

    @property
    def emulator(self) -> int:
        """The process of the emulator, as its pid file names it."""
        return int((self.folder / ".dev/emulator/emulator.pid").read_text().split()[0])

    def emulator_answers(self) -> bool:
        """Whether anything listens on the port."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture(autouse=True)
def _engine(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("engine") and shutil.which("pulumi") is None:
        pytest.fail("no pulumi on PATH: run the tests with `make test` or scripts/test")


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    """A fresh checkout, with a port of its own; whatever it leaves running is ended."""
    made = Clone(tmp_path / "clone", free_port())
    yield made
    pid_file = made.folder / ".dev/emulator/emulator.pid"
    if pid_file.exists() and is_alive(made.emulator):
        os.kill(made.emulator, signal.SIGKILL)


@pytest.mark.engine
def test_a_newcomer_goes_from_up_to_clean(clone: Clone) -> None:
    """One story, since each step rests on the one before."""
    # With Python as a newcomer has it.
    del clone.environment["PULUMI_PYTHON_CMD"]
    first = clone("up")
    assert "+ 8 created" in first
    assert "[secret]" in first
    assert "started the emulator" in first
    assert "make down" in first
    shown = load("shown")
    assert shown.closing(first, clone.port) == shown.shown_closing((ROOT / "README.md").read_text())
    emulator = clone.emulator
    assert is_alive(emulator)
    for secret in (".dev/pulumi/passphrase", ".dev/emulator/credentials.json"):
        assert stat.S_IMODE((clone.folder / secret).stat().st_mode) == 0o600
    assert not (clone.home / ".pulumi").exists(), "the user's own Pulumi is not touched"

    # Who had to choose a port need not name it again.
    del clone.environment["HIGHMOBILITY_EMULATOR_PORT"]
    again = clone("up")
    assert "8 unchanged" in again
    assert "using the emulator" in again
    assert clone.emulator == emulator
    assert len(clone("pulumi", "stack", "output", "token", "--show-secrets").strip()) > 20

    os.kill(emulator, signal.SIGKILL)
    while is_alive(emulator):
        os.sched_yield()
    assert "8 unchanged" in clone("refresh"), "a new emulator goes on from the old one's database"
    assert clone.emulator != emulator
    assert "8 unchanged" in clone("preview")

    assert "- 8 deleted" in clone("down")
    assert not clone.emulator_answers()
    assert "nothing is up" in clone("down")

    clone("clean")
    assert not (clone.folder / ".dev").exists()
    # The settings file has the salt of a passphrase that is gone now.
    assert (clone.folder / "Pulumi.dev.yaml").exists()
    assert "+ 8 created" in clone("up", added={"HIGHMOBILITY_EMULATOR_PORT": str(clone.port)})
    clone("clean")
    assert not clone.emulator_answers()


@pytest.mark.engine
def test_a_stack_with_settings_of_its_own_leaves_the_emulator_out(clone: Clone) -> None:
    server = {"HIGHMOBILITY_BASE_URL": "http://127.0.0.1:1/v1", "HIGHMOBILITY_CLIENT_ID": "someone"}
    assert "no emulator" in clone("preview", "--refresh=false", added=server)
    assert not clone.emulator_answers()

    clone("pulumi", "config", "set", "highmobility:listingMaxAgeSeconds", "10", "--stack", "dev")
    assert "started the emulator" in clone("preview"), "a setting that names no server changes nothing"
    clone("down")
    clone("pulumi", "config", "set", "highmobility:clientSecret", "of the user", "--secret", "--stack", "dev")
    assert "no emulator" in clone("preview", "--refresh=false")
    assert not clone.emulator_answers()

    said = clone("clean")
    assert "keeping .dev/pulumi/passphrase" in said
    assert (clone.folder / ".dev/pulumi/passphrase").exists()
    assert not (clone.folder / ".dev/pulumi/state").exists()
    (clone.folder / ".dev/pulumi/passphrase").unlink()
    assert "Pulumi.dev.yaml holds secrets, and their passphrase is gone" in clone("up", expect=1)


@pytest.mark.engine
def test_a_fleet_on_a_real_server_is_not_forgotten_by_clean(clone: Clone) -> None:
    """The emulator plays the real server: what matters is that the settings name one."""
    clone("up")
    credentials = {"HIGHMOBILITY_CREDENTIALS_FILE": str(clone.folder / ".dev/emulator/credentials.json")}
    assert "`STACK=dev make down` first" in clone("clean", expect=1, added=credentials)
    assert (clone.folder / ".dev/pulumi/state").exists()
    assert is_alive(clone.emulator)


@pytest.mark.engine
def test_a_backend_and_a_passphrase_of_the_users_are_used(clone: Clone, tmp_path: Path) -> None:
    (tmp_path / "backend").mkdir()
    own = {"PULUMI_BACKEND_URL": f"file://{tmp_path}/backend", "PULUMI_CONFIG_PASSPHRASE": "of the user"}
    clone("preview", "--refresh=false", added=own)
    assert list((tmp_path / "backend").rglob("stacks/**/dev.json"))
    assert not (clone.folder / ".dev/pulumi/passphrase").exists()
    assert not list((clone.folder / ".dev/pulumi/state").rglob("dev.json"))


@pytest.mark.engine
def test_a_port_in_use_is_named_together_with_the_way_to_another(clone: Clone) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", clone.port))
        other.listen()
        said = clone("up", expect=1)
    assert f"port {clone.port} on 127.0.0.1 is in use" in said
    assert "HIGHMOBILITY_EMULATOR_PORT=" in said
    assert "Traceback" not in said
    assert not (clone.folder / ".dev/emulator/emulator.pid").exists()


@pytest.mark.engine
def test_a_pid_file_of_another_process_is_not_believed(clone: Clone) -> None:
    """After a restart of the machine, the number may be anybody's."""
    (clone.folder / ".dev/emulator").mkdir(parents=True)
    (clone.folder / ".dev/emulator/emulator.pid").write_text(f"{os.getpid()}\n12345\n{clone.port}\n")
    assert "started the emulator" in clone("preview")
    assert clone.emulator != os.getpid()
    assert "- 8" not in clone("down")


@pytest.mark.parametrize("port", ["eighty", "0", "65536"])
def test_what_is_no_port_is_refused(clone: Clone, port: str) -> None:
    said = clone("up", expect=1, added={"HIGHMOBILITY_EMULATOR_PORT": port})
    assert f'HIGHMOBILITY_EMULATOR_PORT is "{port}"; it takes a port' in said
    assert "Traceback" not in said


# Answers the questions of the scripts with nothing, and the user's command as a test wants it.
PULUMI = """
import os, signal, sys
if "--non-interactive" in sys.argv:
    print("{}")
elif "exit" in sys.argv:
    sys.exit(42)
elif "die" in sys.argv:
    os.kill(os.getpid(), signal.SIGKILL)
else:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(43))
    print("at work", flush=True)
    signal.pause()
"""


@pytest.fixture
def odd_pulumi(clone: Clone, tmp_path: Path) -> None:
    """A pulumi first on PATH that ends in ways that are hard to bring about."""
    command = tmp_path / "bin" / "pulumi"
    command.parent.mkdir()
    command.write_text(f"#!{sys.executable}\n{PULUMI}")
    command.chmod(0o755)
    clone.environment["PATH"] = f"{command.parent}{os.pathsep}{clone.environment['PATH']}"


@pytest.mark.usefixtures("odd_pulumi")
def test_the_exit_status_of_pulumi_is_kept(clone: Clone) -> None:
    clone("pulumi", "exit", expect=42)
    clone("pulumi", "die", expect=128 + signal.SIGKILL)


@pytest.mark.usefixtures("odd_pulumi")
def test_an_order_to_end_reaches_pulumi_and_is_waited_for(clone: Clone) -> None:
    """Pulumi cancels what it can, and saves its state."""
    with subprocess.Popen(
        [sys.executable, clone.folder / "scripts" / "local", "pulumi", "up"],
        env=clone.environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as dev:
        assert dev.stdout
        assert dev.stdout.readline() == "at work\n"
        dev.terminate()
        assert dev.wait(300) == 43


def stack_module() -> Any:
    spec = importlib.util.spec_from_file_location("stack", ROOT / "scripts" / "local" / "stack.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_settings_that_keep_the_emulator_out_are_the_providers() -> None:
    """All of them, but those that neither name a server nor how to sign on to it."""
    others = {
        setting_names.PLUGIN,
        setting_names.REFRESH_BEFORE_UPDATE,
        setting_names.CHECK_ELIGIBILITY,
        setting_names.LISTING_MAX_AGE,
        setting_names.REQUEST_TIMEOUT,
        setting_names.MOVED_FROM,
        setting_names.ALLOW_INSECURE_HTTP,
        setting_names.REQUIRE_SECRET_CONFIG,
        setting_names.CARMAKER_NOTICES,
        setting_names.REVOKE_WITHOUT_STATE,
        setting_names.RETRY_INTERVAL,
        setting_names.MAX_REVOCATIONS,
        setting_names.WHOLE_STACK_TRACES,
    }
    found = [setting for setting in setting_names.SETTINGS if setting not in others]
    variables = {
        name for setting in found for name in (setting.environment, setting.environment_file) if name
    }
    assert set(stack_module().SERVER_VARIABLES) == variables
    assert set(stack_module().SERVER_KEYS) == {f"highmobility:{setting.config}" for setting in found}


@pytest.mark.parametrize("command", ["down", "clean"])
def test_where_nothing_is_up_nothing_is_built(tmp_path: Path, command: str) -> None:
    """Neither an environment nor an engine, which takes minutes."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [tmp_path / "scripts" / "dev", command],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert [entry.name for entry in tmp_path.iterdir()] == ["scripts"]


def test_make_help_lists_every_target() -> None:
    # Within `make test` a make says which folder it enters.
    command = ["make", "--no-print-directory"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=True).stdout
    declared = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert declared
    assert {line.split()[1] for line in listed.splitlines()} == set(declared[1].split())
