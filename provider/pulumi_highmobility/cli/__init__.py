"""The `pulumi-highmobility` command."""

from __future__ import annotations

import sys

from ..engine.own_modules import leave_out_httpx_command
from ..streams import prepare_streams, run_command


def main() -> None:
    """Run the command; says which extra to install where its libraries are missing."""
    prepare_streams()
    leave_out_httpx_command()
    try:
        from .commands import command  # noqa: PLC0415 - the package itself must import without click
    except ModuleNotFoundError as error:
        print(
            f'This command needs {error.name}: pip install "pulumi-highmobility[cli,emulator]"',
            file=sys.stderr,
        )
        raise SystemExit(2) from None
    run_command(lambda: command(prog_name="pulumi-highmobility"))
