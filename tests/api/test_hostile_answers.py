"""Whatever a server answers, the caller gets one of our errors: in time, of bounded size, without a secret."""

from __future__ import annotations

import asyncio
import gzip
import random
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import hypothesis
import msgspec
import pytest
from hypothesis import strategies as st

from pulumi_highmobility.api import wire
from pulumi_highmobility.api.client import FleetApi, open_api
from pulumi_highmobility.api.retry import RetryPolicy
from pulumi_highmobility.api.waits import listener
from pulumi_highmobility.errors import (
    ApiError,
    ConfigError,
    HighMobilityError,
    NotTheApi,
    RateLimited,
    TransportError,
    VehicleNotFound,
)
from pulumi_highmobility.secret import Secret
from pulumi_highmobility.settings import AuthWay, Settings

from ..hostile import Answer, hostile, http
from ..served import QuickClock

VIN = "WBA8E9C50GK000001"
CALLS: dict[str, Callable[[FleetApi], Awaitable[Any]]] = {
    "list": lambda api: api.list_vehicles(),
    "read": lambda api: api.get_vehicle(VIN),
    "request": lambda api: api.request_clearances([{"vin": VIN, "brand": "bmw"}]),
    "release": lambda api: api.delete_clearance(VIN),
    "token": lambda api: api.create_vehicle_token(VIN),
    "renew": lambda api: api.refresh_vehicle_token(Secret("refresh-token-of-the-test")),
    "revoke": lambda api: api.revoke_vehicle_token(Secret("token-of-the-test"), hint="access_token"),
    "whose": lambda api: api.vehicle_of_token(Secret("token-of-the-test")),
    "eligible": lambda api: api.check_eligibility(VIN, "bmw"),
}
PROBLEM = b'{"errors":[{"title":"Not found"}]}'


async def outcome(
    answer: Answer, call: str, *, timeout_s: float = 5.0, signs_in: bool = True, attempts: int = 2
) -> Any:
    """What the call returns, or the error of ours that it raises; anything else fails the test."""
    async with hostile(answer, signs_in=signs_in) as base_url:
        settings = Settings(
            base_url, AuthWay.CLIENT_CREDENTIALS, client_id="c", client_secret=Secret("secret-of-the-test"),
            request_timeout_s=timeout_s,
        )  # fmt: skip
        policy = RetryPolicy(attempts=attempts)
        async with open_api(settings, clock=QuickClock(), rng=random.Random(1), policy=policy) as api:
            try:
                return await CALLS[call](api)
            except HighMobilityError as error:
                shown = "".join(traceback.format_exception(error))
                for secret in ("secret-of-the-test", "token-of-the-test", "Bearer"):
                    assert secret not in shown
                return error


def run(answer: Answer, call: str = "list", **options: Any) -> Any:
    return asyncio.run(outcome(answer, call, **options))


def deep(count: int) -> bytes:
    return b"[" * count + b"]" * count


ODD = {
    "bad UTF-8": http(body=b'[{"vin":"\xff\xfe","status":"x"}]'),
    "deep JSON": http(body=deep(200_000)),
    "deep errors": http("422 No", b'{"errors":' + deep(200_000) + b"}"),
    "broken gzip": http("200 OK", b"\x1f\x8bnot gzip at all", "Content-Encoding: gzip"),
    "unknown encoding": http("200 OK", b"[", "Content-Encoding: br"),
    "cut off": b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{"vin"',
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "nothing": b"",
    "a bad status": b"HTTP/1.1 999999 Hm\r\n\r\n",
    "headers without end": b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"a" * 300_000,
    "a date far away": http("500 No", b"", "Date: Mon, 01 Jan 2026 00:00:00 +9999999"),
    "no date": http("500 No", b"", "Date: ²"),
    "superscript Retry-After": "HTTP/1.1 429 No\r\nRetry-After: ²\r\nContent-Length: 0\r\n\r\n".encode("latin-1", "replace"),
    "raw superscript": b"HTTP/1.1 429 No\r\nRetry-After: \xb2\r\nContent-Length: 0\r\n\r\n",
    "endless digits": http("429 No", b"", "Retry-After: " + "9" * 4000),
    "a number for a list": http(body=b"5"),
    "html": http(body=b"<html>", content_type="text/html"),
    "an empty 204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "another charset": http("400 No", "ü".encode("utf-16"), content_type="application/json; charset=utf-16"),
    "a lone surrogate": http(body=b'[{"vin":"\\ud800","status":"pending"}]'),
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("odd", ODD)
def test_an_odd_answer_is_one_of_our_errors(odd: str, call: str) -> None:
    found = run(ODD[odd], call)
    # The call that revokes reads no body.
    if call != "revoke" or odd in ("nothing", "no HTTP", "a bad status"):
        assert isinstance(found, HighMobilityError), found


@hypothesis.settings(max_examples=60)
@hypothesis.given(
    st.sampled_from(["200 OK", "400 No", "401 No", "404 No", "409 No", "422 No", "429 No", "503 No", "302 There"]),
    st.one_of(
        st.binary(max_size=60),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=8),
            lambda inner: st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["errors", "title", "detail", "error", "vin", "status", "vehicles"]), inner, max_size=3),
            max_leaves=8,
        ).map(msgspec.json.encode),
    ),
    st.sampled_from(sorted(CALLS)),
)  # fmt: skip
def test_whatever_comes_is_an_answer_or_one_of_our_errors(status: str, body: bytes, call: str) -> None:
    run(http(status, body), call)


