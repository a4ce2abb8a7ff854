"""The emulator that `make up` runs in the background: one a checkout, with its state in a folder."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

HOST = "127.0.0.1"
DEFAULT_PORT = 8480
PORT_VARIABLE = "HIGHMOBILITY_EMULATOR_PORT"
# Long enough that a newcomer sees a vehicle pending, short enough to wait for.
APPROVE_AFTER = "3s"
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
LOOK_EVERY_S = 0.1


class EmulatorError(Exception):
    """The emulator is not to be had; the text says why and what to do."""


class LocalEmulator:
    """One emulator process, known by its pid file; state, credentials and log are in `folder`."""

    def __init__(self, folder: Path, command: list[str], *, wanted_port: str | None = None) -> None:
        """`wanted_port` is as the user wrote it. Raises: EmulatorError, where that is no port."""
        self.folder = folder
        self.credentials = folder / "credentials.json"
        self.log = folder / "emulator.log"
        self._command = command
        self._pid_file = folder / "emulator.pid"
        self.port = _port(wanted_port) if wanted_port else self._last_port()

    @property
    def origin(self) -> str:
        """Where it listens, without the API's path."""
        return f"http://{HOST}:{self.port}"

    def ensure_running(self) -> bool:
        """Start it unless it runs; true where it was started now. Raises: EmulatorError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._one_at_a_time():
            running = self._process()
            if running and running[1] == self.port and self._answers():
                return False
            self._stop()
            self._start()
        return True

    def stop(self) -> bool:
        """End it; true where it ran. Its database stays."""
        if not self.folder.exists():
            return False
        with self._one_at_a_time():
            return self._stop()

    def _start(self) -> None:
        command = [
            *self._command, "--host", HOST, "--port", str(self.port), "--approve-after", APPROVE_AFTER,
            "--db", str(self.folder / "emulator.db"), "--credentials", str(self.credentials),
        ]  # fmt: skip
        with self.log.open("w") as log:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._pid_file.write_text(f"{child.pid}\n{started_at(child.pid)}\n{self.port}\n")
        until = time.monotonic() + START_TIMEOUT_S
        while child.poll() is None and time.monotonic() < until:
            # Its own line tells that it is ready: something else may answer on the port.
            if "listening" in self.log.read_text():
                return
            time.sleep(LOOK_EVERY_S)
        child.kill()
        child.wait()
        self._pid_file.unlink()
        said = self.log.read_text().strip() or f"it was not ready within {START_TIMEOUT_S:.0f} s"
        raise EmulatorError(
            f"the emulator did not start: {said}\n"
            f"Its port is {self.port}; for another one: {PORT_VARIABLE}={self.port + 100} make up"
        )

    def _stop(self) -> bool:
        running = self._process()
        if running:
            os.kill(running[0], signal.SIGTERM)
            until = time.monotonic() + STOP_TIMEOUT_S
            while self._process():
                if time.monotonic() > until:
                    os.kill(running[0], signal.SIGKILL)
                time.sleep(LOOK_EVERY_S)
        self._pid_file.unlink(missing_ok=True)
        return bool(running)

    def _process(self) -> tuple[int, int] | None:
        """Id and port of the running process; a stale pid file, or one of a process not ours, counts as none."""
        try:
            pid, started, port = self._pid_file.read_text().split("\n")[:3]
        except (OSError, ValueError):
            return None
        if not (pid.isdigit() and port.isdigit() and started) or started_at(int(pid)) != started:
            return None
        return int(pid), int(port)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(2)
            return probe.connect_ex((HOST, self.port)) == 0

    def _last_port(self) -> int:
        """The port of the last run: who once had to choose another need not name it at every command."""
        try:
            url = json.loads(self.credentials.read_text())["base_url"]
            return urlsplit(url).port or DEFAULT_PORT
        except (OSError, ValueError, KeyError):
            return DEFAULT_PORT

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        with (self.folder / "emulator.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def started_at(pid: int) -> str:
    """When a process began, in words of the system's own: with its id it names one process for good; or ""."""
    try:
        # Counted behind the command's name, which may hold anything: the state, then, 19 on, the start in ticks.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        if Path("/proc/self/stat").exists():
            return ""
    else:
        # A zombie has ended, even where nobody has asked for its status yet.
        return "" if fields[0] == "Z" else fields[19]
    shown = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True)
    return shown.stdout.strip()


def _port(text: str) -> int:
    if text.isdigit() and 0 < int(text) < 65536:
        return int(text)
    raise EmulatorError(f'{PORT_VARIABLE} is "{text}"; it takes a port, from 1 to 65535')
