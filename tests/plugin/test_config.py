"""The provider's own config is checked before anything else is asked."""

from __future__ import annotations

import pytest

from pulumi_highmobility.operations.values import UNKNOWN
from pulumi_highmobility.plugin.config import SECRETS, plain_text_of, problems_of, settings_of


def test_a_misspelt_key_is_refused_with_the_one_that_is_meant() -> None:
    ((name, reason),) = [(one.property, one.reason) for one in problems_of({"baseURL": "sandbox"}, {})]
    assert name == "baseURL"
    assert 'Did you mean "baseUrl"?' in reason


@pytest.mark.parametrize(
    ("config", "at"),
    [
        ({"baseUrl": "http://api.example/v1"}, "baseUrl"),
        ({"requestTimeoutSeconds": -1}, "requestTimeoutSeconds"),
        ({"auth": "password"}, "auth"),
    ],
)
def test_a_value_that_cannot_be_taken_is_told_at_its_key(config: dict[str, object], at: str) -> None:
    ((name, reason),) = [(one.property, one.reason) for one in problems_of(config, {})]
    assert name == at
    assert f"highmobility:{at}" in reason


@pytest.mark.parametrize(
    "config",
    [{}, {"version": "0.1.0"}, {"baseUrl": "sandbox"}, {"clientId": UNKNOWN, "clientSecret": UNKNOWN}],
)
def test_a_preview_needs_no_credentials(config: dict[str, object]) -> None:
    assert problems_of(config, {}) == []


def test_typed_values_are_read_as_the_stacks_config_has_them() -> None:
    config = {"checkEligibility": True, "retryIntervalHours": 2, "clientId": UNKNOWN, "version": "1"}
    assert settings_of(config) == {
        "highmobility:checkEligibility": "true",
        "highmobility:retryIntervalHours": "2",
    }


def test_what_is_secret_is_known() -> None:
    assert {"serviceAccountKey", "clientSecret", "oauthPrivateKey"} == SECRETS


@pytest.mark.parametrize(("config", "is_error"), [({}, False), ({"requireSecretConfig": True}, True)])
def test_a_secret_in_plain_text_is_told(config: dict[str, object], is_error: bool) -> None:
    pair = {"clientId": "id", "clientSecret": "s", **config}
    told, found = plain_text_of(pair, (), {})
    assert "highmobility:clientSecret in the stack's config: a secret, set without --secret" in told
    assert found is is_error
    assert plain_text_of(pair, {"clientSecret"}, {}) == ("", False)


def test_a_path_is_no_secret() -> None:
    assert plain_text_of({"serviceAccountKey": "keys/key.json"}, (), {}) == ("", False)