@pytest.mark.parametrize(
    ("status", "call"),
    [("404 No", call) for call in CALLS if call not in ("read", "release")]
    + [("409 No", "list"), ("422 No", "list"), ("302 Found", "read"), ("418 No", "read")],
)
def test_an_answer_that_the_api_does_not_give_to_a_call_says_nothing_about_a_vehicle(
    status: str, call: str
) -> None:
    found = run(http(status, PROBLEM if status.startswith("404") else b"<html>"), call)
    assert isinstance(found, NotTheApi)
    assert "http://127.0.0.1" in str(found)
    assert "HIGHMOBILITY_BASE_URL" in str(found)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
@pytest.mark.parametrize(
    "body", [b"", b"<html>gone</html>", b"{}", b'{"message":"no Route matched"}', b"[]", b'{"errors":[]}']
)
@pytest.mark.parametrize("call", ["read", "release", "whose", "request"])
def test_a_status_alone_is_no_fact(status: int, body: bytes, call: str) -> None:
    assert isinstance(run(http(f"{status} No", body), call), NotTheApi)


GATEWAYS = [
    b'{"title":"Not Found","status":404}',
    b'{"status":404,"error":"Not Found"}',
    b'{"errors":{"detail":"Not Found"}}',
    b'{"errors":["Not Found"]}',
    b'{"errors":[{"detail":"Not Found"}]}',
    b'[{"title":"Not Found"}]',
    b'{"error":"Unauthorized"}',
]


@pytest.mark.parametrize("status", [401, 403, 404, 409, 422])
@pytest.mark.parametrize("body", GATEWAYS)
@pytest.mark.parametrize("call", ["read", "release", "whose"])
def test_a_gateways_own_form_is_no_fact(status: int, body: bytes, call: str) -> None:
    assert isinstance(run(http(f"{status} No", body), call), NotTheApi)


@pytest.mark.parametrize("status", [404, 409, 422])
def test_a_refused_sign_in_says_nothing_about_the_vehicle(status: int) -> None:
    assert isinstance(run(http(f"{status} No", PROBLEM), "release", signs_in=False), NotTheApi)


def test_a_page_is_no_success_and_another_vehicle_no_answer() -> None:
    page = http("200 OK", b"<html>signed out</html>", content_type="text/html; charset=utf-8")
    assert all(isinstance(run(page, call), NotTheApi) for call in CALLS)
    other = http(body=b'{"vin":"WBA8E9C50GK000002","status":"approved"}')
    for call in ("read", "release"):
        assert isinstance(run(other, call), NotTheApi)


def test_the_apis_own_404_to_a_vehicle_means_that_it_is_not_registered() -> None:
    for call in ("read", "release"):
        assert isinstance(run(http("404 Not Found", PROBLEM), call), VehicleNotFound)
    assert run(http("401 No", b'{"errors":[{"title":"Not authorized"}]}'), "whose") is None


def test_a_404_at_sign_in_names_the_base_url() -> None:
    found = run(http("404 Not Found", PROBLEM), "read", signs_in=False)
    assert isinstance(found, NotTheApi)
    assert "/v1" in str(found)


def test_a_redirect_names_where_it_leads() -> None:
    found = run(http("302 Found", b"", "Location: https://login.example.com/?secret=x"), "list")
    assert "login.example.com" in str(found)
    assert "secret" not in str(found)


@pytest.mark.parametrize("drip", ["body", "header", "informational"])
def test_the_time_bounds_the_whole_exchange(drip: str) -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        start = {
            "body": b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
            "header": b"HTTP/1.1 200 OK\r\nX-A: ",
            "informational": b"",
        }[drip]
        writer.write(start)
        while True:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" if drip == "informational" else b"a")
            await writer.drain()
            await asyncio.sleep(0.01)

    found = run(answer, timeout_s=0.3, attempts=1)
    assert isinstance(found, TransportError)
    assert "timed out after 0.3 s" in str(found)
    assert found.may_have_happened


