"""The deliveries that were acknowledged, in SQLite: received, taken, done."""

from __future__ import annotations

import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from . import lock

_T = TypeVar("_T")

# Jobs that wait for the writer; beyond it a delivery is refused (503) rather than kept in memory.
_MOST_WAITING = 5_000
_MOST_IN_GROUP = 500
# Deliveries that are done, kept to recognise a duplicate.
_KEPT = 100_000
# Of the file that tells whether the disk is full: as much as a group of deliveries takes.
_PROBE_BYTES = 256 * 1024
_SCHEMA = """
CREATE TABLE IF NOT EXISTS webhook_inbox (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL, digest BLOB NOT NULL, type TEXT NOT NULL, action TEXT NOT NULL,
    vin TEXT NOT NULL, received_at REAL NOT NULL, taken_at REAL, done_at REAL, UNIQUE (id, digest));
CREATE TABLE IF NOT EXISTS webhook_check (number INTEGER PRIMARY KEY, checked_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS webhook_inbox_unfinished ON webhook_inbox (number) WHERE done_at IS NULL;
"""


class InboxError(Exception):
    """The database cannot be used, or not now: nothing was written. The message says why."""


@dataclass(frozen=True)
class Event:
    """A delivery, as a hint where to look: it may be old or repeated. `number` is its place in the inbox."""

    number: int
    id: str
    type: str
    action: str
    vin: str


@dataclass(frozen=True)
class Arrival:
    """A verified delivery. `digest` is SHA-256 of the raw body: the id is not signed, so it alone proves no duplicate."""

    id: str
    digest: bytes
    type: str
    action: str
    vin: str


