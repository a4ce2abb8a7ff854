"""Who is let in, in each of the three ways, and what the others are told."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from pulumi_highmobility.emulator.app import Options
from pulumi_highmobility.emulator.server import serve_in_thread

from ..conftest import Caller
from ..modes import MODES, serving

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def bad_assertion(answer: httpx.Response) -> bool:
    return answer.status_code == 401 and answer.json() == {
        "errors": [
            {
                "title": "Not authorized",
                "source": "assertion",
                "detail": "Missing or invalid assertion. It must be a JWT signed with the service account key.",
            }
        ]
    }


@pytest.mark.parametrize("form", ["json", "data"])
def test_a_service_account_key_yields_a_token_from_json_or_a_form(caller: Caller, form: str) -> None:
    body: Any = {form: {"assertion": caller.assertion()}}
    caller.http.headers.pop("Authorization")
    answer = caller.http.post("/auth_tokens", **body)
    assert answer.status_code == 201
    token = answer.json()
    span = datetime.fromisoformat(token["valid_until"]) - datetime.fromisoformat(token["valid_from"])
    assert span.total_seconds() == 300
    listed = caller.http.get("/fleets/vehicles", headers={"Authorization": f"Bearer {token['auth_token']}"})
    assert listed.json() == []


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "unknown"},
        {"aud": "https://api.example.com/v1"},
        {"iat_from_now": -40},
        {"iat_from_now": 3600},
        {"iat": None},
        {"jti": ""},
        {"jti": None},
        {"ver": 3},
        {"ver": None},
    ],
    ids=str,
)
def test_a_claim_that_is_wrong_is_not_taken(caller: Caller, claims: dict[str, Any]) -> None:
    if "iat_from_now" in claims:
        claims = {"iat": int(time.time()) + claims["iat_from_now"]}
    assert bad_assertion(caller.http.post("/auth_tokens", json={"assertion": caller.assertion(**claims)}))


@pytest.mark.parametrize("kind", ["within the skew", "ver 2", "iso"])
def test_what_clients_of_both_generations_sign_is_taken(caller: Caller, kind: str) -> None:
    kinds: dict[str, dict[str, Any]] = {
        "within the skew": {"iat": int(time.time()) - 15},
        "ver 2": {"ver": 2},
        "iso": {"iat": datetime.now(timezone.utc).isoformat()},
    }
    assertion = caller.assertion(**kinds[kind])
    assert caller.http.post("/auth_tokens", json={"assertion": assertion}).status_code == 201


def test_a_jti_is_taken_once(caller: Caller) -> None:
    assertion = caller.assertion()
    assert caller.http.post("/auth_tokens", json={"assertion": assertion}).status_code == 201
    assert bad_assertion(caller.http.post("/auth_tokens", json={"assertion": assertion}))


def test_a_jti_is_taken_once_also_after_a_restart(options: Options, tmp_path: Path) -> None:
    """At another port, whose address is another audience: the assertion is made for both."""
    options = replace(options, audiences=("https://api.example.com/v1",))
    answers = []
    assertion = ""
    for _ in range(2):
        with serving("file", options, tmp_path) as (emulator, base_url, http):
            assertion = assertion or Caller(emulator, base_url, http=http).assertion(aud=options.audiences[0])
            answers.append(http.post("/auth_tokens", json={"assertion": assertion}))
    assert answers[0].status_code == 201
    assert bad_assertion(answers[1])


def test_a_signature_by_another_key_is_not_taken(caller: Caller) -> None:
    claims = jwt.decode(caller.assertion(), options={"verify_signature": False})
    forged = jwt.encode(claims, ec.generate_private_key(ec.SECP256R1()), algorithm="ES256")
    assert bad_assertion(caller.http.post("/auth_tokens", json={"assertion": forged}))
    unsigned = jwt.encode(claims, "", algorithm="none")
    assert bad_assertion(caller.http.post("/auth_tokens", json={"assertion": unsigned}))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"assertion": 1}', b'{"assertion": "a.b.c"}'])
def test_anything_but_an_assertion_is_a_401(caller: Caller, body: bytes) -> None:
    assert bad_assertion(caller.http.post("/auth_tokens", content=body))


def test_a_bearer_token_can_be_revoked(caller: Caller) -> None:
    token = caller.bearer()
    assert caller.http.delete(f"/auth_tokens/{token}").status_code == 201
    refused = caller.http.get("/fleets/vehicles", headers={"Authorization": f"Bearer {token}"})
    assert refused.status_code == 401
    unknown = caller.http.delete(f"/auth_tokens/{token}")
    assert unknown.status_code == 404
    # OpenAPI hm-service-account-token-v1: `Errors` there is the list itself.
    assert [error["title"] for error in unknown.json()] == ["Not found"]
    assert token not in str(caller.emulator.log.lines())


def test_a_bearer_token_expires(caller: Caller) -> None:
    caller.emulator.clock.advance(299)
    assert caller.http.get("/fleets/vehicles").status_code == 200
    caller.emulator.clock.advance(2)
    assert detail_of_401(caller.http.get("/fleets/vehicles")) == "Expired token"


def detail_of_401(answer: httpx.Response) -> str:
    assert answer.status_code == 401
    return str(answer.json()["errors"][0]["detail"])


def test_an_expired_bearer_token_is_told_from_an_unknown_one(caller: Caller) -> None:
    """Also once others were issued; a client signs in again on this detail alone."""
    expired, revoked = caller.bearer(), caller.bearer()
    caller.http.delete(f"/auth_tokens/{revoked}")
    caller.emulator.clock.advance(400 * 86_400)
    caller.bearer()
    told = {
        token: detail_of_401(
            caller.http.post("/eligibility", json={}, headers={"Authorization": f"Bearer {token}"})
        )
        for token in (expired, revoked, "unknown")
    }
    assert told[expired] == "Expired token"
    assert told[revoked].startswith("Missing or invalid")
    assert told["unknown"].startswith("Missing or invalid")


@pytest.mark.parametrize(
    "claims",
    [
        {"jti": "\ud800"},
        {"iss": "\ud800"},
        {"iat": float("nan")},
        {"iat": float("inf")},
        {"iat": 10**400},
        {"iat": "0001-01-01T00:00:00+23:59"},
        {"exp": float("inf")},
        {"exp": "soon"},
        {"aud": ["x"]},
        {"ver": []},
        {"sub": {}},
        {"iss": {"a": []}},
    ],
    ids=lambda claims: next(iter(claims)),
)
def test_a_claim_of_any_kind_is_no_server_error(caller: Caller, claims: dict[str, Any]) -> None:
    claims = {"iss": caller.application.key_id, "aud": caller.base_url, "jti": "x", "ver": 1} | {
        "iat": int(time.time()),
        **claims,
    }
    assertion = jwt.PyJWS().encode(json.dumps(claims).encode(), caller.application.key_pem, algorithm="ES256")
    answer = caller.http.post("/auth_tokens", json={"assertion": assertion})
    assert answer.status_code == 201 if claims["jti"] == "\ud800" else bad_assertion(answer)
    nested = jwt.PyJWS().encode(b"[" * 50_000, caller.application.key_pem, algorithm="ES256")
    assert bad_assertion(caller.http.post("/auth_tokens", json={"assertion": nested}))


@pytest.mark.parametrize("form", ["json", "data"])
def test_client_credentials_yield_a_token(caller: Caller, form: str) -> None:
    body: Any = {form: caller.client(grant_type="client_credentials")}
    caller.http.headers.pop("Authorization")
    answer = caller.http.post("/access_tokens", **body)
    assert answer.status_code == 200
    assert {name: value for name, value in answer.json().items() if name != "access_token"} == {
        "expires_in": 300,
        "scope": "fleet:clearance vehicle:eligibility-check vehicle:data",
        "token_type": "bearer",
    }


def test_a_client_assertion_yields_a_token(caller: Caller) -> None:
    claims = jwt.decode(
        caller.assertion(ver=2, iss=caller.application.oauth_key_id), options={"verify_signature": False}
    )
    assertion = jwt.encode(claims, caller.application.oauth_key_pem, algorithm="ES256")
    fields = {
        "grant_type": "client_credentials",
        "client_id": caller.application.client_id,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
    }
    assert caller.http.post("/access_tokens", json=fields).status_code == 200
    again = caller.http.post("/access_tokens", json=fields)
    assert (again.status_code, again.json()["error_description"]) == (400, "client_assertion is invalid")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "client_id can't be blank, client_secret can't be blank, grant_type can't be blank"),
        ({"grant_type": "client_credentials"}, "client_id can't be blank, client_secret can't be blank"),
        (
            {"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"},
            "client_id is invalid",
        ),
        ({"grant_type": "authorization_code"}, "code is invalid"),
        ({"grant_type": "password"}, "grant_type is invalid"),
    ],
    ids=str,
)
def test_oauth_errors_are_400_in_oauths_shape(caller: Caller, fields: dict[str, str], said: str) -> None:
    answer = caller.http.post("/access_tokens", json=fields)
    assert (answer.status_code, answer.json()["error_description"]) == (400, said)


def test_a_wrong_client_secret_is_said_so(caller: Caller) -> None:
    answer = caller.http.post(
        "/access_tokens", json=caller.client(grant_type="client_credentials", client_secret="no")
    )
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "invalid_request", "error_description": "client_secret is invalid"},
    )


def test_scopes_are_enforced(caller: Caller) -> None:
    narrow = {"Authorization": f"Bearer {caller.bearer(scope='vehicle:eligibility-check')}"}
    assert caller.http.get("/fleets/vehicles", headers=narrow).status_code == 403
    body = {"vin": "WBA8E9C50GK000001", "brand": "bmw"}
    assert caller.http.post("/eligibility", json=body, headers=narrow).status_code == 200
    other = {"Authorization": f"Bearer {caller.bearer(scope='fleet:clearance')}"}
    # Of that call 200, 401 and 422 are documented.
    assert caller.http.post("/eligibility", json=body, headers=other).status_code == 401
    assert (
        caller.http.post(
            "/access_tokens", json=caller.client(grant_type="client_credentials", scope="x")
        ).json()["error"]
        == "invalid_scope"
    )


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nope", "Basic abc"])
def test_no_good_bearer_token_is_a_401_in_the_documented_words(caller: Caller, header: str) -> None:
    answer = caller.http.get("/fleets/vehicles", headers={"Authorization": header})
    assert answer.status_code == 401
    error = answer.json()["errors"][0]
    assert error["source"] == "Authorization"
    assert error["detail"].startswith("Missing or invalid authorization header.")


def test_the_credentials_file_is_for_its_owner_alone_and_the_keys_stay(tmp_path: Path) -> None:
    seen = []
    for _ in range(2):
        path = tmp_path / "credentials.json"
        with serve_in_thread(Options(), db=tmp_path / "emulator.db", credentials=path):
            assert path.stat().st_mode & 0o777 == 0o600
            assert (tmp_path / "emulator.db").stat().st_mode & 0o777 == 0o600
            assert '"instance_uri": "http://127.0.0.1:' in path.read_text()
            seen.append(path.read_text().split("service_account_key")[1].split("instance_uri")[0])
    assert seen[0] == seen[1]


def test_both_key_files_name_the_server_without_the_version(caller: Caller) -> None:
    """The platform's example programs append /v1/access_tokens to it."""
    credentials = caller.application.credentials(caller.base_url)
    for name in ("service_account_key", "oauth_private_key"):
        assert credentials[name]["instance_uri"] + "/v1" == caller.base_url


@pytest.mark.parametrize(
    "content_type", ["Application/X-WWW-Form-URLENCODED", "APPLICATION/X-WWW-FORM-URLENCODED; charset=UTF-8"]
)
def test_a_form_is_known_however_its_content_type_is_written(caller: Caller, content_type: str) -> None:
    body = urlencode(caller.client(grant_type="client_credentials"))
    answer = caller.http.post("/access_tokens", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == 200
