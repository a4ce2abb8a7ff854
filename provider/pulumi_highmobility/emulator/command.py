"""`pulumi-highmobility emulator`: the emulator from the command line."""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import click

from ..options import StrictCommand
from ..streams import announce
from .app import Emulator, Options
from .server import PortInUse, bind, open_emulator, serve
from .world.applications import write_credentials
from .world.clock import EmulatorClock
from .world.database import DatabaseError
from .world.durations import parse_duration
from .world.machine import Pace
from .world.scenario_files import ScenarioFileError, read_scenarios
from .world.webhooks import InvalidWebhook


# Callbacks and not types of click's: its `ParamType` takes the type of its values from 8.4 on, and mypy asks for it.
def duration(_context: click.Context, _option: click.Parameter, value: str) -> float:
    """Seconds, of a duration such as 500ms, 2s, 10m, 3h or 1d; a bare number is seconds."""
    try:
        return parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def speed(_context: click.Context, _option: click.Parameter, value: str) -> float:
    """A number from 0; click's own range takes NaN and infinity."""
    try:
        return EmulatorClock(speed=float(value)).speed
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not a number of 0 or more") from error


@click.command("emulator", cls=StrictCommand)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8480,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port; 0 chooses a free one.",
)
@click.option(
    "--db", type=click.Path(dir_okay=False, path_type=Path), help="Database file. Default: in memory."
)
@click.option(
    "--credentials",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a client's credentials here (mode 0600).",
)
@click.option(
    "--approve-after",
    metavar="DURATION",
    callback=duration,
    default="2s",
    show_default=True,
    help="Time from request to approval.",
)
@click.option(
    "--revoke-after",
    metavar="DURATION",
    callback=duration,
    default="1s",
    show_default=True,
    help="Time from revoking to revoked.",
)
@click.option(
    "--cancel-after",
    metavar="DURATION",
    callback=duration,
    default="1s",
    show_default=True,
    help="Time from canceling to canceled.",
)
@click.option(
    "--on-duplicate",
    type=click.Choice(["echo", "error"]),
    default="echo",
    show_default=True,
    help="Answer to a request for a VIN that is registered already.",
)
@click.option(
    "--missing-odometer",
    type=click.Choice(["error", "accept"]),
    default="error",
    show_default=True,
    help="Answer to a request for a Mercedes-Benz without an odometer reading: the platform's documents contradict each other.",
)
@click.option(
    "--answers",
    type=click.Choice(["documented", "recorded"]),
    default="documented",
    show_default=True,
    help="recorded: also imitate what only recorded answers of the platform show, such as whole-second timestamps.",
)
@click.option(
    "--speed",
    metavar="NUMBER",
    callback=speed,
    default="1.0",
    show_default=True,
    help="Speed of the carmakers' time, as a factor; 0: it moves only when advanced.",
)
@click.option(
    "--latency",
    metavar="DURATION",
    callback=duration,
    default="0s",
    show_default=True,
    help="Delay added to each answer.",
)
@click.option(
    "--token-lifetime",
    metavar="DURATION",
    callback=duration,
    default="10m",
    show_default=True,
    help="Lifetime of a vehicle's access token.",
)
@click.option(
    "--bearer-lifetime",
    metavar="DURATION",
    callback=duration,
    default="5m",
    show_default=True,
    help="Lifetime of a bearer token.",
)
@click.option(
    "--limits/--no-limits", default=True, show_default=True, help="Apply the platform's rate limits."
)
@click.option(
    "--controls/--no-controls", default=True, show_default=True, help="Serve the controls under /_emulator."
)
@click.option(
    "--allow-host",
    multiple=True,
    metavar="NAME",
    help="Also serve the page and the controls under this host name with a dot.",
)
@click.option(
    "--accept-audience", multiple=True, help="Another `aud` to accept in a JWT, for clients with a fixed one."
)
@click.option(
    "--application",
    multiple=True,
    default=("default",),
    help="Name of an application; the first one's credentials are written to FILE, another's to FILE with its name.",
)
@click.option(
    "--package",
    multiple=True,
    metavar="NAME=PACKAGE",
    help="Data package of an application, for carmakers that compare them; otherwise all have the same.",
)
@click.option(
    "--partner", multiple=True, metavar="NAME", help="An application that is a Volkswagen group partner."
)
@click.option("--without-fleet", multiple=True, metavar="NAME", help="An application without a fleet: 403.")
@click.option(
    "--not-configured", multiple=True, metavar="NAME", help="An application not configured: 422 to a request."
)
@click.option(
    "--scenario",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Your own rules (YAML); they come before the built-in endings of VINs.",
)
@click.option(
    "--webhook",
    multiple=True,
    metavar="URL",
    help="Send every change to this URL (https, or http to loopback), signed with the secret.",
)
@click.option(
    "--webhook-secret-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the secret; otherwise HIGHMOBILITY_WEBHOOK_SECRET in the environment.",
)
@click.option(
    "--certfile", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Certificate, for TLS."
)
@click.option(
    "--keyfile",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The certificate's private key.",
)
@click.option(
    "--base-url",
    metavar="URL",
    help="The API's address for clients, such as http://emulator:8480/v1, if it is not --host and --port.",
)
def emulator(**flags: Any) -> None:
    """Serve the fleet clearance API locally, without an account."""
    check_certificate(flags["certfile"], flags["keyfile"])
    host = flags["host"]
    try:
        listener = bind(host, flags["port"])
    except PortInUse as error:
        raise click.ClickException(
            f"{error}. Choose another with --port, or --port 0 for a free one."
        ) from error
    except OSError as error:
        raise click.ClickException(f"cannot listen on {host}: {error.strerror or error}.") from error
    with listener:
        served, base_url = open_from_flags(flags, listener)
        _serve(served, listener, flags, base_url)


