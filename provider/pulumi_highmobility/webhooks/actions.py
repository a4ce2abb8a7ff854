"""What can follow a delivery: a run of a stack, a CI run, or a user's own function."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import quote, urlsplit

import httpx

from ..environment import WEBHOOK_SECRET
from ..secret import Secret
from ..settings import LOOPBACK
from ..text import visible
from .inbox import Event

# Pulumi's own forms of it, of a folder or bucket and of Pulumi Cloud, at the beginning of a line: a carmaker's words and a
# program's output may say "currently locked" or "in progress" too. https://github.com/pulumi/pulumi/pull/3207
LOCKED = re.compile(
    rb"^error: (the stack is currently locked by \d+ lock|\[409\] Conflict: Another update is currently in progress)",
    re.MULTILINE,
)
# Its count of what was done, at the beginning of a line as well.
COUNTS = re.compile(rb"^Resources:[^\S\n]*\n(?P<lines>(?:[^\S\n]+\S.*\n?)*)", re.MULTILINE)
UNCHANGED = re.compile(rb"[\d,]+ unchanged")
_TAIL_BYTES = 65_536


class ActionFailed(Exception):
    """The action did not succeed, and is run again; the message says why, without secrets."""


class Action(Protocol):
    """What follows. It may be repeated, so it has to be safe to repeat; it runs in a thread."""

    def run(self, events: Sequence[Event]) -> bool | None:
        """
        Act on what came, oldest first: True where that changed something. Raises anything to be run again later.

        False, and None where it is not known, slow down what follows the same deliveries again (see pace.py).
        """


class TriggerCi:
    """
    Starts a CI run by an authorised POST; any 2xx is success.

    Raises: ActionFailed (no answer, or another status).
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, Secret] | None = None,
        json: Mapping[str, object] | None = None,
        form: Mapping[str, str | Secret] | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        """
        `json` or `form` is the body; secrets stand in `headers` and `form`, where they are masked.

        Raises: ValueError (a URL that is none, or http to another machine: everybody in between could read the token).
        """
        _refuse_readable(url)
        self._url, self._headers, self._json, self._form = url, headers or {}, json, form
        self._timeout_s = timeout_s

    @classmethod
    def github(
        cls, repository: str, event: str, token: Secret, *, api: str = "https://api.github.com"
    ) -> TriggerCi:
        """
        GitHub's `repository_dispatch`: `repository` is OWNER/REPO, the token may write its contents.

        Raises: ValueError.
        """
        if not all(part.strip() for part in (*repository.partition("/")[::2], event)):
            raise ValueError(f'TriggerCi.github needs OWNER/REPO and an event, not "{repository}", "{event}"')
        headers = {"Authorization": Secret(f"Bearer {token.reveal()}")}
        headers["Accept"] = Secret("application/vnd.github+json")
        return cls(f"{api}/repos/{repository}/dispatches", headers=headers, json={"event_type": event})

    @classmethod
    def gitlab(cls, url: str, project: str, ref: str, token: Secret) -> TriggerCi:
        """
        GitLab's pipeline trigger: `project` is an id or path, the token a pipeline trigger token.

        Raises: ValueError.
        """
        if not all(text.strip() for text in (url, project, ref)):
            raise ValueError("TriggerCi.gitlab needs a URL, a project and a ref")
        address = f"{url.rstrip('/')}/api/v4/projects/{quote(project, safe='')}/trigger/pipeline"
        return cls(address, form={"token": token, "ref": ref})

    def run(self, events: Sequence[Event]) -> None:  # noqa: ARG002 - the CI run looks for itself
        """Send the request. Raises: ActionFailed."""
        form = {
            name: value.reveal() if isinstance(value, Secret) else value
            for name, value in (self._form or {}).items()
        }
        try:
            answer = httpx.post(
                self._url,
                headers={name: value.reveal() for name, value in self._headers.items()},
                json=self._json,
                data=form or None,
                timeout=self._timeout_s,
            )
        except httpx.HTTPError as error:
            raise ActionFailed(f"POST {self._url}: {type(error).__name__}") from error
        if not answer.is_success:
            raise ActionFailed(f"POST {self._url} was answered {answer.status_code}")


