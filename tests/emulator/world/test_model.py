"""
Random sequences of calls against a small model of the clearance states, written from the contract alone.

With a clock that stands still until moved on, so that a run is the same every time.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pulumi_highmobility.emulator.app import Options
from pulumi_highmobility.emulator.world.clock import EmulatorClock
from pulumi_highmobility.emulator.world.machine import Pace

from ..modes import serving

BEGAN = 1_800_000_000.0
DAY = 86_400.0
APPROVE_AFTER, REVOKE_AFTER, CANCEL_AFTER, TOKEN_LIFETIME = 3 * DAY, 3600.0, 1800.0, 6 * 3600.0

# Nothing is due after a sum of these to the second: the contract does not say on which side of an instant it falls.
STEPS_S = (11.0, 4001.0, 20_011.0, 1.1 * DAY + 7, 3.2 * DAY + 13)
PLAIN, OTHER, STAYS, REJECTED, ERROR = VINS = (
    "WBA8E9C50GK000001",
    "WBA8E9C50GK000002",
    "WBA8E9C50GK1STAY0",
    "WBA8E9C50GK1REJ01",
    "WBA8E9C50GK1ERRR0",
)
BRANDS = ("bmw", "peugeot", "audi")
CANCELING_BRANDS = ("peugeot", "audi", "mercedes-benz")
STATUSES = ("pending", "approved", "rejected", "revoking", "revoked", "canceling", "canceled")
ENDED = ("rejected", "revoked", "canceled")

tags = st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["x", "y"]), max_size=2)
good_rows = st.fixed_dictionaries(
    {"vin": st.sampled_from(VINS), "brand": st.sampled_from(BRANDS)},
    optional={"tags": tags},
)
bad_rows = st.sampled_from(
    [
        {"vin": PLAIN[:-1], "brand": "bmw"},
        {"vin": PLAIN + "0", "brand": "bmw"},
        {"vin": OTHER, "brand": "nope"},
        {"vin": OTHER, "brand": "mercedes-benz"},
    ]
)
payloads_without_parameter = st.sampled_from(
    [{}, {"vehicles": None}, {"vehicles": [{"vin": PLAIN}]}, {"vehicles": [{"brand": "bmw"}]}]
)
vins = st.sampled_from(VINS)


@dataclass
class Clearance:
    """What the contract says of one vehicle; `due` is what happens by itself, and when."""

    vin: str
    brand: str
    tags: dict[str, str] | None
    requested_at: float
    changelog: list[tuple[float, str]] = field(default_factory=list)
    due: tuple[float, str] | None = None

    @property
    def status(self) -> str:
        return self.changelog[-1][1]

    def move(self, status: str, at: float) -> None:
        self.changelog.append((at, status))
        if status == "pending":
            outcome = {STAYS: None, REJECTED: "rejected"}.get(self.vin, "approved")
            self.due = (at + APPROVE_AFTER, outcome) if outcome else None
        elif status == "revoking":
            self.due = (at + REVOKE_AFTER, "revoked")
        elif status == "canceling":
            self.due = (at + CANCEL_AFTER, "canceled")
        else:
            self.due = None

    def refusal_of_delete(self, now: float) -> tuple[int, str] | None:
        if self.status in ENDED:
            return 409, "Clearance is already removed"
        if self.status in ("revoking", "canceling"):
            return 409, "Clearance is in transition mode"
        if self.status == "approved":
            return None
        if self.brand not in CANCELING_BRANDS:
            return 422, "cancellation is not supported for this vin"
        if now - self.requested_at < DAY:
            return 422, "the pending status could only be canceled after 1 day it's created"
        return None


@dataclass
class Pair:
    """A vehicle's tokens, and until when which of them lives."""

    vin: str
    access: str
    refresh: str
    expires_at: float
    access_lives: bool = True
    refresh_lives: bool = True


