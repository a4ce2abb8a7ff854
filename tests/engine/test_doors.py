"""Both doors on one engine: whatever moves between them, and whichever serves a resource, no clearance is lost by it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pulumi_highmobility.testing import RunningEmulator

from .conftest import Project
from .test_interruption import interrupt
from .test_moves import fleet, statuses, vehicle, vin, writes

pytestmark = pytest.mark.engine

NATIVE = "highmobility:index:"
# The plugin's resources within a program in Python: as a program in another language declares them, nothing tells what is constructed.
AS_IN_OTHERS = f"""
import os

class Native(pulumi.CustomResource):
    def __init__(self, name, kind="FleetVehicle", opts=None, **inputs):
        super().__init__(f"{NATIVE}{{kind}}", name, inputs, opts)


class Provider(pulumi.ProviderResource):
    def __init__(self, name, **inputs):
        super().__init__("highmobility", name, inputs)
"""
ALL_RESOURCES = f"""
van = hm.FleetVehicle("van", vin="{vin(1)}", brand="bmw", tags={{"request_id": "a", "requestId": "b"}}, retry_revoked=True)
approval = hm.VehicleApproval("van", vehicle=van, timeout_minutes=2)
token = hm.VehicleAccessToken("van", vehicle=approval, min_remaining_seconds=1)
vans = hm.Fleet("vans", vehicles=[{{"vin": vin, "brand": "bmw"}} for vin in ["{vin(2)}", "{vin(3)}"]], max_removals=1)
tokens = hm.FleetAccessTokens("vans", fleet=vans)
pulumi.export("status", van.status)
pulumi.export("reason", van.status_reason)
pulumi.export("tags", van.tags)
pulumi.export("access", token.access_token)
pulumi.export("approved", vans.approved)
pulumi.export("tokens", tokens.tokens)
"""


def native(name: str, number: int, more: str = "") -> str:
    return f'Native("{name}", vin="{vin(number)}", brand="bmw"{more})\n'


def native_fleet(*numbers: int, name: str = "fleet", more: str = "") -> str:
    rows = ", ".join(f'dict(vin="{vin(number)}", brand="bmw")' for number in numbers)
    return (
        f'{name} = Native("{name}", "Fleet", vehicles=[{rows}]{more}, id=None, leaving=None)\n'
        f'Native("{name}", "FleetRemovals", fleetId={name}.id, leaving={name}.leaving)\n'
    )


def choose(project: Project, door: str) -> None:
    project("config", "set", "highmobility:plugin", "true" if door == "native" else "false", expect=0)


# Not by `pulumi config set`: a secret may begin with a dash.
PAIR = 'clientId=os.environ["PAIR_ID"], clientSecret=pulumi.Output.secret(os.environ["PAIR_SECRET"])'


def with_a_pair(project: Project, emulator: RunningEmulator) -> dict[str, str]:
    """The emulator's credentials, in the environment under names that the provider does not know."""
    credentials: dict[str, str] = emulator.credentials()
    project.environment = {
        name: value for name, value in project.environment.items() if not name.startswith("HIGHMOBILITY_")
    } | {"PAIR_ID": credentials["client_id"], "PAIR_SECRET": credentials["client_secret"]}
    return credentials


def of_ours(project: Project) -> list[dict[str, Any]]:
    """The resources of either door in the state."""
    return [
        one
        for one in project._resources()
        if "highmobility:" in one["type"] and "providers" not in one["type"]
    ]


def changes(emulator: RunningEmulator) -> list[tuple[str, str]]:
    """All requests that change something at the platform, tokens included."""
    return [
        (line["method"], line["path"])
        for line in emulator.controls.requests()
        if line["method"] in ("POST", "DELETE")
        and line["path"] != "/access_tokens/service"
        and not line["path"].endswith("/auth_tokens")
    ]


@pytest.mark.sdk
@pytest.mark.parametrize(("first", "then"), [("dynamic", "native"), ("native", "dynamic")])
def test_a_program_that_changes_doors_makes_no_request(
    plain_project: Project, emulator: RunningEmulator, first: str, then: str
) -> None:
    """All five resources and the child of one, with their outputs complete after it; then the life goes on at the other door."""
    project = plain_project
    project.program(ALL_RESOURCES)
    choose(project, first)
    project.up()
    emulator.controls.advance(5)
    project.refresh()
    project.up()
    project.stays_as_it_is()
    before, made = project.outputs(secrets=True), changes(emulator)
    assert len(before["tokens"]) == 2
    assert before["tags"] == {"request_id": "a", "requestId": "b"}

    choose(project, then)
    # The Fleet's child too.
    assert project.up().summary() == {"updated": 6, "unchanged": 1}
    assert changes(emulator) == made
    assert project.outputs(secrets=True) == before
    assert {one["type"].startswith(NATIVE) for one in of_ours(project)} == {then == "native"}
    project.stays_as_it_is()
    project.refresh()
    project.stays_as_it_is()

    project.program(
        ALL_RESOURCES.replace(f', "{vin(3)}"', "").replace(
            "min_remaining_seconds=1", "min_remaining_seconds=2"
        )
    )
    project.up()
    assert statuses(emulator)[vin(3)] in ("revoking", "revoked")
    assert statuses(emulator)[vin(1)] == statuses(emulator)[vin(2)] == "approved"
    choose(project, first)
    project.up()
    project.stays_as_it_is()
    project.destroy()
    assert set(statuses(emulator).values()) <= {"revoking", "revoked"}
    tokens = [
        one
        for known in emulator.controls.vehicles()
        for one in emulator.controls.vehicle(known["vin"])["tokens"]
    ]
    assert tokens
    assert not any(one["access_lives"] for one in tokens)