def open_from_flags(flags: Mapping[str, Any], listener: socket.socket) -> tuple[Emulator, str]:
    """
    The emulator that the command's flags describe, with its credentials written, and its base URL.

    Raises: click.ClickException, click.UsageError.
    """
    try:
        rules = read_scenarios(flags["scenario"]) if flags["scenario"] else ()
    except ScenarioFileError as error:
        raise click.UsageError(str(error)) from error
    traits = _traits(flags)
    secret = _webhook_secret(flags["webhook_secret_file"]) if flags["webhook"] else ""
    scheme = "https://" if flags["certfile"] else "http://"
    base_url = flags["base_url"] or _base_url(scheme, flags["host"], listener.getsockname()[1])
    base_url = base_url.rstrip("/")
    pace = Pace(flags["approve_after"], flags["revoke_after"], flags["cancel_after"])
    options = Options(
        pace=pace,
        on_duplicate=flags["on_duplicate"],
        missing_odometer=flags["missing_odometer"],
        answers=flags["answers"],
        hosts=flags["allow_host"],
        limits=flags["limits"],
        controls=flags["controls"],
        latency_s=flags["latency"],
        bearer_lifetime_s=flags["bearer_lifetime"],
        token_lifetime_s=flags["token_lifetime"],
        audiences=(base_url, *flags["accept_audience"]),
        rules=rules,
        credentials=flags["credentials"],
    )
    clock = EmulatorClock(speed=flags["speed"])
    try:
        opened = open_emulator(db=flags["db"], options=options, clock=clock, applications=traits)
    except DatabaseError as error:
        raise click.ClickException(f"--db: {error}.") from error
    try:
        _register_webhooks(opened, flags["webhook"], secret)
        _write_credentials(opened, flags["credentials"], base_url)
    except click.ClickException:
        opened.store.close()
        raise
    return opened, base_url


def _register_webhooks(opened: Emulator, urls: Sequence[str], secret: str) -> None:
    for url in urls:
        try:
            opened.webhooks.register(opened.applications[0].name, url, secret)
        except InvalidWebhook as error:
            raise click.UsageError(f"--webhook {url}: {error}") from error


