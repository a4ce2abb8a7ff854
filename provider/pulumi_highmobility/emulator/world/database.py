"""The database file: found, checked and protected before anything is written to it."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing, suppress
from pathlib import Path

_HEADER = b"SQLite format 3\0"
# Tables that every version of the emulator has made.
_OURS = {"meta", "vehicles"}


class DatabaseError(Exception):
    """The file cannot serve as the emulator's database; the message says why, and names the file."""


def connect(path: Path | None) -> sqlite3.Connection:
    """A connection for any thread, in memory where `path` is None; statements commit by themselves."""
    # Quoted, since a folder's "#", "?" or "%2F" means something in a URI; "rw" never makes a file, which would be
    # readable by others.
    uri = "file::memory:" if path is None else f"{path.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None, timeout=30)
    connection.row_factory = sqlite3.Row
    return connection


def open_database(path: Path | None) -> sqlite3.Connection:
    """
    The connection that writes.

    The keys are kept in the file: nobody but the owner may read it, from its first byte on, also where it existed
    with another mode.

    Raises: DatabaseError.
    """
    if path is None:
        return connect(None)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _require_database(path)
        # On a connection of its own, so that nothing is changed of another program's database.
        with closing(connect(path)) as connection:
            _require_ours(connection, path)
        _protect(path)
        connection = connect(path)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
    except OSError as error:
        raise DatabaseError(f"{path} cannot be opened as a database: {error.strerror or error}") from error
    except sqlite3.Error as error:
        raise DatabaseError(f"{path} cannot be used as a database: {error}") from error
    return connection


def _require_database(path: Path) -> None:
    """A file that is one, or a new one. Raises: DatabaseError, OSError."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise DatabaseError(f"{path} is not a file")
        if status.st_size and file.read(len(_HEADER)) != _HEADER:
            raise DatabaseError(f"{path} is not a database. Name another file, or remove this one")


def _require_ours(connection: sqlite3.Connection, path: Path) -> None:
    tables = {row["name"] for row in connection.execute("SELECT name FROM sqlite_master")}
    if tables and not tables >= _OURS:
        raise DatabaseError(f"{path} is the database of another program. Name another file")


def _protect(path: Path) -> None:
    """Raises: OSError."""
    # SQLite gives the files beside it the database's mode where it makes them; what a killed run left has that run's.
    real = path.resolve()
    for each in (real, real.with_name(f"{real.name}-wal"), real.with_name(f"{real.name}-shm")):
        with suppress(FileNotFoundError):
            each.chmod(0o600)
