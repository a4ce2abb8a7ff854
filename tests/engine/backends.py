"""Where Pulumi keeps a stack's state: a folder, a bucket of an S3 server, a database of a PostgreSQL server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from ..ports import free_port

PASSWORD = "of the tests' own PostgreSQL"
START_S = 60


@contextmanager
def file(folder: Path) -> Iterator[Mapping[str, str]]:
    """Settings of a backend in a folder."""
    yield {"PULUMI_BACKEND_URL": f"file://{folder}"}


@contextmanager
def s3(folder: Path) -> Iterator[Mapping[str, str]]:
    """Settings of a backend in a bucket; moto is the server, in a process of its own."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = f"http://127.0.0.1:{port}"

    def is_there() -> bool:
        try:
            return httpx.put(f"{server}/state", timeout=10).is_success
        except httpx.TransportError:
            return False

    with _process(command, folder / "moto.log", is_there):
        yield {
            "PULUMI_BACKEND_URL": f"s3://state/fleet?endpoint={server}&s3ForcePathStyle=true&region=us-east-1",
            "AWS_ACCESS_KEY_ID": "of-the-tests",
            "AWS_SECRET_ACCESS_KEY": "of-the-tests",
        }


@contextmanager
def postgresql(folder: Path) -> Iterator[Mapping[str, str]]:
    """Settings of a backend in a database; the server is the machine's own, as an ordinary user."""
    binaries = _postgresql_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server on this machine: Debian's package postgresql has one")
    # The server refuses to run as root, and another user cannot enter pytest's folders.
    home = Path(tempfile.mkdtemp(prefix="hm-postgresql-"))
    as_user: dict[str, Any] = {}
    if os.geteuid() == 0:
        as_user = {"user": "nobody", "group": "nogroup", "extra_groups": []}
    try:
        if as_user:
            shutil.chown(home, "nobody", "nogroup")
        secret = home / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        subprocess.run(
            [
                *(
                    binaries / "initdb",
                    "--pgdata",
                    home / "data",
                    "--username",
                    "pulumi",
                    "--encoding",
                    "UTF8",
                ),
                *("--auth", "scram-sha-256", "--pwfile", secret, "--no-sync"),
            ],
            cwd=home,
            check=True,
            capture_output=True,
            **as_user,
        )
        port = free_port()
        settings = ["-c", "fsync=off", "-c", f"unix_socket_directories={home}"]
        command = [str(binaries / "postgres"), "-D", str(home / "data"), "-h", "127.0.0.1", "-p", str(port)]
        ready = [str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        with _process(
            command + settings,
            folder / "postgresql.log",
            lambda: subprocess.run(ready, check=False).returncode == 0,
            cwd=home,
            **as_user,
        ):
            yield {
                "PULUMI_BACKEND_URL": f"postgres://pulumi@127.0.0.1:{port}/postgres?sslmode=disable",
                "PGPASSWORD": PASSWORD,
            }
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _postgresql_binaries() -> Path | None:
    """The newest server's folder; Debian keeps it off PATH."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    on_path = shutil.which("postgres")
    if found:
        return max(found, key=lambda folder: int(folder.parent.name))
    return Path(on_path).parent if on_path else None


@contextmanager
def _process(command: list[str], log: Path, is_there: Callable[[], bool], **options: Any) -> Iterator[None]:
    """Run a server until the end of the block."""
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **options
        )
        try:
            deadline = time.monotonic() + START_S
            while not is_there():
                assert server.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            yield
        finally:
            server.terminate()
            server.wait(timeout=300)
