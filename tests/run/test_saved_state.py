"""The stack's saved state: which of several names is the one at hand, and what cannot be read."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pulumi_highmobility.errors import StateUnreadable
from pulumi_highmobility.run import saved_state
from pulumi_highmobility.run.ending import Going
from pulumi_highmobility.run.engine_run import EngineRun
from pulumi_highmobility.run.forecast import forecast
from pulumi_highmobility.run.saved_state import SavedState, export_state, read_export

from .test_ending import (
    CHILD,
    FLEET,
    GIVES_UP,
    NEW,
    REPLACED,
    TYPE,
    VAN,
    V,
    W,
    a_fleet,
    a_vehicle,
    checked,
    constructed,
    known,
    saved,
    told,
)


def exported(*resources: Any) -> str:
    return json.dumps({"version": 3, "deployment": {"resources": resources}})


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `pulumi` whose `stack export --stack NAME` prints the file of that name, slashes as dashes."""
    script = tmp_path / "pulumi"
    script.write_text(
        '#!/bin/sh\ncat "$(dirname "$0")/$(echo "$4" | tr / -)" 2>/dev/null || { echo "error: no stack named $4" >&2; exit 255; }\n'
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def test_the_first_name_that_is_the_stack_at_hand_is_taken(command: Path) -> None:
    (command / "acme-fleet-dev").write_text(exported())
    (command / "dev").write_text(exported(a_vehicle(VAN)))
    found = export_state(["missing", "acme/fleet/dev", "dev"], "dev", "fleet", ("FleetVehicle", V))
    assert [record.id for record in found.records] == [V]
    with pytest.raises(
        StateUnreadable, match="acme/fleet/dev: it does not have the resource at hand"
    ) as caught:
        export_state(["acme/fleet/dev", "missing"], "dev", "fleet", ("FleetVehicle", V))
    assert "missing: `pulumi stack export` ended with status 255: error: no stack named missing" in str(
        caught.value
    )


def test_a_stack_of_another_name_or_project_is_not_the_one_at_hand(command: Path) -> None:
    (command / "dev").write_text(exported(a_vehicle(VAN.replace("dev::fleet", "dev::other"))))
    with pytest.raises(StateUnreadable, match="it is the state of other/dev"):
        export_state(["dev"], "dev", "fleet", None)


def test_without_a_command_or_with_another_form_it_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(saved_state, "ancestors", lambda: ())
    with pytest.raises(StateUnreadable, match="no `pulumi` on PATH"):
        export_state(["dev"], "dev", "fleet", None)
    for text in (
        "",
        "[]",
        '{"deployment": {"resources": [5]}}',
        '{"deployment": {"resources": [{"urn": 5}]}}',
    ):
        with pytest.raises(StateUnreadable, match="its format is not known"):
            read_export(text, "dev", "fleet")
    assert read_export('{"deployment": null}', "dev", "fleet") == SavedState(())


def test_a_state_is_read_once_a_run_and_what_cannot_be_read_is_told_once() -> None:
    said: list[str] = []
    calls: list[list[str]] = []

    def read(names: list[str], *_: object) -> SavedState:
        calls.append(names)
        raise StateUnreadable("the bucket is away")

    run = EngineRun(None, warn=said.append, read_state=read)
    for _ in range(2):
        assert run.saved(VAN, ("FleetVehicle", V)) is None
    assert calls == [["dev", "organization/fleet/dev"]]
    assert [text.count("the bucket is away") for text in said] == [1]
    reason = run.judge([V], Going(VAN, V))[V].reason
    assert "the bucket is away" in reason
    assert "highmobility:revokeWithoutState" in reason


def test_what_a_fleet_has_decided_is_what_all_records_of_its_removals_have() -> None:
    def child(keys: str, **more: Any) -> dict[str, Any]:
        outputs = {"fleet_id": "id-vans", "keys": keys}
        return {
            "urn": CHILD,
            "type": TYPE + "FleetRemovals",
            "id": keys or "none",
            "outputs": outputs,
            **more,
        }

    state = saved(a_fleet(FLEET, V), child("A@1 B@2"), child("A@1", delete=True))
    run = EngineRun(None, warn=print, read_state=lambda *_: state)
    assert run.signalled("id-vans", FLEET) == {"A@1"}
    run.fleet("id-vans").gone_copies.append(frozenset())
    assert run.signalled("id-vans", FLEET) == frozenset()
    assert run.signalled("another", FLEET) == frozenset()


@pytest.mark.parametrize(
    ("lines", "state", "said"),
    [
        ([checked(NEW, W), known(NEW, W)], [a_vehicle(NEW, W)], ""),
        ([checked(NEW, W)], [a_vehicle(VAN)], f"this `up` ends 1 clearance ({V})"),
        ([checked(NEW)], [a_vehicle(VAN)], f"this `up` ends no clearance; 1 vehicle moves and stays ({V})"),
        (
            [checked(NEW, W)],
            [a_vehicle(VAN), a_vehicle(NEW, W), a_vehicle(NEW, delete=True)],
            f"this `up` ends 1 clearance ({V})",
        ),
        ([checked(VAN, W), known(VAN), REPLACED], [a_vehicle(VAN)], f"this `up` ends 1 clearance ({V})"),
        ([checked(VAN), known(VAN), REPLACED, GIVES_UP], [a_vehicle(VAN)], ""),
        ([checked(NEW, W)], [a_vehicle(VAN, outputs={"status": "rejected"})], ""),
        # With --target it is not known what stays.
        ([checked(NEW, W), constructed("FleetVehicle", "left-out", W)], [a_vehicle(VAN)], ""),
    ],
)
def test_a_forecast_says_what_ends_and_what_moves(lines: Any, state: Any, said: str) -> None:
    assert str(forecast(told(*lines), saved(*state), {})) == said
    assert str(forecast(told(*lines), saved(*state), {}, has_targets=True)) in ("", said)


def test_a_forecast_of_a_fleet_rests_on_what_its_diff_came_to() -> None:
    lines, state = [checked(FLEET, W), known(FLEET, "id-vans")], saved(a_fleet(FLEET, V, W))
    assert (
        str(forecast(told(*lines), state, {"id-vans": frozenset({f"{V}@2"})}))
        == f"this `up` ends 1 clearance ({V})"
    )
    unknown = forecast(told(*lines), state, {"id-vans": None})
    assert unknown.unknown == ('Fleet "vans"',)
    assert str(unknown) == ""


def test_a_forecast_of_a_fleet_that_goes_counts_what_had_left_it() -> None:
    """Of a run that failed before the end of what left: the Fleet's own delete ends it."""
    gone = a_fleet(FLEET, W)
    gone["outputs"]["leaving"] = json.dumps([[V, "bmw"], "approved", "", "", 1, 2])
    lines = [checked(NEW, "WBA8E9C50GK000009")]
    assert str(forecast(told(*lines), saved(gone), {})) == f"this `up` ends 2 clearances ({V}, {W})"
    assert str(forecast(told(*lines, checked(VAN, V)), saved(gone), {})) == (
        f"this `up` ends 1 clearance ({W}), 1 vehicle moves and stays ({V})"
    )


@pytest.mark.parametrize("has_proc", [True, False])
@pytest.mark.parametrize(("flags", "expected"), [(["up"], False), (["up", "--target", "urn"], True)])
def test_the_engines_flags_are_seen_with_and_without_proc(
    has_proc: bool, flags: list[str], expected: bool
) -> None:
    """By a process that is called `pulumi`, and has one of ours below it."""
    child = (
        "from pathlib import Path\nfrom pulumi_highmobility.run import saved_state\n"
        + ("" if has_proc else "saved_state._PROC = Path('/nowhere')\n")
        + "print(saved_state.has_targets())"
    )
    parent = f"import subprocess\nsubprocess.run([{sys.executable!r}, '-c', {child!r}], check=True)"
    done = subprocess.run(
        ["pulumi", "-c", parent, *flags],
        executable=sys.executable,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(expected)
