"""
Testing a fleet program against the emulator: start one, and drive its controls over HTTP.

```python
with serve_emulator(approve_after="1s") as emulator:
    ...                                            # run the program with emulator.environment
    assert emulator.controls.vehicle(vin)["status"] == "approved"
```

`start_emulator` takes the same options and starts a process, which takes half a second longer and can be killed.

As a pytest fixture: `pytest_plugins = ["pulumi_highmobility.testing.plugin"]`, then `highmobility_emulator`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from ..settings import CREDENTIALS_FILE, SETTINGS

__all__ = ["EmulatorControls", "EmulatorProcess", "RunningEmulator", "serve_emulator", "start_emulator"]

START_TIMEOUT_S = 30.0


class EmulatorControls:
    """
    The emulator's controls (`/_emulator/…`), as a client; see docs/emulator.md.

    Raises: httpx.HTTPStatusError, where the emulator refuses.
    """

    def __init__(self, origin: str) -> None:
        self._http = httpx.Client(base_url=f"{origin}/_emulator", timeout=30, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def vehicles(self) -> list[dict[str, Any]]:
        """Every vehicle with status, brand, tags, changelog, odometer, and which of its tokens live."""
        found: list[dict[str, Any]] = self._call("GET", "/vehicles")
        return found

    def vehicle(self, vin: str) -> dict[str, Any]:
        """One of them. Raises: LookupError."""
        for vehicle in self.vehicles():
            if vehicle["vin"] == vin:
                return vehicle
        raise LookupError(f"{vin} is not registered at the emulator")

    def move(self, vin: str, status: str, *, reason: str | None = None) -> None:
        """Move a vehicle to any state, whatever the carmaker's rules, with a reason for its changelog."""
        self._call("POST", f"/vehicles/{quote(vin, safe='')}/move", {"status": status, "reason": reason})

    def advance(self, seconds: float) -> None:
        """Move the emulator's time on."""
        self._call("POST", "/clock/advance", {"seconds": seconds})

    def fault(self, kind: str, **fields: Any) -> None:
        """
        Fail the next matching requests: see docs/emulator.md for the kinds.

        `fields`: times, method, path, vin, status, retry_after (seconds), seconds, body (a text).
        """
        self._call("POST", "/faults", {"kind": kind, **fields})

    def pending_faults(self) -> list[dict[str, Any]]:
        """The faults that no request has met yet."""
        found: list[dict[str, Any]] = self._call("GET", "/faults")
        return found

    def clear_faults(self) -> None:
        """Forget the faults that are still to come."""
        self._call("DELETE", "/faults")

    def requests(self, *, after: int = 0) -> list[dict[str, Any]]:
        """The log of requests: number, time, method, path, status (0: closed), vins, application, fault."""
        found: list[dict[str, Any]] = self._call("GET", f"/requests?after={after}")
        return found

    def clear_requests(self) -> None:
        """Empty the log of requests."""
        self._call("DELETE", "/requests")

    def add_webhook(
        self, url: str, secret: str, *, events: Sequence[str] = ("fleet_clearance_changed", "ping")
    ) -> str:
        """Register a webhook (https, or http to loopback), which is pinged; returns its id."""
        return str(
            self._call("POST", "/webhooks", {"url": url, "secret": secret, "events": list(events)})["id"]
        )

    def remove_webhook(self, webhook_id: str) -> None:
        """Forget a webhook, with what it was still to be told."""
        self._call("DELETE", f"/webhooks/{webhook_id}")

    def deliveries(self, *, after: int = 0) -> list[dict[str, Any]]:
        """
        What webhooks were told or are to be told, oldest first.

        Each has number, id, url, event, action, vin, attempts, status (0: no answer), error, delivered, due, body.
        """
        found: list[dict[str, Any]] = self._call("GET", f"/deliveries?after={after}")
        return found

    def redeliver(self, number: int) -> None:
        """Send a delivery again, as a new one."""
        self._call("POST", f"/deliveries/{number}/redeliver")

    def token_digests(self) -> set[str]:
        """SHA-256 of every bearer token and vehicle token, to search a place for them."""
        return set(self._call("GET", "/tokens"))

    def reset(self) -> None:
        """Forget vehicles, tokens, faults, deliveries and the log; credentials and webhooks stay."""
        self._call("POST", "/reset")

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        answer = self._http.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json()