def test_an_answer_that_unpacks_to_more_than_is_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_BODY_BYTES", 2**20)
    bomb = gzip.compress(b" " * (64 * 2**20))
    found = run(http("200 OK", bomb, "Content-Encoding: gzip"), attempts=1)
    assert isinstance(found, TransportError)
    assert "larger than 1 MB" in str(found)


@pytest.mark.parametrize("status", ["429 No", "503 No"])
@pytest.mark.parametrize(
    "header", ["600", "1000000000", "Fri, 27 Nov 2026 00:00:00 GMT"], ids=["seconds", "for ever", "date"]
)
def test_a_long_pause_fails_at_once_with_the_platforms_figure(status: str, header: str) -> None:
    answer = http(
        status, b'{"errors":[{"title":"Too many requests"}]}', f"Retry-After: {header}", "Date: Thu, 26 Nov 2026 00:00:00 GMT"
    )  # fmt: skip
    found = run(answer)
    assert isinstance(found, ApiError)
    assert found.retry_after_s == {"600": 600, "1000000000": 1e9}.get(header, 86400)
    assert f"{found.retry_after_s:,.0f} s" in str(found)


def test_all_who_wait_behind_a_long_pause_fail_at_once() -> None:
    async def story() -> None:
        answer = http("429 No", b"", "Retry-After: 600")
        async with hostile(answer) as base_url:
            settings = Settings(
                base_url, AuthWay.CLIENT_CREDENTIALS, client_id="c", client_secret=Secret("s")
            )
            clock = QuickClock()
            async with open_api(settings, clock=clock, rng=random.Random(1)) as api:
                ends = await asyncio.gather(*(api.list_vehicles() for _ in range(20)), return_exceptions=True)
                assert {type(end) for end in ends} == {RateLimited}
                later = await asyncio.gather(api.list_vehicles(), return_exceptions=True)
                assert isinstance(later[0], RateLimited)
                assert sum(clock.slept) < 60

    asyncio.run(story())


def test_a_wait_of_some_seconds_is_told() -> None:
    told: list[str] = []

    async def story() -> None:
        listener.set(told.append)
        await outcome(http("429 No", b"", "Retry-After: 20"), "list")

    asyncio.run(story())
    assert any("waiting 20 s" in line for line in told)


@pytest.mark.parametrize("token", ["a\\nb", "a\\u0000b", " ab", "ab ", "a b", "ä", ""])
def test_a_token_that_cannot_be_sent_is_refused_when_it_comes_and_never_quoted(token: str) -> None:
    body = f'{{"access_token":"{token}","refresh_token":"{token}","expires_in":300,"token_type":"bearer"}}'.encode()
    for call, signs_in in (("list", False), ("token", True), ("renew", True)):
        found = run(http(body=body), call, signs_in=signs_in)
        assert isinstance(found, TransportError)
        assert "contains" in str(found)


@pytest.mark.parametrize("lifetime", ["1e15", "-5", '"soon"', "null", "[]", "1e400", "9" * 5000])
def test_a_lifetime_that_cannot_be_read_does_not_lose_the_pair(lifetime: str) -> None:
    pair = run(
        http(body=f'{{"access_token":"a","refresh_token":"r","expires_in":{lifetime}}}'.encode()), "token"
    )
    assert pair.refresh_token == Secret("r")
    assert pair.expires_in_s >= 0


def test_the_platforms_words_cannot_write_on_the_terminal() -> None:
    nasty = b'{"errors":[{"title":"\\u001b[2J\\nerror: all is lost","detail":"' + b"x" * 100_000 + b'"}]}'
    found = run(http("422 No", nasty))
    text = str(found)
    assert "\\x1b[2J\\nerror" in text
    assert "\n" not in text
    assert "\x1b" not in text
    assert len(text) < 1500
    assert "99,500 more characters" in text


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:1"),
        ("NO_PROXY", "fd07::/64"),
        ("SSL_CERT_FILE", "/nowhere.pem"),
        ("HTTP_PROXY", "::"),
    ],
)
def test_an_emulator_on_this_machine_needs_neither_proxy_nor_certificates(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    monkeypatch.setenv(variable.lower(), value)
    assert run(http(body=b"[]")) == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:1"),
        ("NO_PROXY", "fd07::/64"),
        ("SSL_CERT_FILE", "/nowhere.pem"),
        ("REQUESTS_CA_BUNDLE", "/nowhere.pem"),
        ("SSL_CERT_FILE", __file__),
    ],
)
def test_an_environment_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    for name in ("ALL_PROXY", "NO_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv(variable, value)
    settings = Settings("https://api.example.invalid/v1", AuthWay.CLIENT_CREDENTIALS)

    async def story() -> None:
        async with open_api(settings, clock=QuickClock(), rng=random.Random(1)):
            pass

    with pytest.raises(ConfigError, match=variable):
        asyncio.run(story())
