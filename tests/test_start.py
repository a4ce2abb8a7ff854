"""docs/start.md, which a newcomer copies from, and the same settings in README: read as the provider reads them."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import click
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import pulumi_highmobility as hm
from pulumi_highmobility.cli.commands import command
from pulumi_highmobility.settings import SETTINGS, AuthWay, load_settings
from pulumi_highmobility.testing import serve_emulator

from .played import PlayedProject

ROOT = Path(__file__).resolve().parent.parent
START = (ROOT / "docs" / "start.md").read_text()
README = (ROOT / "README.md").read_text()


def blocks(text: str, language: str = "") -> list[str]:
    every = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)
    return [block for named, block in every if named == language]


@pytest.fixture(scope="module")
def values() -> dict[str, str]:
    """What is set for each setting that is a credential."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    private = json.dumps({"id": "key-1", "private_key": pem})
    return {"serviceAccountKey": private, "oauthPrivateKey": private, "clientId": "ID", "clientSecret": "s"}


def test_each_block_of_settings_signs_in_its_own_way(values: dict[str, str]) -> None:
    given = [block for text in (START, README) for block in blocks(text) if "config set" in block]
    ways = []
    for block in given:
        names = re.findall(r"^pulumi config set (--secret )?highmobility:(\w+)", block, re.M)
        assert {name for secret, name in names if secret} == {
            setting.config for setting in SETTINGS if setting.secret and f":{setting.config}" in block
        }
        ways.append(load_settings({f"highmobility:{name}": values[name] for _, name in names}, {}).auth)
    assert ways == [*AuthWay, AuthWay.SERVICE_ACCOUNT_KEY]


def test_the_block_of_the_environment_signs_in(values: dict[str, str], tmp_path: Path) -> None:
    (block,) = (block for block in blocks(START) if "_KEY_FILE" in block)
    environment = dict(re.findall(r"^export (\w+)=(.+)$", block, re.M))
    (tmp_path / "key.json").write_text(values["serviceAccountKey"])
    environment["HIGHMOBILITY_SERVICE_ACCOUNT_KEY_FILE"] = str(tmp_path / "key.json")
    settings = load_settings({}, environment)
    assert settings.auth is AuthWay.SERVICE_ACCOUNT_KEY
    assert settings.can_refresh_and_revoke


def test_the_block_of_the_credentials_file_signs_in(tmp_path: Path) -> None:
    (block,) = {block for block in blocks(START) if block.startswith("export HIGHMOBILITY_CREDENTIALS_FILE")}
    assert re.findall(r"^export (\w+)=", block, re.M) == ["HIGHMOBILITY_CREDENTIALS_FILE"]
    with serve_emulator() as emulator:
        (tmp_path / "credentials.json").write_text(json.dumps(emulator.credentials()))
        settings = load_settings({}, {"HIGHMOBILITY_CREDENTIALS_FILE": str(tmp_path / "credentials.json")})
    assert settings.base_url == emulator.base_url
    assert settings.can_refresh_and_revoke


def test_the_files_of_the_first_fleet_are_right(tmp_path: Path) -> None:
    (table,) = blocks(START, "csv")
    (tmp_path / "vans.csv").write_text(table)
    vehicles = hm.vehicles_from_csv(tmp_path / "vans.csv")
    assert len(vehicles) == 3
    (program,) = blocks(START, "python")
    compile(program, "__main__.py", "exec")
    assert [vehicle["vin"] for vehicle in vehicles if vehicle["vin"] in program] == ["WBA8E9C50GK123457"]
    (project,) = blocks(START, "yaml")
    assert yaml.safe_load(project)["runtime"]["name"] == "python"


def test_the_first_fleet_goes_as_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its program and its file, over the player of the engine: pending, approved with a token, one removed, destroyed."""
    monkeypatch.chdir(tmp_path)
    (table,), (program,) = blocks(START, "csv"), blocks(START, "python")
    assert "--approve-after 1m" in START
    with serve_emulator(approve_after="1m") as emulator:
        project = PlayedProject(tmp_path, emulator.environment)
        project.program(program)
        Path("vans.csv").write_text(table)
        project.up("--refresh")
        assert set(project.outputs()["statuses"].values()) == {"pending"}
        assert project.resource("VehicleAccessToken", "bmw")["status"] == "awaiting_clearance"
        emulator.controls.advance(61)
        project.up("--refresh")
        assert set(project.outputs()["statuses"].values()) == {"approved"}
        assert project.outputs()["token"] == "[secret]"
        Path("vans.csv").write_text("".join(line for line in table.splitlines(True) if "peugeot" not in line))
        project.up("--refresh")
        assert emulator.controls.vehicle("VF3LCYHZPHS123459")["status"] in {"revoking", "revoked"}
        project.destroy()
        assert emulator.controls.vehicle("WBA8E9C50GK123457")["status"] in {"revoking", "revoked"}
        project.stack.close()


@pytest.mark.parametrize("page", ["README.md", "docs/start.md", "docs/index.md", "docs/concepts.md"])
def test_each_command_of_ours_that_a_newcomer_copies_can_be_called_so(page: str) -> None:
    lines = "".join(blocks((ROOT / page).read_text())).splitlines()
    for line in lines:
        if not re.match(r"(HIGHMOBILITY_\w+=\S+ )?pulumi-highmobility ", line):
            continue
        words = shlex.split(line, comments=True)
        words = words[words.index("pulumi-highmobility") + 1 :]
        group = command.make_context("pulumi-highmobility", list(words))
        name, tool, rest = command.resolve_command(group, words)
        assert isinstance(tool, click.Command), line
        tool.make_context(name, rest, parent=group)


def test_readme_s_figures_are_those_of_its_table() -> None:
    assert re.search(r"^\| first `up` \| 102 s, 2,000 requests \|.*\| 3 s, 3 requests \|$", README, re.M)
    assert "3 seconds and 3 requests, where a request per vehicle takes 100 seconds and 2,000" in " ".join(
        README.split()
    )
