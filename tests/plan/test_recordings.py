"""Previews of the real engine, recorded: what is made of each, with the stack's state and without."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from pulumi_highmobility.errors import StateUnreadable
from pulumi_highmobility.plan.compare import Facts, make_plan
from pulumi_highmobility.plan.preview import Preview, PreviewUnreadable, read_preview
from pulumi_highmobility.plan.values import What, closing

from .recorded import NOW, STATE, plan_of, text


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("new", "Plan: 5 requested (or adopted), 1 token follows its vehicle."),
        ("nothing", "Plan: nothing to do."),
        ("row-removed", "Plan: 1 revoked."),
        ("renamed-refresh", "Plan: 1 moves."),
        (
            "vin-changed",
            "Plan: 1 revoked, 1 requested (or adopted), 1 token revoked, 1 token follows its vehicle.",
        ),
        ("all-gone", "Plan: 5 revoked, 1 token revoked."),
        ("retain", "Plan: 1 stays registered."),
    ],
)
def test_a_preview_by_itself(name: str, told: str) -> None:
    assert closing(plan_of(name)) == told


@pytest.mark.parametrize(
    ("name", "told", "unchanged"),
    [
        ("fleet-renamed-without-sames", "Plan: 3 move.", 2),
        ("single-to-fleet", "Plan: 2 move, 1 token revoked.", 3),
        ("tag-changed", "Plan: 1 re-requested, 1 token follows its vehicle.", 4),
        ("unknown-tags", "Plan: 2 requested (or adopted).", 5),
    ],
)
def test_a_preview_without_sames_beside_the_state(name: str, told: str, unchanged: int) -> None:
    plan = plan_of(name, state=STATE)
    assert closing(plan) == told
    assert plan.unchanged == unchanged


def test_what_a_preview_leaves_out_may_have_what_would_end() -> None:
    (row,) = plan_of("row-removed-without-sames").rows
    assert (row.what, row.vin, row.at_stake) == (What.UNKNOWN, "WBA8E9C50GK000002", 1)
    assert "--show-sames" in row.why
    (row,) = plan_of("row-removed-without-sames", state=STATE).rows
    assert row.what is What.REVOKED


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("refused", "max_removals allows 0"),
        ("one-vin-twice", "declared twice"),
        ("program-raises", "non-zero exit code"),
    ],
)
def test_a_preview_that_fails_says_what_is_refused_and_claims_nothing_else(name: str, said: str) -> None:
    plan = plan_of(name, state=STATE)
    assert not plan.is_whole
    assert {row.what for row in plan.rows} == {What.REFUSED, What.UNKNOWN}
    assert said in plan.rows[0].why
    assert closing(plan).endswith("This `up` would fail.")


def test_a_resource_that_takes_no_part_may_want_what_would_end() -> None:
    (row,) = plan_of("target").rows
    assert row.what is What.UNKNOWN
    assert 'FleetVehicle "b2"' in row.why


def test_approved_since_and_the_last_resource_are_told() -> None:
    plan = plan_of("vin-changed")
    (row,) = plan.of(What.REVOKED)
    assert (row.vin, row.brand, row.status) == ("WBA8E9C50GK000011", "bmw", "approved")
    assert row.since.startswith("2026-11-26T23:4")
    assert row.urn.endswith("FleetVehicle::a")
    (row,) = plan.of(What.REQUESTED)
    assert row.maybe_adopted


def changed(name: str, op: str, kind: str, **fields: Any) -> Preview:
    """A recording with fields of one step in another form."""
    full = json.loads(text(name))
    for step in full["steps"]:
        if step["op"] == op and step["urn"].partition("::")[2].rpartition("::")[0].endswith(f":{kind}"):
            for path, value in fields.items():
                *parents, last = path.split("__")
                place = step
                for parent in parents:
                    place = place[parent]
                place[last] = value
    return read_preview(json.dumps(full))


def test_retain_on_delete_leaves_it_registered() -> None:
    preview = changed("all-gone", "delete", "FleetVehicle", oldState__retainOnDelete=True)
    plan = make_plan(preview, Facts(NOW))
    assert [row.vin for row in plan.of(What.RETAINED)] == ["WBA8E9C50GK000011", "WBA8E9C50GK000012"]
    assert len(plan.of(What.REVOKED)) == 3


@pytest.mark.parametrize("secret", ["[secret]", {"4dabf18193072939515e22adb298388d": "x", "ciphertext": "y"}])
def test_a_list_that_is_a_secret_is_not_known_and_may_have_anything(secret: Any) -> None:
    preview = changed("row-removed", "update", "Fleet", newState__inputs__vehicles=secret)
    plan = make_plan(preview, Facts(NOW))
    (row,) = plan.rows
    assert (row.what, row.at_stake) == (What.UNKNOWN, 3)
    preview = changed("row-removed", "update", "Fleet", oldState__outputs__registry=secret)
    assert {row.what for row in make_plan(preview, Facts(NOW)).rows} == {What.UNKNOWN}


@pytest.mark.parametrize("name", ["vehicles", "registry"])
def test_a_fleet_with_a_secret_list_that_is_deleted_is_not_known(name: str) -> None:
    full = json.loads(text("all-gone"))
    for step in full["steps"]:
        if step["urn"].endswith(":Fleet::fleet"):
            step["oldState"]["outputs"][name] = "[secret]"
    plan = make_plan(read_preview(json.dumps(full)), Facts(NOW))
    assert [row.urn.rpartition("::")[2] for row in plan.of(What.UNKNOWN) if not row.vin] == ["fleet"]
    assert not [row for row in plan.of(What.REVOKED) if row.urn.endswith("Fleet::fleet")]


def test_a_vehicle_that_moves_out_of_a_secret_list_is_not_known() -> None:
    full = json.loads(text("renamed-refresh"))
    for step in full["steps"]:
        if step["urn"].endswith("FleetVehicle::b2"):
            step["newState"]["inputs"]["vin"] = "WBA8E9C50GK000001"
        if step["urn"].endswith(":Fleet::fleet"):
            step["op"] = "delete" if step["op"] == "same" else step["op"]
            for state in ("oldState", "newState"):
                step[state]["outputs"] = {**step[state].get("outputs", {}), "vehicles": "[secret]"}
    plan = make_plan(read_preview(json.dumps(full)), Facts(NOW))
    assert "WBA8E9C50GK000001" in [row.vin for row in plan.of(What.UNKNOWN)]


def test_a_state_that_is_not_ours_is_an_error_that_says_so() -> None:
    full = json.loads(text("row-removed"))
    for step in full["steps"]:
        if step["urn"].endswith(":Fleet::fleet"):
            step["oldState"]["outputs"]["registry"] = "nonsense"
    with pytest.raises(StateUnreadable):
        make_plan(read_preview(json.dumps(full)), Facts(NOW))


def test_the_property_that_changed_is_named_for_a_fleets_vehicle_too() -> None:
    full = json.loads(text("row-removed"))
    for step in full["steps"]:
        if step["urn"].endswith(":Fleet::fleet"):
            held = step["oldState"]["outputs"]["vehicles"]
            step["newState"]["inputs"]["vehicles"] = (
                held.replace('{"n":"2"}', '{"n":"3"}')
                .replace('["WBA8E9C50GK000001","bmw"', '["WBA8E9C50GK000001","mini"')
                .replace(',{"n":"0"}', "")
            )
    found = {
        row.vin: row.why
        for row in make_plan(read_preview(json.dumps(full)), Facts(NOW)).of(What.RE_REQUESTED)
    }
    assert found == {
        "WBA8E9C50GK000000": "tags changed",
        "WBA8E9C50GK000001": "brand changed",
        "WBA8E9C50GK000002": "tags changed",
    }


def test_an_unknown_vin_may_be_any() -> None:
    unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    preview = changed("vin-changed", "replace", "FleetVehicle", newState__inputs__vin=unknown)
    plan = make_plan(preview, Facts(NOW))
    assert not plan.of(What.REVOKED)
    assert plan.of(What.UNKNOWN)[0].at_stake == 1


def test_tags_that_are_not_known_may_end_the_clearance() -> None:
    full = json.loads(text("nothing"))
    for step in full["steps"]:
        if step["urn"].endswith("FleetVehicle::a"):
            step["op"] = "update"
            step["newState"]["inputs"]["tags"] = {"of": "04da6b54-80e4-46f7-96ec-b56ff0331ba9"}
    (row,) = make_plan(read_preview(json.dumps(full)), Facts(NOW)).rows
    assert (row.what, row.vin, row.at_stake) == (What.UNKNOWN, "WBA8E9C50GK000011", 1)


def test_a_step_of_a_kind_that_is_not_known_is_named() -> None:
    preview = read_preview(text("nothing"))
    steps = [
        replace(step, op="import") if step.urn.endswith("FleetVehicle::b") else step for step in preview.steps
    ]
    (row,) = make_plan(replace(preview, steps=tuple(steps)), Facts(NOW)).rows
    assert row.what is What.UNKNOWN
    assert '"import"' in row.why


def test_too_many_single_vehicles_are_refused_as_the_run_does() -> None:
    # Nothing of the program is left: that is no destroy as long as another resource of ours is in it.
    full = json.loads(text("all-gone"))
    full["steps"] = [
        step for step in full["steps"] if not step["urn"].endswith(("Fleet::fleet", "FleetRemovals::fleet"))
    ]
    same = [step for step in json.loads(text("nothing"))["steps"] if step["urn"].endswith("Fleet::fleet")]
    full["steps"] += same
    preview = read_preview(json.dumps(full))
    assert len(make_plan(preview, Facts(NOW, max_revocations="2")).of(What.REVOKED)) == 2
    plan = make_plan(preview, Facts(NOW, max_revocations="1"))
    assert not plan.of(What.REVOKED)
    assert "highmobility:maxRevocations" in plan.of(What.REFUSED)[0].why


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "empty"),
        ("  \n", "empty"),
        ("Previewing update (dev):", "not JSON"),
        ("[]", "steps"),
        ("{}", "steps"),
        ('{"steps": [{"op": 1}]}', "form"),
        ('{"steps": [5]}', "form"),
        ('{"steps": 5}', "form"),
        ('{"steps": [], "diagnostics": [3]}', "form"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_what_is_no_preview_is_an_error_that_says_so(written: str, said: str) -> None:
    with pytest.raises(PreviewUnreadable, match=said):
        read_preview(written)


def test_a_preview_with_nothing_of_ours_has_nothing_to_do() -> None:
    other = {
        "op": "create",
        "urn": "urn:pulumi:dev::shop::aws:s3/bucket:Bucket::data",
        "newState": {
            "urn": "urn:pulumi:dev::shop::aws:s3/bucket:Bucket::data",
            "type": "aws:s3/bucket:Bucket",
        },
    }
    plan = make_plan(read_preview(json.dumps({"steps": [other]})), Facts(NOW))
    assert closing(plan) == "Plan: nothing to do."


def test_a_token_is_issued_by_the_up_that_sees_the_approval() -> None:
    assert closing(plan_of("token-issued")) == "Plan: 1 token issued."


def test_a_token_with_little_time_left_is_renewed() -> None:
    full = json.loads(text("vin-changed"))
    tokens = [step for step in full["steps"] if step["urn"].endswith("VehicleAccessToken::t")]
    for step in tokens:
        step["op"] = "update"
        step["newState"]["inputs"] = {**step["oldState"]["inputs"], "min_remaining_seconds": 60}
    full["steps"] = tokens
    plan = make_plan(read_preview(json.dumps(full)), Facts(NOW))
    assert [row.what for row in plan.rows] == [What.TOKEN_RENEWED]


def test_no_token_stands_in_a_plan() -> None:
    full = text("vin-changed").replace('"[secret]"', '"a-token-in-plain"')
    assert "a-token-in-plain" in full
    assert "a-token-in-plain" not in repr(make_plan(read_preview(full), Facts(NOW)))


@pytest.mark.parametrize(
    ("op", "told"),
    [
        ("create", {What.TOKEN_FOLLOWS}),
        ("update", {What.TOKEN_FOLLOWS}),
        ("delete", {What.TOKEN_REVOKED}),
        ("replace", {What.TOKEN_FOLLOWS, What.TOKEN_REVOKED}),
        ("same", set()),
        ("discard", {What.UNKNOWN}),
    ],
)
def test_the_tokens_of_a_list_are_not_passed_over(op: str, told: set[What]) -> None:
    full = json.loads(text("vin-changed"))
    (step,) = (one for one in full["steps"] if one["urn"].endswith("VehicleAccessToken::t"))
    changed = json.dumps(step).replace("VehicleAccessToken", "FleetAccessTokens")
    full["steps"] = [{**json.loads(changed), "op": op}]
    plan = make_plan(read_preview(json.dumps(full)), Facts(NOW))
    assert {row.what for row in plan.rows} == told
