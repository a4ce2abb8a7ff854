"""The three forms of a plan, the gates, and the command's exit statuses."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pulumi_highmobility.cli.commands import command
from pulumi_highmobility.plan.gates import Gates, tripped
from pulumi_highmobility.plan.markdown import MOST, markdown
from pulumi_highmobility.plan.values import Plan, Row, What

from .recorded import DATA, plan_of, text


def run(*arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(command, ["plan", *arguments], input=given)


def of(name: str, *arguments: str) -> Result:
    return run("--from", str(DATA / f"{name}.json"), *arguments)


def test_a_pipe_gets_one_line_for_each_row() -> None:
    done = of("vin-changed")
    assert done.exit_code == 0
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [line[0] for line in lines] == ["revoked", "requested", "token revoked", "token follows"]
    assert {len(line) for line in lines} == {8}
    assert done.stderr.startswith("Plan: 1 revoked, 1 requested (or adopted)")


def test_standard_input_is_read() -> None:
    assert run("--from", "-", given=text("nothing")).stderr.strip() == "Plan: nothing to do."


@pytest.mark.parametrize("given", ["", "\n", "not JSON", '{"a": 1}'])
def test_a_preview_that_cannot_be_read_is_an_error(given: str) -> None:
    done = run("--from", "-", given=given)
    assert done.exit_code == 1
    assert "The preview cannot be read" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--stack", ""],
        ["--cwd", "."],
        ["--from", "no-such-file"],
        ["--from", "-", "--refresh"],
        ["--from", "-", "--json", "--markdown"],
        ["--from", "-", "--fail-on", "revoked"],
        ["--from", "-", "--max-revocations", "-1"],
        ["--from", "-", "--max-requests", "many"],
        ["--from", "-", "--target", ""],
    ],
)
def test_wrong_use_is_2(arguments: list[str]) -> None:
    assert run(*arguments, given=text("nothing")).exit_code == 2


@pytest.mark.parametrize(
    ("name", "arguments", "status", "said"),
    [
        ("row-removed", ["--max-revocations", "0"], 1, "--max-revocations 0: 1 may end (WBA8E9C50GK000002)"),
        ("row-removed", ["--max-revocations", "1"], 0, ""),
        ("row-removed", ["--max-revocations", "1", "--detailed-exit-code"], 3, ""),
        ("row-removed", ["--max-revocations", "0", "--detailed-exit-code"], 1, "--max-revocations"),
        ("nothing", ["--max-revocations", "0", "--detailed-exit-code"], 0, ""),
        ("new", ["--max-requests", "4"], 1, "--max-requests 4: 5 are requested"),
        ("new", ["--max-requests", "5"], 0, ""),
        ("row-removed", ["--fail-on", "revoke"], 1, "--fail-on revoke: 1"),
        ("tag-changed", ["--fail-on", "revoke"], 0, ""),
        ("tag-changed", ["--fail-on", "revoke,re-request"], 1, "--fail-on re-request: 1"),
        ("tag-changed", ["--max-revocations", "0"], 1, "1 may end"),
        ("target", ["--fail-on", "unknown"], 1, "--fail-on unknown"),
        ("target", ["--max-revocations", "0"], 1, "1 may end"),
        ("refused", [], 0, ""),
        ("refused", ["--fail-on", "refused"], 1, "--fail-on refused: 1"),
        ("refused", ["--max-revocations", "1000"], 1, "not known"),
        ("refused", ["--max-requests", "1000"], 1, "not known"),
    ],
)
def test_gates_and_exit_statuses(name: str, arguments: list[str], status: int, said: str) -> None:
    done = of(name, *arguments)
    assert done.exit_code == status, done.output
    assert said in done.stderr


def test_what_is_not_known_passes_no_gate() -> None:
    plan = Plan((Row(What.UNKNOWN, at_stake=7),))
    assert tripped(plan, Gates(max_revocations=6))
    assert not tripped(plan, Gates(max_revocations=7))
    assert tripped(plan, Gates(max_requests=1000))


def test_the_json_has_a_format_and_all_rows() -> None:
    done = of("tag-changed", "--json", "--max-revocations", "0")
    found = json.loads(done.stdout)
    assert (found["format"], found["stack"], found["complete"], found["platform_asked"]) == (
        1,
        "test",
        True,
        False,
    )
    assert found["counts"] == {"re-requested": 1, "token follows": 1}
    assert found["median_seconds_to_approval"] == {"bmw": 1}
    assert found["gates"] == ["--max-revocations 0: 1 may end (WBA8E9C50GK000011)"]
    assert found["rows"][0] == {
        "what": "re-requested",
        "vin": "WBA8E9C50GK000011",
        "brand": "bmw",
        "status": "approved",
        "since": found["rows"][0]["since"],
        "from": "urn:pulumi:test::fleet::pulumi-python:dynamic/highmobility:FleetVehicle::a",
        "to": "urn:pulumi:test::fleet::pulumi-python:dynamic/highmobility:FleetVehicle::a",
        "why": "tags changed",
    }


def test_what_a_new_request_costs_is_told_from_the_fleets_own_changelogs() -> None:
    done = of("tag-changed")
    assert "tags changed; half of the requests of bmw took up to 1 second to be approved" in done.stdout


def test_the_heading_says_it_all_and_the_dangerous_rows_are_open() -> None:
    told = markdown(plan_of("vin-changed"))
    first, heading = told.splitlines()[:2]
    assert first == "<!-- pulumi-highmobility plan test -->"
    assert heading.startswith("### Fleet clearances of test: 1 revoked, 1 requested")
    before, _, folded = told.partition("<details>")
    assert "**Revoked: 1 (1 bmw)**" in before
    assert "WBA8E9C50GK000011" in before
    assert "WBA8E9C50GK000021" in folded
    assert told.count("<details>") == told.count("</details>") == 3


HOSTILE = "a|b `c` <img src=x onerror=y> *d* _e_ [f](https://x.example) @maintainer #12 !7 GH-12 www.x.example\n/close\n| x |"


def test_what_comes_from_outside_renders_as_it_is() -> None:
    row = Row(
        What.REVOKED, HOSTILE, HOSTILE, "approved", "", f"urn:pulumi:s::p::a:b:Fleet::{HOSTILE}", why=HOSTILE
    )
    refused = Row(What.REFUSED, why=HOSTILE)
    told = markdown(Plan((refused, row), stack="a --> <b>@c"), [HOSTILE])
    outside = told.replace("<code>", "").replace("</code>", "")
    lines = outside.splitlines()
    assert lines[0] == "<!-- pulumi-highmobility plan a______b__c -->"
    for line in lines[1:]:
        cells = re.sub(r"&#[0-9]+;", "", line)
        for letters in ("<", ">", "`", "@", "#1", "](", "www.", "://", "_e_"):
            assert letters not in cells, (letters, line)
        assert not line.startswith("/")
    assert "&#64;\u200cmaintainer" in told
    assert "&#35;\u200c12" in told


def test_a_page_of_a_hundred_thousand_rows_is_cut_and_says_so() -> None:
    rows = [Row(What.REVOKED, f"WBA8E9C50GK{number:06}", "bmw", "approved") for number in range(50_000)]
    rows += [Row(What.REQUESTED, f"WBA8E9C51GK{number:06}", "bmw") for number in range(50_000)]
    told = markdown(Plan(tuple(rows), stack="production"))
    assert len(told) <= MOST
    assert len(told) > MOST - 5_000
    assert "50,000 revoked, 50,000 requested" in told
    assert "50,000 more rows are left out." in told
    assert told.count("<details>") == told.count("</details>")


class Visible(HTMLParser):
    """The text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found = ""

    def handle_data(self, data: str) -> None:
        self.found += data


def test_nothing_of_a_text_is_lost_by_that() -> None:
    told = markdown(Plan((Row(What.REFUSED, why=HOSTILE),), stack="s"))
    page = Visible()
    page.feed(told)
    seen = page.found.replace("\u200c", "")
    assert HOSTILE.replace("\n", "\\n") in seen


def test_a_terminals_letters_are_written_out(tmp_path: Path) -> None:
    hostile = text("row-removed").replace("Fleet::fleet", "Fleet::fl\\u001b[31meet")
    file = tmp_path / "preview.json"
    file.write_text(hostile)
    done = run("--from", str(file))
    assert "\x1b" not in done.output
    assert "\\x1b[31m" in done.stdout
