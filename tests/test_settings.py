"""Where settings come from, and what is said of wrong ones."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import strategies as st

from pulumi_highmobility.environment import refuse_unknown_variables
from pulumi_highmobility.errors import ConfigError
from pulumi_highmobility.secret import Secret
from pulumi_highmobility.settings import (
    SETTINGS,
    VARIABLES,
    AuthWay,
    load_settings,
    plain_secrets,
    wants_carmaker_notices,
)
from pulumi_highmobility.testing import RunningEmulator

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


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("HIGHMOBILITY_BASEURL", "HIGHMOBILITY_BASE_URL"),
        ("HIGHMOBILITY_BASE_URI", "HIGHMOBILITY_BASE_URL"),
        ("HIGHMOBILITY_URL", "HIGHMOBILITY_BASE_URL"),
        ("highmobility_base_url", "HIGHMOBILITY_BASE_URL"),
        ("HIGH_MOBILITY_BASE_URL", "HIGHMOBILITY_BASE_URL"),
        ("HIGHMOBILITYBASEURL", "HIGHMOBILITY_BASE_URL"),
        ("HIGHMOBILITY_CREDENTIAL_FILE", "HIGHMOBILITY_CREDENTIALS_FILE"),
        ("HIGHMOBILITY_WEBHOOK_SECRETS", "HIGHMOBILITY_WEBHOOK_SECRET"),
    ],
)
def test_an_unknown_variable_is_an_error_that_names_the_near_one(
    variable: str, meant: str, key_json: str
) -> None:
    with pytest.raises(ConfigError, match=f'"{variable}".*mean {meant}\\?') as caught:
        load_settings(config(serviceAccountKey=key_json), {variable: "s3cret"})
    assert "s3cret" not in str(caught.value)


def test_a_file_variable_that_there_is_not_says_how_to_give_the_text(key_json: str) -> None:
    with pytest.raises(ConfigError, match=r'HIGHMOBILITY_CLIENT_SECRET="\$\(cat FILE\)"'):
        load_settings(
            config(serviceAccountKey=key_json), {"HIGHMOBILITY_CLIENT_SECRET_FILE": "/run/secrets/hm"}
        )


def test_a_variable_that_is_near_to_none_gets_the_list_of_all(key_json: str) -> None:
    with pytest.raises(ConfigError, match="HIGHMOBILITY_AUTH, HIGHMOBILITY_BASE_URL"):
        load_settings(config(serviceAccountKey=key_json), {"HIGHMOBILITY_QQQ": "1"})


@pytest.mark.parametrize(
    "variable",
    [
        "HIGH_MOBILITY_APP_ID",
        "_PULUMI_HIGHMOBILITY_COMPLETE",
        # What Kubernetes sets for services named "highmobility" and "highmobility-webhook".
        "HIGHMOBILITY_SERVICE_HOST",
        "HIGHMOBILITY_PORT",
        "HIGHMOBILITY_WEBHOOK_SERVICE_PORT_HTTP",
        "HIGHMOBILITY_WEBHOOK_PORT_8490_TCP_ADDR",
    ],
)
def test_variables_of_others_are_let_be(variable: str, key_json: str) -> None:
    load_settings(config(serviceAccountKey=key_json), {variable: "1"})


def test_an_unknown_variable_that_is_empty_counts_as_not_set(key_json: str) -> None:
    load_settings(config(serviceAccountKey=key_json), {"HIGHMOBILITY_BASEURL": " "})


def test_every_variable_that_this_repository_names_is_known(key_json: str) -> None:
    named: set[str] = set()
    for folder in ("provider", "scripts", "examples", "benchmarks", "docs", "tests/engine", "tests/scripts"):
        for file in (ROOT / folder).rglob("*"):
            if file.is_file() and file.suffix not in (".png", ".svg", ".pyc"):
                named |= set(re.findall(r"\bHIGHMOBILITY_[A-Z_]*[A-Z]\b", file.read_text(errors="replace")))
    # They stand where it is told which variables there are not.
    named -= {"HIGHMOBILITY_BASEURL", "HIGHMOBILITY_CLIENT_SECRET_FILE", "HIGHMOBILITY_WEBHOOK_SERVICE_HOST"}
    named -= {"HIGHMOBILITY_WEBHOOK_PORT"}
    assert len(named) > len(SETTINGS)
    for name in sorted(named):
        refuse_unknown_variables({name: "1"}, VARIABLES)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"base_ulr": "http://127.0.0.1:1/v1"}, 'unknown key "base_ulr". Did you mean "base_url"?'),
        ({"base_url": ""}, 'has no "base_url"'),
        ({"id": "1", "private_key": "x"}, "names the file of a key"),
    ],
)
def test_a_credentials_file_with_a_slip_does_not_lead_to_production(
    change: dict[str, str], said: str, tmp_path: Path
) -> None:
    file = tmp_path / "credentials.json"
    file.write_text(json.dumps({"client_id": "c", "client_secret": "s", **change}))
    with pytest.raises(ConfigError, match=re.escape(said)):
        load_settings({}, {"HIGHMOBILITY_CREDENTIALS_FILE": str(file)})


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


@pytest.mark.parametrize(
    ("beside", "named"),
    [
        ({"config": {"clientId": "own"}}, "highmobility:clientId in the stack's config"),
        ({"config": {"baseUrl": "production"}}, "highmobility:baseUrl in the stack's config"),
        ({"environ": {"HIGHMOBILITY_BASE_URL": "sandbox"}}, "HIGHMOBILITY_BASE_URL in the environment"),
        (
            {"environ": {"HIGHMOBILITY_SERVICE_ACCOUNT_KEY_FILE": "key.json"}},
            "HIGHMOBILITY_SERVICE_ACCOUNT_KEY_FILE in the environment",
        ),
        ({"environ": {"HIGHMOBILITY_OAUTH_PRIVATE_KEY": "{}"}}, "HIGHMOBILITY_OAUTH_PRIVATE_KEY in"),
    ],
)
def test_a_credentials_file_beside_another_server_or_credentials_is_a_contradiction(
    beside: dict[str, dict[str, str]], named: str
) -> None:
    environ = {"HIGHMOBILITY_CREDENTIALS_FILE": "emulator.json", **beside.get("environ", {})}
    with pytest.raises(ConfigError) as caught:
        load_settings(config(**beside.get("config", {})), environ)
    assert named in str(caught.value)
    assert "HIGHMOBILITY_CREDENTIALS_FILE in the environment" in str(caught.value)


def test_an_emulators_environment_blanks_every_other_setting(tmp_path: Path) -> None:
    emulator = RunningEmulator("http://127.0.0.1:1/v1", tmp_path / "file.json", None)  # type: ignore[arg-type]
    names = {name for one in SETTINGS for name in (one.environment, one.environment_file) if name}
    assert emulator.environment == dict.fromkeys(names, "") | {
        "HIGHMOBILITY_CREDENTIALS_FILE": str(tmp_path / "file.json")
    }


@pytest.mark.parametrize("host", ["127.0.0.1:8480", "localhost", "[::1]:8480"])
def test_http_is_for_this_machine(host: str, key_json: str) -> None:
    assert load_settings(config(serviceAccountKey=key_json, baseUrl=f"http://{host}/v1"), {}).base_url


@pytest.mark.parametrize(
    "host", ["emulator.example.com", "10.0.0.7:8480", "127.0.0.1.example.com", "0.0.0.0:80"]
)
def test_http_to_another_machine_has_to_be_allowed_by_name(host: str, key_json: str) -> None:
    given = config(serviceAccountKey=key_json, baseUrl=f"http://{host}/v1")
    with pytest.raises(ConfigError, match="HIGHMOBILITY_ALLOW_INSECURE_HTTP"):
        load_settings(given, {})
    assert load_settings(given | config(allowInsecureHttp="true"), {}).base_url == f"http://{host}/v1"


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1",
        "https://example.com:99999",
        "https://example.com:0/v1",
        "https://exa mple.com",
        "https://ex\nample",
    ],
)
def test_a_url_that_is_none_is_said_so(url: str, key_json: str) -> None:
    with pytest.raises(ConfigError, match="HIGHMOBILITY_BASE_URL"):
        load_settings(config(serviceAccountKey=key_json, baseUrl=url), {})


@hypothesis.settings(max_examples=150)
@hypothesis.given(st.sampled_from([setting.config for setting in SETTINGS]), st.text(max_size=60))
def test_whatever_a_setting_holds_the_error_is_ours(name: str, text: str) -> None:
    with contextlib.suppress(ConfigError):
        load_settings(config(**{name: text}), {})


@pytest.mark.parametrize("name", ["auth", "baseUrl", "allowInsecureHttp", "requestTimeoutSeconds"])
def test_a_key_in_the_wrong_setting_is_not_quoted(name: str, key_json: str, pem: str) -> None:
    for text in (key_json, pem, "x" * 3000):
        with pytest.raises(ConfigError) as caught:
            load_settings(config(**{"clientId": "c", "clientSecret": "s", name: text}), {})
        assert text not in str(caught.value)
        assert pem.splitlines()[1] not in str(caught.value)


FORMS: dict[str, Callable[[dict[str, str]], str]] = {
    "as downloaded": json.dumps,
    "a byte order mark": lambda key: "\ufeff" + json.dumps(key),
    "quotes around": lambda key: f"'{json.dumps(key)}'",
    "as a JSON text": lambda key: json.dumps(json.dumps(key)),
    "base64": lambda key: base64.b64encode(json.dumps(key).encode()).decode(),
    "base64 in lines": lambda key: base64.encodebytes(json.dumps(key).encode()).decode(),
    "line breaks written out": lambda key: json.dumps(
        {**key, "private_key": key["private_key"].replace("\n", "\\n")}
    ),
    "Windows' line breaks": lambda key: json.dumps(
        {**key, "private_key": key["private_key"].replace("\n", "\r\n")}
    ),
    "raw line breaks": lambda key: json.dumps(key).replace("\\n", "\n"),
    "a line break at the end": lambda key: json.dumps(key) + "\r\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_key_is_taken_in_the_forms_that_people_have(form: str, pem: str, tmp_path: Path) -> None:
    text = FORMS[form]({"id": "key-1", "private_key": pem})
    file = tmp_path / "key.json"
    file.write_bytes(text.encode())
    for environ in (
        {"HIGHMOBILITY_SERVICE_ACCOUNT_KEY": text},
        {"HIGHMOBILITY_SERVICE_ACCOUNT_KEY_FILE": str(file)},
    ):
        key = load_settings({}, environ).service_account_key
        assert key is not None
        assert key.private_key.reveal() == pem
    assert load_settings(config(serviceAccountKey=text), {}).service_account_key == key


def test_a_client_secret_from_a_file_of_windows_is_taken_without_its_line_break() -> None:
    found = load_settings(config(clientId="c", clientSecret="hidden\r\n"), {})
    assert found.client_secret == Secret("hidden")


def test_a_file_that_cannot_be_read_is_an_error_that_says_where_it_was_looked_for(tmp_path: Path) -> None:
    fifo = tmp_path / "pipe.json"
    os.mkfifo(fifo)
    for path, why in [
        ("nowhere/key.json", str(Path.cwd())),
        (str(fifo), "not a regular file"),
        ("/dev/zero", "not a regular file"),
        ("~nosuchuser/key.json", "cannot be read"),
        ("\0.json", "cannot be read"),
        (str(tmp_path), "not a regular file"),
    ]:
        with pytest.raises(ConfigError, match="HIGHMOBILITY_CREDENTIALS_FILE") as caught:
            load_settings({}, {"HIGHMOBILITY_CREDENTIALS_FILE": path})
        assert why in str(caught.value)


def test_the_config_of_a_project_with_our_name_is_explained(key_json: str) -> None:
    with pytest.raises(ConfigError, match="rename the project"):
        load_settings({**config(serviceAccountKey=key_json), "highmobility:region": "eu"}, {})


def test_secrets_in_plain_config_are_found() -> None:
    given = config(clientId="c", clientSecret="s", serviceAccountKey="{}", oauthPrivateKey="key.json")
    assert plain_secrets(given, {"highmobility:serviceAccountKey"}) == ["highmobility:clientSecret"]


def test_secrets_are_masked_in_repr(key_json: str, pem: str) -> None:
    shown = repr(load_settings(config(serviceAccountKey=key_json, clientId="c", clientSecret="hidden"), {}))
    assert "hidden" not in shown
    assert pem.splitlines()[1] not in shown


@pytest.mark.parametrize("text", ["soon", "-1", "4000"])
def test_seconds_have_bounds(text: str, key_json: str) -> None:
    with pytest.raises(ConfigError, match="from 0 to 3600"):
        load_settings(config(serviceAccountKey=key_json, listingMaxAgeSeconds=text), {})


@pytest.mark.parametrize("text", ["0", "0.0", "1e-9", "0.5", "nan", "inf", "1_0", "4000"])
def test_a_request_has_at_least_a_second(text: str, key_json: str) -> None:
    with pytest.raises(ConfigError, match=r"requestTimeoutSeconds .* from 1 to 3600"):
        load_settings(config(serviceAccountKey=key_json, requestTimeoutSeconds=text), {})


def test_a_listing_may_be_read_anew_each_time(key_json: str) -> None:
    assert (
        load_settings(config(serviceAccountKey=key_json, listingMaxAgeSeconds="0"), {}).listing_max_age_s == 0
    )


@pytest.mark.parametrize(("text", "wanted"), [(None, True), ("true", True), ("false", False), ("no", False)])
def test_notices_of_carmakers_are_told_unless_they_are_turned_off(text: str | None, wanted: bool) -> None:
    assert wants_carmaker_notices({}, {"HIGHMOBILITY_CARMAKER_NOTICES": text} if text else {}) is wanted
