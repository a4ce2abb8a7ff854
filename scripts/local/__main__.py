"""What scripts/dev does, once Python's packages and the engine are there."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from emulator import PORT_VARIABLE, EmulatorError, LocalEmulator
from stack import LocalPulumi, StackError, has_secrets

ROOT = Path(__file__).resolve().parent.parent.parent
DEV = ROOT / ".dev"
STACK = os.environ.get("STACK") or "dev"


class Commands:
    """One method a command; each returns the exit status."""

    def __init__(self) -> None:
        self.pulumi = LocalPulumi(ROOT, DEV / "pulumi")
        self.emulator = LocalEmulator(
            DEV / "emulator",
            [sys.executable, "-m", "pulumi_highmobility.emulator"],
            wanted_port=os.environ.get(PORT_VARIABLE),
        )

    def up(self, *flags: str) -> int:
        """pulumi up, then what to try next"""
        added = self._ready()
        status = self.pulumi.show("up", "--yes", "--stack", STACK, *flags, added=added)
        if status == 0:
            print(self._summary(with_emulator=bool(added)))
        return status

    def preview(self, *flags: str) -> int:
        """pulumi preview"""
        return self.pulumi.show("preview", "--stack", STACK, *flags, added=self._ready())

    def refresh(self, *flags: str) -> int:
        """pulumi refresh"""
        return self.pulumi.show("refresh", "--yes", "--stack", STACK, *flags, added=self._ready())

    def destroy(self, *flags: str) -> int:
        """pulumi destroy"""
        return self.pulumi.show("destroy", "--yes", "--stack", STACK, *flags, added=self._ready())

    def down(self) -> int:
        """Destroy, and stop the emulator; where destroying fails it goes on running, so that nothing is lost."""
        self.pulumi.prepare(STACK)
        if self._resources_of(STACK):
            status = self.destroy()
            if status != 0:
                say("the emulator goes on running: mend what is said above, and `make down` again")
                return status
        say("stopped the emulator" if self.emulator.stop() else "nothing is up")
        return 0

    def clean(self) -> int:
        """Remove .dev; but never the only memory of what lives on a real server, or in a backend of the user's."""
        self.pulumi.prepare(STACK)
        state_goes_too = not os.environ.get("PULUMI_BACKEND_URL")
        for stack in self.pulumi.stacks() if state_goes_too else [STACK]:
            if self._resources_of(stack) and (not state_goes_too or self.pulumi.names_server(stack)):
                say(
                    f"stack {stack} still has a fleet that would be forgotten: "
                    f"`STACK={stack} make down` first, it revokes the clearances",
                    file=sys.stderr,
                )
                return 1
        self.emulator.stop()
        kept = [file.name for file in ROOT.glob("Pulumi.*.yaml") if has_secrets(file)]
        if kept and self.pulumi.passphrase.exists():
            say(f"keeping .dev/pulumi/passphrase: it opens the secrets in {' and '.join(sorted(kept))}")
            shutil.rmtree(self.emulator.folder, ignore_errors=True)
            for name in ("home", "state"):
                shutil.rmtree(self.pulumi.folder / name, ignore_errors=True)
        else:
            shutil.rmtree(DEV)
        return 0

    def any(self, *arguments: str) -> int:
        """Pulumi with arguments of the user's own."""
        stack = _stack_in(arguments) or os.environ.get("STACK")
        self.pulumi.prepare(stack or STACK)
        own = self.pulumi.names_server(stack)
        return self.pulumi.show(*arguments, added={} if own else self._emulator_settings())

    def _ready(self) -> dict[str, str]:
        """A stack and a server to talk to; what pulumi's environment needs for that."""
        self.pulumi.prepare(STACK)
        self.pulumi.select(STACK)
        if self.pulumi.names_server(STACK):
            say("no emulator: the environment or the stack's config names a server or credentials")
            return {}
        started = self.emulator.ensure_running()
        say(f"{'started' if started else 'using'} the emulator on {self.emulator.origin}")
        return self._emulator_settings()

    def _emulator_settings(self) -> dict[str, str]:
        return {"HIGHMOBILITY_CREDENTIALS_FILE": str(self.emulator.credentials)}

    def _resources_of(self, stack: str) -> int:
        found = {name.rpartition("/")[2]: count for name, count in self.pulumi.stacks().items()}
        # A backend that tells no number may hold any.
        return 0 if stack not in found else 1 if found[stack] is None else found[stack] or 0

    def _summary(self, *, with_emulator: bool) -> str:
        server = ""
        if with_emulator:
            server = (
                f"\nThe fleet is in an emulator of the High Mobility API, on this machine:"
                f"\n  {self.emulator.origin}/    the fleet, to look at and to play the carmaker; log: .dev/emulator/emulator.log\n"
            )
        return f"""{server}
Try next:
  make up                                             again: reads the current statuses, changes nothing
  scripts/pulumi stack output token --show-secrets    the vehicle's access token
  examples/quickstart/fleet.csv                       remove a line, and `make up`: its clearance is revoked
  make preview, make refresh                          what would change; what has changed
  make down                                           revokes the fleet, stops the emulator
Your own fleet, on the real platform: "Production" in README.md"""


def say(text: str, *, file: object = None) -> None:
    print(f"dev: {text}", file=sys.stderr if file else None, flush=True)


def _stack_in(arguments: tuple[str, ...]) -> str | None:
    for flag, value in zip(arguments, [*arguments[1:], ""], strict=True):
        if flag in ("--stack", "-s"):
            return value
        if flag.startswith("--stack="):
            return flag.removeprefix("--stack=")
    return None


def main(arguments: list[str]) -> int:
    name, flags = arguments[0], arguments[1:]
    try:
        commands = Commands()
        if name == "pulumi":
            return commands.any(*flags)
        known = {
            command.__name__: command
            for command in (commands.up, commands.preview, commands.refresh, commands.destroy)
        }
        if name in known:
            return known[name](*flags)
        return {"down": commands.down, "clean": commands.clean}[name]()
    except (EmulatorError, StackError) as error:
        say(str(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
