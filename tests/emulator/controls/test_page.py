"""The page at `/`: over HTTP as a browser without scripts sees it, and in a real headless Chromium."""

from __future__ import annotations

import base64
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from pulumi_highmobility.emulator.app import Options
from pulumi_highmobility.emulator.server import serve_in_thread
from pulumi_highmobility.emulator.world.machine import Pace

from ..conftest import Caller
from ..modes import get, post

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
    assert "No vehicle matches." in get(f"{origin}/?status=revoked").text


def test_a_large_fleet_shows_what_changed_last(caller: Caller, origin: str) -> None:
    rows = [{"vin": f"WBA8E9C50GK{number:06}", "brand": "bmw"} for number in range(500)]
    caller.http.post("/fleets/vehicles", json={"vehicles": rows}).raise_for_status()
    caller.request_vehicle(OTHER, "peugeot")
    text = get(origin).text
    assert "100 of 501 vehicles: pending ones first, then by last change." in text
    assert text.count('<th scope="row"><code>') == 100
    assert OTHER in text


def shown_vins(text: str) -> list[str]:
    return re.findall(r'<th scope="row"><code>([^<]*)</code>', text)


def test_pending_vehicles_come_first(caller: Caller, origin: str) -> None:
    vins = [f"WBA8E9C50GK{number:06}" for number in range(6)]
    for number, vin in enumerate(vins):
        caller.advance(number)
        caller.request_vehicle(vin)
    for vin in (vins[1], vins[4]):
        caller.advance(1)
        post(f"{origin}/_emulator/page/vehicles/{vin}/move", data={"status": "approved"})
    assert shown_vins(get(origin).text) == [vins[n] for n in (5, 3, 2, 0, 4, 1)]


def test_the_counts_are_links_to_the_vehicles_in_that_status(caller: Caller, origin: str) -> None:
    vins = [f"WBA8E9C50GK{number:06}" for number in range(3)]
    for vin in vins:
        caller.request_vehicle(vin)
    caller.request_vehicle(OTHER, "peugeot")
    post(f"{origin}/_emulator/page/vehicles/{vins[0]}/move", data={"status": "approved"})
    links = r'<a id="filter-(\w*)" href="([^"]*)"( aria-current="true")?>.* (\d+)</a>'
    assert re.findall(links, get(origin).text) == [
        ("", "/", ' aria-current="true"', "4"),
        ("pending", "/?status=pending", "", "3"),
        ("approved", "/?status=approved", "", "1"),
    ]
    searched = re.findall(links, get(f"{origin}/?q=bmw&status=revoked").text)
    assert [(name, href.replace("&amp;", "&"), count) for name, href, _, count in searched] == [
        ("", "/?q=bmw", "3"),
        ("pending", "/?q=bmw&status=pending", "2"),
        ("approved", "/?q=bmw&status=approved", "1"),
        ("revoked", "/?q=bmw&status=revoked", "0"),
    ]
    assert shown_vins(get(f"{origin}/?q=bmw&status=approved").text) == [vins[0]]
    assert "4 vehicles: 3 pending, 1 approved" in get(origin).text


def test_a_vin_is_encoded_in_what_its_buttons_call(caller: Caller, origin: str) -> None:
    for vin in ("WBA8E9C50GK/?#001", '"><B>8E9C50GK0001', "WBA8E9C50GK\n%2F01", "../../../VEHICLE/"):
        caller.request_vehicle(vin)
        actions = re.findall(r'action="([^"]*/move)"', get(origin).text)
        path = f"/_emulator/page/vehicles/{quote(vin, safe='')}/move"
        assert actions.count(path) == 2
        assert post(origin + path, data={"status": "approved"}).status_code == 303


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
    assert (again.status_code, f"{VIN} is approved now" in again.text) == (409, True)
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
        # A browser complains of each refusal by itself.
        lambda message: (
            wrong.append(message.text)
            if message.type in ("error", "warning") and "status of 409" not in message.text
            else None
        ),
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


def pressed(page: Page, button: Locator) -> None:
    """The mouse button goes down on it, and stays so."""
    button.hover()
    page.mouse.down()


@pytest.mark.browser
def test_a_click_is_not_lost_while_vehicles_arrive(page: Page, caller: Caller) -> None:
    caller.request_vehicle(VIN)
    approve = page.get_by_role("button", name=f"Approve {VIN}")
    pressed(page, approve)
    for number in range(15):
        caller.request_vehicle(f"WBA8E9C50GK1{number:05}")
        page.wait_for_timeout(100)
    page.mouse.up()
    expect(page.get_by_role("button", name=f"Revoke {VIN}")).to_be_visible()
    assert status_of(caller) == "approved"


@pytest.mark.browser
def test_a_button_stays_the_same_and_in_its_place_while_vehicles_arrive(page: Page, caller: Caller) -> None:
    caller.request_vehicle(VIN)
    approve = page.get_by_role("button", name=f"Approve {VIN}")
    approve.hover()
    same, before = approve.element_handle(), approve.bounding_box()
    for number in range(5):
        caller.request_vehicle(f"WBA8E9C50GK1{number:05}")
    expect(page.get_by_role("rowheader", name="WBA8E9C50GK100004")).to_be_attached()
    assert same.evaluate("button => button.isConnected")
    after = approve.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(after["y"] - before["y"]) < 2


