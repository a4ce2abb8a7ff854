"""`status`: the registered vehicles as lines, JSON and a table, and what CI fails on."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import time
from collections.abc import Sequence

import pytest

from pulumi_highmobility.api.shapes import Changelog, RegisteredVehicle
from pulumi_highmobility.cli.comparison import counts_of, failing, lines_of
from pulumi_highmobility.cli.selection import filter_of
from pulumi_highmobility.cli.stack import InStack, read_state

from .conftest import COMMAND, FLEET, MERCEDES, REJECTED, Tool, vin

SINCE = "2026-03-01T08:00:00Z"


def registered(number: int, status: str, **fields: object) -> RegisteredVehicle:
    log = [Changelog("2026-02-01T00:00:00Z", "pending"), Changelog(SINCE, status)]
    return RegisteredVehicle(vin=vin(number), status=status, changelog=log, **{"brand": "bmw", **fields})  # type: ignore[arg-type]


def in_stack(number: int, status: str, tags: dict[str, str] | None = None) -> InStack:
    return InStack(vin(number), "bmw", status, tags or {}, f"urn:{number}")


def test_a_pipe_gets_a_line_per_vehicle_with_tabs(tool: Tool) -> None:
    ended = tool.process("status")
    rows = [line.split("\t") for line in ended.out.splitlines()]
    assert [(row[0], row[1], row[2]) for row in rows] == sorted(
        (str(row["vin"]), str(row["brand"]), "rejected" if row["vin"] == REJECTED else "approved")
        for row in FLEET
    )
    assert all(len(row) == 5 for row in rows)
    assert "4 approved, 1 rejected" in ended.err
    assert ended.status == 0


@pytest.mark.parametrize(
    ("flags", "vins"),
    [
        (["--brand", "BMW"], [vin(1), vin(2)]),
        (["--status", "rejected"], [REJECTED]),
        (["--tag", "depot=north"], [vin(1)]),
        (["--vin", vin(3).lower(), "--vin", MERCEDES], [vin(3), MERCEDES]),
        (["--brand", "bmw", "--tag", "depot=east"], []),
    ],
)
def test_it_is_narrowed_down(tool: Tool, flags: Sequence[str], vins: list[str]) -> None:
    told = json.loads(tool("status", "--json", *flags).out)
    assert [vehicle["vin"] for vehicle in told["vehicles"]] == sorted(vins)
    assert sum(told["counts"].values()) == len(vins)


def test_json_stands_alone_on_standard_output(tool: Tool) -> None:
    told = json.loads(tool("status", "--json", "--vin", REJECTED).out)
    (vehicle,) = told["vehicles"]
    assert set(vehicle) == {"vin", "brand", "status", "since", "reason", "tags"}
    assert vehicle["reason"]
    assert vehicle["since"].endswith("Z")


def test_it_fails_on_what_it_is_told_to(tool: Tool) -> None:
    ended = tool("status", "--fail-on", "rejected,revoked")
    assert ended.status == 1
    assert f"rejected: 1 ({REJECTED})" in ended.err
    assert tool("status", "--fail-on", "revoked").status == 0


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--fail-on", "lost"], "does not know lost"),
        (["--fail-on", "drift"], "needs --stack"),
        (["--vin", "x"], "--vin"),
        (["--tag", "depot"], "write NAME=TEXT"),
        (["--cwd", "."], "--cwd needs --stack"),
        (["--watch", "--interval", "nan"], "'nan' is not a number of seconds"),
    ],
)
def test_a_wrong_use_ends_with_2(tool: Tool, flags: Sequence[str], said: str) -> None:
    ended = tool("status", *flags)
    assert ended.status == 2
    assert said in ended.err


def test_trouble_is_the_platforms_words_and_1(tool: Tool) -> None:
    ended = tool(
        "status", HIGHMOBILITY_CREDENTIALS_FILE="", HIGHMOBILITY_BASE_URL="http://127.0.0.1:9/v1",
        HIGHMOBILITY_CLIENT_ID="id", HIGHMOBILITY_CLIENT_SECRET="hidden-5512",
    )  # fmt: skip
    assert ended.status == 1
    assert "No answer from" in ended.err
    assert "hidden-5512" not in ended.err + ended.out
    none = tool("status", HIGHMOBILITY_CREDENTIALS_FILE="")
    assert none.status == 1
    assert "No credentials for High Mobility are set" in none.err


def test_a_pipe_that_closes_early_is_no_traceback(tool: Tool) -> None:
    done = subprocess.run(
        ["bash", "-c", f"'{COMMAND}' status | head -n 1"], env=tool.environment, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def on_a_terminal(tool: Tool, *arguments: str, columns: int = 60) -> str:
    """What a person sees."""
    reading, writing = pty.openpty()
    environment = {**tool.environment, "COLUMNS": str(columns), "TERM": "xterm"}
    process = subprocess.Popen(
        [COMMAND, *arguments], env=environment, stdin=subprocess.DEVNULL, stdout=writing, stderr=subprocess.PIPE
    )  # fmt: skip
    os.close(writing)
    pieces = []
    try:
        while piece := os.read(reading, 65_536):
            pieces.append(piece)
    except OSError:
        pass
    finally:
        os.close(reading)
    process.communicate(timeout=300)
    return b"".join(pieces).decode()


def test_a_narrow_terminal_cuts_no_vin_and_colour_can_be_turned_off(tool: Tool) -> None:
    shown = on_a_terminal(tool, "status")
    assert all(str(row["vin"]) in shown for row in FLEET)
    assert "\x1b[32mapproved" in shown
    plain = on_a_terminal(tool, "status", "--no-color")
    assert "\x1b" not in plain
    assert max(len(line) for line in plain.splitlines()) <= 60


def test_ctrl_c_ends_a_watch_in_order(tool: Tool) -> None:
    process = subprocess.Popen(
        [COMMAND, "status", "--watch"], env=tool.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )  # fmt: skip
    assert process.stderr is not None
    process.stderr.readline()
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0
    assert "Traceback" not in said


def test_a_state_is_compared_with_the_platform() -> None:
    state = {
        vehicle.vin: vehicle
        for vehicle in (
            in_stack(1, "approved"),
            in_stack(2, "approved"),
            in_stack(3, "approved", {"depot": "north"}),
            in_stack(4, "pending"),
            in_stack(5, "approved"),
        )
    }
    found = [
        registered(1, "approved", tags={}),
        registered(2, "rejected"),
        registered(3, "approved", tags={"depot": "south"}),
        registered(5, "revoked"),
        registered(6, "approved"),
        registered(7, "canceled"),
    ]
    lines = {line.vin: line for line in lines_of(found, state)}
    told = {number: (lines[vin(number)].finding, lines[vin(number)].differs) for number in range(1, 8)}
    assert told == {
        1: ("", ""),
        2: ("drift", "status approved -> rejected"),
        3: ("drift", "tags"),
        4: ("missing", "not registered"),
        5: ("missing", "revoked, not approved"),
        6: ("unmanaged", ""),
        7: ("", ""),
    }
    assert counts_of(lines.values())["not registered"] == 1
    assert failing(lines.values(), {"missing", "rejected"}) == {
        "missing": [vin(4), vin(5)],
        "rejected": [vin(2)],
    }
    assert lines[vin(1)].since == SINCE


def test_tags_that_look_the_same_are_no_drift_or_are_told_by_their_code_points() -> None:
    state = {
        vehicle.vin: vehicle
        for vehicle in (
            in_stack(1, "approved", {"depot": "K\u00f6ln"}),
            in_stack(2, "approved", {"depot": "Bad Ems"}),
        )
    }
    found = [
        registered(1, "approved", tags={"depot": "Ko\u0308ln"}),
        registered(2, "approved", tags={"depot": "Bad\u00a0Ems"}),
    ]
    one, other = lines_of(found, state)
    assert (one.finding, one.differs) == ("", "")
    assert other.finding == "drift"
    assert "U+0020 (SPACE), not U+00A0 (NO-BREAK SPACE)" in other.differs
    assert filter_of(brands=(), statuses=(), vins=(), tags=["depot=Ko\u0308ln"]).takes(one)


def test_tags_that_are_secret_in_the_state_are_not_compared() -> None:
    outputs = {
        "vin": vin(1),
        "brand": "bmw",
        "status": "approved",
        "tags": {"4dabf18193072939515e22adb298388d": "x"},
    }
    resource = {"type": "pulumi-python:dynamic/highmobility:FleetVehicle", "urn": "urn:1", "outputs": outputs}
    state = read_state({"deployment": {"resources": [resource]}})
    (line,) = lines_of([registered(1, "approved", tags={"depot": "north"})], state.vehicles)
    assert line.finding == ""
