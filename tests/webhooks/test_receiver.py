"""The receiver, as an application and over sockets."""

from __future__ import annotations

import hmac
import json
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from pulumi_highmobility.secret import Secret
from pulumi_highmobility.testing import start_emulator
from pulumi_highmobility.webhooks import ActionFailed, Event, Inbox, InboxError, RunStack, webhook_app

from ..ports import free_port

KEY = "a-secret-of-the-tests-51c0"
VIN = "WBA8E9C50GK000001"
BODY = json.dumps(
    {"vehicle": {"vin": VIN}, "event": {"type": "fleet_clearance_changed", "action": "approved"}}
).encode()


class Noted:
    def __init__(self) -> None:
        self.runs: list[list[Event]] = []

    def run(self, events: Sequence[Event]) -> None:
        self.runs.append(list(events))


def signed(body: bytes, delivery: str = "d-1", *, way: str = "sha256", key: str = KEY) -> dict[str, str]:
    name = "X-HM-Signature-256" if way == "sha256" else "X-HM-Signature"
    return {
        name: f"{way}={hmac.new(key.encode(), body, way).hexdigest()}",
        "X-HM-Delivery": delivery,
    }


@contextmanager
def served(app: Starlette) -> Iterator[httpx.Client]:
    """The application over a socket, in a thread, with a client."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none", lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with httpx.Client(base_url=url, trust_env=False, timeout=300) as client:
            yield client
        server.should_exit = True
        thread.join(300)


def until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end, f"{what} did not come"
        time.sleep(0.01)


def test_signed_is_taken_once_forged_is_refused_and_the_file_is_private(tmp_path: Path) -> None:
    path, noted = tmp_path / "inbox.db", Noted()
    path.touch(0o644)
    inbox = Inbox(path)
    with served(webhook_app(inbox, noted, secrets=[Secret("old"), Secret(KEY)])) as http:
        assert http.post("/webhook", content=BODY).status_code == 401
        assert http.post("/webhook", content=BODY, headers=signed(BODY, key="x")).status_code == 401
        assert http.post("/webhook", content=BODY, headers=signed(BODY, way="sha1")).status_code == 401
        assert http.get("/webhook").status_code == 405
        assert http.post("/webhook", content=b"x" * 100_000).status_code == 413
        assert http.post("/webhook", content=(b"x" * 1000 for _ in range(100))).status_code == 413
        assert http.post("/webhook", content=BODY, headers=signed(BODY)).text == "accepted\n"
        assert http.post("/webhook", content=BODY, headers=signed(BODY)).text == "duplicate\n"
        until(lambda: inbox.unfinished()[0] == 0, "the end of the run")
        assert 'refused_total{reason="wrong_signature"} 1' in http.get("/metrics").text
        assert http.get("/healthz").status_code == 200
    assert [[event.vin for event in run] for run in noted.runs] == [[VIN]]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(InboxError, match="in use"):
        Inbox(path)
    inbox.close()


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    inbox = Inbox(tmp_path_factory.mktemp("any") / "inbox.db")
    with served(webhook_app(inbox, Noted(), secrets=[Secret(KEY)], allow_sha1=True)) as client:
        yield client
    inbox.close()


JSON = st.recursive(
    st.none() | st.integers() | st.text() | st.sampled_from(["ping", "fleet_clearance_changed"]),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["event", "type", "vehicle", "vin"]), inner)
    ),
)

# What a client may send at all: the server itself refuses control characters (see the raw ones below).
HEADER = st.binary(max_size=300).map(lambda value: bytes(byte for byte in value if byte > 32 and byte != 127))


@given(body=st.binary() | JSON.map(lambda value: json.dumps(value).encode()), delivery=HEADER)
@settings(max_examples=150)
def test_no_body_and_no_header_is_an_error_of_the_server(
    http: httpx.Client, body: bytes, delivery: bytes
) -> None:
    headers = {name.encode(): value.encode() for name, value in signed(body).items()}
    headers[b"X-HM-Delivery"] = delivery
    assert http.post("/webhook", content=body, headers=headers).status_code < 500


@pytest.mark.parametrize(
    "body", [b"[" * 60_000, b'{"event":{"type":"\\ud800"}}', b"\xff\xfe{\x00}\x00", b"9" * 9999]
)
def test_a_malformed_body_is_a_400(http: httpx.Client, body: bytes) -> None:
    assert http.post("/webhook", content=body, headers=signed(body)).status_code == 400


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"X-HM-Delivery: \0\r\nContent-Length: 0", b"400"),
        (b"Content-Length: 10000000", b"413"),
        (b"Content-Length: 7", b"408"),
        (b"Content-Length: " + b"9" * 5000, b"4"),
        (b"X-HM-Signature-256: a\r\nX-HM-Signature-256: b\r\nContent-Length: 0", b"400"),
    ],
)
def test_a_raw_request_that_is_odd_large_or_slow_is_refused(
    tmp_path: Path, sent: bytes, status: bytes
) -> None:
    inbox = Inbox(tmp_path / "inbox.db")
    with served(webhook_app(inbox, Noted(), secrets=[Secret(KEY)], body_timeout_s=0.1)) as http:
        with socket.create_connection((http.base_url.host, http.base_url.port or 0), timeout=5) as raw:
            raw.sendall(b"POST /webhook HTTP/1.1\r\nHost: a\r\n" + sent + b"\r\n\r\n")
            assert raw.recv(1000).startswith(b"HTTP/1.1 " + status)
        assert inbox.unfinished()[0] == 0
    inbox.close()


def test_a_locked_database_is_a_503_and_nothing_is_acknowledged(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "inbox.db")
    with (
        served(webhook_app(inbox, Noted(), secrets=[Secret(KEY)])) as http,
        closing(sqlite3.connect(tmp_path / "inbox.db", isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        assert http.post("/webhook", content=BODY, headers=signed(BODY)).status_code == 503
        other.execute("ROLLBACK")
        assert http.post("/webhook", content=BODY, headers=signed(BODY)).text == "accepted\n"
    inbox.close()


def test_health_is_told_by_a_write_and_leaves_nothing(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "inbox.db")
    with served(webhook_app(inbox, Noted(), secrets=[Secret(KEY)])) as http:
        before = sorted(file.name for file in tmp_path.iterdir())
        assert http.get("/healthz").status_code == 200
        assert sorted(file.name for file in tmp_path.iterdir()) == before
        with ThreadPoolExecutor(8) as pool:
            assert {answer.status_code for answer in pool.map(lambda _: http.get("/healthz"), range(40))} == {
                200
            }
    inbox.close()


FULL = """
import resource, sys
from pathlib import Path
from pulumi_highmobility.webhooks import Inbox, InboxError

