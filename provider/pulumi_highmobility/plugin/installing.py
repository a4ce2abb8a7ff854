"""The plugin as the engine finds it among its own: a script that starts this very interpreter."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from ..errors import ConfigError

COMMAND = "pulumi-resource-highmobility"
NAME = "highmobility"
_LONGEST_S = 120


def wrapper(interpreter: str, of_version: str) -> str:
    """
    The script. `of_version`: of the package that it was written by; the plugin refuses to start as another one.

    -I: nothing in the folder of a program takes the place of what this package imports.
    """
    python = shlex.quote(interpreter)
    return f"""#!/bin/sh
python={python}
if [ ! -x "$python" ]; then
    echo "pulumi-highmobility was installed with $python, which is gone: run 'pulumi-highmobility plugin install' in the new environment" >&2
    exit 1
fi
exec "$python" -I -m pulumi_highmobility.plugin --of {shlex.quote(of_version)} "$@"
"""


def install(pulumi: str) -> str:
    """
    Install it as the engine does, over one of the same version; `pulumi` is the engine's command.

    Returns its version. Raises: ConfigError.
    """
    if os.name == "nt":
        raise ConfigError(
            f"On Windows the engine does not start a script: put the folder of {COMMAND}.exe, {Path(sys.executable).parent}, on PATH"
        )
    installed = version("pulumi-highmobility")
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / COMMAND
        script.write_text(wrapper(sys.executable, installed))
        script.chmod(0o755)
        command = [pulumi, "plugin", "install", "resource", NAME, installed, "--file", folder, "--reinstall"]
        try:
            done = subprocess.run(  # noqa: S603 - the engine's own command
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_LONGEST_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ConfigError(
                f"`{pulumi} plugin install` could not be run ({type(error).__name__})"
            ) from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise ConfigError(
            f"`pulumi plugin install` ended with status {done.returncode}: {said[-1] if said else 'no message'}"
        )
    return installed
