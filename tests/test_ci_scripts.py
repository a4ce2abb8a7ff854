"""examples/ci without an engine: what its scripts make of their arguments and of what `pulumi` says."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "ci"


class Runner:
    """A copy of the folder, with a `pulumi` that notes its arguments and does as `script` says."""

    def __init__(self, folder: Path, example: Path = EXAMPLE) -> None:
        self.folder = folder / "repository"
        self.calls = folder / "calls"
        self._bin = folder / "bin"
        self._bin.mkdir()
        shutil.copytree(example, self.folder)
        self.pulumi("exit 0")

    def pulumi(self, script: str) -> None:
        file = self._bin / "pulumi"
        file.write_text(f'#!/usr/bin/env bash\necho "$@" >>{self.calls}\n{script}\n')
        file.chmod(0o755)

    def environment(self, **more: str) -> dict[str, str]:
        path = os.pathsep.join([str(self._bin), str(Path(sys.executable).parent), os.environ["PATH"]])
        return {"PATH": path, "HOME": str(self.folder), **more}

    def run(self, script: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.folder / "ci" / script, *arguments],
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def called(self) -> list[str]:
        return self.calls.read_text().splitlines() if self.calls.exists() else []


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


@pytest.mark.parametrize("script", ["preview", "up", "drift"])
def test_an_empty_stack_is_an_error_and_not_the_selected_one(runner: Runner, script: str) -> None:
    ended = runner.run(script, "")
    assert ended.returncode != 0
    assert "empty" in ended.stderr
    assert runner.called() == []


def test_a_stack_that_is_named_is_previewed(runner: Runner) -> None:
    assert runner.run("preview", "test").returncode == 0
    options = "--stack test --non-interactive --color never"
    assert runner.called() == [
        "preview --stack test --diff --non-interactive --color never",
        f"preview --json --show-sames {options}",
    ]


def test_without_a_stack_it_is_previewed_against_an_emulator_that_ends_with_it(runner: Runner) -> None:
    runner.pulumi('echo "$HIGHMOBILITY_CREDENTIALS_FILE"; test -e "$HIGHMOBILITY_CREDENTIALS_FILE"')
    ended = runner.run("preview")
    assert ended.returncode == 0, ended.stderr
    assert [call.split(" --")[0] for call in runner.called()] == ["stack init preview", "preview", "preview"]
    folder = Path(ended.stdout.strip()).parent
    assert not folder.exists()
    lines = [" ".join(each.info["cmdline"]) for each in psutil.process_iter(["cmdline"], ad_value=[])]
    assert not any(str(folder) in line for line in lines)


PREVIEWED = """
case "$1" in
preview) cat {preview} ;;
config) echo '{{}}' ;;
stack) echo '{{"deployment": {state}}}' ;;
esac
"""
ROW_REMOVED = Path(__file__).parent / "plan" / "data" / "row-removed-without-sames.json"
STATE = ROW_REMOVED.with_name("state.json")


@pytest.fixture
def revoking(runner: Runner) -> Runner:
    """A stack whose `up` would revoke one vehicle."""
    state = json.dumps(json.loads(STATE.read_text())["deployment"])
    runner.pulumi(PREVIEWED.format(preview=ROW_REMOVED, state=state))
    return runner


def was_updated(runner: Runner) -> bool:
    return any(call.startswith("up ") for call in runner.called())


@pytest.mark.parametrize(
    ("allowed", "status", "said"),
    [("1", 0, ""), ("0", 1, "--max-revocations 0: 1 may end"), ("", 2, "empty"), ("few", 2, "not a valid")],
)
def test_more_revocations_than_allowed_are_refused_before_anything_is_done(
    revoking: Runner, allowed: str, status: int, said: str
) -> None:
    summary = revoking.folder.parent / "summary.md"
    ended = revoking.run("up", "test", MAX_REVOCATIONS=allowed, GITHUB_STEP_SUMMARY=str(summary))
    assert ended.returncode == status, ended.stdout + ended.stderr
    assert was_updated(revoking) == (status == 0)
    assert said in ended.stdout
    if status < 2:
        assert "1 revoked" in summary.read_text()


def test_a_preview_that_fails_is_not_updated_where_revocations_are_limited(runner: Runner) -> None:
    runner.pulumi("exit 1")
    ended = runner.run("up", "test", MAX_REVOCATIONS="10")
    assert ended.returncode == 1
    assert not was_updated(runner)


class Comments(BaseHTTPRequestHandler):
    """The comments of one pull request, as GitHub and GitLab have them; those of strangers cannot be changed."""

    found: ClassVar[list[dict[str, Any]]] = []
    seen: ClassVar[list[tuple[str, str]]] = []

    def _answer(self, status: int, value: Any) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(value).encode())

    def _body(self) -> str:
        text: str = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["body"]
        return text

    def do_GET(self) -> None:
        self.seen.append(("GET", self.path))
        page = int(self.path.rpartition("page=")[2])
        self._answer(200, self.found[(page - 1) * 100 : page * 100])

    def do_POST(self) -> None:
        self.seen.append(("POST", self.path))
        self.found.append({"id": len(self.found) + 1, "body": self._body()})
        self._answer(201, {})

    def do_PATCH(self) -> None:
        self.seen.append((self.command, self.path))
        one = self.found[int(self.path.rpartition("/")[2]) - 1]
        if one.get("stranger"):
            self._answer(403, {})
            return
        one["body"] = self._body()
        self._answer(200, {})

    def do_PUT(self) -> None:
        self.do_PATCH()

    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""


@pytest.fixture
def comments() -> Iterator[str]:
    """The address of a server with a hundred comments, the first of them a stranger's with our mark."""
    marked = "<!-- pulumi-highmobility plan test -->"
    Comments.found = [{"id": 1, "body": f"{marked} mine", "stranger": True}]
    Comments.found += [{"id": number, "body": None} for number in range(2, 101)]
    Comments.seen = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Comments)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def of_github(address: str) -> dict[str, str]:
    return {
        "GITHUB_TOKEN": "t",
        "GITHUB_REF": "refs/pull/7/merge",
        "GITHUB_REPOSITORY": "acme/fleet",
        "GITHUB_API_URL": address,
    }


