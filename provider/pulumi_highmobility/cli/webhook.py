"""`pulumi-highmobility webhook serve`: receive webhooks, and run what follows."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..environment import WEBHOOK_SECRET as SECRET
from ..environment import refuse_unknown_variables
from ..errors import ConfigError
from ..secret import Secret
from ..settings import VARIABLES
from ..streams import announce

if TYPE_CHECKING:
    from ..webhooks import Action

_DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group()
def webhook() -> None:
    """React to clearance changes."""


@webhook.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8490,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port; 0 chooses a free one.",
)
@click.option(
    "--db",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Database of deliveries, such as /var/lib/webhooks/inbox.db (mode 0600).",
)
@click.option(
    "--secret-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=f"File with the webhook's secret, one per line while it is rotated; otherwise {SECRET} in the environment.",
)
@click.option("--allow-sha1", is_flag=True, help="Also accept deliveries that only have the SHA-1 signature.")
@click.option("--stack", help="Run this stack, such as fleet/production; needs --cwd.")
@click.option("--cwd", type=_DIRECTORY, help="Folder of the stack's program.")
@click.option("--operation", type=click.Choice(["up", "refresh"]), default="up", show_default=True)
@click.option(
    "--github",
    metavar="OWNER/REPO",
    help="Send a repository_dispatch; the token is GITHUB_TOKEN in the environment.",
)
@click.option("--event", metavar="TYPE", help="Its event type, such as fleet-changed.")
@click.option(
    "--gitlab",
    metavar="URL",
    help="Trigger a pipeline of this server; the token is GITLAB_TRIGGER_TOKEN in the environment.",
)
@click.option("--project", metavar="ID", help="The GitLab project's id or path, such as fleet/infra.")
@click.option("--ref", help="The branch to run, such as main.")
@click.option(
    "--log-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the runs' logs (mode 0700). Default: `runs` next to the database.",
)
def serve(**flags: Any) -> None:
    """
    Receive webhooks, and run a stack or a CI pipeline after each change.

    \b
    HIGHMOBILITY_WEBHOOK_SECRET=... pulumi-highmobility webhook serve \\
        --db inbox.db --stack production --cwd infra
    GITHUB_TOKEN=... pulumi-highmobility webhook serve \\
        --db inbox.db --secret-file secret --github acme/infra --event fleet-changed
    """
    # Late, so that --help stays quick and needs no server's libraries.
    try:
        import uvicorn  # noqa: PLC0415

        from ..webhooks import Inbox, InboxError, webhook_app  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise click.UsageError(
            f'This command needs {error.name}: pip install "pulumi-highmobility[webhooks]"'
        ) from None

    try:
        # Now, and not at the first run in the night; a misspelt variable of the secret is among them.
        refuse_unknown_variables(os.environ, VARIABLES)
    except ConfigError as error:
        raise click.UsageError(str(error)) from error
    secrets = _secrets(flags["secret_file"])
    try:
        action = _action(flags)
    except ValueError as error:
        raise click.UsageError(f"{error}.") from error
    with _listen(flags["host"], flags["port"]) as listener:
        try:
            inbox = Inbox(flags["db"])
        except InboxError as error:
            raise click.ClickException(f"--db: {error}.") from error
        try:
            app = webhook_app(inbox, action, secrets=secrets, allow_sha1=flags["allow_sha1"])
            config = uvicorn.Config(
                app,
                ws="none",
                lifespan="on",
                log_level="warning",
                access_log=False,
                limit_concurrency=2_000,
                timeout_graceful_shutdown=5,
            )
            host, port = listener.getsockname()[:2]
            announce(f"Receiving webhooks on http://{f'[{host}]' if ':' in host else host}:{port}/webhook")
            # Uvicorn ends in order, and then raises the signal once more: SIGTERM must not end us before the inbox is closed.
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            with suppress(KeyboardInterrupt):
                uvicorn.Server(config).run(sockets=[listener])
        finally:
            inbox.close()


def _listen(host: str, port: int) -> socket.socket:
    """Raises: click.ClickException."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise click.ClickException(
            f"cannot listen on {host}, port {port}: {error.strerror or error}. Choose another with --port."
        ) from error
    return listener


def _secrets(path: Path | None) -> list[Secret]:
    """Raises: click.UsageError."""
    try:
        # Editors of Windows put a byte order mark at the beginning.
        text = path.read_text(encoding="utf-8-sig") if path else os.environ.get(SECRET, "")
    except OSError as error:
        raise click.UsageError(f"--secret-file {path} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise click.UsageError(f"--secret-file {path} is not UTF-8: save it as UTF-8.") from error
    found = [Secret(form) for line in text.splitlines() for form in _forms(line.strip())]
    if not found:
        raise click.UsageError(f"No secret is set: use --secret-file FILE, or {SECRET} in the environment.")
    return found


def _forms(line: str) -> list[str]:
    """A secret, and what is within its quotes: files of variables have them, and a secret may have its own."""
    within = line[1:-1].strip() if len(line) > 1 and line[0] == line[-1] and line[0] in "'\"" else ""
    return [form for form in (line, within) if form.strip("'\"")]


def _action(flags: dict[str, Any]) -> Action:
    """Raises: click.UsageError."""
    from ..webhooks import RunStack, TriggerCi  # noqa: PLC0415

    if sum(flags[name] is not None for name in ("stack", "github", "gitlab")) != 1:
        raise click.UsageError("Say what to run: one of --stack, --github and --gitlab.")
    if flags["stack"] is not None:
        _require(flags, "stack", "cwd")
        logs = flags["log_dir"] or flags["db"].absolute().parent / "runs"
        return RunStack(flags["stack"], flags["cwd"], operation=flags["operation"], log_folder=logs)
    if flags["github"] is not None:
        _require(flags, "github", "event")
        return TriggerCi.github(flags["github"], flags["event"], _token("GITHUB_TOKEN"))
    _require(flags, "gitlab", "project", "ref")
    return TriggerCi.gitlab(flags["gitlab"], flags["project"], flags["ref"], _token("GITLAB_TRIGGER_TOKEN"))


def _require(flags: dict[str, Any], chosen: str, *names: str) -> None:
    missing = [f"--{name}" for name in names if not flags[name]]
    if missing:
        raise click.UsageError(f"--{chosen} needs {' and '.join(missing)}.")


def _token(name: str) -> Secret:
    text = os.environ.get(name, "").strip()
    if not text:
        raise click.UsageError(f"No token is set: set {name} in the environment.")
    return Secret(text)
