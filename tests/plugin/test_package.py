"""The package's schema says what the table of properties says, and what the plugin does."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from pulumi_highmobility.operations.schema import SCHEMAS
from pulumi_highmobility.plugin.package import MODULE, package_schema
from pulumi_highmobility.plugin.properties import _VIEWS, outputs
from pulumi_highmobility.setting_names import SETTINGS
from pulumi_highmobility.spelling import camel

SCHEMA = package_schema()


def resource(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = SCHEMA["resources"][f"{MODULE}:{kind}"]
    return found


@pytest.mark.parametrize("kind", sorted(SCHEMAS))
def test_every_property_that_users_see_is_in_it_and_says_what_it_means(kind: str) -> None:
    found, schema = resource(kind), SCHEMAS[kind]
    given, read = found["inputProperties"], found["properties"]
    renamed = {"vehicle_status", "request_id"} | ({"vin"} if kind == "VehicleApproval" else set())
    for one in schema.inputs:
        if one.meaning and one.name not in renamed:
            assert camel(one.name) in given, one.name
    for one in (*schema.outputs, *schema.views):
        if one.meaning:
            assert camel(one.name) in read, one.name
    for name, about in (given | read).items():
        told, _, _ = about["description"].partition(" API: ")
        assert told, name
        assert not re.search(r"\b[a-z]+_[a-z_]+\b|\]\(|True|False", told.replace("awaiting_clearance", "")), (
            name,
            about,
        )


def test_what_is_secret_is_marked() -> None:
    secret = {
        (kind, name)
        for kind in SCHEMAS
        for name, about in resource(kind)["properties"].items()
        if about.get("secret")
    }
    assert secret == {
        ("VehicleAccessToken", "accessToken"),
        ("VehicleAccessToken", "refreshToken"),
        ("FleetAccessTokens", "pairs"),
        ("FleetAccessTokens", "tokens"),
    }
    config = SCHEMA["config"]["variables"]
    assert {name for name, about in config.items() if about.get("secret")} == {
        setting.config for setting in SETTINGS if setting.secret
    }


def test_each_resource_takes_over_the_dynamic_one() -> None:
    for kind in SCHEMAS:
        assert resource(kind)["aliases"] == [{"type": f"pulumi-python:dynamic/highmobility:{kind}"}]


@pytest.mark.parametrize("kind", sorted(_VIEWS))
def test_what_the_plugin_adds_to_the_outputs_is_declared(kind: str) -> None:
    given = {"vin": "V", "registry": "", "validity": ""}
    added = outputs(kind, "id", given).keys() - given.keys()
    assert added <= resource(kind)["properties"].keys() | {"vehicle"}


def test_every_type_that_is_named_is_there() -> None:
    named = set(re.findall(r'"#/types/([^"]+)"', json.dumps(SCHEMA)))
    assert named == SCHEMA["types"].keys()


def test_what_is_required_is_there() -> None:
    for found in SCHEMA["resources"].values():
        assert set(found["requiredInputs"]) <= found["inputProperties"].keys()
        assert set(found["required"]) <= found["properties"].keys()
