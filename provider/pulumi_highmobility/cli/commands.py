"""The commands below `pulumi-highmobility`."""

from __future__ import annotations

import click

from ..emulator.command import emulator
from .report import report


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pulumi-highmobility")
def command() -> None:
    """High Mobility fleet clearance: the tools beside the Pulumi provider."""


command.add_command(emulator)
command.add_command(report)
