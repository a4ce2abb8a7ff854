"""`status --tokens`: what a stack's state tells of its tokens, without the tokens."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from pulumi_highmobility.clearance.token_plan import TokenState, TokenStatus
from pulumi_highmobility.cli.stack import read_state
from pulumi_highmobility.cli.token_status import failing_tokens, token_lines
from pulumi_highmobility.fleet.held_tokens import HeldToken, HeldTokens
from pulumi_highmobility.secret import Secret

from .conftest import Tool, vin

TYPE = "pulumi-python:dynamic/highmobility:"
NOW = datetime.now(timezone.utc).replace(microsecond=0)


def an_active(hours: float) -> HeldToken:
    state = TokenState(TokenStatus.ACTIVE, "approved", "vans/1", NOW + timedelta(hours=hours), NOW)
    return HeldToken(state, Secret("hidden-5512"), Secret("hidden-5513"))


HELD = HeldTokens(
    {
        vin(1): an_active(48),
        vin(2): an_active(12),
        vin(3): an_active(-1),
        vin(4): HeldToken(TokenState(TokenStatus.AWAITING_CLEARANCE, "pending", "vans/1", None)),
        vin(5): an_active(48),
    },
    {vin(5): "The platform answered 422"},
)


def exported(held: HeldTokens = HELD) -> dict[str, Any]:
    tokens = {
        "urn": f"urn:pulumi:dev::fleet::{TYPE}FleetAccessTokens::vans",
        "type": f"{TYPE}FleetAccessTokens",
        "outputs": {"validity": held.validity(), "pairs": {"4dabf18193072939515e22adb298388d": "x"}},
    }
    single = {
        "urn": f"urn:pulumi:dev::fleet::{TYPE}VehicleAccessToken::one",
        "type": f"{TYPE}VehicleAccessToken",
        "outputs": {"vin": vin(1), "status": "revoked", "expires_at": "2026-01-01T00:00:00Z"},
    }
    return {"deployment": {"resources": [tokens, single, {**single, "delete": True}]}}


def test_each_token_is_found_to_be_one_thing() -> None:
    lines = token_lines(read_state(exported()).tokens, NOW, timedelta(hours=24))
    assert [(line.token.vin, line.finding) for line in lines] == [
        (vin(1), "active"),
        (vin(1), "revoked"),
        (vin(2), "expiring"),
        (vin(3), "expired"),
        (vin(4), "awaiting_clearance"),
        (vin(5), "failed"),
    ]
    assert failing_tokens(lines, {"expiring"}) == {"expired": [vin(3)], "expiring": [vin(2)]}
    assert failing_tokens(lines, {"expired", "failed"}) == {"expired": [vin(3)], "failed": [vin(5)]}
    assert failing_tokens(lines, set()) == {}
    (single,) = [line for line in lines if line.finding == "revoked"]
    assert single.resource == 'VehicleAccessToken "one"'


@pytest.fixture
def stacked(tool: Tool) -> Tool:
    """With a `pulumi` on PATH that tells of one stack."""
    state = tool.folder / "state.json"
    state.write_text(json.dumps(exported()))
    script = tool.folder / "bin" / "pulumi"
    script.parent.mkdir()
    script.write_text(f'#!{sys.executable}\nprint(open("{state}").read())\n')
    script.chmod(0o755)
    path = f"{script.parent}:{Path(sys.executable).parent}:{tool.environment['PATH']}"
    # The state is all that is asked: no credentials are needed.
    environment = {"PATH": path, "HOME": tool.environment["HOME"]}
    return Tool(environment, tool.folder)


def test_a_stacks_tokens_are_listed_without_credentials_and_without_the_tokens(stacked: Tool) -> None:
    ended = stacked("status", "--stack", "dev", "--tokens")
    rows = [line.split("\t") for line in ended.out.splitlines()]
    assert [row[:2] for row in rows] == [
        [vin(1), "revoked"],
        [vin(2), "expiring"],
        [vin(3), "expired"],
        [vin(4), "awaiting_clearance"],
        [vin(5), "failed"],
    ]
    assert rows[4][3:] == ['FleetAccessTokens "vans"', "The platform answered 422"]
    assert "dev: 1 active, 1 awaiting_clearance, 1 expired, 1 expiring, 1 failed, 1 revoked" in ended.err
    assert ended.status == 0
    assert "hidden" not in ended.out + ended.err
    told = json.loads(stacked("status", "--stack", "dev", "--tokens", "--json", "--vin", vin(2).lower()).out)
    assert told["counts"] == {"expiring": 1}
    assert set(told["tokens"][0]) == {"vin", "status", "expires_at", "resource", "reason"}


def test_it_fails_on_what_expires_too_soon(stacked: Tool) -> None:
    ended = stacked("status", "--stack", "dev", "--tokens", "--fail-on", "expiring")
    assert ended.status == 1
    assert f"expiring: 1 ({vin(2)})" in ended.err
    assert f"expired: 1 ({vin(3)})" in ended.err
    soon = ["--within", "72", "--vin", vin(1), "--fail-on", "expiring"]
    assert stacked("status", "--stack", "dev", "--tokens", *soon).status == 1
    assert stacked("status", "--stack", "dev", "--tokens", *soon[2:]).status == 0


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--tokens"], "--tokens needs --stack"),
        (["--tokens", "--stack", "dev", "--watch"], "cannot be combined with --watch"),
        (["--tokens", "--stack", "dev", "--brand", "bmw"], "only by --vin, not by brands"),
        (["--tokens", "--stack", "dev", "--fail-on", "drift"], "does not know drift"),
        (["--tokens", "--stack", "dev", "--within", "nan"], "'nan' is not a number of hours"),
        (["--fail-on", "expiring"], "does not know expiring"),
    ],
)
def test_a_wrong_use_of_tokens_ends_with_2(stacked: Tool, flags: list[str], said: str) -> None:
    ended = stacked("status", *flags)
    assert ended.status == 2
    assert said in ended.err