MOVES = {
    "from a dynamic resource to a native one": (vehicle("van", 1), native("van", 1)),
    "from a native resource to a dynamic one": (native("van", 1), vehicle("van", 1)),
    "to another name at the other door": (vehicle("a", 1) + native("b", 2), native("c", 1) + vehicle("d", 2)),
    "exchanged": (vehicle("a", 1) + native("b", 2), vehicle("a", 2) + native("b", 1)),
    "out of a native Fleet": (
        native_fleet(1, 2, 3, more=", maxRemovals=3"),
        native_fleet(2, 3, more=", maxRemovals=3") + vehicle("van", 1),
    ),
    "out of a dynamic Fleet": (
        fleet(1, 2, 3, more=", max_removals=3"),
        fleet(2, 3, more=", max_removals=3") + native("van", 1),
    ),
    "into a native Fleet": (vehicle("van", 1) + native_fleet(2), native_fleet(1, 2)),
    "into a dynamic Fleet": (native("van", 1) + fleet(2), fleet(1, 2)),
    "from one Fleet to another": (fleet(1, 2, more=", max_removals=2"), native_fleet(1, 2, name="other")),
    "from an explicit provider to the default one": (
        'one = Provider("one", carmakerNotices="false")\n'
        + native("van", 1, ", opts=pulumi.ResourceOptions(provider=one)"),
        native("van", 1),
    ),
    "from the default provider to an explicit one": (
        native("van", 1),
        'one = Provider("one", carmakerNotices="false")\n'
        + native("van", 1, ", opts=pulumi.ResourceOptions(provider=one)"),
    ),
    "between explicit providers, and renamed": (
        'one, two = Provider("one", carmakerNotices="false"), Provider("two")\n'
        + native("van", 1, ", opts=pulumi.ResourceOptions(provider=one)"),
        'one, two = Provider("one", carmakerNotices="false"), Provider("two")\n'
        + native("new", 1, ", opts=pulumi.ResourceOptions(provider=two)"),
    ),
}


@pytest.mark.parametrize("move", sorted(MOVES))
def test_what_moves_between_the_doors_in_one_run_keeps_its_clearance(
    project: Project, emulator: RunningEmulator, move: str
) -> None:
    before, after = MOVES[move]
    project.program(AS_IN_OTHERS + before)
    project.up()
    emulator.controls.advance(5)
    project.refresh()
    requested = writes(emulator)
    project.program(AS_IN_OTHERS + after)
    project.up()
    assert writes(emulator) == requested
    project.refresh()
    project.stays_as_it_is()
    assert set(statuses(emulator).values()) == {"approved"}


def test_one_vin_at_both_doors_is_an_error_at_both(project: Project, emulator: RunningEmulator) -> None:
    project.program(AS_IN_OTHERS + vehicle("dynamic", 1) + native("native", 1))
    said = project.preview(expect=1).output
    assert said.count(f"{vin(1)} is declared twice") >= 2
    assert 'FleetVehicle "native" too' in said
    assert 'FleetVehicle "dynamic" too' in said
    assert writes(emulator) == []


def test_a_destroy_ends_what_both_doors_hold(project: Project, emulator: RunningEmulator) -> None:
    project.program(AS_IN_OTHERS + vehicle("a", 1) + native("b", 2) + native_fleet(3))
    project.up()
    emulator.controls.advance(5)
    project.destroy()
    assert set(statuses(emulator).values()) <= {"revoking", "revoked"}
    assert len(statuses(emulator)) == 3


def test_two_servers_in_one_program_are_refused(project: Project, emulator: RunningEmulator) -> None:
    credentials = with_a_pair(project, emulator)
    project.environment |= {
        "HIGHMOBILITY_BASE_URL": credentials["base_url"],
        "HIGHMOBILITY_CLIENT_ID": credentials["client_id"],
        "HIGHMOBILITY_CLIENT_SECRET": credentials["client_secret"],
    }
    other = f'other = Provider("other", baseUrl="sandbox", {PAIR})\n'
    project.program(
        AS_IN_OTHERS
        + vehicle("van", 1)
        + other
        + native("b", 2, ", opts=pulumi.ResourceOptions(provider=other)")
    )
    said = project.up(expect=1).output
    assert "Two servers in one run" in said
    assert ["POST"] * len(writes(emulator)) == [method for method, _ in writes(emulator)]


