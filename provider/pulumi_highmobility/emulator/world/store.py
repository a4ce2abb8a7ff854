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

from ..wire import write_json
from .database import DatabaseError, connect, open_database

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
CREATE INDEX IF NOT EXISTS deliveries_waiting ON deliveries (webhook, next_at) WHERE next_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS assertions (jti TEXT PRIMARY KEY, seen_at REAL NOT NULL);
"""
# Of the stored JSON; see Store._make_compact.
_VERSION = 1
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
    One connection that writes, under a lock; long readings of a file open their own.

    With WAL and synchronous=NORMAL a committed write outlives the process, however it ends.
    """

    def __init__(self, path: Path | None) -> None:
        """Raises: DatabaseError (the file is not a database, or cannot be opened)."""
        self._path = path and path.absolute()
        self._lock = threading.RLock()
        self._connection = open_database(path)
        try:
            # All or nothing: what a kill left half made would not be known as the emulator's.
            self._connection.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}COMMIT;")
            self._add_new_columns()
            self._make_compact()
        except sqlite3.Error as error:
            self._connection.close()
            raise DatabaseError(f"{path} cannot be used as a database: {error}") from error

    def _add_new_columns(self) -> None:
        """A database that an earlier version made has vehicles without them."""
        known = {row["name"] for row in self._connection.execute("PRAGMA table_info(vehicles)")}
        for name, kind in _NEW_COLUMNS.items():
            if name not in known:
                self._connection.execute(f"ALTER TABLE vehicles ADD COLUMN {name} {kind}")
        # The order of the page; an earlier version's index had the second part of it alone.
        self._connection.execute(
            "CREATE INDEX IF NOT EXISTS vehicles_shown ON vehicles (status = 'pending', changed_at)"
        )
        self._connection.execute("DROP INDEX IF EXISTS vehicles_changed")

    def _make_compact(self) -> None:
        """Write anew, once, the JSON of an earlier version, which had blanks: it is answered as it is stored."""
        with self.transaction() as db:
            if db.execute("PRAGMA user_version").fetchone()[0] >= _VERSION:
                return
            for vehicle in map(vehicle_of, db.execute("SELECT * FROM vehicles").fetchall()):
                save_vehicle(db, vehicle)
            for row in db.execute("SELECT number, body FROM deliveries").fetchall():
                body = write_json(json.loads(row["body"])).encode()
                db.execute("UPDATE deliveries SET body = ? WHERE number = ?", (body, row["number"]))
            db.execute(f"PRAGMA user_version = {_VERSION}")

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

    def list_vehicles(self, where: str, values: Sequence[Any]) -> list[sqlite3.Row]:
        """Rows ordered by VIN, read at one instant; of a file on a connection of their own, so that nobody waits."""
        query = f"SELECT * FROM vehicles WHERE {where} ORDER BY vin"  # noqa: S608 - built by filters.py, values bound
        if self._path is None:
            with self._lock:
                add_functions(self._connection)
                return self._connection.execute(query, values).fetchall()
        connection = connect(self._path)
        try:
            add_functions(connection)
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()


def vehicle_of(row: sqlite3.Row) -> Vehicle:
    """A row as a vehicle."""
    fields = {name: row[name] for name in row.keys()}  # noqa: SIM118 - iterating a Row gives its values
    return Vehicle(**{**fields, **{name: json.loads(fields[name]) for name in _STORED_AS_JSON}})


def add_functions(connection: sqlite3.Connection) -> None:
    """What conditions of filters.py use beyond SQL."""
    connection.create_function("has_tags", 3, _has_tags, deterministic=True)


def _has_tags(stored: str, wanted: str, exactly: int) -> bool:
    """Whether stored tags are, or contain, those wanted; both as JSON. A vehicle without tags has null."""
    tags, wish = json.loads(stored) or {}, json.loads(wanted)
    return bool(tags == wish if exactly else wish.items() <= tags.items())


def find_vehicle(db: sqlite3.Connection, application: str, vin: str) -> Vehicle | None:
    """One vehicle of an application."""
    row = db.execute(
        "SELECT * FROM vehicles WHERE application = ? AND vin = ?", (application, vin)
    ).fetchone()
    return None if row is None else vehicle_of(row)


def save_vehicle(db: sqlite3.Connection, vehicle: Vehicle) -> None:
    """Insert or replace one vehicle."""
    fields = vars(vehicle) | {name: write_json(getattr(vehicle, name)) for name in _STORED_AS_JSON}
    names = ", ".join(fields)
    marks = ", ".join(f":{name}" for name in fields)
    db.execute(f"INSERT OR REPLACE INTO vehicles ({names}) VALUES ({marks})", fields)  # noqa: S608 - a dataclass's own names
