"""`pulumi-highmobility plugin`: install the native plugin, for `pulumi import` and programs in other languages."""

from __future__ import annotations

import json
import shutil

import click

from ..errors import ConfigError


@click.group()
def plugin() -> None:
    """Install the native plugin: for `pulumi import` and other languages."""


@plugin.command()
def install() -> None:
    """
    Install the plugin where the Pulumi engine finds it, for the user at hand.

    It runs with the Python that runs this command. After an upgrade of pulumi-highmobility, run it again.

    \b
    pulumi-highmobility plugin install
    pulumi import highmobility:index:FleetVehicle van 1HMCF6112HA3FBBCC
    """
    from ..plugin.installing import install as installed  # noqa: PLC0415 - the list of commands has no use for it

    pulumi = shutil.which("pulumi")
    if pulumi is None:
        raise click.ClickException("There is no `pulumi` on PATH: install Pulumi first.")
    try:
        version = installed(pulumi)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"The plugin highmobility {version} is installed: `pulumi plugin ls` lists it.")


@plugin.command()
def schema() -> None:
    """Print the package's schema as JSON: `pulumi package gen-sdk` makes SDKs of it."""
    from ..plugin.package import package_schema  # noqa: PLC0415 - it takes Pulumi's SDK

    click.echo(json.dumps(package_schema(), indent=2, ensure_ascii=False))