def of_gitlab(address: str) -> dict[str, str]:
    return {
        "GITLAB_TOKEN": "t",
        "CI_MERGE_REQUEST_IID": "7",
        "CI_PROJECT_ID": "3",
        "CI_API_V4_URL": address,
    }


@pytest.mark.parametrize(
    ("forge", "listed", "update"),
    [
        (
            of_github,
            "/repos/acme/fleet/issues/7/comments",
            ("PATCH", "/repos/acme/fleet/issues/comments/101"),
        ),
        (of_gitlab, "/projects/3/merge_requests/7/notes", ("PUT", "/projects/3/merge_requests/7/notes/101")),
    ],
)
def test_the_plan_is_one_comment_that_is_updated(
    revoking: Runner,
    comments: str,
    forge: Callable[[str], dict[str, str]],
    listed: str,
    update: tuple[str, str],
) -> None:
    for _ in range(2):
        ended = revoking.run("preview", "test", **forge(comments))
        assert ended.returncode == 0, ended.stderr
    own = Comments.found[100:]
    assert len(own) == 1
    assert own[0]["body"].startswith(
        "<!-- pulumi-highmobility plan test -->\n### Fleet clearances of test: 1 revoked"
    )
    assert Comments.found[0]["body"].endswith("mine")
    assert ("POST", listed) in Comments.seen
    assert Comments.seen[-1] == update


def test_a_comment_that_cannot_be_written_fails_no_job(revoking: Runner, comments: str) -> None:
    ended = revoking.run("preview", "test", **of_github(f"{comments.rpartition(':')[0]}:1"))
    assert ended.returncode == 0
    assert "could not be shown" in ended.stderr
    assert "WBA8E9C50GK000002" in ended.stdout


LOCK = (
    "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or ..."
)


# What Pulumi Cloud answers, as the command line of Pulumi shows it; a link to its documentation follows.
CLOUD = "error: [409] Conflict: Another update is currently in progress."


@pytest.mark.parametrize(
    "lock", [LOCK, f"{CLOUD}\nTo learn more about possible reasons and resolution, visit ..."]
)
def test_a_stack_that_is_locked_is_waited_for(runner: Runner, lock: str) -> None:
    runner.pulumi(f"if [ ! -e tried ]; then touch tried; echo '{lock}'; exit 255; fi")
    assert runner.run("up", "test", LOCK_PAUSE_SECONDS="0").returncode == 0
    assert len(runner.called()) == 2


@pytest.mark.parametrize(
    "said",
    [
        '    error: clearance of X was refused: "The vehicle is currently locked"',
        "error: the vehicle is currently locked",
        f"    {LOCK}",
        f"Diagnostics: {LOCK}",
        '    error: clearance of X was refused: "[409] Conflict: Another update is currently in progress."',
        "error: Another update is currently in progress",
        f"    {CLOUD}",
        f"Diagnostics: {CLOUD}",
        CLOUD.replace("409", "500"),
    ],
)
def test_a_carmakers_words_are_no_lock(runner: Runner, said: str) -> None:
    runner.pulumi(f"cat <<'END'\n{said}\nEND\nexit 255")
    assert runner.run("up", "test", LOCK_PAUSE_SECONDS="0").returncode == 255
    assert len(runner.called()) == 1


STOPPABLE = """
trap 'echo "caught {name}"; sleep 0.3; echo released >>released; exit 3' {name}
echo started >started
for _ in $(seq 600); do sleep 0.05; done
"""


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP"])
@pytest.mark.parametrize("script", ["up", "preview", "drift"])
def test_a_signal_is_passed_on_to_pulumi_whose_end_is_waited_for(
    runner: Runner, script: str, name: str
) -> None:
    runner.pulumi(STOPPABLE.format(name=name))
    process = subprocess.Popen(
        [runner.folder / "ci" / script, "test"],
        env=runner.environment(LOCK_PAUSE_SECONDS="0"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    end = time.monotonic() + 300
    while not (runner.folder / "started").exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(getattr(signal, f"SIG{name}"))
    said, _ = process.communicate(timeout=300)
    assert (runner.folder / "released").exists(), said
    assert f"caught {name}" in said
    assert process.returncode == (1 if script == "drift" else 3)
    assert len(runner.called()) == 1


def test_a_signal_while_a_lock_is_waited_for_ends_the_wait(runner: Runner) -> None:
    runner.pulumi(f"echo '{LOCK}'; exit 255")
    process = subprocess.Popen(
        [runner.folder / "ci" / "up", "test"],
        env=runner.environment(LOCK_PAUSE_SECONDS="60"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "trying again" in line:
            break
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=300)
    assert process.returncode == 255
    assert len(runner.called()) == 1


def test_pulumi_can_be_interrupted_in_its_background(runner: Runner) -> None:
    runner.pulumi("grep SigIgn /proc/self/status >ignored")
    assert runner.run("up", "test").returncode == 0
    assert int((runner.folder / "ignored").read_text().split()[1], 16) & 1 << (signal.SIGINT - 1) == 0
