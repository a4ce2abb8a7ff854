"""Scenarios of a user's own: what a file makes happen, and how a wrong one is told."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pulumi_highmobility.emulator.app import Options
from pulumi_highmobility.emulator.server import serve_in_thread
from pulumi_highmobility.emulator.world.scenario_files import (
    _COURSE,
    _MATCH,
    ScenarioFileError,
    read_scenarios,
)
from pulumi_highmobility.testing import start_emulator

from ..conftest import Caller
from ..modes import get, post

FILE = """
# The first rule that is for a vehicle holds.
rules:
  - vin: "WBA*7"
    outcome: reject
    after: 2h
    reason: the odometer is broken
  - ending: LIFE0
    after: 1h
    then:
      - {status: revoking, after: 3d, reason: sold}
      - {status: revoked, after: 12h}
  - brand: [audi, skoda]
    tags: {customer: acme}
    condition: privacy-mode
  - vin: WBA8E9C50GK000002
    outcome: error
    description: The vehicle is on the moon
  - brand: opel
    outcome: stay
    cancelable: false
  - vin: WBA8E9C50GK000003
    eligible: false
    cancelable: true
  - vin: WBA8E9C50GK000005
    condition: no-data
    cancelable: true
    cancelable_after: 1h
    data_delivery: pull
    connectivity_status: deactivated
    primary_user_assigned: false