class Fleet(RuleBasedStateMachine):
    """One application's fleet, here and at the emulator."""

    mode = "in process"

    def __init__(self) -> None:
        super().__init__()
        self.clock = EmulatorClock(speed=0, wall=lambda: BEGAN)
        options = Options(
            pace=Pace(APPROVE_AFTER, REVOKE_AFTER, CANCEL_AFTER),
            limits=False,
            token_lifetime_s=TOKEN_LIFETIME,
        )
        self.ending = ExitStack()
        folder = Path(self.ending.enter_context(TemporaryDirectory()))
        self.emulator, base_url, self.http = self.ending.enter_context(
            serving(self.mode, options, folder, clock=self.clock)
        )
        self.origin = base_url.removesuffix("/v1")
        self.now = BEGAN
        self.model: dict[str, Clearance] = {}
        self.pairs: list[Pair] = []
        self.bearer = ""
        self.sign_in()

    def teardown(self) -> None:
        self.ending.close()

    # -- parts ------------------------------------------------------------------------------------

    def call(self, method: str, path: str, *, bearer: str | None = None, **more: Any) -> httpx.Response:
        token = bearer or self.bearer
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = self.http.request(method, self.origin + path, headers=headers, **more)
        assert answer.status_code < 500, answer.text
        return answer

    def client(self, **fields: str) -> dict[str, str]:
        application = self.emulator.applications[0]
        return {"client_id": application.client_id, "client_secret": application.client_secret, **fields}

    def sign_in(self) -> None:
        answer = self.call("POST", "/v1/access_tokens", json=self.client(grant_type="client_credentials"))
        self.bearer = answer.json()["access_token"]

    def listed(self, wish: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        params = {"filter": json.dumps(wish)} if wish else {}
        answer = self.call("GET", "/v1/fleets/vehicles", params=params)
        assert answer.status_code == 200
        found: list[dict[str, Any]] = answer.json()
        return found

    def ends_tokens(self, clearance: Clearance) -> None:
        """Once a revocation has succeeded, the vehicle's tokens are dead."""
        if clearance.status == "revoked":
            for pair in self.pairs:
                if pair.vin == clearance.vin:
                    pair.access_lives = pair.refresh_lives = False

    def agrees(self, shown: dict[str, Any]) -> None:
        clearance = self.model[shown["vin"]]
        changes = [
            (
                datetime.fromisoformat(change["timestamp"]).replace(tzinfo=timezone.utc).timestamp(),
                change["status"],
            )
            for change in shown["changelog"]
        ]
        assert [status for _, status in changes] == [status for _, status in clearance.changelog]
        pairs = zip(changes, clearance.changelog, strict=True)
        assert all(abs(told - meant) < 0.01 for (told, _), (meant, _) in pairs)
        assert (shown["status"], shown["brand"], shown.get("tags")) == (
            clearance.status,
            clearance.brand,
            clearance.tags,
        )

    # -- what may happen --------------------------------------------------------------------------

    @initialize(brands=st.tuples(*[st.sampled_from(BRANDS)] * 4))
    def begin_with_a_fleet(self, brands: tuple[str, ...]) -> None:
        """Else most calls of a short run would be about vehicles that nobody asked for."""
        self.request([{"vin": vin, "brand": brand} for vin, brand in zip(VINS, brands, strict=False)])

    @rule(rows=st.lists(st.one_of(good_rows, good_rows, bad_rows), min_size=1, max_size=4))
    def request(self, rows: list[dict[str, Any]]) -> None:
        answer = self.call("POST", "/v1/fleets/vehicles", json={"vehicles": rows})
        assert answer.status_code == 200
        told = answer.json()["vehicles"]
        assert [row["vin"] for row in told] == [row["vin"] for row in rows]
        for row, got in zip(rows, told, strict=True):
            vin, brand = row["vin"], row["brand"]
            if len(vin) != 17 or brand in ("nope", "mercedes-benz") or vin == ERROR:
                assert got["status"] == "error"
                assert got["description"]
                continue
            present = self.model.get(vin)
            if present is None or present.status in ENDED:
                changelog = present.changelog if present else []
                present = Clearance(vin, brand, row.get("tags"), self.now, changelog)
                present.move("pending", self.now)
                self.model[vin] = present
            assert (got["status"], got.get("tags")) == (present.status, present.tags)

    @rule(payload=payloads_without_parameter)
    def request_without_a_parameter(self, payload: dict[str, Any]) -> None:
        assert self.call("POST", "/v1/fleets/vehicles", json=payload).status_code == 422

    @rule(vin=vins)
    def delete(self, vin: str) -> None:
        answer = self.call("DELETE", f"/v1/fleets/vehicles/{vin}")
        clearance = self.model.get(vin)
        if clearance is None:
            assert answer.status_code == 404
            return
        refusal = clearance.refusal_of_delete(self.now)
        if refusal:
            assert (answer.status_code, answer.json()["errors"][0]["detail"]) == refusal
            return
        clearance.move("revoking" if clearance.status == "approved" else "canceling", self.now)
        assert (answer.status_code, answer.json()["status"]) == (200, clearance.status)

    @rule(vin=vins, seconds=st.sampled_from((11.0, 1.1 * DAY + 7)))
    def delete_later_and_again(self, vin: str, seconds: float) -> None:
        self.advance(seconds)
        self.delete(vin)
        self.delete(vin)

    @rule(seconds=st.sampled_from(STEPS_S))
    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.now += seconds
        for clearance in self.model.values():
            while clearance.due and clearance.due[0] <= self.now:
                at, status = clearance.due
                clearance.move(status, at)
                self.ends_tokens(clearance)
        self.sign_in()

    @rule(vin=vins, status=st.sampled_from(STATUSES))
    def move_by_control(self, vin: str, status: str) -> None:
        answer = self.call("POST", f"/_emulator/vehicles/{vin}/move", json={"status": status})
        clearance = self.model.get(vin)
        assert answer.status_code == (200 if clearance else 404)
        if clearance:
            clearance.move(status, self.now)
            self.ends_tokens(clearance)

    @rule(vin=vins)
    def issue_tokens(self, vin: str) -> None:
        answer = self.call("POST", "/v1/fleets/access_tokens", json={"vin": vin})
        if vin not in self.model or self.model[vin].status != "approved":
            assert answer.status_code == 400
            assert answer.json()["error"]
            return
        assert answer.status_code == 200
        self.keep(vin, answer.json())

    @rule(vin=st.sampled_from([PLAIN, OTHER]), lost_before=st.booleans())
    def clear_and_issue_tokens(self, vin: str, lost_before: bool) -> None:
        """The whole way in one step: of random single steps few would come to a token."""
        if lost_before:
            self.move_by_control(vin, "revoked")
        self.move_by_control(vin, "approved")
        self.issue_tokens(vin)

    def keep(self, vin: str, issued: dict[str, Any]) -> None:
        assert issued["expires_in"] == TOKEN_LIFETIME
        known = {token for pair in self.pairs for token in (pair.access, pair.refresh)}
        pair = Pair(vin, issued["access_token"], issued["refresh_token"], self.now + TOKEN_LIFETIME)
        assert not {pair.access, pair.refresh} & known
        self.pairs.append(pair)

    @precondition(lambda self: self.pairs)
    @rule(data=st.data())
    def refresh(self, data: st.DataObject) -> None:
        pair = data.draw(st.sampled_from(self.pairs))
        body = self.client(grant_type="refresh_token", refresh_token=pair.refresh)
        answer = self.call("POST", "/v1/access_tokens", json=body)
        assert answer.status_code == (200 if pair.refresh_lives else 400)
        if pair.refresh_lives:
            pair.access_lives = pair.refresh_lives = False
            self.keep(pair.vin, answer.json())

    @precondition(lambda self: self.pairs)
    @rule(data=st.data(), both=st.booleans())
    def revoke(self, data: st.DataObject, both: bool) -> None:
        """RFC 7009: an access token alone, or with a refresh token both; one that is dead is success too."""
        pair = data.draw(st.sampled_from(self.pairs))
        body = self.client(token=pair.refresh if both else pair.access)
        assert self.call("DELETE", "/v1/access_tokens", json=body).status_code == 200
        pair.access_lives = False
        pair.refresh_lives = pair.refresh_lives and not both

    @rule(
        statuses=st.lists(st.sampled_from(STATUSES), max_size=3),
        some=st.lists(vins, max_size=3),
        brand=st.sampled_from([None, "bmw", "peugeot"]),
        having=st.none() | tags,
        exactly=st.booleans(),
    )
    def list_with_a_filter(
        self,
        statuses: list[str],
        some: list[str],
        brand: str | None,
        having: dict[str, str] | None,
        exactly: bool,
    ) -> None:
        wish: dict[str, Any] = {}
        expected = list(self.model.values())
        if statuses:
            wish["status"] = {"operator": "in", "value": statuses}
            expected = [one for one in expected if one.status in statuses]
        if some:
            wish["vin"] = {"operator": "in", "value": some}
            expected = [one for one in expected if one.vin in some]
        if brand:
            wish["brand"] = {"operator": "eq", "value": brand}
            expected = [one for one in expected if one.brand == brand]
        if having is not None:
            wish["tags"] = {"operator": "eq" if exactly else "contains", "value": having}
            expected = [
                one
                for one in expected
                for own in [one.tags or {}]
                if (own == having if exactly else having.items() <= own.items())
            ]
        assert {shown["vin"] for shown in self.listed(wish)} == {one.vin for one in expected}

    @rule()
    def each_vehicle_is_shown_as_in_the_list(self) -> None:
        listed = {shown["vin"]: shown for shown in self.listed()}
        for vin in VINS:
            answer = self.call("GET", f"/v1/fleets/vehicles/{vin}")
            assert answer.status_code == (200 if vin in listed else 404)
            assert answer.status_code == 404 or answer.json() == listed[vin]

    # -- what always holds ------------------------------------------------------------------------

    @invariant()
    def the_list_agrees_with_the_model(self) -> None:
        listed = self.listed()
        assert sorted(shown["vin"] for shown in listed) == sorted(self.model)
        for shown in listed:
            self.agrees(shown)

    @invariant()
    def only_those_tokens_live_that_should(self) -> None:
        for pair in self.pairs:
            lives = pair.access_lives and self.now < pair.expires_at
            answer = self.call("GET", "/v1/vehicleinfo", bearer=pair.access)
            assert answer.status_code == (200 if lives else 401)
            assert not lives or answer.json()["vin"] == pair.vin


class OverASocketFromAFile(Fleet):
    mode = "file"


class OverASocketFromMemory(Fleet):
    mode = "memory"


@pytest.mark.parametrize(
    ("machine", "examples"), [(Fleet, 15), (OverASocketFromAFile, 4), (OverASocketFromMemory, 4)]
)
def test_the_emulator_agrees_with_a_model_of_the_contract(machine: type[Fleet], examples: int) -> None:
    """Most of it in process, where a call costs least; over a socket enough to meet every rule."""
    profile = settings(
        max_examples=examples,
        stateful_step_count=30,
    )
    run_state_machine_as_test(machine, settings=profile)
