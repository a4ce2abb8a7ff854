"""The standard streams of our commands: UTF-8 between processes, and no traceback where they are full or closed."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable
from contextlib import suppress

# What writing to a file or a pipe ends with where nothing more can be written. EINVAL: gRPC, imported with older versions of
# Pulumi's SDK before a line of ours runs, took the number of a closed stream for something of its own.
_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF, errno.EINVAL)


def run_command(command: Callable[[], object]) -> None:
    """
    Run a command's main function with streams that take every text.

    Raises: SystemExit, with 1 where standard output cannot be written.
    """
    prepare_streams()
    try:
        try:
            command()
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.filename is not None or error.errno not in _UNWRITABLE:
            raise
        _give_up(1)
        tell(f"Error: standard output cannot be written: {error.strerror}.")
        raise SystemExit(1) from None


def prepare_streams() -> None:
    """
    Whatever the locale and PYTHONIOENCODING say, a pipe or file gets UTF-8: who reads it may have another locale.

    A terminal is written to in its own encoding. What cannot be written at all, half a character for instance, is
    written out as an escape.
    """
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            with suppress(OSError, ValueError):
                encoding = stream.encoding if stream.isatty() else "utf-8"
                stream.reconfigure(encoding=encoding, errors="backslashreplace")


def announce(message: str) -> None:
    """Print a line that a server does not depend on: it goes on where nobody can read it."""
    try:
        print(message, flush=True)
    except OSError:
        _give_up(1)


def tell(message: str) -> None:
    """Print a line on standard error; what is done does not fail because nobody can read it."""
    try:
        print(message, file=sys.stderr, flush=True)
    except OSError:
        _give_up(2)


def _open_closed_streams() -> None:
    # The next file that is opened would get a closed stream's number: a child's output would end up in a database.
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Nothing can be written to it, so that output that is lost is an error as with other commands.
            with suppress(OSError):
                os.open(os.devnull, os.O_WRONLY if number == 2 else os.O_RDONLY)
    # The types say that they are always there; Python leaves out those that are closed.
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False))
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def _give_up(number: int) -> None:
    """What is still in the stream's buffer goes nowhere, so that the interpreter's own last attempt is no second error."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)
