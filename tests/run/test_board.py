"""The board: what one process of a run writes the others read, and nobody else."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_highmobility.dynamic.bridge import DynamicBridge as Bridge
from pulumi_highmobility.engine.process import Engine, Severity
from pulumi_highmobility.errors import BoardUnusable
from pulumi_highmobility.run.board import Board


@pytest.fixture
def engine() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def address_of(engine: socket.socket) -> str:
    return f"127.0.0.1:{engine.getsockname()[1]}"


def test_a_process_reads_what_the_others_wrote_once_and_not_its_own(
    engine: socket.socket, tmp_path: Path
) -> None:
    one, two = (Board(address_of(engine), base=tmp_path) for _ in range(2))
    one.write({"what": "checked", "vins": "Ä B"})
    assert [line["what"] for _, line in two.read()] == ["begin", "checked"]
    assert two.read() == []
    one.write({"what": "gone"})
    assert [line for _, line in two.read()] == [{"what": "gone"}]
    assert [line["what"] for _, line in one.read()] == ["begin"]


def test_a_line_that_is_not_whole_yet_is_read_later(engine: socket.socket, tmp_path: Path) -> None:
    board = Board(address_of(engine), base=tmp_path)
    (folder,) = tmp_path.iterdir()
    other = folder / "1-other.lines"
    other.write_text('{"what":"a"}\n{"what"')
    assert [line for _, line in board.read()] == [{"what": "a"}]
    other.write_text('{"what":"a"}\n{"what":"b"}\n')
    assert [line for _, line in board.read()] == [{"what": "b"}]


def test_what_a_killed_process_wrote_counts(engine: socket.socket, tmp_path: Path) -> None:
    board = Board(address_of(engine), base=tmp_path)
    program = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom pulumi_highmobility.run.board import Board\n"
        "Board(sys.argv[1], base=Path(sys.argv[2])).write({'what': 'constructed'})\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program, address_of(engine), str(tmp_path)], check=False)
    assert done.returncode == -9
    assert [line["what"] for _, line in board.read()] == ["begin", "constructed"]


def test_a_later_engine_at_the_same_port_reads_nothing_of_an_earlier_one(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as first:
        address = address_of(first)
        Board(address, base=tmp_path)
    with socket.create_server(("127.0.0.1", int(address.rpartition(":")[2]))) as second:
        board = Board(address_of(second), base=tmp_path)
        assert board.read() == []
        # What the earlier one left was removed.
        assert len(list(tmp_path.iterdir())) == 1
        board.close()
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_its_users_alone(engine: socket.socket, tmp_path: Path) -> None:
    Board(address_of(engine), base=tmp_path)
    (folder,) = tmp_path.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [file.stat().st_mode & 0o777 for file in folder.iterdir()] == [0o600]
    folder.chmod(0o755)
    with pytest.raises(BoardUnusable, match="not a folder that belongs to this user alone"):
        Board(address_of(engine), base=tmp_path)


def test_another_users_folder_is_refused(engine: socket.socket, tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give a folder to another user; the mode is judged by the test above")
    Board(address_of(engine), base=tmp_path)
    (folder,) = tmp_path.iterdir()
    os.chown(folder, 12345, -1)
    assert folder.stat().st_mode & 0o777 == 0o700
    with pytest.raises(BoardUnusable, match="not a folder that belongs to this user alone"):
        Board(address_of(engine), base=tmp_path)


def test_a_provider_says_that_it_cannot_use_the_folder_and_goes_on(
    engine: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    class Told(Engine):
        """At an address where nobody answers gRPC."""

        def log(self, severity: Severity, message: str, urn: str = "", *, ephemeral: bool = False) -> None:
            said.append(f"{severity}: {message}")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    Board(address_of(engine))
    (folder,) = tmp_path.iterdir()
    folder.chmod(0o755)
    bridge = Bridge()
    bridge.engine = Told(address_of(engine))
    assert bridge.this_run.is_preview is False
    (warning,) = said
    assert warning.startswith("warning: the processes of this run cannot share what they know")
    assert str(folder) in warning
    assert "TMPDIR" in warning


def test_a_link_in_its_place_is_refused(engine: socket.socket, tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    Board(address_of(engine), base=tmp_path / "base").close()
    name = Board(address_of(engine), base=tmp_path / "base")._folder.name
    (tmp_path / "other").mkdir(mode=0o700)
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / name).symlink_to(tmp_path / "other")
    with pytest.raises(BoardUnusable):
        Board(address_of(engine), base=tmp_path / "links")


def test_another_form_is_refused_rather_than_misread(engine: socket.socket, tmp_path: Path) -> None:
    board = Board(address_of(engine), base=tmp_path)
    (folder,) = tmp_path.iterdir()
    (folder / "1-other.lines").write_text('{"what":"begin","version":3}\n')
    with pytest.raises(BoardUnusable, match="another version of pulumi-highmobility"):
        board.read()


def test_a_place_that_cannot_be_written_is_told(engine: socket.socket, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BoardUnusable, match="cannot be created"):
        Board(address_of(engine), base=tmp_path / "file")
    board = Board(address_of(engine), base=tmp_path)
    board.close()
    with pytest.raises(BoardUnusable, match="cannot be written"):
        board.write({"what": "gone"})
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208 - a list of names is what is compared


def test_the_folder_stays_until_the_last_provider_process_has_closed(
    engine: socket.socket, tmp_path: Path
) -> None:
    one, two = (Board(address_of(engine), base=tmp_path) for _ in range(2))
    # The program's process says nothing at its end, and nobody waits for it.
    Board(address_of(engine), base=tmp_path, is_provider=False)
    one.close()
    two.write({"what": "gone"})
    assert {line["what"] for _, line in two.read()} == {"begin", "closed"}
    two.close()
    assert list(tmp_path.iterdir()) == []


def test_a_run_whose_board_is_gone_knows_nothing(engine: socket.socket, tmp_path: Path) -> None:
    board = Board(address_of(engine), base=tmp_path)
    board.close()
    with pytest.raises(BoardUnusable, match="is gone"):
        board.read()
