"""Pulumi with state, home and passphrase of the checkout's own, unless the user's environment names others."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# The settings that lead to a server or to credentials; any of them keeps the emulator out of it.
# In the environment; tests/scripts compares both lists with the provider's own.
SERVER_VARIABLES = (
    "HIGHMOBILITY_BASE_URL",
    "HIGHMOBILITY_SERVICE_ACCOUNT_KEY",
    "HIGHMOBILITY_SERVICE_ACCOUNT_KEY_FILE",
    "HIGHMOBILITY_CLIENT_ID",
    "HIGHMOBILITY_CLIENT_SECRET",
    "HIGHMOBILITY_OAUTH_PRIVATE_KEY",
    "HIGHMOBILITY_OAUTH_PRIVATE_KEY_FILE",
    "HIGHMOBILITY_AUTH",
    "HIGHMOBILITY_CREDENTIALS_FILE",
)
# In the stack's config.
SERVER_KEYS = (
    "highmobility:baseUrl",
    "highmobility:serviceAccountKey",
    "highmobility:clientId",
    "highmobility:clientSecret",
    "highmobility:oauthPrivateKey",
    "highmobility:auth",
    "highmobility:credentialsFile",
)


class StackError(Exception):
    """Pulumi refused, or cannot be asked; the text says why."""


class LocalPulumi:
    """The `pulumi` on PATH, run in the checkout at `root`, with what is its own in `folder`."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root = root
        self.folder = folder
        self.passphrase = folder / "passphrase"
        self.environment = self._environment()

    def _environment(self) -> dict[str, str]:
        # Neither Pulumi nor the pip that its language host runs looks for newer versions of itself.
        variables = {"PULUMI_SKIP_UPDATE_CHECK": "true", "PIP_DISABLE_PIP_VERSION_CHECK": "1", **os.environ}
        if not os.environ.get("PULUMI_BACKEND_URL"):
            variables["PULUMI_BACKEND_URL"] = f"file://{self.folder / 'state'}"
            # A home of our own holds no login of the user's; a backend of theirs needs theirs.
            variables["PULUMI_HOME"] = str(self.folder / "home")
        if not _has_own_passphrase():
            variables["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(self.passphrase)
        return variables

    def prepare(self, stack: str) -> None:
        """Make folders and passphrase. Raises: StackError, where a passphrase was lost that is still needed."""
        for name in ("home", "state"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        if _has_own_passphrase() or self.passphrase.exists():
            return
        self._forget_lost_passphrase(self.settings_file(stack))
        new = self.passphrase.with_suffix(".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(24))
        new.rename(self.passphrase)

    def settings_file(self, stack: str) -> Path:
        """Where Pulumi keeps a stack's settings."""
        return self.root / f"Pulumi.{stack.rpartition('/')[2]}.yaml"

    def _forget_lost_passphrase(self, settings: Path) -> None:
        """The settings file holds the salt of its passphrase: a new one does not go with the old salt."""
        if not settings.exists():
            return
        lines = settings.read_text().splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith("encryptionsalt:")]
        if len(kept) == len(lines):
            return
        if has_secrets(settings):
            raise StackError(
                f"{settings.name} holds secrets, and their passphrase is gone: {self.passphrase} does not exist. "
                "Put it back, or set PULUMI_CONFIG_PASSPHRASE, or remove the `secure:` settings and set them again"
            )
        settings.write_text("".join(kept))
        if not "".join(kept).strip():
            settings.unlink()

    def select(self, stack: str) -> None:
        """Make the stack, if need be, and select it. Raises: StackError."""
        done = self.ask("stack", "select", "--create", stack)
        if done.returncode != 0:
            raise StackError((done.stderr.strip() or done.stdout.strip()).removeprefix("error: "))

    def stacks(self) -> dict[str, int | None]:
        """All stacks of the project, with the number of their resources. Raises: StackError."""
        done = self.ask("stack", "ls", "--json")
        if done.returncode != 0:
            raise StackError(done.stderr.strip().removeprefix("error: "))
        return {stack["name"]: stack.get("resourceCount") for stack in json.loads(done.stdout or "[]")}

    def names_server(self, stack: str | None) -> bool:
        """
        Whether the environment or the stack's config leads to a server or credentials of the user's own.

        `stack` None is the selected one; one that cannot be read has no settings, Pulumi itself says what is wrong.
        """
        if any(os.environ.get(name) for name in SERVER_VARIABLES):
            return True
        done = self.ask("config", "--json", *(["--stack", stack] if stack else []))
        config: Mapping[str, Mapping[str, Any]] = json.loads(done.stdout) if done.returncode == 0 else {}
        found = [config[key] for key in SERVER_KEYS if key in config]
        return any(setting.get("secret") or setting.get("value") for setting in found)

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run pulumi for its answer."""
        return subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )

    def show(self, *arguments: str, added: Mapping[str, str]) -> int:
        """Run pulumi before the user's eyes; its exit status. Ctrl-C and SIGTERM are pulumi's to handle."""
        before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            child = subprocess.Popen(
                ["pulumi", *arguments],
                cwd=self.root,
                env={**self.environment, **added},
                preexec_fn=_default_signals,  # noqa: PLW1509 - no thread runs here
            )
            # The terminal sends Ctrl-C to both of us; an ending that is sent to us alone is passed on.
            signal.signal(signal.SIGTERM, lambda *_: child.terminate())
            status = child.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        return status if status >= 0 else 128 - status


def has_secrets(settings: Path) -> bool:
    """Whether a stack's settings file holds values that its passphrase opens."""
    return settings.exists() and any("secure:" in line for line in settings.read_text().splitlines())


def _has_own_passphrase() -> bool:
    # An empty passphrase is one too.
    return "PULUMI_CONFIG_PASSPHRASE" in os.environ or "PULUMI_CONFIG_PASSPHRASE_FILE" in os.environ


def _default_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
