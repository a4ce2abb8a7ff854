"""The database file: where it is, who may read it, and what is said where it cannot be one."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from pulumi_highmobility.emulator.app import Options
from pulumi_highmobility.emulator.server import open_emulator, serve_in_thread
from pulumi_highmobility.emulator.world.database import DatabaseError

from ..conftest import Caller

VIN = "WBA8E9C50GK000001"


def files_of(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): oct(path.stat().st_mode & 0o777)
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("name", ["a%2Fb", "a#b", "a?b", "a?mode=memory", "a%00b", "a b", "ü&=;", "file:x", ":memory:", "a'b"])  # fmt: skip
def test_the_database_is_where_it_was_named_and_for_its_owner_alone(tmp_path: Path, name: str) -> None:
    for folder, file in ((tmp_path / name, "emulator.db"), (tmp_path / "other", name)):
        with serve_in_thread(Options(limits=False), db=folder / file) as (emulator, base_url):
            caller = Caller(emulator, base_url)
            caller.request_vehicle(VIN)
            assert len(caller.http.get("/fleets/vehicles").json()) == 1
            caller.http.close()
            while_open = files_of(folder)
        assert set(while_open) == {file, f"{file}-wal", f"{file}-shm"}
        assert set(while_open.values()) == {"0o600"}
    assert set(files_of(tmp_path)) == {f"{name}/emulator.db", f"other/{name}"}


@pytest.mark.parametrize("content", ["", "database"])
def test_a_file_that_others_could_read_is_protected_before_keys_are_in_it(
    tmp_path: Path, content: str
) -> None:
    db = tmp_path / "emulator.db"
    if content:
        open_emulator(db=db, options=Options()).store.close()
    else:
        db.touch()
    db.chmod(0o644)
    leftover = tmp_path / "emulator.db-wal"
    leftover.touch()
    leftover.chmod(0o644)
    store = open_emulator(db=db, options=Options()).store
    assert set(files_of(tmp_path).values()) == {"0o600"}
    store.close()


def test_a_link_leads_to_the_file_that_is_protected(tmp_path: Path) -> None:
    real, link = tmp_path / "real.db", tmp_path / "link.db"
    real.touch(mode=0o644)
    link.symlink_to(real)
    store = open_emulator(db=link, options=Options()).store
    assert real.stat().st_mode & 0o777 == 0o600
    store.close()


def test_a_relative_path_stays_where_it_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with serve_in_thread(Options(limits=False), db=Path("emulator.db")) as (emulator, base_url):
        caller = Caller(emulator, base_url)
        monkeypatch.chdir(tmp_path / "elsewhere")
        caller.request_vehicle(VIN)
        assert len(caller.http.get("/fleets/vehicles").json()) == 1
        caller.http.close()
    assert files_of(tmp_path / "elsewhere") == {}


def broken(folder: Path, kind: str) -> Path:
    path = folder / "it"
    match kind:
        case "a text":
            path.write_text("not a database, and longer than a header is")
        case "half a database":
            path.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
        case "a folder":
            path.mkdir()
        case "another program's":
            connection = sqlite3.connect(path)
            connection.execute("CREATE TABLE songs (name TEXT)")
            connection.close()
        case "tables of our names":
            connection = sqlite3.connect(path)
            connection.executescript("CREATE TABLE meta (x); CREATE TABLE vehicles (y);")
            connection.close()
        case "below a file":
            path.write_text("x")
            return path / "emulator.db"
    return path


KINDS = ["a text", "half a database", "a folder", "another program's", "tables of our names", "below a file"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_no_database_is_named_and_left_as_it_was(tmp_path: Path, kind: str) -> None:
    path = broken(tmp_path, kind)
    if path.is_file():
        path.chmod(0o644)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(DatabaseError, match="it"):
        open_emulator(db=path, options=Options())
    if kind in ("a text", "another program's"):
        assert path.read_bytes() == before
        assert files_of(tmp_path) == {"it": "0o644"}


def test_the_command_says_so_without_a_traceback(tmp_path: Path) -> None:
    path = broken(tmp_path, "a text")
    command = [sys.executable, "-m", "pulumi_highmobility.emulator", "--port", "0", "--db", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1
    assert done.stderr == f"Error: --db: {path} is not a database. Name another file, or remove this one.\n"


def test_json_that_an_earlier_version_stored_is_made_compact(tmp_path: Path) -> None:
    db = tmp_path / "emulator.db"
    with serve_in_thread(Options(limits=False), db=db) as (emulator, base_url):
        caller = Caller(emulator, base_url)
        caller.request_vehicle(VIN, tags={"città": "x"})
        caller.http.close()
    connection = sqlite3.connect(db)
    connection.execute(
        """UPDATE vehicles SET tags = '{"citt\\u00e0": "x"}', changelog = replace(changelog, ':"', ': "')"""
    )
    connection.execute("PRAGMA user_version = 0")
    connection.commit()
    connection.close()
    with serve_in_thread(Options(limits=False), db=db) as (emulator, base_url):
        caller = Caller(emulator, base_url)
        answer = caller.http.get("/fleets/vehicles")
        caller.http.close()
    assert answer.content == json.dumps(answer.json(), separators=(",", ":"), ensure_ascii=False).encode()
