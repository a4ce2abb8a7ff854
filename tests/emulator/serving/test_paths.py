"""Paths as clients may send them: encoded, empty, absolute; over a socket, since a client would tidy them up."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from pulumi_highmobility.testing import EmulatorControls

from ..conftest import Caller
from ..modes import get, post

VIN = "WBA8E9C50GK000001"
# Each has 17 characters, and one that means something in a URL or in a pattern.
ODD_VINS = [
    "WBA8E9C50GK/00001",
    "/BA8E9C50GK000001",
    "WBA8E9C50GK00000/",
    "WBA8E9C50GK\n00001",
    "WBA8E9C50GK00000\n",
    "WBA8E9C50GK\r\n0001",
    "WBA8E9C50GK?00001",
    "WBA8E9C50GK#00001",
    "WBA8E9C50GK%00001",
    "WBA8E9C50GK%2F001",
    "WBA8E9C50GK\\00001",
    "WBA8E9C50GK 00001",
    "WBA8E9C50GK\u000000001",
    "WBA8E9C50GK\t00001",
    "WBA8E9C50GK+00001",
    "WBA8E9C50GK;A=001",
    "WBA8E9C50GKÄ\u2028🚗001",
    '"><B>8E9C50GK0001',
    "../../../VEHICLE/",
    ".................",
]


@contextmanager
def asked(caller: Caller, target: str, *, method: str = "GET", headers: str = "") -> Iterator[socket.socket]:
    url = httpx.URL(caller.base_url)
    head = f"{method} {target} HTTP/1.1\r\nHost: {url.netloc.decode()}\r\n{headers}Connection: close\r\n\r\n"
    with socket.create_connection((url.host, url.port or 0), timeout=10) as connection:
        connection.sendall(head.encode())
        yield connection


def answered(caller: Caller, target: str, *, method: str = "GET", headers: str = "") -> tuple[int, Any]:
    """The status, and the body's JSON, of a request whose target is sent as it is."""
    with asked(caller, target, method=method, headers=headers) as connection:
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), json.loads(body) if body else None


def authorization(caller: Caller) -> str:
    return f"Authorization: {caller.http.headers['Authorization']}\r\n"


@pytest.mark.parametrize("vin", ODD_VINS)
def test_each_vin_that_can_be_registered_can_be_reached(caller: Caller, vin: str) -> None:
    assert caller.request_vehicle(vin, "skoda")["status"] == "pending"
    sent = quote(vin, safe="")
    status, told = answered(caller, f"/v1/fleets/vehicles/{sent}", headers=authorization(caller))
    assert (status, told["vin"]) == (200, vin)
    controls = EmulatorControls(caller.origin)
    controls.move(vin, "approved")
    assert controls.vehicle(vin)["status"] == "approved"
    controls.close()
    moved = post(f"{caller.origin}/_emulator/page/vehicles/{sent}/move", data={"status": "approved"})
    assert moved.status_code in (303, 409)
    assert caller.http.post("/fleets/access_tokens", json={"vin": vin}).status_code == 200
    status, told = answered(
        caller, f"/v1/fleets/vehicles/{sent}", method="DELETE", headers=authorization(caller)
    )
    assert (status, told["vin"], told["status"]) == (200, vin, "revoking")


NOBODY = ["A%0AB", "A%0A", "%0A", "A%2FB", "%2F", "%2f%2F", "", "%00", "%FF", "%", "%zz", "A%3FB", "A%23B", "%20", "%2E%2E", "%5C"]  # fmt: skip


@pytest.mark.parametrize("part", NOBODY)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/fleets/vehicles/{}"),
        ("HEAD", "/v1/fleets/vehicles/{}"),
        ("DELETE", "/v1/fleets/vehicles/{}"),
        ("POST", "/v1/fleets/{}/cancel_activation"),
    ],
)
def test_an_odd_vin_is_401_without_a_token_and_404_with_one(
    caller: Caller, method: str, path: str, part: str
) -> None:
    target = path.format(part)
    status, told = answered(caller, target, method=method)
    assert status == 401
    assert told is None or told["errors"][0]["source"] == "Authorization"
    status, told = answered(caller, target, method=method, headers=authorization(caller))
    assert status == 404
    assert told is None or told["errors"][0]["source"] == "vin"