inbox = Inbox(Path(sys.argv[1]))
inbox.check()
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
try:
    inbox.check()
except InboxError as error:
    print("unhealthy", error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""


def test_a_disk_without_room_is_unhealthy_before_a_delivery_is_lost(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "inbox.db")],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout.startswith("unhealthy"), done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_unhealthy(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    inbox = Inbox(tmp_path / "data" / "inbox.db")
    (tmp_path / "data").chmod(0o500)
    with pytest.raises(InboxError):
        inbox.check()
    (tmp_path / "data").chmod(0o700)
    inbox.close()


@pytest.mark.parametrize("kind", ["link", "link of a folder", "relative", "link to what is not there yet"])
def test_a_second_receiver_is_refused_through_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "other").mkdir()
    database = tmp_path / "data" / "inbox.db"
    way = {
        "link": tmp_path / "other" / "linked.db",
        "link of a folder": tmp_path / "folder" / "inbox.db",
        "relative": Path("other/../data/inbox.db"),
        "link to what is not there yet": tmp_path / "other" / "early.db",
    }[kind]
    if kind.startswith("link to") or kind == "link":
        way.symlink_to(database)
    if kind == "link of a folder":
        (tmp_path / "folder").symlink_to(tmp_path / "data")
    first = Inbox(way if kind.startswith("link to") else database)
    for second in (way, database):
        with pytest.raises(InboxError, match="in use by another receiver"):
            Inbox(second)
    first.close()
    Inbox(way).close()


def test_a_database_with_two_names_is_refused(tmp_path: Path) -> None:
    Inbox(tmp_path / "inbox.db").close()
    (tmp_path / "twin.db").hardlink_to(tmp_path / "inbox.db")
    for name in ("inbox.db", "twin.db"):
        with pytest.raises(InboxError, match="hard link"):
            Inbox(tmp_path / name)


