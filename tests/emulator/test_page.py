"""The page at `/`: over HTTP as a browser without scripts sees it, and in a real headless Chromium."""

from __future__ import annotations

import base64
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from pulumi_highmobility.emulator.app import Options
from pulumi_highmobility.emulator.machine import Pace
from pulumi_highmobility.emulator.server import serve_in_thread

from .conftest import Caller
from .serving import get, post

VIN = "WBA8E9C50GK000001"
OTHER = "VF3LCYHZPHS000002"


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return Options(
        limits=False,
        pace=Pace(approve_after=3600.0, revoke_after=3600.0),
        credentials=tmp_path / "my keys.json",
    )


@pytest.fixture
def origin(caller: Caller) -> str:
    return caller.base_url.removesuffix("/v1")


def status_of(caller: Caller, vin: str = VIN) -> str:
    return str(caller.vehicle(vin)["status"])


def test_the_page_shows_the_fleet_the_requests_and_the_settings(caller: Caller, origin: str) -> None:
    assert "No vehicle is registered yet." in get(origin).text
    caller.request_vehicle(VIN, tags={"customer": "acme"})
    caller.request_vehicle(OTHER, "peugeot")
    text = get(origin).text
    for shown in (
        "2 vehicles: 2 pending",
        VIN,
        "peugeot",
        "customer: acme",
        "POST /fleets/vehicles",
        "export HIGHMOBILITY_CREDENTIALS_FILE=&#39;",
        "my keys.json",
        "No webhook is registered",
        f"{caller.base_url}",
    ):
        assert shown in text


def test_the_fleet_can_be_searched(caller: Caller, origin: str) -> None:
    caller.request_vehicle(VIN)
    caller.request_vehicle(OTHER, "peugeot")
    for query, found in (
        ("q=wba8", {VIN}),
        ("q=peug", {OTHER}),
        ("status=pending", {VIN, OTHER}),
        ("q=%25", set()),
    ):
        text = get(f"{origin}/?{query}").text
        assert {vin for vin in (VIN, OTHER) if vin in text.split("Requests</h2>")[0]} == found
    assert "No vehicle is like that." in get(f"{origin}/?status=revoked").text


def test_a_large_fleet_shows_what_changed_last(caller: Caller, origin: str) -> None:
    rows = [{"vin": f"WBA8E9C50GK{number:06}", "brand": "bmw"} for number in range(500)]
    caller.http.post("/fleets/vehicles", json={"vehicles": rows}).raise_for_status()
    caller.request_vehicle(OTHER, "peugeot")
    text = get(origin).text
    assert "The 100 that changed last, of 501 vehicles" in text
    assert text.count('<th scope="row"><code>') == 100
    assert OTHER in text


def test_what_clients_send_is_shown_as_text(caller: Caller, origin: str) -> None:
    caller.request_vehicle(VIN, tags={"<script>alert(1)</script>": "<img src=x onerror=alert(2)>"})
    text = get(f"{origin}/?q=%22%3E%3Cscript%3E").text + get(origin).text
    assert "<script>alert" not in text
    assert "<img" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert '"><script>' not in text


def test_buttons_work_without_scripts(caller: Caller, origin: str) -> None:
    caller.request_vehicle(VIN)
    move = f"{origin}/_emulator/page/vehicles/{VIN}/move"
    answer = post(move, data={"status": "approved", "back": "q=WBA"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/?q=WBA")
    assert status_of(caller) == "approved"
    again = post(move, data={"status": "rejected"})
    assert (again.status_code, f"{VIN} is approved by now" in again.text) == (409, True)
    assert post(move, data={"status": "revoking"}).status_code == 303
    assert status_of(caller) == "revoking"
    assert post(move.replace(VIN, OTHER), data={"status": "approved"}).status_code == 409


def test_the_time_moves_on_by_a_form(caller: Caller, origin: str) -> None:
    caller.request_vehicle(VIN)
    assert post(f"{origin}/_emulator/page/clock", data={"duration": "2h"}).status_code == 303
    caller.renew_bearer()
    assert status_of(caller) == "approved"
    assert "2 hours ago" not in get(origin).text
    assert post(f"{origin}/_emulator/page/clock", data={"duration": "soon"}).status_code == 422


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://example.com"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:9"},
        {"Origin": "http://rebound.example.com", "Host": "rebound.example.com"},
        {"Origin": "null"},
    ],
)
def test_a_page_of_another_site_can_do_nothing(caller: Caller, origin: str, headers: dict[str, str]) -> None:
    """Neither by the page's forms nor by the controls, which a browser reaches on loopback as well."""
    caller.request_vehicle(VIN)
    for path, form in (
        (f"/_emulator/page/vehicles/{VIN}/move", "status=approved"),
        (f"/_emulator/vehicles/{VIN}/move", '{"status": "approved"}'),
        ("/_emulator/reset", ""),
    ):
        answer = post(f"{origin}{path}", content=form, headers={"Content-Type": "text/plain", **headers})
        assert answer.status_code == 403
    assert status_of(caller) == "pending"
    rebound = {"Host": "rebound.example.com", "Sec-Fetch-Site": "same-origin"}
    assert get(f"{origin}/_emulator/vehicles", headers=rebound).status_code == 403


