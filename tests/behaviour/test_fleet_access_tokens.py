"""FleetAccessTokens: each token is issued, awaited, renewed and revoked as a single one, and one that fails holds up no other."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pulumi_highmobility.testing import RunningEmulator, serve_emulator

from ..engine.conftest import Project, find_secrets
from ..engine.test_fleet import vehicle, vin
from ..engine.test_fleet_access_tokens import EXPORTS, approved, known, living, program
from ..played import PlayedProject

SINGLES = """
vans = [hm.FleetVehicle(f"van-{{place}}", **row) for place, row in enumerate({rows!r})]
tokens = hm.FleetAccessTokens("tokens", vehicles=vans{more})
"""


def singles(*numbers: int, more: str = "") -> str:
    return SINGLES.format(rows=[vehicle(number) for number in numbers], more=more) + EXPORTS


def asked(emulator: RunningEmulator) -> Counter[str]:
    """The requests about tokens, and the lists."""
    lines = (f"{line['method']} {line['path']}" for line in emulator.controls.requests())
    return Counter(
        line for line in lines if "token" in line or "vehicleinfo" in line or line == "GET /fleets/vehicles"
    )


def counts(project: Project) -> dict[str, int]:
    return dict(project.resource("FleetAccessTokens", "tokens")["counts"])


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[tuple[PlayedProject, RunningEmulator]]:
    """Everything is approved at once: for what is about many tokens and no wait."""
    with serve_emulator(approve_after="0s") as emulator:
        played = PlayedProject(tmp_path / "quick", emulator.environment)
        yield played, emulator
        played.stack.close()


@pytest.mark.parametrize("text", [program, singles], ids=["of a Fleet", "of single vehicles"])
def test_tokens_are_issued_for_what_is_approved_and_awaited_for_the_rest(
    project: Project, emulator: RunningEmulator, text: object
) -> None:
    make = program if text is program else singles
    approved(emulator, 1, 2)
    project.program(make(1, 2, 3))
    run = project.up()
    assert "1 vehicle not approved yet" in run.output
    assert counts(project) == {"active": 2, "awaiting_clearance": 1}
    assert project.outputs()["awaiting"] == [vin(3)]
    assert sorted(project.outputs()["expires_at"]) == [vin(1), vin(2)]
    assert known(project) == living(emulator)
    project.up("--expect-no-changes")
    emulator.controls.advance(5)
    project.up("--refresh")
    assert counts(project) == {"active": 3}
    assert known(project) == living(emulator)
    project.up("--refresh", "--expect-no-changes")
    project.stays_as_it_is()


def test_one_call_issues_each_token_and_nothing_is_asked_without_a_change(
    project: Project, emulator: RunningEmulator
) -> None:
    approved(emulator, *range(30))
    emulator.controls.clear_requests()
    project.program(program(*range(30)))
    project.up()
    issued = asked(emulator)
    assert issued["POST /fleets/access_tokens"] == 30
    # By the Fleet; the tokens take the same list.
    assert issued["GET /fleets/vehicles"] == 1
    emulator.controls.clear_requests()
    project.up("--expect-no-changes")
    assert asked(emulator) == {}
    project.refresh()
    refreshed = asked(emulator)
    assert refreshed["GET /vehicleinfo"] == 30
    assert refreshed["GET /fleets/vehicles"] == 1
    emulator.controls.advance(601)
    emulator.controls.clear_requests()
    project.destroy()
    assert asked(emulator)["DELETE /access_tokens"] == 60
    assert living(emulator) == {}


def test_what_leaves_the_list_the_fleet_or_the_program_is_revoked(
    project: Project, emulator: RunningEmulator
) -> None:
    approved(emulator, 1, 2, 3)
    project.program(program(1, 2, 3))
    project.up()
    first = known(project)
    project.program(program(1, 2, 3, more=f", vins=['{vin(1)}', '{vin(2).lower()}']"))
    assert f"1 to revoke ({vin(3)})" in project.preview().output
    project.up()
    assert living(emulator) == {vin(1): first[vin(1)], vin(2): first[vin(2)]} == known(project)
    project.stays_as_it_is()
    project.program(program(1))
    project.up()
    assert living(emulator) == {vin(1): first[vin(1)]} == known(project)
    project.program(program(1).partition("tokens =")[0])
    project.up()
    assert living(emulator) == {}
    tokens = [token for one in emulator.controls.vehicles() for token in one["tokens"]]
    assert not any(token["refresh_lives"] for token in tokens)


def test_tokens_are_kept_however_little_is_left_unless_a_minimum_is_set(
    project: Project, emulator: RunningEmulator
) -> None:
    approved(emulator, 1, 2)
    project.program(program(1, 2))
    project.up()
    first = known(project)
    project.up("--refresh", "--expect-no-changes")
    project.program(program(1, 2, more=", min_remaining_seconds=3600"))
    emulator.controls.clear_requests()
    run = project.up()
    assert asked(emulator) == {"POST /access_tokens": 2}
    assert known(project) == living(emulator)
    assert known(project)[vin(1)] != first[vin(1)]
    # More than any token has: said once, and not tried again at each `up`.
    assert run.output.count("min_remaining_seconds is 3600, and the platform's access tokens live 600 s") == 1
    project.up("--expect-no-changes")


def test_refused_refresh_tokens_are_made_up_for_by_new_requests(
    project: Project, emulator: RunningEmulator
) -> None:
    approved(emulator, 1, 2, 3)
    project.program(program(1, 2, 3))
    project.up()
    emulator.controls.fault("status", method="POST", path="/access_tokens", status=400, times=2)
    project.program(program(1, 2, 3, more=", min_remaining_seconds=3600"))
    emulator.controls.clear_requests()
    run = project.up()
    assert "the refresh token has expired or was revoked" in run.output
    assert asked(emulator)["POST /fleets/access_tokens"] == 2
    assert counts(project) == {"active": 3}
    assert all(known(project)[one][0] in living(emulator)[one] for one in (vin(1), vin(2), vin(3)))


def test_a_failure_for_one_vehicle_fails_no_other_and_is_tried_again(
    project: Project, emulator: RunningEmulator
) -> None:
    approved(emulator, 1, 2, 3)
    emulator.controls.fault(
        "status", method="POST", path="/fleets/access_tokens", vin=vin(2), status=422, times=2
    )
    project.program(program(1, 2, 3))
    run = project.up(expect=1)
    assert f"{vin(2)}: The platform answered 422 to POST /fleets/access_tokens" in run.output
    assert "the tokens of 2 vehicles are in the stack's state; 1 remaining" in run.output
    assert counts(project) == {"active": 2, "failed": 1}
    first = living(emulator)
    assert sorted(first) == [vin(1), vin(3)]
    project.up(expect=1)
    assert living(emulator) == first
    assert "The platform answered 422" in json.dumps(project.resource("FleetAccessTokens", "tokens"))
    project.up()
    assert counts(project) == {"active": 3}
    assert known(project) == living(emulator)
    assert project.outputs()["failed"] == {}
    project.stays_as_it_is()


def test_a_token_that_cannot_be_revoked_stays_until_it_can(
    project: Project, emulator: RunningEmulator
) -> None:
    approved(emulator, 1, 2, 3)
    project.program(program(1, 2, 3))
    project.up()
    first = known(project)
    emulator.controls.fault("status", method="DELETE", path="/access_tokens", status=400, times=1)
    project.program(program(1))
    run = project.up(expect=1)
    assert "1 remaining" in run.output
    left = sorted(living(emulator).keys() - {vin(1)})
    assert len(left) == 1
    # A program is given what it wants alone.
    project.up()
    assert known(project) == living(emulator) == {vin(1): first[vin(1)]}
    project.stays_as_it_is()


def test_a_platform_that_stays_down_ends_the_up_and_keeps_what_was_issued(
    quick: tuple[PlayedProject, RunningEmulator],
) -> None:
    project, emulator = quick
    project.program(program(*range(40)))
    emulator.controls.fault(
        "status", method="POST", path="/fleets/access_tokens", vin=vin(9), status=401, times=9
    )
    run = project.up(expect=1)
    assert "401" in run.output
    found = project.resource("FleetAccessTokens", "tokens")["counts"]
    assert found["active"] == len(living(emulator)) < 40
    assert found["failed"] == 40 - found["active"]
    emulator.controls.clear_faults()
    project.up()
    assert {one: [digest] for one, digest in project.outputs()["digests"].items()} == living(emulator)
    assert len(living(emulator)) == 40


@pytest.mark.parametrize("kind", ["close_after", "close_before", "truncate", "expire_token"])
@pytest.mark.parametrize(
    "call", ["POST /fleets/access_tokens", "POST /access_tokens", "DELETE /access_tokens", "GET /vehicleinfo"]
)
def test_an_answer_that_is_lost_costs_no_token(
    quick: tuple[PlayedProject, RunningEmulator], kind: str, call: str
) -> None:
    project, emulator = quick
    method, path = call.split()

    def fault() -> None:
        emulator.controls.fault(kind, method=method, path=path)

    fault()
    project.program(program(1, 2, 3))
    project.up()
    project.refresh()
    project.program(program(1, 2, 3, more=", min_remaining_seconds=3600"))
    project.up()
    found = project.outputs()["digests"]
    assert all(digest in living(emulator)[one] for one, digest in found.items())
    assert len(found) == 3
    project.program(program(1, 2, more=", min_remaining_seconds=3600"))
    project.up()
    assert len(project.outputs()["digests"]) == 2
    project.destroy()
    assert not any(digest in living(emulator).get(one, ()) for one, digest in found.items())


def test_changed_keepers_issue_new_tokens_and_revoke_the_old_ones(
    project: Project, emulator: RunningEmulator
) -> None:
    approved(emulator, 1, 2)
    project.program(program(1, 2, more=', keepers={"rotation": "1"}'))
    project.up()
    first = known(project)
    project.program(program(1, 2, more=', keepers={"rotation": "2"}'))
    project.up()
    assert known(project) == living(emulator)
    assert not {one[0] for one in first.values()} & {one[0] for one in known(project).values()}


def test_tokens_revoked_elsewhere_are_issued_again(project: Project, emulator: RunningEmulator) -> None:
    approved(emulator, 1, 2)
    project.program(
        program(1, 2) + f'pulumi.export("one", pulumi.Output.unsecret(tokens.of("{vin(1)}").access_token))\n'
    )
    project.up()
    first = known(project)
    revoke(emulator, project.outputs()["one"])
    project.refresh()
    assert counts(project) == {"active": 1, "revoked": 1}
    project.up()
    assert known(project) == living(emulator)
    assert known(project)[vin(1)] != first[vin(1)]
    assert known(project)[vin(2)] == first[vin(2)]


def revoke(emulator: RunningEmulator, token: str) -> None:
    credentials = emulator.credentials()
    httpx.request(
        "DELETE",
        f"{emulator.base_url}/access_tokens",
        json={"token": token, **{name: credentials[name] for name in ("client_id", "client_secret")}},
    ).raise_for_status()


def test_a_clearance_lost_and_back_brings_a_new_token(project: Project, emulator: RunningEmulator) -> None:
    approved(emulator, 1, 2)
    project.program(program(1, 2))
    project.up()
    first = known(project)
    emulator.controls.move(vin(1), "revoked")
    project.up("--refresh")
    assert counts(project) == {"active": 1, "awaiting_clearance": 1}
    project.up("--refresh", "--expect-no-changes")
    project.program(program(1, 2, of_fleet=", retry_revoked=True"))
    project.up("--refresh")
    emulator.controls.advance(5)
    project.up("--refresh")
    assert known(project) == living(emulator)
    assert known(project)[vin(2)] == first[vin(2)]
    project.up("--refresh", "--expect-no-changes")


def test_a_single_token_and_one_of_the_list_live_apart(project: Project, emulator: RunningEmulator) -> None:
    approved(emulator, 1, 2)
    project.program(program(1, 2) + f'hm.VehicleAccessToken("one", vehicle=fleet.vehicle("{vin(1)}"))\n')
    project.up()
    assert {one: len(found) for one, found in living(emulator).items()} == {vin(1): 2, vin(2): 1}
    project.program(program(1, 2))
    project.up()
    assert known(project) == living(emulator)


def test_one_of_the_list_is_given_as_outputs(project: Project, emulator: RunningEmulator) -> None:
    approved(emulator, 1)
    project.program(
        program(1, 2)
        + f"""
