"""CI triggers against a server on loopback, and what the command says of wrong settings."""

from __future__ import annotations

import asyncio
import json
import socket
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from pulumi_highmobility.cli.commands import command
from pulumi_highmobility.cli.webhook import _secrets
from pulumi_highmobility.secret import Secret
from pulumi_highmobility.webhooks import ActionFailed, RunStack, TriggerCi

TOKEN = Secret("a-token-of-the-tests-77aa")


@asynccontextmanager
async def server(status: str, seen: list[bytes]) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        seen.append(head + await reader.readexactly(length))
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


def send(kind: str, status: str) -> bytes:
    async def story() -> bytes:
        seen: list[bytes] = []
        async with server(status, seen) as url:
            if kind == "github":
                action = TriggerCi.github("acme/infra", "fleet-changed", TOKEN, api=url)
            else:
                action = TriggerCi.gitlab(url, "fleet/infra", "main", TOKEN)
            await asyncio.to_thread(action.run, [])
        return seen[0]

    return asyncio.run(story())


def test_github_is_sent_a_repository_dispatch() -> None:
    sent = send("github", "204 No Content")
    assert sent.startswith(b"POST /repos/acme/infra/dispatches ")
    assert f"Bearer {TOKEN.reveal()}".encode() in sent
    assert json.loads(sent.rpartition(b"\r\n\r\n")[2]) == {"event_type": "fleet-changed"}


def test_gitlab_is_sent_a_pipeline_trigger() -> None:
    sent = send("gitlab", "201 Created")
    assert sent.startswith(b"POST /api/v4/projects/fleet%2Finfra/trigger/pipeline ")
    assert sent.endswith(f"token={TOKEN.reveal()}&ref=main".encode())


@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_a_refusal_is_an_error_without_the_token(kind: str) -> None:
    with pytest.raises(ActionFailed, match="answered 403") as caught:
        send(kind, "403 Forbidden")
    assert TOKEN.reveal() not in str(caught.value)


def serve(*flags: str, **environment: str) -> tuple[int, str]:
    blank = {"GITHUB_TOKEN": "", "HIGHMOBILITY_WEBHOOK_SECRET": ""}
    done = CliRunner().invoke(command, ["webhook", "serve", *flags], env={**blank, **environment})
    return done.exit_code, done.output


@pytest.mark.parametrize("option", ["--stack", "--host", "--github", "--event", "--cwd", "--log-dir", "--db"])
@pytest.mark.parametrize("form", ["apart", "joined", "blank"])
def test_an_empty_option_is_an_unset_variable_and_no_default(option: str, form: str) -> None:
    given = {"apart": [option, ""], "joined": [f"{option}="], "blank": [option, " "]}[form]
    status, said = serve(*given, HIGHMOBILITY_WEBHOOK_SECRET="x" * 32)
    assert status == 2
    assert f"{option} is empty" in said


@pytest.mark.parametrize(
    "flags",
    [
        ("status", "--fail-on", ""),
        ("status", "--brand", "", "--fail-on", "rejected"),
        ("status", "--stack", ""),
        ("doctor", "--stack", ""),
        ("import", "--stack=", "--output", "vehicles.csv"),
        ("report", "--csv", ""),
        ("emulator", "--host", ""),
    ],
)
def test_no_command_takes_an_empty_option(flags: tuple[str, ...]) -> None:
    done = CliRunner().invoke(command, list(flags))
    assert done.exit_code == 2
    assert "is empty" in done.output


def test_an_action_without_a_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs the name of a stack"):
        RunStack("", tmp_path, log_folder=tmp_path / "runs")
    with pytest.raises(ValueError, match="OWNER/REPO"):
        TriggerCi.github("", "fleet-changed", TOKEN)
    with pytest.raises(ValueError, match="URL"):
        TriggerCi.gitlab("", "fleet/infra", "main", TOKEN)