def _write_credentials(opened: Emulator, path: Path | None, base_url: str) -> None:
    """The first application's to `path`, the others' beside it."""
    if path is None:
        return
    for number, application in enumerate(opened.applications):
        own = path if number == 0 else path.with_name(f"{path.stem}-{application.name}{path.suffix}")
        try:
            write_credentials(own, application, base_url)
        except OSError as error:
            raise click.ClickException(
                f"--credentials: {own} cannot be written: {error.strerror}."
            ) from error


def _serve(served: Emulator, listener: socket.socket, flags: Mapping[str, Any], base_url: str) -> None:
    """Until a signal."""
    told = f", credentials in {flags['credentials']}" if flags["credentials"] else ""
    told += f", page at {base_url.removesuffix('v1')}" if flags["controls"] else ""
    ready = f"High Mobility emulator listening on {base_url}{told}"
    if flags["controls"] and not _is_loopback(listener.getsockname()[0]):
        click.echo(
            f"Warning: on {flags['host']} anyone who reaches this machine can use the page and the controls: they need no "
            "login. Turn them off with --no-controls.",
            err=True,
        )
    serve(
        served,
        listener,
        certfile=flags["certfile"],
        keyfile=flags["keyfile"],
        on_ready=lambda: announce(ready),
    )


def _base_url(scheme: str, host: str, port: int) -> str:
    """With loopback for "every address" (0.0.0.0, ::), which is none that a client can call."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"  # noqa: S104
    return f"{scheme}{f'[{host}]' if ':' in host else host}:{port}/v1"


def check_certificate(certificate: Path | None, key: Path | None) -> None:
    """Raises: click.UsageError, before anything listens."""
    if certificate is None:
        if key is not None:
            raise click.UsageError("--keyfile needs --certfile.")
        return
    try:
        # The server's own way of reading them; an encrypted key would be asked for on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ValueError) as error:
        raise click.UsageError(
            f"--certfile {certificate}{f', --keyfile {key}' if key else ''}: not a certificate (PEM) with its private key "
            f"without a password: {error}"
        ) from error


def _is_loopback(address: str) -> bool:
    return ip_address(address.partition("%")[0]).is_loopback


def _webhook_secret(path: Path | None) -> str:
    """From a file or the environment: an argument would show it in the list of processes."""
    secret = (
        path.read_text(encoding="utf-8-sig").strip()
        if path
        else os.environ.get("HIGHMOBILITY_WEBHOOK_SECRET", "")
    )
    if not secret:
        raise click.UsageError(
            "--webhook needs a secret: --webhook-secret-file FILE, or HIGHMOBILITY_WEBHOOK_SECRET in the environment."
        )
    return secret


def _traits(flags: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What is special of each application, by its name. Raises: click.UsageError."""
    traits: dict[str, dict[str, Any]] = {name: {} for name in flags["application"]}
    for name in traits:
        # It becomes part of a file's name.
        if not re.fullmatch(r"[\w.-]+", name):
            raise click.UsageError(f"--application {name}: a name has letters, digits, '.', '_' and '-'.")

    def set_trait(flag: str, name: str, trait: str, value: object) -> None:
        if name not in traits:
            raise click.UsageError(f"{flag} {name}: no such application. There are: {', '.join(traits)}.")
        traits[name][trait] = value

    for given in flags["package"]:
        name, equals, package = given.partition("=")
        if not equals or not package:
            raise click.UsageError(f"--package {given}: write NAME=PACKAGE.")
        set_trait("--package", name, "package", package)
    for flag, trait, value in (
        ("partner", "partner", True),
        ("without_fleet", "has_fleet", False),
        ("not_configured", "configured", False),
    ):
        for name in flags[flag]:
            set_trait(f"--{flag.replace('_', '-')}", name, trait, value)
    return traits