one, two = tokens.of("{vin(1).lower()}"), tokens.of("{vin(2)}")
pulumi.export("access", one.access_token)
pulumi.export("ends", one.expires_at)
pulumi.export("states", pulumi.Output.all(one.status, two.status))
pulumi.export("vins", pulumi.Output.all(one.vin, two.vin))
pulumi.export("none", pulumi.Output.unsecret(pulumi.Output.all(two.access_token, two.refresh_token, two.expires_at)))
"""
    )
    project.up()
    outputs = project.outputs()
    assert outputs["access"] == "[secret]"
    assert outputs["ends"] == outputs["expires_at"][vin(1)]
    assert outputs["states"] == ["active", "awaiting_clearance"]
    assert outputs["vins"] == [vin(1), vin(2)]
    assert outputs["none"] == [None, None, None]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('hm.FleetAccessTokens("tokens")', "give fleet=, or a list of vehicles"),
        (
            'hm.FleetAccessTokens("tokens", fleet=fleet, vehicles=[])',
            "takes either fleet= or vehicles=, not both",
        ),
        (
            'hm.FleetAccessTokens("tokens", vehicles=fleet)',
            "vehicles takes a list of FleetVehicles, not Fleet",
        ),
        ('hm.FleetAccessTokens("tokens", vehicles=["x"])', "vehicles[0] is not a FleetVehicle"),
        ('hm.FleetAccessTokens("tokens", fleet="vans")', "fleet takes a Fleet, not str"),
        ('hm.FleetAccessTokens("tokens", vehicles=[], vins=[])', "vins chooses among the vehicles of fleet="),
        ('hm.FleetAccessTokens("tokens", fleet=fleet, vins=["x"])', "is not a valid VIN"),
        (f'hm.FleetAccessTokens("tokens", fleet=fleet, vins=["{vin(9)}"])', f"{vin(9)} is not in the fleet"),
        (f'hm.FleetAccessTokens("tokens", fleet=fleet).of("{vin(9)}")', f"{vin(9)} is not in the fleet"),
        (
            f'hm.FleetAccessTokens("tokens", fleet=fleet, vins=["{vin(1)}"]).of("{vin(2)}")',
            f"{vin(2)} is not among the vins",
        ),
        (
            f'hm.FleetAccessTokens("tokens", vehicles=[fleet.vehicle("{vin(1)}"), fleet.vehicle("{vin(1)}")])',
            f"{vin(1)} appears twice",
        ),
        (
            'hm.FleetAccessTokens("tokens", fleet=fleet, min_remaining_seconds=-1)',
            "it takes a number of seconds",
        ),
    ],
)
def test_a_mistake_is_told_in_words(project: Project, text: str, said: str) -> None:
    rows = [vehicle(1), vehicle(2)]
    project.program(f'fleet = hm.Fleet("vans", vehicles={rows!r})\n{text}')
    run = project.up(expect=1)
    assert said in run.output
    assert "Traceback" not in run.output


def test_a_list_of_vins_that_is_an_output_is_taken_when_it_is_known(
    project: Project, emulator: RunningEmulator
) -> None:
    approved(emulator, 1, 2)
    project.program(program(1, 2, more=f", vins=[fleet.vehicle('{vin(1)}').vin]"))
    project.preview()
    project.up()
    assert sorted(living(emulator)) == [vin(1)]
    project.stays_as_it_is()
    project.program(program(1, 2, more=", vins=pulumi.Output.from_input(['short'])"))
    assert "is not a valid VIN" in project.up(expect=1).output


def test_without_the_oauth_client_tokens_are_issued_again_and_live_on_after_a_delete(
    quick: tuple[PlayedProject, RunningEmulator],
) -> None:
    project, emulator = quick
    credentials = emulator.credentials()
    del credentials["client_id"], credentials["client_secret"], credentials["oauth_private_key"]
    key_only = project.folder / "key-only.json"
    key_only.write_text(json.dumps(credentials))
    project.environment["HIGHMOBILITY_CREDENTIALS_FILE"] = str(key_only)
    project.program(program(1, 2))
    project.up()
    project.program(program(1, 2, more=", min_remaining_seconds=3600"))
    project.up()
    assert {one: len(found) for one, found in living(emulator).items()} == {vin(1): 2, vin(2): 2}
    run = project.destroy()
    assert run.output.count("they stay valid until they expire") == 1


def test_another_server_is_an_error_for_tokens_too(project: Project, emulator: RunningEmulator) -> None:
    approved(emulator, 1)
    project.program(program(1))
    project.up()
    first = living(emulator)
    with serve_emulator(approve_after="0s") as other:
        there = dict(other.environment)
        here = dict(project.environment)
        project.environment.update(there)
        for run in (
            project.preview(expect=1),
            project.up(expect=1),
            project.refresh(expect=1),
            project.destroy(expect=1),
        ):
            assert "The stack's state was last read from" in run.output
        assert other.controls.vehicles() == []
        # The move is meant: what does not live there is issued there, and the old server is not asked.
        project.environment["HIGHMOBILITY_MOVED_FROM"] = emulator.base_url
        project.refresh()
        project.up()
        assert known(project) == living(other)
        del project.environment["HIGHMOBILITY_MOVED_FROM"]
        project.up("--refresh", "--expect-no-changes")
        project.destroy()
        assert living(other) == {}
        project.environment.clear()
        project.environment.update(here)
    assert living(emulator) == first


def test_tokens_of_another_application_are_not_taken_for_revoked(
    project: Project, emulator: RunningEmulator
) -> None:
    """Revoking an unknown token is a success to the platform, and to another application ours is unknown."""
    approved(emulator, 1)
    project.program(program(1, 2))
    project.up()
    first = living(emulator)
    record = next(one for one in project.stack.records if one.kind == "FleetAccessTokens")  # type: ignore[attr-defined]
    record.outputs["registered_with"] = f"{emulator.base_url} another-key"
    emulator.controls.fault("answer", method="DELETE", path="/access_tokens", body="{}", times=2)
    project.program(program(1, 2).partition("tokens =")[0])
    run = project.up(expect=1)
    assert f"The access token of {vin(1)} was not revoked" in run.output
    assert living(emulator) == first
    project.up()
    assert living(emulator) == {}


def test_no_token_of_a_long_list_is_said_or_written_in_plain(
    quick: tuple[PlayedProject, RunningEmulator],
) -> None:
    project, emulator = quick
    # More than a hundred: at each hundred the progress is said.
    text = program(*range(200)) + "print(repr(tokens), str(tokens.of('" + vin(1) + "')), vars(tokens))\n"
    said = []
    project.program(text)
    emulator.controls.fault("status", method="POST", path="/fleets/access_tokens", vin=vin(7), status=422)
    said.append(project.up(expect=1).output)
    said.append(project.up().output)
    said.append(project.refresh().output)
    project.program(text.replace("fleet=fleet", "fleet=fleet, min_remaining_seconds=3600", 1))
    said.append(project.preview().output)
    said.append(project.up().output)
    emulator.controls.fault("status", method="DELETE", path="/access_tokens", status=400, times=5)
    texts = [(f"said {place}", one.encode()) for place, one in enumerate(said)]
    texts.append(("state", json.dumps(project.state()).encode()))
    texts.append(("records", repr(project.stack.records).encode()))
    texts.append(("exported", project.stack.export().encode()))
    texts.append(("outputs", json.dumps(project.outputs() | {"digests": ""}).encode()))
    texts.append(("failed destroy", project.destroy(expect=1).output.encode()))
    assert find_secrets(emulator, iter(texts)) == []
    project.destroy()
    assert living(emulator) == {}