class Inbox:
    """
    One database file, mode 0600, used by one process at a time.

    All writing is done by one thread, which joins what waits into one transaction: one fsync for many deliveries.

    Raises: InboxError (no database, another program's, in use by another process).
    """

    def __init__(self, path: Path, *, wall: Callable[[], float] = time.time) -> None:
        """`wall` is the time in seconds since 1970."""
        self._wall = wall
        self._jobs: queue.Queue[tuple[Callable[[sqlite3.Connection], Any], Future[Any]] | None] = queue.Queue(
            _MOST_WAITING
        )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # By its own name: a link in another folder must not be another database.
            path = path.resolve()
            self._lock = _lock(path)
            try:
                self._db = _open(path)
            except BaseException:
                os.close(self._lock)
                raise
        except OSError as error:
            raise InboxError(f"{path} cannot be opened: {error.strerror or error}") from error
        except sqlite3.Error as error:
            raise InboxError(f"{path} cannot be used as a database: {error}") from error
        self._path = path
        self._checking = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._write, name="webhook-inbox", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Finish what waits, and close the file."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
            self._thread.join()
            self._db.close()
            os.close(self._lock)

    def add(self, arrival: Arrival) -> Future[bool]:
        """
        Commit one; True if it is new, False for a duplicate.

        Raises: InboxError, also from the future: it is not stored, and must not be acknowledged.
        """
        now = self._wall()
        values = (arrival.id, arrival.digest, arrival.type, arrival.action, arrival.vin, now)

        def insert(db: sqlite3.Connection) -> bool:
            done = db.execute(
                "INSERT OR IGNORE INTO webhook_inbox (id, digest, type, action, vin, received_at) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                values,
            )
            return done.rowcount == 1

        return self._submit(insert)

    def take(self, most: int = 10_000) -> list[Event]:
        """The oldest that are not done, marked as taken. Those that a killed run had taken are among them."""

        def mark(db: sqlite3.Connection) -> list[Event]:
            rows = db.execute(
                "SELECT number, id, type, action, vin FROM webhook_inbox WHERE done_at IS NULL ORDER BY number LIMIT ?",
                (most,),
            ).fetchall()
            if rows:
                db.execute(
                    "UPDATE webhook_inbox SET taken_at = ? WHERE done_at IS NULL AND number <= ?",
                    (self._wall(), rows[-1][0]),
                )
            return [Event(*row) for row in rows]

        return self._submit(mark).result()

    def done(self, events: list[Event]) -> None:
        """Mark what `take` gave as done. Raises: InboxError."""
        if not events:
            return

        def mark(db: sqlite3.Connection) -> None:
            last = events[-1].number
            db.execute(
                "UPDATE webhook_inbox SET done_at = ? WHERE done_at IS NULL AND number <= ?",
                (self._wall(), last),
            )
            db.execute("DELETE FROM webhook_inbox WHERE done_at IS NOT NULL AND number <= ?", (last - _KEPT,))

        self._submit(mark).result()

    def unfinished(self) -> tuple[int, float]:
        """How many are not done, and the age of the oldest in seconds (0 where there is none). Raises: InboxError."""

        def count(db: sqlite3.Connection) -> tuple[int, float]:
            number, oldest = db.execute(
                "SELECT count(*), min(received_at) FROM webhook_inbox WHERE done_at IS NULL"
            ).fetchone()
            return number, 0.0 if oldest is None else max(0.0, self._wall() - oldest)

        return self._submit(count).result()

    def check(self) -> None:
        """
        Write as a delivery would, and to a file beside the database, where a full disk shows first.

        Raises: InboxError, where a delivery could not be stored now.
        """

        def write(db: sqlite3.Connection) -> None:
            db.execute("INSERT OR REPLACE INTO webhook_check VALUES (1, ?)", (self._wall(),))

        self._submit(write).result()
        # The database may have room left in itself, for some deliveries more.
        probe = self._path.with_name(f"{self._path.name}.check")
        try:
            with self._checking:
                try:
                    handle = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                    with os.fdopen(handle, "wb") as file:
                        file.write(bytes(_PROBE_BYTES))
                        file.flush()
                        os.fsync(file.fileno())
                finally:
                    probe.unlink(missing_ok=True)
        except OSError as error:
            raise InboxError(f"no file can be written next to {self._path}: {error.strerror}") from error

    def _submit(self, work: Callable[[sqlite3.Connection], _T]) -> Future[_T]:
        future: Future[_T] = Future()
        if self._closed:
            raise InboxError("the inbox is closed")
        try:
            self._jobs.put_nowait((work, future))
        except queue.Full:
            raise InboxError("too many deliveries are waiting to be written") from None
        return future

    def _write(self) -> None:
        ended = False
        while not ended:
            group = [self._jobs.get()]
            with suppress(queue.Empty):
                while len(group) < _MOST_IN_GROUP:
                    group.append(self._jobs.get_nowait())
            ended = None in group
            self._commit([job for job in group if job is not None])

    def _commit(self, jobs: list[tuple[Callable[[sqlite3.Connection], Any], Future[Any]]]) -> None:
        results: list[Any] = []
        try:
            self._db.execute("BEGIN IMMEDIATE")
            results.extend(work(self._db) for work, _ in jobs)
            self._db.execute("COMMIT")
        except Exception as error:
            # Disk full, locked, or anything else: the whole group is undone, and nobody is told that it is stored.
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            for _, future in jobs:
                if future.set_running_or_notify_cancel():
                    future.set_exception(InboxError(f"the inbox cannot be written: {error}"))
            return
        for (_, future), result in zip(jobs, results, strict=True):
            if future.set_running_or_notify_cancel():
                future.set_result(result)


def _lock(path: Path) -> int:
    """Two receivers over one file would run one stack twice at once. Raises: InboxError, OSError."""
    with suppress(FileNotFoundError):
        if path.is_file() and path.stat().st_nlink > 1:
            # SQLite's own files beside it bear the one name or the other, and what the other receiver wrote is lost.
            raise InboxError(
                f"{path} has another name (a hard link), by which a second receiver could use it. Remove one of the two"
            )
    try:
        return lock.take(path.with_name(f"{path.name}.lock"))
    except BlockingIOError as error:
        raise InboxError(f"{path} is in use by another receiver") from error


def _open(path: Path) -> sqlite3.Connection:
    """Raises: InboxError, OSError, sqlite3.Error."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    if not path.is_file():
        raise InboxError(f"{path} is not a file")
    db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=2)
    try:
        _require_ours(db, path)
        real = path.resolve()
        for each in (real, real.with_name(f"{real.name}-wal"), real.with_name(f"{real.name}-shm")):
            with suppress(FileNotFoundError):
                each.chmod(0o600)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.executescript(_SCHEMA)
    except BaseException:
        db.close()
        raise
    return db


def _require_ours(db: sqlite3.Connection, path: Path) -> None:
    tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables and "webhook_inbox" not in tables:
        raise InboxError(f"{path} is the database of another program. Name another file")
