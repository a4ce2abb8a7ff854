"""The emulator's memory: SQLite in WAL mode, so that a kill loses nothing that was acknowledged."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS vehicles (
    application TEXT NOT NULL, vin TEXT NOT NULL, brand TEXT NOT NULL, tags TEXT NOT NULL, status TEXT NOT NULL,
    changelog TEXT NOT NULL, inserted_at REAL NOT NULL, requested_at REAL NOT NULL, approved_at REAL,
    due_at REAL, due_status TEXT, due_reason TEXT, odometer TEXT,
    step INTEGER NOT NULL DEFAULT 0, conditions TEXT NOT NULL DEFAULT '[]', changed_at REAL NOT NULL DEFAULT 0,
    paused_until REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (application, vin)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS vehicles_due ON vehicles (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS bearers (
    digest TEXT PRIMARY KEY, application TEXT NOT NULL, scope TEXT NOT NULL, valid_from REAL NOT NULL, valid_until REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS tokens (
    id INTEGER PRIMARY KEY, application TEXT NOT NULL, vin TEXT NOT NULL, access_digest TEXT NOT NULL UNIQUE,
    refresh_digest TEXT NOT NULL UNIQUE, expires_at REAL NOT NULL, access_alive INTEGER NOT NULL, refresh_alive INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS tokens_vin ON tokens (application, vin);
CREATE TABLE IF NOT EXISTS webhooks (
    id TEXT PRIMARY KEY, application TEXT NOT NULL, url TEXT NOT NULL, secret TEXT NOT NULL, events TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS deliveries (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, webhook TEXT NOT NULL, application TEXT NOT NULL,
    url TEXT NOT NULL, event TEXT NOT NULL, action TEXT, vin TEXT, body BLOB NOT NULL, time REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, status INTEGER NOT NULL DEFAULT 0, error TEXT,
    delivered INTEGER NOT NULL DEFAULT 0, next_at REAL
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (next_at) WHERE next_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS assertions (jti TEXT PRIMARY KEY, seen_at REAL NOT NULL);
"""
_CHUNK = 1000
_NEW_COLUMNS = {
    "step": "INTEGER NOT NULL DEFAULT 0",
    "conditions": "TEXT NOT NULL DEFAULT '[]'",
    "changed_at": "REAL NOT NULL DEFAULT 0",
    "paused_until": "REAL NOT NULL DEFAULT 0",
}
_STORED_AS_JSON = ("tags", "changelog", "conditions")


@dataclass
class Vehicle:
    """A registered vehicle; `changelog` is oldest first, instants are Unix seconds of the emulator's time."""

    application: str
    vin: str
    brand: str
    tags: dict[str, str] | None
    """None where the request had none: answers leave them out then, as strict clients of before tags expect."""
    status: str
    changelog: list[dict[str, str]]
    inserted_at: float
    requested_at: float
    approved_at: float | None = None
    due_at: float | None = None
    due_status: str | None = None
    due_reason: str | None = None
    odometer: str | None = None
    step: int = 0
    """How many further moves of its scenario are done."""
    conditions: list[str] = field(default_factory=list)
    """What keeps the carmaker from approving: see scenarios.CONDITIONS."""
    changed_at: float = 0.0
    paused_until: float = 0.0
    """When another application's clearance of it last stopped being in the way."""

    @property
    def began_at(self) -> float:
        """When the carmaker took up the request."""
        return max(self.requested_at, self.paused_until)


class Store:
    """
    One connection that writes, under a lock; long readings open their own.

    With WAL and synchronous=NORMAL a committed write outlives the process, however it ends.
    """

    def __init__(self, path: Path | None) -> None:
        # A store in memory is shared by name, so that long readings see it too.
        self._uri = f"file:{path}" if path else f"file:emulator-{id(self)}?mode=memory&cache=shared"
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            # The keys are kept in it: nobody but the owner may read it, from its first byte on.
            path.touch(mode=0o600)
        self._lock = threading.RLock()
        self._in_memory = path is None
        self._connection = self._connect()
        self._connection.executescript(_SCHEMA)
        self._add_new_columns()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._uri, uri=True, check_same_thread=False, isolation_level=None, timeout=30
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    def _add_new_columns(self) -> None:
        """A database that an earlier version made has vehicles without them."""
        known = {row["name"] for row in self._connection.execute("PRAGMA table_info(vehicles)")}
        for name, kind in _NEW_COLUMNS.items():
            if name not in known:
                self._connection.execute(f"ALTER TABLE vehicles ADD COLUMN {name} {kind}")
        self._connection.execute("CREATE INDEX IF NOT EXISTS vehicles_changed ON vehicles (changed_at)")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; one at a time."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def close(self) -> None:
        """End; nothing is lost without it."""
        with self._lock:
            self._connection.close()

    def meta(self, name: str) -> str | None:
        """A remembered text."""
        with self._lock:
            row = self._connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row["value"])

    def set_meta(self, name: str, value: str) -> None:
        """Remember a text."""
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def stream_vehicles(self, where: str, values: Sequence[Any]) -> Iterator[list[sqlite3.Row]]:
        """Rows in chunks, ordered by VIN, on a connection of their own: nobody waits for a long list."""
        connection = self._connection if self._in_memory else self._connect()
        try:
            query = f"SELECT * FROM vehicles WHERE {where} ORDER BY vin"  # noqa: S608 - built by filters.py, values bound
            if self._in_memory:
                # Not yielded under the lock: the server resumes a stream on whichever thread is free, and only the one
                # that took a lock can give it back.
                with self._lock:
                    rows = connection.execute(query, values).fetchall()
                yield rows
                return
            cursor = connection.execute(query, values)
            while rows := cursor.fetchmany(_CHUNK):
                yield rows
        finally:
            if not self._in_memory:
                connection.close()


def vehicle_of(row: sqlite3.Row) -> Vehicle:
    """A row as a vehicle."""
    fields = {name: row[name] for name in row.keys()}  # noqa: SIM118 - iterating a Row gives its values
    return Vehicle(**{**fields, **{name: json.loads(fields[name]) for name in _STORED_AS_JSON}})


def _compact(value: Any) -> str:
    # It goes into answers as it is, and the platform writes JSON without blanks.
    return json.dumps(value, separators=(",", ":"))


def find_vehicle(db: sqlite3.Connection, application: str, vin: str) -> Vehicle | None:
    """One vehicle of an application."""
    row = db.execute(
        "SELECT * FROM vehicles WHERE application = ? AND vin = ?", (application, vin)
    ).fetchone()
    return None if row is None else vehicle_of(row)


def save_vehicle(db: sqlite3.Connection, vehicle: Vehicle) -> None:
    """Insert or replace one vehicle."""
    fields = vars(vehicle) | {name: _compact(getattr(vehicle, name)) for name in _STORED_AS_JSON}
    names = ", ".join(fields)
    marks = ", ".join(f":{name}" for name in fields)
    db.execute(f"INSERT OR REPLACE INTO vehicles ({names}) VALUES ({marks})", fields)  # noqa: S608 - a dataclass's own names