@pytest.mark.parametrize("part", NOBODY)
def test_an_odd_bearer_token_is_unknown_in_the_form_of_its_call(caller: Caller, part: str) -> None:
    status, told = answered(caller, f"/v1/auth_tokens/{part}", method="DELETE")
    assert (status, told[0]["source"]) == (404, "auth_token")


def test_a_bearer_token_stays_out_of_the_log_whatever_comes_after_it(caller: Caller) -> None:
    token = caller.bearer()
    for end in ("%0A", "%0D", "%3Fa", "%23a", "%2F", ""):
        answered(caller, f"/v1/auth_tokens/{token}{end}", method="DELETE")
    shown = get(f"{caller.origin}/_emulator/requests").text + get(caller.origin).text
    assert token not in shown
    assert "/auth_tokens/…" in shown


@pytest.mark.parametrize(
    ("target", "is_oauth"),
    [
        ("/v1/access_tokens/", True),
        ("/v1/access_tokens%0A", False),
        ("/v1/%61ccess_tokens", True),
        ("/v1/vehicleinfo?a=%0A", True),
        ("/v1/vehicleinfo%3F", False),
        ("/v1/fleets%2Fvehicles", False),
        ("/v1/fleets/vehicles%0A", False),
        ("/v1/fleets/vehicles//", False),
        ("/v1//fleets/vehicles", False),
        ("/v1%0A/fleets/vehicles", False),
        ("/v1/", False),
        ("/v1", False),
        ("//v1/fleets/vehicles", False),
        ("/_emulator/%0A", False),
        ("/_emulator/state/", False),
        ("/%0A", False),
        ("*", False),
    ],
)
def test_a_path_or_method_of_no_call_is_refused_in_the_form_of_its_part(
    caller: Caller, target: str, is_oauth: bool
) -> None:
    status, told = answered(caller, target, method="PATCH")
    assert status in (404, 405)
    assert ("error_description" in told) is is_oauth
    assert ("errors" in told) is not is_oauth


def test_no_path_leads_elsewhere(caller: Caller) -> None:
    """A redirect would lose the method of old clients, and their token at another host's name."""
    for target in ("/v1/fleets/vehicles/", "/v1/access_tokens/", "/_emulator/state/", "/_emulator/"):
        assert answered(caller, target)[0] in (401, 404)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_target_in_absolute_form_is_served(caller: Caller, method: str) -> None:
    caller.request_vehicle(VIN)
    for target in (
        f"{caller.base_url}/fleets/vehicles/{VIN}",
        f"HTTP://proxied.example/v1/fleets/vehicles/{VIN}",
        f"https://user@proxied.example:8443/v1/fleets/vehicles/{VIN}?a=b",
    ):
        assert answered(caller, target, method=method, headers=authorization(caller))[0] == 200


def test_the_host_of_an_absolute_target_counts_in_place_of_the_header(caller: Caller) -> None:
    _, _, address = caller.origin.partition("://")
    assert answered(caller, f"http://{address}/_emulator/state")[0] == 200
    with asked(caller, "http://evil.example/_emulator/state") as connection:
        assert b" 403 " in connection.recv(4096)
    with asked(caller, "http:///_emulator/state") as connection:
        assert b" 403 " in connection.recv(4096)
    with asked(caller, f"http://{address}") as connection:
        assert b" 200 " in connection.recv(4096)


def test_a_fault_s_path_is_compared_decoded_and_the_log_shows_it_as_sent(caller: Caller) -> None:
    controls = EmulatorControls(caller.origin)
    controls.fault("status", path="/fleets/vehicles/A/B", status=503)
    assert answered(caller, "/v1/fleets/vehicles/A%2FB")[0] == 503
    assert controls.requests()[-1]["path"] == "/fleets/vehicles/A%2FB"
    controls.close()