@pytest.mark.browser
def test_buttons_that_are_pressed_one_after_the_other_are_all_sent(page: Page, caller: Caller) -> None:
    vins = [f"WBA8E9C50GK{number:06}" for number in range(8)]
    for vin in vins:
        caller.request_vehicle(vin)
    expect(page.get_by_role("button", name="Approve")).to_have_count(8)
    for vin in vins:
        page.get_by_role("button", name=f"Approve {vin}").click()
    expect(page.get_by_role("button", name="Revoke")).to_have_count(8)


@pytest.mark.browser
def test_a_double_click_is_for_one_vehicle(page: Page, caller: Caller) -> None:
    caller.request_vehicle(VIN)
    caller.request_vehicle(OTHER, "peugeot")
    page.get_by_role("button", name="Approve").first.dblclick()
    expect(page.get_by_role("button", name="Revoke")).to_have_count(1)
    expect(page.get_by_role("button", name="Approve")).to_have_count(1)
    expect(page.get_by_role("alert")).to_be_hidden()


@pytest.mark.browser
def test_a_button_that_comes_too_late_says_so(page: Page, caller: Caller) -> None:
    caller.request_vehicle(VIN)
    pressed(page, page.get_by_role("button", name=f"Approve {VIN}"))
    move = f"{caller.origin}/_emulator/vehicles/{VIN}/move"
    caller.http.post(move, json={"status": "canceled"}).raise_for_status()
    page.mouse.up()
    expect(page.get_by_role("alert")).to_have_text(f"{VIN} is canceled now: go back to see what can be done.")
    expect(page.locator(".status")).to_have_text("canceled")


@pytest.mark.browser
def test_enter_after_a_reason_rejects(page: Page, caller: Caller) -> None:
    caller.request_vehicle(VIN)
    reason = page.get_by_label(f"Reason to reject {VIN}")
    reason.fill("no contract")
    caller.request_vehicle(OTHER, "peugeot")
    expect(page.get_by_role("rowheader", name=OTHER)).to_be_visible()
    expect(reason).to_have_value("no contract")
    reason.press("Enter")
    expect(page.locator(".status.rejected")).to_be_visible()
    assert caller.vehicle(VIN)["changelog"][-1]["reason"] == "no contract"


@pytest.mark.browser
def test_a_vehicle_with_an_odd_vin_is_approved_by_its_button(page: Page, caller: Caller) -> None:
    for vin in ("WBA8E9C50GK/?#001", "WBA8E9C50GK <B>\\%"):
        caller.request_vehicle(vin)
        page.get_by_role("button", name=f"Approve {vin}").click()
        expect(page.get_by_role("button", name=f"Revoke {vin}")).to_be_visible()


@pytest.mark.browser
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_the_first_screen_is_the_fleet(page: Page, caller: Caller, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    for number in range(12):
        caller.request_vehicle(f"WBA8E9C50GK{number:06}", tags={"customer": "acme"})
    post(f"{caller.origin}/_emulator/page/vehicles/WBA8E9C50GK000011/move", data={"status": "approved"})
    expect(page.get_by_role("button", name="Approve")).to_have_count(11)
    heading, search, settings, first = (
        found.bounding_box() or {"y": 9999.0, "height": 0.0}
        for found in (
            page.get_by_role("heading", name="Fleet"),
            page.get_by_role("searchbox", name="VIN or brand"),
            page.get_by_text("Settings", exact=True),
            page.get_by_role("button", name="Approve WBA8E9C50GK000010"),
        )
    )
    assert abs(search["y"] - settings["y"]) < search["height"]
    assert search["y"] < heading["y"] < first["y"] < height / 3
    assert page.get_by_text("HIGHMOBILITY_CREDENTIALS_FILE").is_hidden()
    if width > 1000:
        expect(page.get_by_role("columnheader", name="Actions")).to_be_visible()
    page.get_by_role("link", name="approved 1").click()
    expect(page.locator("#live .status")).to_have_text(["approved"])
    expect(page.get_by_role("link", name="all 12")).to_be_visible()


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_long_texts_do_not_widen_the_page(page: Page, caller: Caller, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    caller.http.get("/fleets/vehicles/" + "x" * 3000)
    caller.http.post("/eligibility", json={"vin": "z" * 3000, "brand": "bmw"})
    caller.http.get("/fleets/vehicles/" + "%2F" * 1000)
    caller.request_vehicle(VIN, tags={"t" * 900: "u" * 900})
    caller.emulator.webhooks.register("default", "http://127.0.0.1:9/" + "a" * 900, "secret")
    move = f"{caller.origin}/_emulator/vehicles/{VIN}/move"
    caller.http.post(move, json={"status": "rejected", "reason": "r" * 900}).raise_for_status()
    page.goto(f"{caller.origin}/?q={'q' * 150}")
    page.goto(caller.origin)
    page.locator("summary", has_text=VIN).click()
    page.get_by_text("Settings", exact=True).click()
    expect(page.get_by_text("rejected: rrr")).to_be_visible()
    expect(page.get_by_text("zzz", exact=False).or_(page.get_by_text("ZZZ")).first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.browser
def test_the_settings_are_copied_by_a_button(page: Page) -> None:
    page.get_by_text("Settings", exact=True).click()
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