WINDOWS = """
import os, sys, types
# The standard library asks for msvcrt to tell where it is.
import pulumi, httpx, starlette.applications, concurrent.futures, tempfile
held = set()
def locking(handle, mode, count):
    key = os.fstat(handle).st_ino
    if key in held:
        raise OSError(13, "Permission denied")
    held.add(key)
sys.modules["fcntl"] = None
sys.modules["msvcrt"] = types.SimpleNamespace(locking=locking, LK_NBLCK=2)
del os.O_CLOEXEC
from pathlib import Path
from pulumi_highmobility.webhooks import Inbox, InboxError, RunStack, webhook_app
from pulumi_highmobility.emulator.world.database import open_database
inbox = Inbox(Path(sys.argv[1]))
inbox.check()
try:
    Inbox(Path(sys.argv[1]))
except InboxError as error:
    print(error)
inbox.close()
"""


def test_a_system_without_fcntl_locks_in_its_own_way(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WINDOWS, str(tmp_path / "inbox.db")],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout.endswith("is in use by another receiver\n"), done.stderr


FAKE = """#!/bin/sh
echo "$@" >> calls
if [ ! -e tried ]; then touch tried; echo "error: the stack is currently locked by 1 lock(s)"; exit 1; fi
if [ -e hang ]; then trap 'echo stopped > ended; exit 1' TERM; touch hanging; while :; do sleep 0.05; done; fi
"""


def stack(folder: Path) -> RunStack:
    (folder / "bin").mkdir()
    program = folder / "bin" / "pulumi"
    program.write_text(FAKE)
    program.chmod(0o755)
    os.environ["PATH"] = f"{folder / 'bin'}:{os.environ['PATH']}"
    return RunStack("dev", folder, log_folder=folder / "logs", locked_pause_s=0.01, kept_logs=2)


def test_a_locked_stack_is_waited_for_and_never_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.environ["PATH"])
    action = stack(tmp_path)
    for _ in range(3):
        action.run([])
    calls = (tmp_path / "calls").read_text().splitlines()
    assert len(calls) == 4
    assert all(call.startswith("up --yes") for call in calls)
    assert len(list((tmp_path / "logs").iterdir())) == 2
    assert stat.S_IMODE((tmp_path / "logs").stat().st_mode) == 0o700


def test_pulumi_clouds_lock_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.environ["PATH"])
    action = stack(tmp_path)
    said = "error: [409] Conflict: Another update is currently in progress."
    folder_lock = "error: the stack is currently locked by 1 lock(s)"
    (tmp_path / "bin" / "pulumi").write_text(
        FAKE.replace(folder_lock, f"Updating (dev):\n{said}\nTo learn more, visit")
    )
    action.run([])
    assert len((tmp_path / "calls").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    "said",
    [
        '    error: clearance was refused: "The vehicle is currently locked"',
        "error: the vehicle is currently locked",
        "    error: the stack is currently locked by 1 lock(s)",
        '    error: clearance was refused: "[409] Conflict: Another update is currently in progress."',
        "    error: [409] Conflict: Another update is currently in progress.",
        "error: Another update is currently in progress.",
    ],
)
def test_a_carmakers_words_are_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv("PATH", os.environ["PATH"])
    action = stack(tmp_path)
    (tmp_path / "bin" / "pulumi").write_text(
        f"#!/bin/sh\necho x >>calls\ncat <<'END'\n{said}\nEND\nexit 255\n"
    )
    with pytest.raises(ActionFailed, match="ended with 255"):
        action.run([])
    assert (tmp_path / "calls").read_text() == "x\n"


def test_the_child_does_not_inherit_the_webhooks_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.environ["PATH"])
    monkeypatch.setenv("HIGHMOBILITY_WEBHOOK_SECRET", KEY)
    monkeypatch.setenv("HIGHMOBILITY_CLIENT_ID", "kept")
    action = stack(tmp_path)
    (tmp_path / "bin" / "pulumi").write_text("#!/bin/sh\nenv >environment\n")
    action.run([])
    given = (tmp_path / "environment").read_text()
    assert KEY not in given
    assert "HIGHMOBILITY_CLIENT_ID=kept" in given


def test_a_stop_is_passed_to_the_child_and_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.environ["PATH"])
    action = stack(tmp_path)
    for name in ("tried", "hang"):
        (tmp_path / name).touch()
    with ThreadPoolExecutor() as pool:
        run = pool.submit(action.run, [])
        until((tmp_path / "hanging").exists, "the child")
        action.stop()
        with pytest.raises(ActionFailed, match="stopped"):
            run.result(300)
    assert (tmp_path / "ended").exists()