def test_wrong_settings_end_with_2_and_say_what_to_set(tmp_path: Path) -> None:
    db = ("--db", str(tmp_path / "i.db"))
    secret = {"HIGHMOBILITY_WEBHOOK_SECRET": "s"}
    for flags, environment, told in (
        ((), {}, "HIGHMOBILITY_WEBHOOK_SECRET"),
        ((), secret, "one of --stack, --github and --gitlab"),
        (("--stack", "dev"), secret, "--stack needs --cwd"),
        (("--github", "a/b", "--event", "e"), secret, "GITHUB_TOKEN"),
    ):
        status, output = serve(*db, *flags, **environment)
        assert (status, told in output) == (2, True), output


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://gitlab.example.com", "use https"),
        ("http://localhost.example.com", "use https"),
        ("http://127.0.0.1@gitlab.example.com", "user name or password"),
        ("https://user:hidden@gitlab.example.com", "user name or password"),
        ("http://10.0.0.1:8080", "use https"),
        ("gitlab.example.com", "not a valid URL"),
        ("ftp://gitlab.example.com", "not a valid URL"),
        ("http://[", "not a valid URL"),
    ],
)
def test_a_token_is_not_sent_where_others_can_read_it(tmp_path: Path, url: str, told: str) -> None:
    flags = ("--db", str(tmp_path / "i.db"), "--gitlab", url, "--project", "1", "--ref", "main")
    status, output = serve(*flags, HIGHMOBILITY_WEBHOOK_SECRET="s", GITLAB_TRIGGER_TOKEN="t")
    assert (status, told in output) == (2, True), output
    assert "hidden" not in output
    with pytest.raises(ValueError, match=told):
        TriggerCi(url, headers={"Authorization": TOKEN})


def test_the_token_may_go_to_this_machine_without_tls() -> None:
    for url in ("http://127.0.0.1:1", "http://localhost", "http://[::1]:80", "https://gitlab.example.com"):
        TriggerCi.gitlab(url, "1", "main", TOKEN)
    with pytest.raises(ValueError, match="use https"):
        TriggerCi.github("a/b", "e", TOKEN, api="http://github.example.com")


@pytest.mark.parametrize(
    "content",
    [
        b"s3cret",
        b"\xef\xbb\xbfs3cret\r\n",
        b'"s3cret"\n',
        b"'s3cret'\n",
        b'\xef\xbb\xbf"s3cret"\r\n',
        b"\n  s3cret  \n\n",
        b"old\ns3cret\n",
    ],
)
def test_a_secret_is_taken_from_files_as_people_have_them(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret").write_bytes(content)
    assert "s3cret" in [secret.reveal() for secret in _secrets(tmp_path / "secret")]


def test_quotes_that_belong_to_a_secret_stay(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text('"s3cret"\n"\n')
    assert [secret.reveal() for secret in _secrets(tmp_path / "secret")] == ['"s3cret"', "s3cret"]


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "No secret is set"), (b'""\n', "No secret is set"), ("s".encode("utf-16"), "not UTF-8")],
)
def test_a_file_without_a_secret_says_so(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "secret").write_bytes(content)
    status, output = serve("--db", str(tmp_path / "i.db"), "--secret-file", str(tmp_path / "secret"))
    assert (status, told in output) == (2, True), output


def test_a_misspelt_variable_is_told_before_the_first_run(tmp_path: Path) -> None:
    status, output = serve("--db", str(tmp_path / "i.db"), HIGHMOBILITY_WEBHOOK_SECERT="s")
    assert (status, "HIGHMOBILITY_WEBHOOK_SECRET?" in output.replace("\n", " ")) == (2, True), output


def test_a_port_in_use_and_a_strange_database_end_with_1(tmp_path: Path) -> None:
    environment = {"HIGHMOBILITY_WEBHOOK_SECRET": "s", "GITHUB_TOKEN": "t"}
    flags = ("--github", "a/b", "--event", "e")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        status, output = serve(*flags, "--db", str(tmp_path / "i.db"), "--port", port, **environment)
        assert (status, "in use" in output) == (1, True), output
    (tmp_path / "text").write_text("no database, but a text of some length")
    with closing(sqlite3.connect(tmp_path / "other")) as other:
        other.execute("CREATE TABLE theirs (a)")
    for name, told in (("text", "not a database"), ("other", "another program")):
        status, output = serve(*flags, "--db", str(tmp_path / name), "--port", "0", **environment)
        assert (status, told in output) == (1, True), output


WITHOUT = "import sys; sys.modules.update(dict.fromkeys({names!r})); from pulumi_highmobility.cli import main; main()"


def test_a_command_runs_without_the_libraries_of_the_other() -> None:
    for names, flags, status, told in (
        (["jinja2"], ["webhook", "serve", "--help"], 0, "--secret-file"),
        (["jinja2"], ["emulator", "--port", "0"], 2, "pulumi-highmobility[cli,emulator]"),
        (["starlette", "uvicorn"], ["--help"], 0, "webhook"),
        (["uvicorn"], ["webhook", "serve", "--db", "x"], 2, "pulumi-highmobility[webhooks]"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT.format(names=names), *flags],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert (done.returncode, told in done.stdout + done.stderr) == (status, True), (
            done.stdout + done.stderr
        )
