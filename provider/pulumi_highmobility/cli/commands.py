"""The commands below `pulumi-highmobility`."""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

import click

from ..options import refuse_empty


class _Tool(NamedTuple):
    """Where a command is, the extra that it needs, and its line in the list of all."""

    place: str
    extra: str
    told: str


# One must run without the libraries of the others, and `--help` without any of them.
_TOOLS = {
    "doctor": _Tool(
        "cli.doctor:doctor", "cli", "Check the versions, the settings, the platform and the stack."
    ),
    "status": _Tool(
        "cli.status:status", "cli", "Show the vehicles that are registered, with their clearance."
    ),
    "plan": _Tool("cli.plan:plan", "cli", "Show what `pulumi up` will do to clearances."),
    "import": _Tool(
        "cli.import_:import_fleet", "cli", "Write the registered vehicles as a file or a program for Pulumi."
    ),
    "report": _Tool("cli.report:report", "cli,report", "Report how long clearance takes, by brand."),
    "emulator": _Tool(
        "emulator.command:emulator",
        "cli,emulator",
        "Serve the fleet clearance API locally, without an account.",
    ),
    "plugin": _Tool(
        "cli.plugin:plugin", "cli", "Install the native plugin: for `pulumi import` and other languages."
    ),
    "webhook": _Tool("cli.webhook:webhook", "webhooks", "React to clearance changes."),
}


class _Tools(click.Group):
    """Loads a command when it is called; refuses options that are empty, for all of them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Raises: click.UsageError."""
        refuse_empty(args)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_TOOLS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        tool = _TOOLS.get(cmd_name)
        if tool is None:
            return None
        module, _, name = tool.place.partition(":")
        try:
            found: click.Command = getattr(import_module(f"pulumi_highmobility.{module}"), name)
        except ModuleNotFoundError as error:
            return _unavailable(
                cmd_name, f'needs {error.name}: pip install "pulumi-highmobility[{tool.extra}]"'
            )
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, tool.told) for name, tool in _TOOLS.items()])


def _unavailable(name: str, needs: str) -> click.Command:
    def refuse() -> None:
        raise click.UsageError(f"This command {needs}")

    settings = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(name, callback=refuse, context_settings=settings, add_help_option=False)


@click.group(cls=_Tools, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pulumi-highmobility")
def command() -> None:
    """High Mobility fleet clearance: the tools that accompany the Pulumi provider."""
