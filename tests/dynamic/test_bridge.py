"""What a preview says of wrong settings: the bridge judges them before any operation needs them."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from pulumi_highmobility.dynamic.bridge import DynamicBridge as Bridge
from pulumi_highmobility.engine.process import Engine
from pulumi_highmobility.operations import fleet_vehicle
from pulumi_highmobility.operations.runner import Failure, Target
from pulumi_highmobility.run.board import Board
from pulumi_highmobility.settings import VARIABLES

URN = "urn:pulumi:dev::fleet::pulumi-python:dynamic/highmobility:FleetVehicle::van"
NEWS = {"vin": "WBA8E9C50GK000001", "brand": "bmw"}
OLDS = {**NEWS, "tags": {}, "status": "pending", "registered_with": "https://api.high-mobility.com/v1 key"}


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch) -> Bridge:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return Bridge()


def judge(bridge: Bridge, *, is_new: bool = True) -> str:
    """What a preview says is wrong: of a resource that is new, or of one that the state has."""
    target = Target("FleetVehicle", fleet_vehicle, URN, "van")
    if is_new:
        answer: object = bridge.runner.check(target, {}, NEWS)
    else:
        answer = bridge.runner.diff(target, OLDS, {**NEWS, "tags": {}})
    return answer.message if isinstance(answer, Failure) else ""


@pytest.mark.parametrize("is_new", [True, False])
def test_a_preview_needs_no_settings_at_all(bridge: Bridge, is_new: bool) -> None:
    assert judge(bridge, is_new=is_new) == ""


@pytest.mark.parametrize(
    "config",
    [
        {"baseUrl": "sandbox"},
        {"clientId": "c"},
        {"clientId": "c", "auth": "clientCredentials"},
        {"serviceAccountKey": "nowhere/key.json", "maxRevocations": "10%"},
        {"credentialsFile": "nowhere/credentials.json"},
    ],
)
def test_a_preview_does_without_credentials(bridge: Bridge, config: dict[str, str]) -> None:
    bridge.configure({f"highmobility:{name}": text for name, text in config.items()})
    assert judge(bridge) == judge(bridge, is_new=False) == ""


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"baseURL": "sandbox"}, 'Did you mean "highmobility:baseUrl"?'),
        ({"baseUrl": "http://api.high-mobility.com/v1"}, "use https"),
        ({"baseUrl": "sandbux"}, "it takes"),
        ({"auth": "key"}, "it takes one of"),
        ({"requestTimeoutSeconds": "0"}, "it takes seconds"),
        ({"listingMaxAgeSeconds": "soon"}, "it takes seconds"),
        ({"retryIntervalHours": "-1"}, "it takes hours"),
        ({"carmakerNotices": "perhaps"}, '"true" or "false"'),
        ({"checkEligibility": "perhaps"}, '"true" or "false"'),
        ({"revokeWithoutState": "perhaps"}, '"true" or "false"'),
        ({"allowInsecureHttp": "perhaps"}, '"true" or "false"'),
        ({"maxRevocations": "many"}, "maxRevocations"),
        ({"serviceAccountKey": '{"id": "1"}'}, "no private_key"),
    ],
)
@pytest.mark.parametrize("is_new", [True, False])
def test_a_wrong_setting_is_told_at_preview_without_credentials(
    bridge: Bridge, config: dict[str, str], told: str, is_new: bool
) -> None:
    bridge.configure({f"highmobility:{name}": text for name, text in config.items()})
    assert told in judge(bridge, is_new=is_new)


def test_a_misspelt_variable_is_told_at_preview(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIGHMOBILITY_BASEURL", "sandbox")
    assert "Did you mean HIGHMOBILITY_BASE_URL" in judge(bridge)


def test_a_credentials_file_of_another_form_is_told_at_preview(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "credentials.json"
    file.write_text(json.dumps({"baseurl": "sandbox"}))
    monkeypatch.setenv("HIGHMOBILITY_CREDENTIALS_FILE", str(file))
    assert 'Did you mean "base_url"' in judge(bridge)


def test_settings_that_were_put_right_are_read_again(bridge: Bridge) -> None:
    bridge.configure({"highmobility:baseUrl": "sandbux"})
    assert judge(bridge) != ""
    bridge.configure({"highmobility:baseUrl": "sandbox"})
    assert judge(bridge) == ""


@pytest.mark.parametrize(("dry_run", "told"), [(True, True), (False, False), (None, True)])
def test_notices_of_carmakers_are_told_by_a_preview_and_not_once_more(
    bridge: Bridge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dry_run: bool | None, told: bool
) -> None:
    """None: the program cannot tell the provider which of the two it is."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as engine:
        address = f"127.0.0.1:{engine.getsockname()[1]}"
        bridge.engine = Engine(address)
        if dry_run is not None:
            Board(address).write({"what": "program", "dry_run": dry_run})
        assert bridge.runner._tells_of_carmakers() is told
        bridge.configure({"highmobility:carmakerNotices": "false"})
        assert bridge.runner._tells_of_carmakers() is False


def test_a_wrong_setting_of_the_plugins_is_told_before_anything_is_done(bridge: Bridge) -> None:
    """What is read when a vehicle has been requested would leave it out of the state."""
    bridge.configure({"highmobility:refreshBeforeUpdate": "perhaps"})
    assert "highmobility:refreshBeforeUpdate" in judge(bridge)
