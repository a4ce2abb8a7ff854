"""Who is let in, in each of the three ways, and what the others are told."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from pulumi_highmobility.emulator.app import Options
from pulumi_highmobility.emulator.server import open_emulator, serve_in_thread

from .conftest import Caller

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


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
    answer = httpx.post(f"{caller.base_url}/auth_tokens", **body)
    assert answer.status_code == 201
    token = answer.json()
    span = datetime.fromisoformat(token["valid_until"]) - datetime.fromisoformat(token["valid_from"])
    assert span.total_seconds() == 300
    listed = httpx.get(
        f"{caller.base_url}/fleets/vehicles", headers={"Authorization": f"Bearer {token['auth_token']}"}
    )
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
        # Worked out here: an id with the time of day in it is another one in each process that runs the tests.
        claims = {"iat": int(time.time()) + claims["iat_from_now"]}
    assert bad_assertion(caller.http.post("/auth_tokens", json={"assertion": caller.assertion(**claims)}))


@pytest.mark.parametrize(
    "claims",
    [{"iat": int(time.time()) - 15}, {"ver": 2}, {"iat": datetime.now(timezone.utc).isoformat()}],
    ids=["within the skew", "ver 2", "iso"],
)
def test_what_clients_of_both_generations_sign_is_taken(caller: Caller, claims: dict[str, Any]) -> None:
    if "iat" in claims:
        now = time.time()
        claims["iat"] = (
            int(now) - 15
            if isinstance(claims["iat"], int)
            else datetime.fromtimestamp(now, timezone.utc).isoformat()
        )
    assert caller.http.post("/auth_tokens", json={"assertion": caller.assertion(**claims)}).status_code == 201


def test_a_jti_is_taken_once_also_after_a_restart(caller: Caller, tmp_path: Path) -> None:
    assertion = caller.assertion()
    assert caller.http.post("/auth_tokens", json={"assertion": assertion}).status_code == 201
    assert bad_assertion(caller.http.post("/auth_tokens", json={"assertion": assertion}))
    again = open_emulator(db=tmp_path / "emulator.db", options=Options())
    signer = again.authenticator._signer(assertion, caller.base_url, versions=(1,))
    assert signer is None
    again.store.close()


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
    assert caller.http.delete(f"/auth_tokens/{token}").status_code == 404
    assert token not in str(caller.emulator.log.lines())


def test_a_bearer_token_expires(caller: Caller) -> None:
    caller.emulator.clock.advance(299)
    assert caller.http.get("/fleets/vehicles").status_code == 200
    caller.emulator.clock.advance(2)
    assert caller.http.get("/fleets/vehicles").status_code == 401


@pytest.mark.parametrize("form", ["json", "data"])
def test_client_credentials_yield_a_token(caller: Caller, form: str) -> None:
    body: Any = {form: caller.client(grant_type="client_credentials")}
    answer = httpx.post(f"{caller.base_url}/access_tokens", **body)
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
            seen.append(path.read_text().split("service_account_key")[1].split("instance_uri")[0])
    assert seen[0] == seen[1]