def test_the_pages_own_forms_are_taken(caller: Caller, origin: str) -> None:
    caller.request_vehicle(VIN)
    move = f"{origin}/_emulator/page/vehicles/{VIN}/move"
    own = {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
    assert post(move, data={"status": "approved"}, headers=own).status_code == 303


def test_no_secret_is_on_the_page(caller: Caller, origin: str) -> None:
    caller.request_vehicle(VIN)
    post(f"{origin}/_emulator/page/vehicles/{VIN}/move", data={"status": "approved"})
    pair = caller.http.post("/fleets/access_tokens", json={"vin": VIN}).json()
    bearer = caller.http.headers["Authorization"].partition(" ")[2]
    caller.http.delete(f"/auth_tokens/{bearer}").raise_for_status()
    caller.emulator.webhooks.register("default", "http://127.0.0.1:9/webhook", "the webhook's secret")
    application = caller.application
    pems = [application.key_pem, application.oauth_key_pem]
    secrets = [
        pair["access_token"],
        pair["refresh_token"],
        bearer,
        application.client_secret,
        "webhook's secret",
    ]
    secrets += [line for pem in pems for line in pem.splitlines()[1:-1]]
    secrets += [base64.b64encode(secret.encode()).decode().rstrip("=") for secret in secrets]
    paths = ("/", "/_emulator/page/live", "/_emulator/page/page.js", "/_emulator/page/page.css")
    for path in paths:
        text = get(origin + path).text
        assert not [secret for secret in secrets if secret in text], path
    assert "127.0.0.1:9/webhook" in get(origin).text


def test_nothing_on_the_page_comes_from_elsewhere(caller: Caller, origin: str) -> None:
    answer = get(origin)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert re.findall(r'(?:src|href|action)="(?!/|#|data:)([^"]*)"', answer.text) == []


def test_without_controls_there_is_no_page(tmp_path: Path) -> None:
    with serve_in_thread(Options(controls=False), db=tmp_path / "db") as (_, base_url):
        answer = get(base_url.removesuffix("/v1"))
        assert answer.status_code == 404
        assert answer.json()["errors"][0]["title"] == "Not Found"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        missing = "no Chromium on PATH: install Debian's package chromium, then run these tests again"
        # In CI a page that nobody looked at is a failure.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, origin: str) -> Iterator[Page]:
    """The page in a browser; whatever its scripts complain of, or ask elsewhere, fails the test."""
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console",
        lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None,
    )
    page.on(
        "request",
        lambda request: None if request.url.startswith((origin, "data:")) else wrong.append(request.url),
    )
    page.goto(origin)
    yield page
    context.close()
    assert wrong == []


@pytest.mark.browser
def test_vehicles_and_requests_arrive_while_one_looks(page: Page, caller: Caller) -> None:
    expect(page.get_by_text("No vehicle is registered yet.")).to_be_visible()
    caller.request_vehicle(VIN)
    expect(page.get_by_role("rowheader", name=VIN)).to_be_visible()
    expect(page.get_by_text("POST /fleets/vehicles")).to_be_visible()
    caller.http.delete(f"/fleets/vehicles/{VIN}")
    expect(page.get_by_text(f"DELETE /fleets/vehicles/{VIN}")).to_be_visible()


@pytest.mark.browser
def test_the_carmaker_is_played_by_keyboard_alone(page: Page, caller: Caller) -> None:
    caller.request_vehicle(VIN)
    approve = page.get_by_role("button", name=f"Approve {VIN}")
    expect(approve).to_be_visible()
    for _ in range(40):
        page.keyboard.press("Tab")
        if approve.evaluate("button => button === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=f"Revoke {VIN}")).to_be_visible()
    assert status_of(caller) == "approved"
    page.get_by_role("button", name=f"Revoke {VIN}").press("Enter")
    expect(page.locator(".status")).to_have_text("revoking")


@pytest.mark.browser
def test_a_reason_that_is_being_typed_stays_and_is_sent(page: Page, caller: Caller) -> None:
    caller.request_vehicle(VIN)
    reason = page.get_by_label(f"Reason to reject {VIN}")
    reason.fill("the odometer is broken")
    caller.request_vehicle(OTHER, "peugeot")
    page.get_by_role("button", name=f"Reject {VIN}").click()
    expect(page.get_by_role("rowheader", name=OTHER)).to_be_visible()
    assert caller.vehicle(VIN)["changelog"][-1] | {"timestamp": ""} == {
        "timestamp": "",
        "status": "rejected",
        "reason": "the odometer is broken",
    }
    page.locator("summary", has_text=VIN).click()
    expect(page.get_by_text("rejected: the odometer is broken")).to_be_visible()


@pytest.mark.browser
def test_a_changelog_that_is_open_stays_open_when_others_change(page: Page, caller: Caller) -> None:
    caller.request_vehicle(VIN)
    page.locator("summary", has_text=VIN).press("Enter")
    caller.request_vehicle(OTHER, "peugeot")
    expect(page.get_by_role("rowheader", name=OTHER)).to_be_visible()
    expect(page.locator("details[open] summary", has_text=VIN)).to_be_focused()


@pytest.mark.browser
def test_the_settings_are_copied_by_a_button(page: Page) -> None:
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(r"export HIGHMOBILITY_CREDENTIALS_FILE='.*my keys\.json'", copied)


@pytest.mark.browser
def test_a_phone_shows_everything_without_scrolling_sideways(page: Page, caller: Caller) -> None:
    caller.request_vehicle(VIN, tags={"a-rather-long-name-of-a-tag": "and-its-text-without-any-space-in-it"})
    caller.emulator.webhooks.register(
        "default", "http://127.0.0.1:9/a-path/that-is-long/and-goes-on", "secret"
    )
    page.set_viewport_size({"width": 320, "height": 640})
    expect(page.get_by_role("button", name=f"Approve {VIN}")).to_be_visible()
    expect(page.get_by_text("that-is-long")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
