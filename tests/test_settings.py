"""Where settings come from, and what is said of wrong ones."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pulumi_highmobility.errors import ConfigError
from pulumi_highmobility.settings import SETTINGS, AuthWay, load_settings

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def pem() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture(scope="module")
def key_json(pem: str) -> str:
    return json.dumps({"id": "key-1", "private_key": pem, "instance_uri": "https://api.high-mobility.com"})


def config(**settings: str) -> dict[str, str]:
    return {f"highmobility:{name}": value for name, value in settings.items()}


def test_the_documented_table_is_the_table_of_settings() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    rows = re.findall(r"^\| `highmobility:(\w+)`( \(secret\))? \| ([^|]+) \|", page, re.MULTILINE)
    documented = [(name, bool(secret), re.findall(r"`(\w+)`", names)) for name, secret, names in rows]
    assert documented == [
        (
            setting.config,
            setting.secret,
            [name for name in (setting.environment, setting.environment_file) if name],
        )
        for setting in SETTINGS
    ]


def test_the_stacks_config_goes_before_the_environment(key_json: str) -> None:
    settings = load_settings(
        config(serviceAccountKey=key_json, baseUrl="sandbox"), {"HIGHMOBILITY_BASE_URL": "production"}
    )
    assert settings.base_url == "https://sandbox.api.high-mobility.com/v1"


def test_production_is_the_default_server(key_json: str) -> None:
    settings = load_settings({}, {"HIGHMOBILITY_SERVICE_ACCOUNT_KEY": key_json})
    assert settings.base_url == "https://api.high-mobility.com/v1"


def test_empty_texts_count_as_not_set(key_json: str) -> None:
    settings = load_settings(config(baseUrl="", serviceAccountKey=key_json, clientId=""), {})
    assert settings.auth is AuthWay.SERVICE_ACCOUNT_KEY


@pytest.mark.parametrize(
    "variable", ["HIGHMOBILITY_SERVICE_ACCOUNT_KEY", "HIGHMOBILITY_SERVICE_ACCOUNT_KEY_FILE"]
)
def test_a_key_can_be_given_by_its_path(variable: str, key_json: str, tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text(key_json)
    settings = load_settings({}, {variable: str(tmp_path / "key.json")})
    assert settings.service_account_key is not None
    assert settings.service_account_key.id == "key-1"


def test_a_key_beside_client_id_and_secret_is_the_tutorials_set_up(key_json: str) -> None:
    settings = load_settings(config(serviceAccountKey=key_json, clientId="c", clientSecret="s"), {})
    assert settings.auth is AuthWay.SERVICE_ACCOUNT_KEY
    assert settings.can_refresh_and_revoke


def test_two_other_ways_at_once_need_a_choice(key_json: str) -> None:
    both = config(serviceAccountKey=key_json, oauthPrivateKey=key_json, clientId="c")
    with pytest.raises(ConfigError, match="serviceAccountKey, clientAssertion"):
        load_settings(both, {})
    chosen = load_settings(both | config(auth="clientAssertion"), {})
    assert chosen.auth is AuthWay.CLIENT_ASSERTION


def test_a_choice_without_its_credentials_is_an_error() -> None:
    with pytest.raises(ConfigError, match="clientCredentials"):
        load_settings(config(auth="clientCredentials", clientId="c"), {})


def test_no_credentials_names_every_way_by_both_names() -> None:
    with pytest.raises(ConfigError) as raised:
        load_settings({}, {})
    for name in (
        "highmobility:serviceAccountKey",
        "HIGHMOBILITY_CLIENT_SECRET",
        "highmobility:oauthPrivateKey",
    ):
        assert name in str(raised.value)


def test_a_lone_client_id_says_what_is_missing_beside_it() -> None:
    with pytest.raises(ConfigError, match=r"clientId .* is set, but without highmobility:clientSecret"):
        load_settings(config(clientId="c"), {})


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("api.high-mobility.com/v1", "it takes"),
        ("http://api.high-mobility.com/v1", "use https"),
        ("https://api.high-mobility.com", 'use "https://api.high-mobility.com/v1"'),
        ("https://user:pw@api.high-mobility.com/v1", "user name"),
        ("ftp://api.high-mobility.com/v1", "it takes"),
    ],
)
def test_a_wrong_base_url_is_refused(url: str, said: str, key_json: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)) as raised:
        load_settings(config(baseUrl=url, serviceAccountKey=key_json), {})
    assert "pw" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{not json", "is not JSON"),
        ('{"id": "1"}', "has no private_key"),
        ('{"id": "1", "private_key": "x"}', "is not a PEM text"),
        ("[1]", "cannot be read"),
        ("/nowhere/key.json", 'a file "/nowhere/key.json" that cannot be read'),
    ],
)
def test_a_wrong_key_is_named_by_its_setting(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)) as raised:
        load_settings(config(serviceAccountKey=text), {})
    assert "highmobility:serviceAccountKey" in str(raised.value)


def test_a_secret_given_in_place_of_a_path_is_not_quoted() -> None:
    with pytest.raises(ConfigError) as raised:
        load_settings(config(serviceAccountKey="MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg"), {})
    assert "MIGHA" not in str(raised.value)


def test_a_bare_private_key_is_told_from_the_jsons(pem: str) -> None:
    with pytest.raises(ConfigError, match="without its id"):
        load_settings(config(serviceAccountKey=pem), {})


def test_an_unknown_key_is_an_error_that_names_the_near_one(key_json: str) -> None:
    with pytest.raises(ConfigError, match='Did you mean "highmobility:clientId"'):
        load_settings(config(serviceAccountKey=key_json, clientID="c"), {})


def test_other_namespaces_are_ignored(key_json: str) -> None:
    load_settings({"aws:region": "eu-central-1", **config(serviceAccountKey=key_json)}, {})


def test_a_credentials_file_serves_where_nothing_else_is_set(pem: str, tmp_path: Path) -> None:
    key = {"id": "key-2", "private_key": pem}
    content = {"base_url": "http://127.0.0.1:1/v1", "client_id": "c", "client_secret": "s"}
    file = tmp_path / "credentials.json"
    file.write_text(
        json.dumps(content | {"service_account_key": key, "oauth_private_key": key | {"client_id": "c"}})
    )
    environ = {"HIGHMOBILITY_CREDENTIALS_FILE": str(file)}
    settings = load_settings({}, environ)
    assert settings.base_url == "http://127.0.0.1:1/v1"
    assert settings.auth is AuthWay.SERVICE_ACCOUNT_KEY
    assert load_settings(config(auth="clientAssertion"), environ).auth is AuthWay.CLIENT_ASSERTION
    own = load_settings(config(clientId="own", clientSecret="own"), environ)
    assert (own.base_url, own.client_id) == ("https://api.high-mobility.com/v1", "own")


def test_secrets_are_masked_in_repr(key_json: str, pem: str) -> None:
    shown = repr(load_settings(config(serviceAccountKey=key_json, clientId="c", clientSecret="hidden"), {}))
    assert "hidden" not in shown
    assert pem.splitlines()[1] not in shown


@pytest.mark.parametrize("text", ["soon", "-1", "4000"])
def test_seconds_have_bounds(text: str, key_json: str) -> None:
    with pytest.raises(ConfigError, match="from 0 to 3600"):
        load_settings(config(serviceAccountKey=key_json, listingMaxAgeSeconds=text), {})
