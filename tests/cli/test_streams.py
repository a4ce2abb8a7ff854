"""What stands between processes is UTF-8, no text steers a terminal, and streams may be full or closed."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import pulumi_highmobility as hm
from pulumi_highmobility.cli.comparison import Line
from pulumi_highmobility.cli.import_ import rows_of
from pulumi_highmobility.cli.output import json_text, say, write_file
from pulumi_highmobility.testing import RunningEmulator, serve_emulator

from .conftest import COMMAND, LOCALES, Ended, Tool, environment_of, register, vin
from .test_status import on_a_terminal

COLOGNE = "Köln ✓ 東京 🚚"
HOSTILE = "\x1b]0;title\x07\x9b31mred\x7f\u202e\u2028."


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    with serve_emulator(approve_after="0s") as running:
        register(
            running,
            [
                {"vin": vin(1), "brand": "bmw", "tags": {"depot": COLOGNE}},
                {"vin": vin(2), "brand": "bmw", "tags": {"depot": HOSTILE, "note": "=1+1"}},
                {"vin": vin(3), "brand": "bmw"},
            ],
        )
        yield running


@pytest.fixture
def tool(emulator: RunningEmulator, tmp_path: Path) -> Tool:
    return Tool(environment_of(emulator), tmp_path)


def a_pulumi_that_knows(folder: Path, tags: dict[str, str]) -> str:
    """A `pulumi` with a state of one vehicle, printed in UTF-8 as the real one does; the PATH to find it."""
    outputs = {"vin": vin(1), "brand": "bmw", "status": "approved", "tags": tags}
    resource = {"type": "pulumi-python:dynamic/highmobility:FleetVehicle", "urn": "urn:1", "outputs": outputs}
    state = json.dumps({"deployment": {"resources": [resource]}}, ensure_ascii=False)
    (folder / "state.json").write_text(state, encoding="utf-8")
    file = folder / "pulumi"
    file.write_text(
        f'#!/bin/sh\ncase "$1" in stack) cat {folder}/state.json;; version) echo v3.216.0;; *) echo "{{}}";; esac\n'
    )
    file.chmod(0o755)
    return os.pathsep.join([str(folder), str(Path(sys.executable).parent), os.environ["PATH"]])


@pytest.mark.parametrize("locale", LOCALES)
def test_in_a_pipe_everything_is_utf8_whatever_the_locale(tool: Tool, locale: str) -> None:
    (row,) = json.loads(tool.process("status", "--json", "--vin", vin(1), **LOCALES[locale]).out)["vehicles"]
    assert row["tags"] == {"depot": COLOGNE}
    assert (
        tool.process("status", "--json", "--tag", f"depot={COLOGNE}", **LOCALES[locale]).out.count('"vin"')
        == 1
    )


@pytest.mark.parametrize("locale", LOCALES)
def test_a_stacks_state_is_read_as_utf8_so_that_the_locale_is_no_drift(
    tool: Tool, tmp_path: Path, locale: str
) -> None:
    path = a_pulumi_that_knows(tmp_path, {"depot": COLOGNE})
    ended = tool.process(
        "status", "--stack", "x", "--vin", vin(1), "--fail-on", "drift", PATH=path, **LOCALES[locale]
    )
    assert (ended.status, ended.out.split("\t")[5]) == (0, "same")


@pytest.mark.parametrize(
    ("suffix", "locale"), [("csv", "ascii"), ("csv", "latin-1"), ("yaml", "latin-1"), ("py", "ascii")]
)
def test_a_file_is_written_in_utf8_whatever_the_locale(tool: Tool, suffix: str, locale: str) -> None:
    ended = tool.process("import", "--vin", vin(1), "--output", f"fleet.{suffix}", **LOCALES[locale])
    assert ended.status == 0, ended.err
    if suffix != "py":
        (row,) = getattr(hm, f"vehicles_from_{suffix}")(tool.folder / f"fleet.{suffix}")
        assert row["tags"] == {"depot": COLOGNE}


def test_a_path_is_told_as_it_was_written(tool: Tool) -> None:
    ended = tool.process("import", "--vin", vin(1), "--output", "köln.csv", **LOCALES["ascii"])
    assert 'vehicles_from_csv("köln.csv")' in ended.err
    assert (tool.folder / "köln.csv").exists()


@pytest.mark.parametrize("locale", ["ascii", "strict ascii"])
@pytest.mark.parametrize("arguments", [["doctor"], ["status"], ["report", "--csv", "-"]])
def test_no_command_fails_for_a_locale(tool: Tool, arguments: list[str], locale: str) -> None:
    assert tool.process(*arguments, **LOCALES[locale]).status in (0, 1)


def with_stdout(tool: Tool, redirection: str, *arguments: str) -> Ended:
    words = " ".join(f"'{word}'" for word in (COMMAND, *arguments))
    done = subprocess.run(
        ["bash", "-c", f"{words} {redirection}"],
        cwd=tool.folder,
        env=tool.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert "Exception ignored" not in done.stderr, done.stderr
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("redirection", [">/dev/full", "<&- >&-"])
@pytest.mark.parametrize(
    "arguments", [["status"], ["status", "--json"], ["report", "--csv", "-"], ["--help"]]
)
def test_output_that_is_lost_is_an_error_in_a_line(
    tool: Tool, redirection: str, arguments: list[str]
) -> None:
    ended = with_stdout(tool, redirection, *arguments)
    assert ended.status == 1
    assert "standard output cannot be written" in ended.err


@pytest.mark.parametrize("redirection", [">/dev/full", "2>/dev/full", "<&- >&- 2>&-"])
def test_a_file_is_written_where_nothing_can_be_printed(tool: Tool, redirection: str) -> None:
    assert with_stdout(tool, redirection, "import", "--output", "fleet.json").status == 0
    assert len(hm.vehicles_from_json(tool.folder / "fleet.json")) == 3


@pytest.mark.parametrize("redirection", [">&- 2>/dev/full", ">/dev/full 2>/dev/full"])
def test_where_both_are_lost_the_status_tells(tool: Tool, redirection: str) -> None:
    assert with_stdout(tool, redirection, "status").status == 1


@pytest.mark.parametrize("redirection", [">/dev/full", ">&-"])
def test_a_receiver_serves_where_nothing_can_be_printed(tool: Tool, redirection: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = f"timeout -s INT 60 '{COMMAND}' webhook serve --db i.db --port {port} --gitlab http://127.0.0.1:1 --project 1 --ref main {redirection} & "
    script += f"for _ in $(seq 200); do if curl -fs --noproxy '*' http://127.0.0.1:{port}/healthz; then kill -INT $!; wait $!; exit 0; fi; sleep 0.1; done; exit 9"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tool.folder,
        env={**tool.environment, "HIGHMOBILITY_WEBHOOK_SECRET": "x" * 32, "GITLAB_TRIGGER_TOKEN": "t"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "ok" in done.stdout


def is_harmless(text: str) -> bool:
    return all(character.isprintable() or character in "\t\r\n" for character in text)


@pytest.mark.parametrize(
    "arguments", [["status"], ["status", "--json"], ["import", "--output", "-.json"], ["report", "--json"]]
)
def test_no_word_of_the_platform_steers_a_terminal(tool: Tool, arguments: list[str]) -> None:
    # On a terminal our own colours are escape sequences: what is looked for is the platform's.
    shown = on_a_terminal(tool, *arguments, "--no-color") if arguments[0] == "status" else ""
    assert "\x1b]" not in shown
    assert "\x9b" not in shown
    ended = tool(*arguments)
    assert is_harmless(ended.out), ended.out
    assert is_harmless(ended.err), ended.err


@pytest.mark.parametrize("field", ["brand", "status"])
def test_names_of_the_platform_are_harmless_in_every_message(
    field: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"brand": "bmw", "status": "approved", field: HOSTILE}
    line = Line(vin(1), given["brand"], given["status"], "", "", {})
    _, left_out = rows_of([line])
    for reason in left_out:
        say(reason)
    say(f"1 {HOSTILE}\nerror: a line that looks like ours")
    said = capsys.readouterr().err
    assert is_harmless(said)
    assert "\nerror" not in said


@pytest.mark.parametrize("for_yaml", [False, True])
def test_json_holds_every_text_without_a_character_that_steers(for_yaml: bool) -> None:
    yaml = pytest.importorskip("yaml")
    texts = [HOSTILE, COLOGNE, "\U000e0001", "\x85\xa0\ufeff", "\U0001f9ff", 'a\tb\nc"\\\\']
    text = json_text(texts, for_yaml=for_yaml)
    assert is_harmless(text)
    assert (yaml.safe_load(text) if for_yaml else json.loads(text)) == texts


def test_a_formula_in_a_csv_is_told(tool: Tool) -> None:
    ended = tool("import", "--output", "fleet.csv", "--vin", vin(2), "--force")
    assert f"1 vehicle with a tag that a spreadsheet would treat as a formula ({vin(2)})" in ended.err
    assert "formula" not in tool("import", "--output", "fleet.json", "--vin", vin(2)).err


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_a_file_that_is_replaced_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "fleet.csv"
    file.write_text("old")
    file.chmod(mode)
    write_file(file, "new", force=True)
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("new", mode)


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("kept")
    (tmp_path / "secret").chmod(0o604)
    (tmp_path / "fleet.csv").symlink_to("secret")
    write_file(tmp_path / "fleet.csv", "new", force=True)
    assert (tmp_path / "secret").read_text() == "kept"
    assert not (tmp_path / "fleet.csv").is_symlink()
    assert (tmp_path / "fleet.csv").stat().st_mode & 0o777 != 0o777


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_is_not_replaced(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "fleet.csv"
    place.mkdir() if kind == "folder" else os.mkfifo(place)
    with pytest.raises(click.ClickException, match="not a regular file"):
        write_file(place, "new", force=True)
    assert [file.name for file in tmp_path.iterdir()] == ["fleet.csv"]
