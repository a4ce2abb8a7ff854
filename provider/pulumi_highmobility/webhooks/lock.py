"""A file that one process at a time can hold."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any


def _module(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        return None


# The one is everywhere but on Windows, the other only there.
_FCNTL, _MSVCRT = _module("fcntl"), _module("msvcrt")


def take(path: Path) -> int:
    """
    Hold the file until its handle is closed, or this process ends; it is made where there is none, mode 0600.

    Raises: BlockingIOError where another process holds it; OSError where it cannot be opened.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(handle)
    except OSError as error:
        os.close(handle)
        raise BlockingIOError(error.errno, "it is held by another process") from error
    return handle


def _lock(handle: int) -> None:
    if _FCNTL is not None:
        _FCNTL.flock(handle, _FCNTL.LOCK_EX | _FCNTL.LOCK_NB)
    else:
        # Of the first byte; it need not be there.
        _MSVCRT.locking(handle, _MSVCRT.LK_NBLCK, 1)
