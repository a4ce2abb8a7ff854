"""Messages have the names that the user of the plugin wrote, and what users and the platform wrote stays as it is."""

from __future__ import annotations

import re

import pytest

from pulumi_highmobility.operations.schema import SCHEMAS
from pulumi_highmobility.plugin.wording import in_plugin_words, property_path


@pytest.mark.parametrize(
    ("of_python", "of_plugin"),
    [
        ("set retry_revoked=True", "set retryRevoked: true"),
        ('on_removal="retain" and run', 'onRemoval: "retain" and run'),
        ("set max_removals=12 for this `up`", "set maxRemovals: 12 for this `up`"),
        ("min_remaining_seconds is 5, and", "minRemainingSeconds is 5, and"),
        (
            "give a vehicle= of this stack, or the VIN of another as vin=.",
            "give a vehicle of this stack, or the VIN of another as vin.",
        ),
        ('Did you mean "control_measures"?', 'Did you mean "controlMeasures"?'),
        ("It has: adopt, check_eligibility, vin.", "It has: adopt, checkEligibility, vin."),
        ("is 'x'; it takes True or False.", "is 'x'; it takes true or false."),
        # The user's own, and the platform's.
        ('the tag "request_id" of', 'the tag "request_id" of'),
        (
            "HIGHMOBILITY_BASE_URL and delete_before_replace",
            "HIGHMOBILITY_BASE_URL and delete_before_replace",
        ),
    ],
)
def test_a_message(of_python: str, of_plugin: str) -> None:
    assert in_plugin_words(of_python) == of_plugin


def test_no_property_keeps_its_python_name() -> None:
    names = [one.name for schema in SCHEMAS.values() for one in schema if "_" in one.name]
    told = in_plugin_words(f"one of {', '.join(names)}")
    assert len(names) > 30
    assert not re.search(r"[a-z]_[a-z]", told)


@pytest.mark.parametrize(
    ("of_python", "of_plugin"),
    [
        ("control_measures.odometer.value", "controlMeasures.odometer.value"),
        ("vehicles[3].control_measures", "vehicles[3].controlMeasures"),
        ("vehicles[3].tags.a_b", "vehicles[3].tags.a_b"),
        ('tags["a_b c"]', 'tags["a_b c"]'),
        ("keepers.a_b", "keepers.a_b"),
        ("vin", "vin"),
    ],
)
def test_a_path(of_python: str, of_plugin: str) -> None:
    assert property_path(of_python) == of_plugin
