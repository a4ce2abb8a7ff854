"""examples/aws-secrets-manager: the tokens of a fleet in an imitation of AWS Secrets Manager, one for each vehicle or one for all."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from pulumi_highmobility.testing import serve_emulator

from ..engine.test_fleet_access_tokens import living, program
from ..played import PlayedProject
from ..ports import free_port

boto3: Any = pytest.importorskip("boto3", reason="what the example needs is not installed: boto3")

EXAMPLE = Path(__file__).resolve().parent.parent.parent / "examples" / "aws-secrets-manager"
TOKEN = "x" * 43


@pytest.fixture(scope="module")
def aws() -> Iterator[Mapping[str, str]]:
    """Settings for AWS's own client; the server is moto, in a process of its own."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    endpoint = f"http://127.0.0.1:{port}"
    with httpx.Client(transport=httpx.HTTPTransport(retries=10), timeout=300) as http:
        # Each try waits twice as long as the one before.
        http.get(f"{endpoint}/moto-api/data.json").raise_for_status()
    yield {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "of-the-tests",
        "AWS_SECRET_ACCESS_KEY": "of-the-tests",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    process.terminate()
    process.wait()


@pytest.fixture
def secrets(aws: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in aws.items():
        monkeypatch.setenv(name, value)
    httpx.post(f"{aws['AWS_ENDPOINT_URL']}/moto-api/reset").raise_for_status()
    return boto3.client("secretsmanager")


def hand_over(tokens: Mapping[str, Any], *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, EXAMPLE / "hand_over.py", *arguments],
        input=json.dumps(tokens),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert not any(pair["access_token"] in done.stdout + done.stderr for pair in tokens.values())
    return done


def held(secrets: Any) -> dict[str, Any]:
    names = [one["Name"] for one in secrets.list_secrets(MaxResults=100)["SecretList"]]
    return {name: json.loads(secrets.get_secret_value(SecretId=name)["SecretString"]) for name in names}


def test_the_tokens_of_a_stack_are_handed_over_one_for_each_vehicle(tmp_path: Path, secrets: Any) -> None:
    with serve_emulator(approve_after="0s") as emulator:
        project = PlayedProject(tmp_path / "project", emulator.environment)
        written = (EXAMPLE / "__main__.py").read_text()
        project.program(written.replace("Path(__file__).parent", f'Path("{EXAMPLE}")'))
        project.up()
        tokens = shown(project)
        assert hand_over(tokens, "fleet/test").stdout == "2 written\n"
        assert held(secrets) == {f"fleet/test/{vin}": pair for vin, pair in tokens.items()}
        assert {
            name.rpartition("/")[2]: [hashlib.sha256(pair["access_token"].encode()).hexdigest()]
            for name, pair in held(secrets).items()
        } == living(emulator)
        assert hand_over(tokens, "fleet/test").stdout == "2 unchanged\n"
        # Another fleet's secrets are left alone.
        secrets.create_secret(Name="fleet/other/VIN", SecretString="{}")
        project.program(program(1))
        project.up()
        (vin, pair) = next(iter(shown(project).items()))
        assert hand_over({vin: pair}, "fleet/test").stdout == "1 written, 2 deleted\n"
        assert held(secrets) == {f"fleet/test/{vin}": pair, "fleet/other/VIN": {}}
        project.stack.close()


def shown(project: PlayedProject) -> dict[str, Any]:
    """As `pulumi stack output tokens --json --show-secrets` prints them."""
    found: dict[str, Any] = project._outputs["tokens"]["value"]
    return found


def test_one_secret_takes_all_up_to_its_limit(secrets: Any) -> None:
    pair = {"access_token": TOKEN, "refresh_token": TOKEN, "expires_at": "2026-01-01T00:00:00Z"}
    few = {f"WBA8E9C50GK{number:06}": pair for number in range(360)}
    assert hand_over(few, "fleet/test", "--one-for-all").stdout == "1 written\n"
    assert held(secrets) == {"fleet/test": few}
    assert hand_over(few, "fleet/test", "--one-for-all").stdout == "1 unchanged\n"
    many = {f"WBA8E9C50GK{number:06}": pair for number in range(1000)}
    refused = hand_over(many, "fleet/test", "--one-for-all")
    assert refused.returncode == 1
    assert "a secret of AWS holds 65,536" in refused.stderr
    assert held(secrets) == {"fleet/test": few}
