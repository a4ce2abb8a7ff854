"""The functions beside the resources, called by programs on the real engine."""

from __future__ import annotations

from ..engine.conftest import Project


def test_the_eligibility_check_is_skipped_with_a_message_where_no_credentials_are_set(
    project: Project,
) -> None:
    del project.environment["HIGHMOBILITY_CREDENTIALS_FILE"]
    project("config", "set", "highmobility:checkEligibility", "true", expect=0)
    project.program('hm.FleetVehicle("no", vin="WBA8E9C50GK1NTEL0", brand="bmw")')
    run = project.preview()
    assert "eligibility is not checked: no credentials" in run.output