SERVE = """
import sys
from pathlib import Path
import uvicorn
from pulumi_highmobility.secret import Secret
from pulumi_highmobility.webhooks import Inbox, webhook_app

class Write:
    def run(self, events):
        with open(sys.argv[2], "a") as file:
            file.write("".join(event.id + "\\n" for event in events))

app = webhook_app(Inbox(Path(sys.argv[1])), Write(), secrets=[Secret(sys.argv[4])])
uvicorn.run(app, port=int(sys.argv[3]), log_level="error")
"""


def test_a_kill_amid_a_thousand_deliveries_loses_none_that_was_acknowledged(
    tmp_path: Path,
) -> None:
    port = free_port()
    acted, url = tmp_path / "acted", f"http://127.0.0.1:{port}"
    acted.touch()
    command = [sys.executable, "-c", SERVE, str(tmp_path / "inbox.db"), str(acted), str(port), KEY]
    client = httpx.Client(trust_env=False, timeout=300, verify=False)  # noqa: S501 - plain http on loopback

    def healthy() -> bool:
        try:
            return client.get(f"{url}/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def send(number: int) -> str | None:
        name = f"d-{number}"
        try:
            answer = client.post(f"{url}/webhook", content=BODY, headers=signed(BODY, name))
        except httpx.TransportError:
            return None
        return name if answer.status_code == 200 else None

    first = subprocess.Popen(command)
    try:
        until(healthy, "the receiver")
        with ThreadPoolExecutor(32) as pool:
            futures = [pool.submit(send, number) for number in range(1000)]
            until(lambda: sum(future.done() for future in futures) > 300, "the first deliveries")
            first.send_signal(signal.SIGKILL)
            acknowledged = {future.result() for future in futures} - {None}
    finally:
        first.kill()
        first.wait()
    assert 0 < len(acknowledged) < 1000
    second = subprocess.Popen(command)
    try:
        until(lambda: acknowledged <= set(acted.read_text().split()), "what was acknowledged")
    finally:
        second.terminate()
        second.wait()
        client.close()


def test_the_command_receives_what_the_emulator_sends_and_runs_the_stack(
    tmp_path: Path,
) -> None:
    port = free_port()
    for name in ("tried", "hang"):
        (tmp_path / name).touch()
    before = os.environ["PATH"]
    stack(tmp_path)
    environment = {**os.environ, "HIGHMOBILITY_WEBHOOK_SECRET": KEY}
    os.environ["PATH"] = before
    command = [sys.executable, "-c", "from pulumi_highmobility.cli import main; main()", "webhook", "serve"]
    command += [
        "--port",
        str(port),
        "--db",
        str(tmp_path / "i.db"),
        "--stack",
        "dev",
        "--cwd",
        str(tmp_path),
    ]
    serving = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert serving.stdout is not None
        assert "Receiving webhooks" in serving.stdout.readline()
        with start_emulator() as emulator:
            emulator.controls.add_webhook(f"http://127.0.0.1:{port}/webhook", KEY)
            keys = emulator.credentials()
            with httpx.Client(base_url=emulator.base_url, trust_env=False) as api:
                names = {name: keys[name] for name in ("client_id", "client_secret")}
                token = api.post("/access_tokens", json={**names, "grant_type": "client_credentials"}).json()
                api.headers["Authorization"] = f"Bearer {token['access_token']}"
                api.post(
                    "/fleets/vehicles", json={"vehicles": [{"vin": VIN, "brand": "bmw"}]}
                ).raise_for_status()
            emulator.controls.move(VIN, "approved")
            until((tmp_path / "hanging").exists, "the run")
    finally:
        serving.terminate()
        output, _ = serving.communicate(timeout=300)
    assert serving.returncode in (0, -signal.SIGTERM)
    assert KEY not in output
    assert (tmp_path / "ended").exists()


def test_memory_stays_bounded_under_large_bodies(tmp_path: Path) -> None:
    inbox, large = Inbox(tmp_path / "inbox.db"), BODY + b" " * 60_000
    process = psutil.Process()
    with served(webhook_app(inbox, Noted(), secrets=[Secret(KEY)])) as http, ThreadPoolExecutor(16) as pool:

        def send(number: int) -> int:
            return http.post("/webhook", content=large, headers=signed(large, f"d-{number}")).status_code

        assert set(pool.map(send, range(100))) == {200}
        before = process.memory_info().rss
        assert set(pool.map(send, range(100, 1100))) == {200}
        # Their bodies together are 60 MB.
        assert process.memory_info().rss - before < 25 * 2**20
    inbox.close()