@dataclass(frozen=True)
class RunningEmulator:
    """An emulator that answers, wherever it runs."""

    base_url: str
    credentials_file: Path
    controls: EmulatorControls

    @property
    def environment(self) -> dict[str, str]:
        """
        What a program's environment needs to use it.

        Every other setting of ours is blanked: one that was left in a shell must not stand beside it.
        """
        names = [name for setting in SETTINGS for name in (setting.environment, setting.environment_file)]
        return dict.fromkeys(filter(None, names), "") | {
            CREDENTIALS_FILE.environment: str(self.credentials_file)
        }

    def credentials(self) -> dict[str, Any]:
        """The credentials file's content; it holds secrets."""
        found: dict[str, Any] = json.loads(self.credentials_file.read_text(encoding="utf-8"))
        return found


@dataclass(frozen=True)
class EmulatorProcess(RunningEmulator):
    """An emulator in a process of its own."""

    process: subprocess.Popen[bytes]


@contextmanager
def start_emulator(
    *flags: str, port: int = 0, folder: Path | None = None, **options: str
) -> Iterator[EmulatorProcess]:
    """
    Start an emulator on a free port of the loopback address, and stop it at the end.

    `options` are the command's, such as approve_after="1s"; `flags` go to it as they are ("--no-limits").
    `folder` keeps its database and credentials; by default they go with it.

    Raises: RuntimeError, with what it printed, if it does not get ready.
    """
    with tempfile.TemporaryDirectory(prefix="highmobility-emulator-") as own:
        kept = folder or Path(own)
        credentials = kept / "credentials.json"
        command = [sys.executable, "-m", "pulumi_highmobility.emulator"]
        command += _arguments(kept, port, flags, options)
        log = kept / "emulator.log"
        with log.open("w") as output:
            process = subprocess.Popen(  # noqa: S603 - our own command
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        controls: EmulatorControls | None = None
        try:
            base_url = _wait_until_ready(process, log)
            controls = EmulatorControls(base_url.removesuffix("/v1"))
            yield EmulatorProcess(base_url, credentials, controls, process)
        finally:
            if controls is not None:
                controls.close()
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def serve_emulator(
    *flags: str, port: int = 0, folder: Path | None = None, **options: str
) -> Iterator[RunningEmulator]:
    """
    As `start_emulator`, from a thread of this process: it starts in some hundredths of a second.

    Raises: click.ClickException (the options contradict each other, the port is in use).
    """
    # Imported here: a program's own tests may drive an emulator elsewhere, without the extra.
    from ..emulator.command import check_certificate, emulator, open_from_flags  # noqa: PLC0415
    from ..emulator.server import bind, serving  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="highmobility-emulator-") as own:
        kept = folder or Path(own)
        given = emulator.make_context("emulator", _arguments(kept, port, flags, options)).params
        check_certificate(given["certfile"], given["keyfile"])
        with bind(given["host"], given["port"]) as listener:
            opened, base_url = open_from_flags(given, listener)
            with serving(opened, listener, certfile=given["certfile"], keyfile=given["keyfile"]):
                controls = EmulatorControls(base_url.removesuffix("/v1"))
                try:
                    yield RunningEmulator(base_url, kept / "credentials.json", controls)
                finally:
                    controls.close()


def _arguments(folder: Path, port: int, flags: Sequence[str], options: Mapping[str, str]) -> list[str]:
    """Those of the emulator's command."""
    files = ["--db", str(folder / "emulator.db"), "--credentials", str(folder / "credentials.json")]
    named = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
    return ["--port", str(port), *files, *flags, *named]


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> str:
    began = time.monotonic()
    while time.monotonic() - began < START_TIMEOUT_S:
        found = re.search(r"listening on (\S+?)(,|\s|$)", log.read_text(encoding="utf-8", errors="replace"))
        if found:
            return found[1]
        if process.poll() is not None:
            break
        time.sleep(0.02)
    said = log.read_text(encoding="utf-8", errors="replace").strip()
    raise RuntimeError(f"the emulator did not get ready: {said}")
