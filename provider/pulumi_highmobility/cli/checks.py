"""What `doctor` looks at, one check after the other; each ends in a line, none in an exception."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.resources import files
from typing import Any, Literal

import click

from ..api.auth import NOTABLE_SKEW_S
from ..api.client import FleetApi
from ..errors import ConfigError, Forbidden, HighMobilityError, NotAuthorized, TransportError
from ..fleet.plan import vehicles
from ..operations.origin import origin_of
from ..settings import Settings, load_settings, where_found
from ..text import visible
from .connection import ask
from .stack import Stack, StackError

Outcome = Literal["ok", "warning", "failure", "skipped"]
# A VIN in the form of one, which no vehicle has: the list call with it answers without a vehicle.
_NOBODY = "00000000000000000"
_SHORT_SECRET = 16


@dataclass(frozen=True)
class Check:
    """One line: what was looked at, how it came out, what was found and what to do about it. No secret in it."""

    name: str
    outcome: Outcome
    found: str
    advice: str = ""


def checks_of(stack: Stack | None, environ: Mapping[str, str]) -> Iterator[Check]:
    """All checks, in the order in which one needs the other."""
    yield from _versions()
    config: Mapping[str, Any] = {}
    if stack is not None:
        try:
            config = stack.config()
            yield Check("stack", "ok", f"{stack.name}: its config can be read")
        except StackError as error:
            yield Check(
                "stack",
                "failure",
                str(error),
                "Check --stack, --cwd, the backend (`pulumi whoami -v`) and the passphrase.",
            )
    for name, value, where in where_found(config, environ):
        yield Check(name, "ok", f"{value}, from {where}")
    try:
        settings = load_settings(config, environ)
    except ConfigError as error:
        yield Check("settings", "failure", visible(str(error), 1000))
        yield Check("platform", "skipped", "no settings to call it with")
        return
    yield Check(
        "settings", "ok", f"{settings.auth.value}, id {settings.credentials_id}, at {settings.base_url}"
    )
    if not settings.can_refresh_and_revoke:
        yield Check(
            "vehicle tokens",
            "warning",
            "client id and secret are not both set: tokens can be issued, but neither renewed nor revoked",
            "Set highmobility:clientId and highmobility:clientSecret if the program has a VehicleAccessToken.",
        )
    yield from _platform(settings)
    yield from _webhook_secret(environ)
    if stack is not None:
        yield from _state(stack, settings)


def _versions() -> Iterator[Check]:
    python = ".".join(map(str, sys.version_info[:3]))
    yield Check(
        "python", "ok" if sys.version_info >= (3, 10) else "failure", f"{python}, 3.10 or later is supported"
    )
    yield Check("pulumi-highmobility", "ok", version("pulumi-highmobility"))
    # The supported range stands in one place: what the package requires.
    wanted = next(
        (text for text in requires("pulumi-highmobility") or () if re.match(r"pulumi\b(?!-)", text)), "pulumi"
    )
    least = _numbers(re.search(r">=\s*([\d.]+)", wanted))
    yield _sdk(wanted, least)
    yield _engine(least)
    has_plugin = files("pulumi_highmobility").joinpath("pulumi-plugin.json").is_file()
    yield Check(
        "pulumi-plugin.json",
        "ok" if has_plugin else "warning",
        "present: no plugin is downloaded" if has_plugin else "missing: each `up` tries to download a plugin",
        "" if has_plugin else "Install the package again.",
    )


def _sdk(wanted: str, least: tuple[int, ...]) -> Check:
    advice = f'pip install "{wanted}"'
    try:
        found = version("pulumi")
    except PackageNotFoundError:
        return Check("Pulumi SDK", "failure", "not installed", advice)
    told = f"{found}, {_dotted(least)} or later is supported"
    if _numbers(re.match(r"[\d.]+", found)) < least:
        return Check("Pulumi SDK", "failure", told, advice)
    return Check("Pulumi SDK", "ok", told)


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))


def _engine(least: tuple[int, ...]) -> Check:
    advice = "Install it: https://www.pulumi.com/docs/iac/download-install/"
    try:
        done = subprocess.run(
            ["pulumi", "version"],  # noqa: S607 - the user's own
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="backslashreplace",
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check(
            "Pulumi engine", "failure", f"`pulumi version` cannot be run: {type(error).__name__}", advice
        )
    found = _numbers(re.match(r"v?([\d.]+)", done.stdout))
    told = visible(done.stdout.strip() or done.stderr.strip())
    if found < least:
        return Check("Pulumi engine", "failure", f"{told}, {_dotted(least)} or later is supported", advice)
    return Check("Pulumi engine", "ok", told)


def _numbers(match: re.Match[str] | None) -> tuple[int, ...]:
    text = "" if match is None else match[match.lastindex or 0]
    return tuple(int(part) for part in text.split(".") if part)


def _platform(settings: Settings) -> Iterator[Check]:
    async def look(api: FleetApi) -> tuple[HighMobilityError | None, float]:
        try:
            await api.list_vehicles({"vin": {"operator": "eq", "value": _NOBODY}})
        except HighMobilityError as error:
            return error, api.clock_skew_s
        return None, api.clock_skew_s

    try:
        error, skew_s = ask(settings, look)
    except click.ClickException as failed:
        yield Check("platform", "failure", failed.message)
        return
    told = "" if error is None else visible(str(error), 1000)
    if isinstance(error, TransportError):
        yield Check("platform", "failure", told, "The checks of sign-in and fleet need the network.")
        yield Check("sign-in", "skipped", "the server did not answer")
        return
    yield Check("platform", "ok", f"{settings.base_url} answers")
    if abs(skew_s) >= NOTABLE_SKEW_S:
        advice = "Set this machine's clock by NTP. The provider corrects for it, other programs do not."
        yield Check(
            "clock skew", "warning", f"this machine's clock is {-skew_s:+.0f} s off the platform's", advice
        )
    else:
        yield Check("clock skew", "ok", f"under {NOTABLE_SKEW_S:.0f} s")
    if isinstance(error, NotAuthorized):
        yield Check("sign-in", "failure", told)
    elif isinstance(error, Forbidden):
        yield Check("sign-in", "ok", "the platform accepts the credentials")
        yield Check(
            "fleet", "failure", told, "Ask High Mobility to enable fleet clearance for the application."
        )
    elif error is not None:
        yield Check("fleet", "failure", told)
    else:
        yield Check("sign-in", "ok", "the platform accepts the credentials")
        yield Check("fleet", "ok", "the application has one, and the scope to read it")


def _webhook_secret(environ: Mapping[str, str]) -> Iterator[Check]:
    secret = environ.get("HIGHMOBILITY_WEBHOOK_SECRET", "")
    if secret and len(secret) < _SHORT_SECRET:
        told = f"set, but shorter than {_SHORT_SECRET} characters"
        yield Check("webhook secret", "warning", told, "Choose a random one, such as `openssl rand -hex 32`.")
    elif secret:
        yield Check("webhook secret", "ok", "set")


def _state(stack: Stack, settings: Settings) -> Iterator[Check]:
    try:
        state = stack.state()
    except StackError as error:
        yield Check("state", "failure", str(error))
        return
    count = vehicles(len(state.vehicles))
    others = sorted(state.registered_with - {origin_of(settings)})
    if not others:
        yield Check("state", "ok", f"{count}, seen with these settings" if state.vehicles else count)
        return
    yield Check(
        "state",
        "warning",
        f"{count}, last seen with {', '.join(others)}",
        "With another server, `pulumi up` fails; see docs/settings.md on highmobility:movedFrom.",
    )
