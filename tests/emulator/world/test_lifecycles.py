"""The carmakers' own lifecycles: what pauses, what rejects after how many days, and what other applications do to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pulumi_highmobility.emulator.app import Options
from pulumi_highmobility.emulator.server import serve_in_thread
from pulumi_highmobility.emulator.world.clock import EmulatorClock
from pulumi_highmobility.testing import start_emulator

from ..conftest import Caller
from ..modes import post

VIN = "WVW8E9C50GK000001"
DAY = 86_400.0
APPLICATIONS: dict[str, dict[str, Any]] = {
    "default": {},
    "same": {},
    "other": {"package": "premium"},
    "partner": {"partner": True},
}


class Callers:
    """A caller for each application of one emulator."""

    def __init__(self, emulator: Any, base_url: str) -> None:
        self.by_name = {
            name: Caller(emulator, base_url, application=number) for number, name in enumerate(APPLICATIONS)
        }
        self.clock = emulator.clock

    def __getitem__(self, name: str) -> Caller:
        return self.by_name[name]

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        for caller in self.by_name.values():
            caller.renew_bearer()

    def control(self, vin: str, **fields: Any) -> dict[str, Any]:
        origin = self["default"].base_url.removesuffix("/v1")
        answer = post(f"{origin}/_emulator/vehicles/{vin}/conditions", json=fields)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
def callers(tmp_path: Path) -> Iterator[Callers]:
    options = Options(limits=False)
    with serve_in_thread(options, db=tmp_path / "db", applications=APPLICATIONS) as (emulator, base_url):
        callers = Callers(emulator, base_url)
        yield callers
        for caller in callers.by_name.values():
            caller.http.close()


@pytest.mark.parametrize(
    ("brand", "ending", "days", "reason"),
    [
        ("volkswagen", "PRVM0", 15, "privacy mode"),
        ("cupra", "NDAT0", 10, "no data"),
        ("peugeot", "NDAT0", 10, "no data"),
        ("ford", "NCNS0", 10, "no consent"),
        ("peugeot", "PRVM0", None, ""),
        ("bmw", "NDAT0", None, ""),
    ],
)
def test_a_condition_rejects_after_the_carmakers_days(
    callers: Callers, brand: str, ending: str, days: float | None, reason: str
) -> None:
    """A brand whose lifecycle names no such limit leaves the vehicle pending."""
    vin = f"WVW8E9C50GK0{ending}"
    callers["default"].request_vehicle(vin, brand)
    callers.advance((days or 400) * DAY - 5)
    assert callers["default"].vehicle(vin)["status"] == "pending"
    callers.advance(10)
    vehicle = callers["default"].vehicle(vin)
    assert vehicle["status"] == ("pending" if days is None else "rejected")
    assert reason in vehicle["changelog"][-1].get("reason", "")


def test_privacy_mode_that_is_turned_off_in_time_lets_the_approval_come(callers: Callers) -> None:
    callers["default"].request_vehicle("WVW8E9C50GK0PRVM0", "audi")
    callers.advance(14 * DAY)
    assert callers.control("WVW8E9C50GK0PRVM0", privacy_mode=False)["conditions"] == []
    callers.advance(3)
    assert callers["default"].vehicle("WVW8E9C50GK0PRVM0")["status"] == "approved"


def test_data_is_waited_for_from_when_privacy_mode_is_off(callers: Callers) -> None:
    callers["default"].request_vehicle("WVW8E9C50GK0PRVM0", "seat")
    callers.control("WVW8E9C50GK0PRVM0", sends_data=False)
    callers.advance(14 * DAY)
    callers.control("WVW8E9C50GK0PRVM0", privacy_mode=False)
    callers.advance(9 * DAY)
    assert callers["default"].vehicle("WVW8E9C50GK0PRVM0")["status"] == "pending"
    callers.advance(1.1 * DAY)
    assert "no data" in callers["default"].vehicle("WVW8E9C50GK0PRVM0")["changelog"][-1]["reason"]


def test_ford_looks_for_consent_every_twelve_hours(callers: Callers) -> None:
    callers["default"].request_vehicle("WF08E9C50GK0NCNS0", "ford")
    callers.advance(13 * 3600)
    callers.control("WF08E9C50GK0NCNS0", consent=True)
    callers.advance(10.9 * 3600)
    assert callers["default"].vehicle("WF08E9C50GK0NCNS0")["status"] == "pending"
    callers.advance(600)
    assert callers["default"].vehicle("WF08E9C50GK0NCNS0")["status"] == "approved"


@pytest.mark.parametrize("brand", ["skoda", "polestar"])
def test_a_vehicle_of_another_application_is_rejected_where_the_carmaker_allows_one(
    callers: Callers, brand: str
) -> None:
    callers["default"].request_vehicle(VIN, brand)
    callers.advance(5)
    callers["same"].request_vehicle(VIN, brand)
    callers.advance(5)
    assert callers["same"].vehicle(VIN)["status"] == "rejected"
    assert callers["default"].vehicle(VIN)["status"] == "approved"


@pytest.mark.parametrize(
    ("brand", "application", "status"),
    [
        ("opel", "same", "approved"),
        ("opel", "other", "rejected"),
        ("ford", "same", "approved"),
        ("ford", "other", "approved"),
        ("bmw", "other", "approved"),
        ("nissan", "same", "approved"),
    ],
)
def test_a_vehicle_may_be_of_several_applications_as_the_carmaker_says(
    callers: Callers, brand: str, application: str, status: str
) -> None:
    """Stellantis with the same data package only; Ford and others with any."""
    callers["default"].request_vehicle(VIN, brand)
    callers.advance(5)
    callers[application].request_vehicle(VIN, brand)
    callers.advance(5)
    assert callers[application].vehicle(VIN)["status"] == status


@pytest.mark.parametrize("brand", ["fiat", "ford"])
def test_a_vehicle_in_progress_elsewhere_pauses_until_that_has_ended(callers: Callers, brand: str) -> None:
    callers["default"].request_vehicle(VIN, brand)
    callers.control(VIN, sends_data=False, consent=False)
    callers["same"].request_vehicle(VIN, brand)
    callers.advance(9 * DAY)
    assert callers["same"].vehicle(VIN)["status"] == "pending"
    callers.advance(1.1 * DAY)
    assert callers["default"].vehicle(VIN)["status"] == "rejected"
    callers.advance(DAY)
    assert callers["same"].vehicle(VIN)["status"] == "approved"


def test_a_revocation_elsewhere_is_waited_for_too(callers: Callers) -> None:
    callers["default"].request_vehicle(VIN, "jeep")
    callers.advance(5)
    callers["default"].http.delete(f"/fleets/vehicles/{VIN}").raise_for_status()
    callers["other"].request_vehicle(VIN, "jeep")
    assert callers["other"].vehicle(VIN)["status"] == "pending"
    callers.advance(10)
    assert callers["default"].vehicle(VIN)["status"] == "revoked"
    assert callers["other"].vehicle(VIN)["status"] == "approved"


def test_a_partners_volkswagen_needs_its_tag(callers: Callers) -> None:
    callers["partner"].request_vehicle(VIN, "volkswagen")
    callers["partner"].request_vehicle(
        "WVW8E9C50GK000002", "volkswagen", tags={"vw-group-customer-name": "acme"}
    )
    callers.advance(5)
    assert "vw-group-customer-name" in callers["partner"].vehicle(VIN)["changelog"][-1]["reason"]
    assert callers["partner"].vehicle("WVW8E9C50GK000002")["status"] == "approved"


@pytest.mark.parametrize("fields", [{"privacy_mode": "on"}, {"consent": 1}])
def test_a_condition_takes_true_or_false(callers: Callers, fields: dict[str, Any]) -> None:
    callers["default"].request_vehicle(VIN, "bmw")
    with pytest.raises(httpx.HTTPStatusError, match="422"):
        callers.control(VIN, **fields)


def test_applications_of_the_command_have_their_traits(tmp_path: Path) -> None:
    flags = ("--application", "one", "--application", "none", "--application", "raw")
    more = (
        "--without-fleet",
        "none",
        "--not-configured",
        "raw",
        "--package",
        "one=premium",
        "--partner",
        "one",
    )
    with start_emulator(*flags, *more, folder=tmp_path) as emulator:
        codes = []
        for name in ("", "-none", "-raw"):
            credentials = (tmp_path / f"credentials{name}.json").read_text()
            fields = httpx.Response(200, text=credentials).json()
            pair = {key: fields[key] for key in ("client_id", "client_secret")}
            grant = {"grant_type": "client_credentials", **pair}
            token = post(f"{emulator.base_url}/access_tokens", json=grant).json()["access_token"]
            answer = post(
                f"{emulator.base_url}/fleets/vehicles",
                json={"vehicles": [{"vin": VIN, "brand": "bmw"}]},
                headers={"Authorization": f"Bearer {token}"},
            )
            codes.append(answer.status_code)
        assert codes == [200, 403, 422]


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--package", "nobody=premium"), "no such application. There are: default."),
        (("--package", "default"), "write NAME=PACKAGE"),
        (("--partner", "nobody"), "--partner nobody: no such application"),
    ],
)
def test_a_trait_of_an_unknown_application_is_refused(flags: tuple[str, ...], told: str) -> None:
    with pytest.raises(RuntimeError, match=told), start_emulator(*flags):
        pass


def test_a_database_of_an_earlier_version_is_taken(tmp_path: Path) -> None:
    with start_emulator(folder=tmp_path):
        pass
    with sqlite3.connect(tmp_path / "emulator.db") as db:
        db.execute("ALTER TABLE vehicles DROP COLUMN step")
        db.execute("ALTER TABLE vehicles DROP COLUMN conditions")
    db.close()
    with start_emulator(folder=tmp_path) as again:
        assert again.controls.vehicles() == []


def test_of_two_requests_where_the_carmaker_allows_one_the_first_approved_stays(callers: Callers) -> None:
    callers["default"].request_vehicle(VIN, "audi")
    callers["same"].request_vehicle(VIN, "audi")
    callers.advance(10)
    assert callers["default"].vehicle(VIN)["status"] == "approved"
    assert "another application" in callers["same"].vehicle(VIN)["changelog"][-1]["reason"]


def test_consent_is_waited_for_from_when_the_pause_has_ended(callers: Callers) -> None:
    callers["default"].request_vehicle(VIN, "ford")
    callers.control(VIN, sends_data=False)
    callers["same"].request_vehicle(VIN, "ford")
    callers.control(VIN, consent=False, application="same")
    callers.advance(20 * DAY)
    origin = callers["default"].base_url.removesuffix("/v1")
    post(f"{origin}/_emulator/vehicles/{VIN}/move", json={"status": "rejected"}).raise_for_status()
    callers.advance(9.9 * DAY)
    assert callers["same"].vehicle(VIN)["status"] == "pending"
    callers.advance(0.2 * DAY)
    assert "no consent" in callers["same"].vehicle(VIN)["changelog"][-1]["reason"]


def test_a_condition_changes_nothing_of_a_rejection_that_is_to_come(callers: Callers) -> None:
    callers["default"].request_vehicle("WBA8E9C50GK0REJ04")
    callers.advance(9 * DAY)
    callers.control("WBA8E9C50GK0REJ04", sends_data=False)
    callers.advance(1.1 * DAY)
    assert callers["default"].vehicle("WBA8E9C50GK0REJ04")["status"] == "rejected"


def test_of_two_requests_at_one_instant_one_is_the_first(tmp_path: Path) -> None:
    """Time that stands still does not let both through."""
    clock = EmulatorClock(speed=0)
    options = Options(limits=False)
    with serve_in_thread(options, db=tmp_path / "db", clock=clock, applications=APPLICATIONS) as served:
        first, second = Caller(*served, application=2), Caller(*served, application=0)
        for caller in (first, second):
            caller.request_vehicle(VIN, "fiat")
        clock.advance(10)
        statuses = []
        for caller in (first, second):
            caller.renew_bearer()
            statuses.append(caller.vehicle(VIN)["status"])
            caller.http.close()
    assert statuses == ["approved", "rejected"]


def test_a_control_names_an_application_that_there_is(callers: Callers) -> None:
    callers["default"].request_vehicle(VIN)
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        callers.control(VIN, consent=True, application="gone")