"""
ROOT = Path(__file__).resolve().parent.parent.parent.parent


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "scenario.yaml"
    path.write_text(textwrap.dedent(text))
    return path


@pytest.fixture
def caller(tmp_path: Path) -> Iterator[Caller]:
    rules = read_scenarios(written(tmp_path, FILE))
    with serve_in_thread(Options(limits=False, rules=rules), db=tmp_path / "db") as (emulator, base_url):
        caller = Caller(emulator, base_url)
        yield caller
        caller.http.close()


def test_a_vin_pattern_rejects_with_the_users_own_reason(caller: Caller) -> None:
    caller.request_vehicle("WBA8E9C50GK000007")
    caller.advance(7199)
    assert caller.statuses("WBA8E9C50GK000007") == ["pending"]
    caller.advance(2)
    assert caller.vehicle("WBA8E9C50GK000007")["changelog"][-1]["reason"] == "the odometer is broken"


def test_a_course_goes_on_step_by_step(caller: Caller) -> None:
    vin = "WBA8E9C50GK0LIFE0"
    caller.request_vehicle(vin)
    for seconds, status in ((3601, "approved"), (3 * 86_400, "revoking"), (12 * 3600, "revoked")):
        caller.advance(seconds)
        assert caller.vehicle(vin)["status"] == status
    reasons = [change.get("reason") for change in caller.vehicle(vin)["changelog"]]
    assert reasons == [None, None, "sold", None]
    caller.request_vehicle(vin)
    caller.advance(3601)
    assert caller.statuses(vin)[-2:] == ["pending", "approved"]


def test_a_delete_in_the_middle_of_a_course_goes_its_own_way(caller: Caller) -> None:
    vin = "WBA8E9C50GK0LIFE0"
    caller.request_vehicle(vin)
    caller.advance(3601)
    assert caller.http.delete(f"/fleets/vehicles/{vin}").json()["status"] == "revoking"
    caller.advance(13 * 3600)
    assert caller.statuses(vin) == ["pending", "approved", "revoking", "revoked"]


def test_brand_and_tags_choose_together(caller: Caller) -> None:
    caller.request_vehicle("WAU8E9C50GK000001", "audi", tags={"customer": "acme"})
    caller.request_vehicle("WAU8E9C50GK000004", "audi", tags={"customer": "other"})
    caller.advance(60)
    assert caller.vehicle("WAU8E9C50GK000001")["status"] == "pending"
    assert caller.vehicle("WAU8E9C50GK000004")["status"] == "approved"


def test_an_error_row_has_the_users_own_description(caller: Caller) -> None:
    row = caller.request_vehicle("WBA8E9C50GK000002")
    assert (row["status"], row["description"]) == ("error", "The vehicle is on the moon")


def test_who_may_cancel_and_who_is_eligible_can_be_said(caller: Caller) -> None:
    caller.request_vehicle("W0L8E9C50GK000001", "opel")
    caller.request_vehicle("WBA8E9C50GK000003")
    origin = caller.base_url.removesuffix("/v1")
    post(f"{origin}/_emulator/vehicles/WBA8E9C50GK000003/conditions", json={"sends_data": False})
    caller.advance(86_401)
    assert caller.http.delete("/fleets/vehicles/W0L8E9C50GK000001").status_code == 422
    assert caller.http.delete("/fleets/vehicles/WBA8E9C50GK000003").json()["status"] == "canceling"
    answer = caller.http.post("/eligibility", json={"vin": "WBA8E9C50GK000003", "brand": "bmw"})
    assert answer.json()["eligible"] is False


def test_a_cancellation_can_be_allowed_sooner(caller: Caller) -> None:
    caller.request_vehicle("WBA8E9C50GK000005")
    caller.advance(3590)
    early = caller.http.delete("/fleets/vehicles/WBA8E9C50GK000005").json()
    assert early["errors"][0]["title"] == "too early"
    caller.advance(20)
    assert caller.http.delete("/fleets/vehicles/WBA8E9C50GK000005").json()["status"] == "canceling"


def test_the_look_ups_answer_can_be_said_field_by_field(caller: Caller) -> None:
    answer = caller.http.post("/eligibility", json={"vin": "WBA8E9C50GK000005", "brand": "bmw"})
    assert answer.json() == {
        "vin": "WBA8E9C50GK000005",
        "eligible": True,
        "data_delivery": ["pull"],
        "connectivity_status": "deactivated",
        "primary_user_assigned": False,
    }


def test_the_documented_rules_are_taken(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "emulator.md").read_text()
    documented = page.split("```yaml\n")[1].split("```")[0]
    assert len(read_scenarios(written(tmp_path, documented))) == documented.count("\n  - ")
    assert set(re.findall(r"[\w]+(?=:)", documented)) >= {*_MATCH, *_COURSE} - {"vin"}


def test_the_controls_show_the_rules_of_the_file_first(caller: Caller) -> None:
    rules = get(f"{caller.base_url.removesuffix('/v1')}/_emulator/scenarios").json()
    assert rules[0]["rule"] == "vin: WBA*7, outcome: reject, after: 2h, reason: the odometer is broken"
    assert "status: revoking" in rules[1]["rule"]
    assert rules[7]["ending"] == "APPR0"


def test_everything_that_is_wrong_is_told_at_once_by_line(tmp_path: Path) -> None:
    text = """\
    rules:
      - outcome: reject
      - ending: A
        outcom: reject
      - ending: B
        outcome: refuse
        after: soon
      - brand: bwm
        condition: privacy
        cancelable: 3
      - ending: C
        then:
          - {status: revoked}
          - {after: 1h}
      - ending: D
        description: no error row
      - ending: E
        outcome: error
        then: []
      - vin: 5
        tags: {a: 1}
      - ending: F
        ending: G
    """
    with pytest.raises(ScenarioFileError) as caught:
        read_scenarios(written(tmp_path, text))
    for told in (
        "has 14 problems",
        "line 2: a rule has to name the vehicles that it applies to",
        "line 4: a rule has no 'outcom' (did you mean 'outcome'?)",
        "line 6: outcome: takes approve, reject, stay, error, not 'refuse'",
        "line 7: after: 'soon' is not a duration; write 500ms, 2s, 10m, 3h or 1d",
        "line 8: brand: 'bwm' is not a brand of the platform (did you mean 'bmw'?)",
        "line 9: condition takes no-consent, privacy-mode, no-data, not 'privacy' (did you mean 'privacy-mode'?)",
        "line 10: cancelable: takes true or false, not 3",
        "line 13: a clearance cannot go from approved to revoked; it can go to: revoking",
        "line 14: a step needs a status",
        "line 16: description belongs to an error row",
        "line 17: an error row ends the rule",
        "line 20: vin: takes text, not 5",
        "line 21: tags takes names with text values",
        "line 23: ending appears twice",
    ):
        assert told in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the file is empty"),
        ("rules: 5", "rules takes a list"),
        ("rules:\n  - 5", "line 2: a rule takes names and values"),
        ("- ending: A", "the file takes names and values"),
        ("rules: [", "is not valid YAML"),
        ("rules:\n  - {ending: A, then: {}}", "then takes a list"),
        ("rule: []", "did you mean 'rules'?"),
        ("rules:\n  - {brand: [[a]]}", "['a'] is not a brand"),
        ("rules:\n  - {ending: A, ? [a] : b}", "a rule takes text as a name"),
        ("rules:\n  - {ending: A, after: 2026-02-30}", "'2026-02-30' is not a duration"),
        ("rules:\n  - {ending: A, data_delivery: [pul]}", "did you mean 'pull'?"),
        ("rules:\n  - &a {ending: A, tags: {x: *a}}", "is not valid YAML"),
        ("rules: " + "[" * 3000, "is nested too deeply"),
        ("rules:\n  - ending: A\n    after: !!python/object:os.system 1s", "is not valid YAML"),
    ],
)
def test_a_file_that_is_no_list_of_rules_is_told_so(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ScenarioFileError, match=r"scenario\.yaml, line \d+") as caught:
        read_scenarios(written(tmp_path, text))
    assert told in str(caught.value)


def test_the_command_takes_a_file_and_refuses_a_wrong_one_without_a_traceback(tmp_path: Path) -> None:
    good = written(tmp_path, FILE)
    with start_emulator(folder=tmp_path, scenario=str(good)) as emulator:
        found: list[dict[str, Any]] = get(emulator.base_url.replace("/v1", "/_emulator/scenarios")).json()
        assert "rule" in found[0]
    bad = written(tmp_path, "rules:\n  - outcome: reject\n")
    with (
        pytest.raises(RuntimeError, match="line 2: a rule has to name") as caught,
        start_emulator(scenario=str(bad)),
    ):
        pass
    assert "Traceback" not in str(caught.value)