class RunStack:
    """
    Runs `pulumi refresh` or `pulumi up --refresh` of one stack, without questions; its log is kept in `log_folder` (mode 0700).

    A child process rather than the Automation API: cancelling the latter's task leaves its child running, unreachable
    for a signal. A locked stack is waited for; `pulumi cancel` is never run, since it lets two runs write at once.
    """

    def __init__(
        self,
        stack: str,
        folder: Path,
        *,
        operation: Literal["up", "refresh"] = "up",
        log_folder: Path,
        environment: Mapping[str, str] | None = None,
        locked_pause_s: float = 10.0,
        kept_logs: int = 50,
        rng: random.Random | None = None,
    ) -> None:
        """
        `environment` is the child's whole environment; by default this process's own, without the webhook's secret:
        a program that is run has no business to forge deliveries.

        A pause for a lock is between one and two times `locked_pause_s`, by `rng`: two runs that begin at
        the same moment both find a lock, and equal pauses would let them meet again.

        Raises: ValueError (an empty name: Pulumi would take the stack that is selected).
        """
        if not stack.strip():
            raise ValueError("RunStack needs the name of a stack: an empty one would run the selected stack")
        self._command = ["pulumi", operation, "--yes", "--non-interactive", "--skip-preview"]
        self._command += ["--color", "never", "--stack", stack]
        if operation == "up":
            # What the delivery hints at is not in the state yet: without a refresh an `up` would see no change.
            self._command.append("--refresh")
        self._stack, self._operation, self._folder = stack, operation, folder
        self._log_folder, self._kept_logs = log_folder, kept_logs
        self._environment = environment
        self._locked_pause_s = locked_pause_s
        self._rng = rng or random.Random()  # noqa: S311 - jitter of waits, no secret
        self._stopping = threading.Event()
        self._guard = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def run(self, events: Sequence[Event]) -> bool:  # noqa: ARG002 - the run looks at the whole stack
        """
        Run it to its end, waiting for a lock: True where a resource was changed by it.

        Raises: ActionFailed (with the log's name).
        """
        while True:
            log, status = self._run_once()
            if status == 0:
                return _has_changed(log)
            if self._stopping.is_set():
                raise ActionFailed(f"pulumi {self._operation} of {self._stack} was stopped")
            if not _is_locked(log):
                raise ActionFailed(
                    f"pulumi {self._operation} of {self._stack} ended with {status}: see {log}"
                )
            if self._stopping.wait(self._locked_pause_s * (1 + self._rng.random())):
                raise ActionFailed(f"stopped while {self._stack} was locked by another run")

    def stop(self) -> None:
        """Pass SIGTERM to the child, which releases the stack's lock; `run` waits for its end and then raises."""
        with self._guard:
            self._stopping.set()
            if self._child is not None:
                with suppress(ProcessLookupError):
                    self._child.send_signal(signal.SIGTERM)

    def _child_environment(self) -> Mapping[str, str]:
        if self._environment is not None:
            return self._environment
        return {name: text for name, text in os.environ.items() if name != WEBHOOK_SECRET}

    def _run_once(self) -> tuple[Path, int]:
        self._log_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._log_folder.chmod(0o700)
        logs = sorted(self._log_folder.glob("run-*.log"))
        for old in logs[: max(0, len(logs) - self._kept_logs + 1)]:
            old.unlink(missing_ok=True)
        log = self._log_folder / f"run-{time.time_ns():020d}.log"
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        with os.fdopen(handle, "wb") as output:
            with self._guard:
                if self._stopping.is_set():
                    raise ActionFailed("stopped before the run began")
                try:
                    child = subprocess.Popen(  # noqa: S603 - a fixed command; the stack's name is one argument
                        self._command,
                        cwd=self._folder,
                        env=self._child_environment(),
                        stdin=subprocess.DEVNULL,
                        stdout=output,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                    )
                except OSError as error:
                    raise ActionFailed(f"pulumi cannot be started in {self._folder}: {error}") from error
                self._child = child
            try:
                return log, child.wait()
            finally:
                with self._guard:
                    self._child = None


def _refuse_readable(url: str) -> None:
    """Raises: ValueError."""
    try:
        parts = urlsplit(url)
        host, scheme = parts.hostname or "", parts.scheme
    except ValueError:
        host = scheme = ""
    if scheme not in ("http", "https") or not host:
        raise ValueError("the address of the CI server is not a valid URL: write https://HOST")
    if parts.username or parts.password:
        raise ValueError("the address of the CI server has a user name or password: give the token by itself")
    if scheme == "http" and host not in LOOPBACK:
        raise ValueError(
            f"http://{visible(host, 100)} would show the token to anyone on the network path: use https. http is "
            "allowed only to this machine"
        )


def _is_locked(log: Path) -> bool:
    return LOCKED.search(_tail(log)) is not None


def _has_changed(log: Path) -> bool:
    """By Pulumi's last words, which count the resources: `Resources:`, and a line for each that was done with some."""
    found = list(COUNTS.finditer(_tail(log)))
    return bool(found) and any(
        not UNCHANGED.fullmatch(line.strip()) for line in found[-1]["lines"].splitlines() if line.strip()
    )


def _tail(log: Path) -> bytes:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        return file.read()
