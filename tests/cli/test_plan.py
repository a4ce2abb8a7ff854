"""`pulumi-highmobility plan --stack`, with a `pulumi` that tells what is written down, against the emulator of a small fleet."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from .conftest import Ended, Tool, vin

TYPE = "pulumi-python:dynamic/highmobility:"
SETTINGS = ("HIGHMOBILITY_CREDENTIALS_FILE",)


class Stack:
    """What the stack "test" has, and what its preview comes to."""

    def __init__(self, tool: Tool) -> None:
        self.tool = tool
        self.bin = tool.folder / "bin"
        self.bin.mkdir()
        self.writes("preview", {"steps": []})
        self.writes("config", {})
        self.writes("stack", {"deployment": {}})
        self.pulumi('cat "$(dirname "$0")/$1.json"')

    def writes(self, name: str, value: Any) -> None:
        (self.bin / f"{name}.json").write_text(json.dumps(value))

    def pulumi(self, script: str) -> None:
        file = self.bin / "pulumi"
        file.write_text(f'#!/bin/sh\necho "$@" >>"$(dirname "$0")/calls"\n{script}\n')
        file.chmod(0o755)

    def plan(self, *arguments: str, asks: bool = True, starts: bool = False) -> Ended:
        environment = {
            name: text for name, text in self.tool.environment.items() if asks or name not in SETTINGS
        }
        environment["PATH"] = os.pathsep.join([str(self.bin), environment["PATH"]])
        tool = Tool(environment, self.tool.folder)
        return (tool.process if starts else tool)("plan", "--stack", "test", "--json", *arguments)


@pytest.fixture
def stack(tool: Tool) -> Stack:
    return Stack(tool)


def creates(*vins: str, **more: Any) -> dict[str, Any]:
    steps = []
    for name in vins:
        urn = f"urn:pulumi:test::fleet::{TYPE}FleetVehicle::{name}"
        inputs = {"vin": name, "brand": "bmw", "tags": {}, **more}
        state = {"urn": urn, "type": f"{TYPE}FleetVehicle", "inputs": inputs}
        steps.append({"op": "create", "urn": urn, "newState": state})
    return {"steps": steps}


def test_with_credentials_the_platform_tells_what_is_adopted(stack: Stack) -> None:
    stack.writes("preview", creates(vin(1), vin(9), tags={"depot": "north"}))
    found = json.loads(stack.plan(starts=True).out)
    assert found["platform_asked"]
    assert [(row["what"], row["vin"]) for row in found["rows"]] == [
        ("requested", vin(9)),
        ("adopted", vin(1)),
    ]
    assert found["rows"][1]["status"] == "approved"
    found = json.loads(stack.plan(asks=False).out)
    assert not found["platform_asked"]
    assert found["counts"] == {"requested": 2}
    assert found["rows"][0]["maybe_adopted"]


def test_other_tags_than_are_registered_are_refused(stack: Stack) -> None:
    stack.writes("preview", creates(vin(1), tags={"depot": "west"}))
    ended = stack.plan("--fail-on", "refused")
    assert ended.status == 1
    assert json.loads(ended.out)["summary"] == "Plan: 1 refused. This `up` would fail."


def test_the_options_of_the_preview_are_handed_on(stack: Stack) -> None:
    stack.plan("--refresh", "--target", "urn:a", "--target", "urn:b", asks=False)
    first = (stack.bin / "calls").read_text().splitlines()[0]
    assert first.startswith(
        "preview --json --show-sames --refresh --target urn:a --target urn:b --stack test"
    )


def test_a_state_of_another_server_is_refused_and_that_server_not_asked(stack: Stack) -> None:
    outputs = {"vin": vin(1), "status": "approved", "registered_with": "http://127.0.0.1:1/v1 key"}
    urn = f"urn:pulumi:test::fleet::{TYPE}FleetVehicle::van"
    state = {"urn": urn, "type": f"{TYPE}FleetVehicle", "id": vin(1), "outputs": outputs}
    stack.writes("stack", {"deployment": {"resources": [state]}})
    stack.writes("preview", {"steps": [{"op": "delete", "urn": urn, "oldState": state}]})
    found = json.loads(stack.plan().out)
    assert not found["complete"]
    assert not found["platform_asked"]
    assert "highmobility:baseUrl" in found["rows"][0]["why"]


def test_a_preview_of_another_stack_is_an_error(stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "preview.json"
    file.write_text(json.dumps(creates(vin(1))).replace("urn:pulumi:test::", "urn:pulumi:staging::"))
    ended = stack.plan("--from", str(file))
    assert ended.status == 1
    assert '"staging"' in ended.err


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'error: no stack named test found' >&2; exit 6", "no stack named test found"),
        ("echo 'warning: nothing'", "not JSON"),
        ("exit 1", "exit status 1"),
    ],
)
def test_a_preview_that_tells_nothing_is_an_error_with_its_words(
    stack: Stack, script: str, said: str
) -> None:
    stack.pulumi(script)
    ended = stack.plan()
    assert ended.status == 1
    assert ended.out == ""
    assert said in ended.err


def test_settings_that_contradict_each_other_are_an_error(stack: Stack) -> None:
    stack.writes("config", {"highmobility:clientId": {"value": "id", "secret": False}})
    ended = stack.plan()
    assert ended.status == 1
    assert "A credentials file" in ended.err


def test_the_brake_of_the_stacks_config_is_kept_to(stack: Stack) -> None:
    steps, resources = [], []
    for number in (1, 2):
        urn = f"urn:pulumi:test::fleet::{TYPE}FleetVehicle::van-{number}"
        outputs = {"vin": vin(number), "brand": "bmw", "status": "approved"}
        state = {"urn": urn, "type": f"{TYPE}FleetVehicle", "id": vin(number), "outputs": outputs}
        resources.append(state)
        steps.append({"op": "delete", "urn": urn, "oldState": state})
    stack.writes("stack", {"deployment": {"resources": resources}})
    stack.writes("preview", {"steps": [*steps, *creates(vin(3), brand="mini")["steps"]]})
    stack.writes("config", {"highmobility:maxRevocations": {"value": "1", "secret": False}})
    found = json.loads(stack.plan().out)
    assert found["counts"] == {"refused": 1, "adopted": 1}
    assert "2 single vehicles" in found["rows"][0]["why"]
    stack.writes("config", {"highmobility:maxRevocations": {"value": "2", "secret": False}})
    assert json.loads(stack.plan().out)["counts"] == {"revoked": 2, "adopted": 1}
