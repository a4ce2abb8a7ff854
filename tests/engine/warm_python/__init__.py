"""
A Python that has imported what every run imports, for Pulumi to start programs and providers with.

A run of `pulumi` starts Python twice, and half of its processor time goes into importing Pulumi's SDK, gRPC and httpx.
Here one process for each test worker has imported them (`server.py`) and forks for each start; the command that Pulumi
calls (`client.py`) hands over its arguments, environment and files, passes signals on, and ends as the fork ends.

Ours is not among the imports: each run imports it anew. Tests of how processes end, and of the SDK, take a plain Python
(`plain_command`), as do the quickstart, the newcomer's commands and the benchmark.
"""

from __future__ import annotations

import atexit
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
# What Pulumi's language host asks of pip at each run, to learn which packages have plugins.
PIP_LIST = ("-m", "pip", "list", "-v", "--format", "json")


@cache
def command() -> Path:
    """The command for PULUMI_PYTHON_CMD; starts the server. Raises: RuntimeError, where it does not get ready."""
    made = _client()
    server = subprocess.Popen(
        [sys.executable, "-u", HERE / "server.py", made.parent / "socket"],
        # Not the environment of the tests: what runs from it gets its own.
        env={"PYTHONDONTWRITEBYTECODE": "1"},
        # The server ends with this pipe, however the tests end.
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    if server.stdout.readline() != "ready\n":
        raise RuntimeError("the warm Python did not get ready")
    atexit.register(server.wait, 10)
    atexit.register(server.stdout.close)
    atexit.register(server.stdin.close)
    return made


@cache
def plain_command() -> Path:
    """The same without a server: a Python of its own for each start, and pip's list without pip."""
    return _client()


# What the language host asks more often than it starts anything is answered without Python.
COMMAND = """#!/bin/sh
case "$*" in
"--version") echo "Python {version}" ;;
"{pip_list}") cat {folder}/packages.json ;;
*) exec {client} "$@" ;;
esac
"""


def _client() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="hm-python-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "packages.json").write_bytes(_packages())
    made = folder / "python"
    made.write_text(
        COMMAND.format(
            version=platform.python_version(),
            pip_list=" ".join(PIP_LIST),
            folder=shlex.quote(str(folder)),
            client=shlex.join([sys.executable, "-IS", str(HERE / "client.py"), str(folder), sys.executable]),
        )
    )
    made.chmod(0o700)
    return made


@cache
def _packages() -> bytes:
    """What pip lists; the same all session long, and a fifth of a run's processor time."""
    return subprocess.run([sys.executable, *PIP_LIST], capture_output=True, check=True, timeout=300).stdout
