"""What the processes of one run tell each other: a folder that only its user can read, with one file for each process."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from ..errors import BoardUnusable

# Of what the lines mean: 2 has lines for all that a run decides, since several kinds of provider processes take part.
VERSION = 2
_PREFIX = "pulumi-highmobility-"
_ENDING = ".lines"
_LISTENING = "0A"

Line = Mapping[str, Any]


class Board:
    """
    The folder of one engine, and this process's own file in it.

    A file counts while its engine lives, whatever has become of the process that wrote it: a program that was killed
    still says what it wanted. So the folder is named after the engine: its address and, on Linux, the listening socket
    behind that, which no other engine ever has. Elsewhere a folder that a killed engine left may be read by a later one at
    the same address: then more is kept than need be, and nothing is ended by it.
    """

    def __init__(self, engine: str, *, base: Path | None = None, is_provider: bool = True) -> None:
        """
        `engine`: HOST:PORT of the engine. `is_provider`: False in the process of the program.

        Raises: BoardUnusable (the folder cannot be made, or is another user's).
        """
        base = base or Path(tempfile.gettempdir())
        sockets = _listening_sockets()
        port = engine.rpartition(":")[2]
        own = f"{_PREFIX}{_user()}-{_network()}-"
        self._folder = base / f"{own}{port}-{sockets.get(port, 'unknown')}"
        self._file = self._folder / f"{os.getpid()}-{uuid4().hex}{_ENDING}"
        self._read: dict[Path, int] = {}
        _make_private(self._folder)
        if sockets:
            _sweep(base, own, set(sockets.values()))
        self.write({"what": "begin", "version": VERSION, "is_provider": is_provider})

    @property
    def name(self) -> str:
        """Of this process's file: the others read what it says under this name."""
        return self._file.name

    def write(self, line: Line) -> None:
        """Tell the others. Raises: BoardUnusable."""
        text = json.dumps(line, ensure_ascii=True, separators=(",", ":")) + "\n"
        try:
            # Opened for each line: a process of the Automation API serves many runs, and none of them ends for it.
            handle = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                rest = text.encode()
                while rest:
                    rest = rest[os.write(handle, rest) :]
            finally:
                os.close(handle)
        except OSError as error:
            raise BoardUnusable(f"{self._file} cannot be written ({error.strerror})") from error

    def read(self) -> list[tuple[str, dict[str, Any]]]:
        """What the others have told since the last call, with the name of the file. Raises: BoardUnusable."""
        found = []
        if not self._file.exists():
            raise BoardUnusable(f"{self._file} is gone: the run is over, or somebody removed the file")
        try:
            for file in sorted(self._folder.glob(f"*{_ENDING}")):
                if file == self._file:
                    continue
                with file.open("rb") as stream:
                    stream.seek(self._read.get(file, 0))
                    whole, end, _ = stream.read().rpartition(b"\n")
                self._read[file] = self._read.get(file, 0) + len(whole) + len(end)
                found += [(file.name, json.loads(line)) for line in whole.splitlines()]
        except (OSError, ValueError) as error:
            raise BoardUnusable(f"{self._folder} cannot be read ({error})") from error
        for _, line in found:
            if line.get("what") == "begin" and line.get("version") != VERSION:
                raise BoardUnusable(
                    f"another version of pulumi-highmobility takes part in this run (format {line.get('version')}, here {VERSION}): "
                    "use one version in all programs and plugins of a stack"
                )
        return found

    def close(self) -> None:
        """
        The run is over for this provider process: the last of them to say so removes the folder, as far as that can be done.

        Until then the others read on. A program's process says nothing: it ends before them.
        """
        with contextlib.suppress(BoardUnusable):
            self.write({"what": "closed"})
            if self._are_all_closed():
                shutil.rmtree(self._folder, ignore_errors=True)

    def _are_all_closed(self) -> bool:
        closed, providers = b'{"what":"closed"}', b'"is_provider":true'
        try:
            texts = [file.read_bytes() for file in self._folder.glob(f"*{_ENDING}")]
        except OSError:
            # Another one has removed them.
            return False
        return all(closed in text for text in texts if providers in text.partition(b"\n")[0])


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise BoardUnusable(f"{folder} cannot be created ({error.strerror})") from error
    is_own = not hasattr(os, "getuid") or (found.st_uid == os.getuid() and not found.st_mode & 0o077)
    if not stat.S_ISDIR(found.st_mode) or not is_own:
        raise BoardUnusable(f"{folder} is not a folder that belongs to this user alone")


def _sweep(base: Path, own: str, sockets: set[str]) -> None:
    """Remove what engines have left that are gone: a killed one removes nothing."""
    for folder in base.glob(f"{own}*"):
        socket = folder.name.rpartition("-")[2]
        if socket.isdigit() and socket not in sockets:
            shutil.rmtree(folder, ignore_errors=True)


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else "user"


def _network() -> str:
    """Containers may share a folder for temporary files, and each has an engine at the same port."""
    try:
        return str(Path("/proc/self/ns/net").stat().st_ino)
    except OSError:
        return "0"


def _listening_sockets() -> dict[str, str]:
    """By port, the number that the kernel gives a listening socket, once and for all; empty where it does not tell."""
    found = {}
    for table in ("/proc/self/net/tcp", "/proc/self/net/tcp6"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENING:
                    found[str(int(fields[1].rpartition(":")[2], 16))] = fields[9]
    return found
