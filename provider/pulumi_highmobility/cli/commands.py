"""The commands below `pulumi-highmobility`."""

from __future__ import annotations

from importlib import import_module

import click

# Each with its module and the extra it needs: one must run without the libraries of the others.
_COMMANDS = {
    "emulator": ("pulumi_highmobility.emulator.command", "cli,emulator"),
    "webhook": ("pulumi_highmobility.cli.webhook", "webhooks"),
}


class _Tools(click.Group):
    """Loads a command when it is called, or for the list of all."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, extra = _COMMANDS[cmd_name]
        try:
            found: click.Command = getattr(import_module(module), cmd_name)
        except ModuleNotFoundError as error:
            return _unavailable(cmd_name, f'needs {error.name}: pip install "pulumi-highmobility[{extra}]"')
        return found


def _unavailable(name: str, needs: str) -> click.Command:
    def refuse() -> None:
        raise click.UsageError(f"This command {needs}")

    settings = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(
        name, callback=refuse, context_settings=settings, add_help_option=False, short_help=f"({needs})"
    )


@click.group(cls=_Tools, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pulumi-highmobility")
def command() -> None:
    """High Mobility fleet clearance: the tools beside the Pulumi provider."""