def test_with_targets_nothing_ends_in_a_program_that_does_not_tell_what_it_declares(
    project: Project, emulator: RunningEmulator
) -> None:
    """The other resource wants the vehicle, and takes no part: nobody could know."""
    project.program(AS_IN_OTHERS + native("van", 1) + native("other", 3))
    project.up()
    emulator.controls.advance(5)
    gone = next(one["urn"] for one in of_ours(project) if one["urn"].endswith("::van"))
    other = next(one["urn"] for one in of_ours(project) if one["urn"].endswith("::other"))
    project.program(AS_IN_OTHERS + native("new", 1) + native("other", 3))
    said = project.up("--target", gone, "--target", other, expect=1).output
    assert "known of Python programs alone" in said
    assert statuses(emulator)[vin(1)] == "approved"
    project.up()
    assert statuses(emulator)[vin(1)] == "approved"
    assert [method for method, _ in writes(emulator)] == ["POST"]
    # What is named in a destroy is meant.
    new = next(one["urn"] for one in of_ours(project) if one["urn"].endswith("::new"))
    project.destroy("--target", new)
    assert statuses(emulator)[vin(1)] in ("revoking", "revoked")


@pytest.mark.sdk
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("moment", [("POST", "/fleets/vehicles"), ("POST", "/fleets/access_tokens")])
def test_a_run_that_is_killed_at_the_plugin_is_taken_up_by_the_next(
    plain_project: Project, emulator: RunningEmulator, how: signal.Signals, moment: tuple[str, str]
) -> None:
    project = plain_project
    choose(project, "native")
    project.program(ALL_RESOURCES)
    interrupt(project, emulator, ["up"], moment, how)
    project.recover()
    project.up()
    emulator.controls.advance(5)
    project.refresh()
    project.up()
    project.stays_as_it_is()
    assert sorted(one for method, vins in writes(emulator) for one in vins if method == "POST") == [
        vin(1),
        vin(2),
        vin(3),
    ]
    assert set(statuses(emulator).values()) == {"approved"}


def test_no_secret_of_the_plugins_is_written_anywhere(
    project: Project,
    emulator: RunningEmulator,
    secrets_in: Callable[[Iterator[tuple[str, bytes]]], list[str]],
) -> None:
    """The credentials come as the config of an explicit provider, the tokens in both forms."""
    credentials = with_a_pair(project, emulator)
    config = f'Provider("one", {PAIR}, baseUrl="{credentials["base_url"]}")'
    with_provider = "opts=pulumi.ResourceOptions(provider=one)"
    project.program(
        AS_IN_OTHERS
        + f"""one = {config}
van = Native("van", vin="{vin(1)}", brand="bmw", clearance=None, {with_provider})
vans = Native("vans", "Fleet", vehicles=[dict(vin="{vin(2)}", brand="bmw", tags=dict(a=pulumi.Output.secret("hidden tag")))], clearances=None, {with_provider})
token = Native("token", "VehicleAccessToken", vehicle=van.clearance, accessToken=None, {with_provider})
tokens = Native("tokens", "FleetAccessTokens", clearances=vans.clearances, tokens=None, {with_provider})
pulumi.export("token", token.accessToken)
pulumi.export("tokens", tokens.tokens)
"""
    )
    written = [("up", project.up("--diff").output)]
    emulator.controls.advance(5)
    written.append(("refresh", project.refresh("--diff").output))
    written.append(("again", project.up("--diff").output))
    written.append(("preview", project.preview("--json").output))
    written.append(("export", project("stack", "export", expect=0).output))
    assert len(project.outputs(secrets=True)["tokens"]) == 1
    files = [(str(path), path.read_bytes()) for path in project.folder.rglob("*") if path.is_file()]
    texts = [(name, text.encode()) for name, text in written] + files
    assert secrets_in(iter(texts)) == []
    program = str(project.folder / "__main__.py")
    assert [name for name, text in texts if b"hidden tag" in text and name != program] == []


@pytest.mark.parametrize("wanted", ["true", "false"])
def test_a_plain_up_sees_approvals_where_the_setting_says_so(
    project: Project, emulator: RunningEmulator, wanted: str
) -> None:
    choose(project, "native")
    project("config", "set", "highmobility:refreshBeforeUpdate", wanted, expect=0)
    project.program(ALL_RESOURCES.replace("vehicle=approval", "vehicle=van").replace("approval = ", "# "))
    project.up()
    emulator.controls.advance(5)
    emulator.controls.clear_requests()
    project.up()
    is_seen = project.outputs()["status"] == "approved"
    assert is_seen is (wanted == "true")
    assert len(project.outputs()["approved"]) == (2 if is_seen else 0)
    emulator.controls.clear_requests()
    project.up()
    # Nothing is pending any more, and nothing is read.
    assert bool(emulator.controls.requests()) is False
