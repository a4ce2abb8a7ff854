"""When a clearance ends: never in the midst of a program, and only where nobody wants or holds its vehicle."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pulumi_highmobility.testing import RunningEmulator, serve_emulator

from .conftest import TYPE, Project, wait_until
from .test_interruption import kill_all_of
from .test_moves import fleet, is_settled, statuses, urn, vehicle, vin, writes

pytestmark = pytest.mark.engine

OTHERS = range(90, 100)
"""So many that a tenth of a fleet may be removed."""

SLOW = """
import time
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

class Slow(ResourceProvider):
    serialize_as_secret_always = False
    def create(self, props):
        time.sleep(props["seconds"])
        if props["seconds"] == 0:
            raise RuntimeError("it cannot be made")
        return CreateResult("slow", props)

class Wait(Resource):
    def __init__(self, name, seconds, opts=None):
        super().__init__(Slow(), name, {"seconds": seconds}, opts)

"""


def approved(project: Project, emulator: RunningEmulator, program: str) -> None:
    """A stack of this program, whose vehicles are all approved, and nothing in the log."""
    project.program(program)
    project.up()
    emulator.controls.advance(60)
    project.refresh()
    assert set(statuses(emulator).values()) == {"approved"}
    emulator.controls.clear_requests()


def held(project: Project) -> list[str]:
    """The ids of the FleetVehicles, and the VINs of the Fleets."""
    found = []
    for resource in project.state():
        if resource["type"] == TYPE + "FleetVehicle":
            found.append(str(resource["id"]))
        elif resource["type"] == TYPE + "Fleet":
            found += [line.split('"')[1] for line in resource["outputs"]["vehicles"].splitlines()]
    return sorted(found)


@pytest.mark.sdk
@pytest.mark.parametrize(
    "taker",
    [
        f'slow = Wait("slow", 3)\n{vehicle("taker", 1, ", opts=pulumi.ResourceOptions(depends_on=slow)")}',
        f'slow = Wait("slow", 3)\nslow.urn.apply(lambda _: {vehicle("taker", 1).strip()})\n',
    ],
    ids=[
        "depends on what is slow",
        "declared late",
    ],
)
def test_a_vehicle_that_leaves_a_fleet_is_kept_however_late_its_taker_comes(
    plain_project: Project, emulator: RunningEmulator, taker: str
) -> None:
    project = plain_project
    approved(project, emulator, fleet(1, *OTHERS, name="one"))
    project.program(SLOW + "one = " + fleet(*OTHERS, name="one") + taker)
    project.up()
    assert writes(emulator) == []
    is_settled(project, emulator)
    assert vin(1) in held(project)


@pytest.mark.parametrize(
    "rest",
    [
        'raise RuntimeError("half of a program")',
        'pulumi.Config().require("missing")',
        'hm.Fleet("two", vehicles=hm.vehicles_from_csv("no-such-file.csv"))',
        'slow = Wait("slow", 0)\n' + vehicle("taker", 1, ", opts=pulumi.ResourceOptions(depends_on=slow)"),
        vehicle("wrong", 2, ', check_eligibility="perhaps"'),
    ],
    ids=[
        "an exception",
        "a missing config key",
        "a file that is not there",
        "the taker's dependency fails",
        "a check fails",
    ],
)
def test_a_run_that_fails_ends_nothing_and_the_next_good_one_does(
    project: Project, emulator: RunningEmulator, rest: str
) -> None:
    approved(project, emulator, fleet(1, *OTHERS))
    project.program(SLOW + fleet(*OTHERS) + rest)
    project.up(expect=1)
    assert writes(emulator) == []
    assert statuses(emulator)[vin(1)] == "approved"
    project.program(fleet(*OTHERS))
    run = project.up()
    assert writes(emulator) == [("DELETE", [vin(1)])], run.output
    is_settled(project, emulator)


def test_a_renamed_vehicle_is_kept_where_only_one_of_its_names_takes_part(
    project: Project, emulator: RunningEmulator
) -> None:
    """--target and --exclude of the old name alone, and of the new one alone."""
    approved(project, emulator, vehicle("old", 1) + vehicle("other", 2))
    old = urn(project, "FleetVehicle", "old")
    new = old.replace("::old", "::new")
    project.program(vehicle("new", 1) + vehicle("other", 2))
    for flags in (["--target", old], ["--exclude", new]):
        run = project.up(*flags, expect=1)
        assert 'FleetVehicle "new" in the program wants it, and takes no part in this run' in run.output
        assert writes(emulator) == []
    project.up("--target", new)
    assert writes(emulator) == []
    # Both names have it now: a destroy of either leaves it to the other.
    run = project.destroy("--target", new)
    assert f'{vin(1)} keeps its clearance: FleetVehicle "old" has it now' in run.output
    assert writes(emulator) == []
    project.up("--target", new)
    project.up()
    assert writes(emulator) == []
    is_settled(project, emulator)


def test_an_exchange_that_failed_half_way_is_not_paid_for_by_the_other_vehicle(
    project: Project, emulator: RunningEmulator
) -> None:
    approved(project, emulator, vehicle("a", 1) + vehicle("b", 2))
    bad = 'hm.FleetVehicle("bad", vin="WBA8E9C50GK0ERRR0", brand="bmw")\n'
    project.program(vehicle("a", 2) + vehicle("b", 1) + bad)
    project.up(expect=1)
    emulator.controls.clear_requests()
    project.destroy("--target", urn(project, "FleetVehicle", "a"))
    assert writes(emulator) == [("DELETE", [vin(2)])]
    assert project.resource("FleetVehicle", "b")["vin"] == vin(1)
    assert statuses(emulator)[vin(1)] == "approved"


@pytest.mark.parametrize("flags", [[], ["--continue-on-error"]], ids=["plain", "continue on error"])
def test_a_vehicle_that_its_taker_could_not_take_is_not_lost(
    project: Project, emulator: RunningEmulator, flags: list[str]
) -> None:
    """With another brand than registered the taker's request is refused; then the taker is taken out again."""
    approved(project, emulator, fleet(1, *OTHERS))
    project.program(fleet(*OTHERS) + vehicle("taker", 1).replace("bmw", "mini"))
    run = project.up(*flags, expect=1)
    assert "registered already (approved), but not as the program says" in run.output
    if flags:
        assert 'FleetVehicle "taker" in the program wants it, and does not hold it yet' in run.output
    assert writes(emulator) == []
    project.program(fleet(*OTHERS))
    project.up()
    assert writes(emulator) == [("DELETE", [vin(1)])]
    is_settled(project, emulator)


def test_options_that_delete_in_the_midst_of_a_program_are_refused(
    project: Project, emulator: RunningEmulator
) -> None:
    first = ", opts=pulumi.ResourceOptions(delete_before_replace=True)"
    approved(project, emulator, vehicle("van", 1, first) + fleet(2, 3, more=first))
    project.program(vehicle("van", 4, first) + fleet(2, 3, more=first) + vehicle("late", 1))
    for run in (project.preview(expect=1), project.up(expect=1)):
        assert f"`delete_before_replace` would revoke {vin(1)} in the middle of the program" in run.output
    project.program(vehicle("van", 1, first) + fleet(2, 3, more=first))
    for kind, name in (("FleetVehicle", "van"), ("Fleet", "fleet")):
        run = project.up(f"--replace={urn(project, kind, name)}", expect=1)
        assert "Remove that option" in run.output
    project.program(
        "one = " + vehicle("one", 5) + vehicle("van", 1, ", opts=pulumi.ResourceOptions(replace_with=[one])")
    )
    assert "`replace_with` would revoke clearances" in project.preview(expect=1).output
    assert writes(emulator) == []
    project.program(vehicle("van", 4) + fleet(2, 3) + vehicle("late", 1))
    project.up()
    assert writes(emulator) == [("POST", [vin(4)])]


def test_a_fleet_that_is_renamed_or_reparented_by_alias_removes_in_the_same_run(
    project: Project, emulator: RunningEmulator
) -> None:
    approved(project, emulator, fleet(1, 2, *OTHERS))
    alias = ', opts=pulumi.ResourceOptions(aliases=[pulumi.Alias(name="fleet")])'
    project.program(fleet(2, *OTHERS, name="renamed", more=alias))
    project.up()
    assert writes(emulator) == [("DELETE", [vin(1)])]
    alias = (
        ', opts=pulumi.ResourceOptions(parent=pulumi.ComponentResource("my:Depot", "depot"), '
        "aliases=[pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)])"
    )
    emulator.controls.clear_requests()
    project.program(fleet(*OTHERS, name="renamed", more=alias))
    project.up()
    assert writes(emulator) == [("DELETE", [vin(2)])]
    is_settled(project, emulator)


def test_protection_of_a_fleet_is_not_of_what_left_it(project: Project, emulator: RunningEmulator) -> None:
    keep = ", opts=pulumi.ResourceOptions(protect=True, retain_on_delete=True)"
    everything = """
    def protect(args):
        args.opts.protect = True
        return pulumi.ResourceTransformationResult(args.props, args.opts)

    pulumi.runtime.register_stack_transformation(protect)
    """
    everything = textwrap.dedent(everything)
    approved(project, emulator, fleet(1, 2, *OTHERS, more=keep))
    project.program(fleet(2, *OTHERS, more=keep))
    project.up()
    assert writes(emulator) == [("DELETE", [vin(1)])]
    project.program(everything + fleet(2, *OTHERS, more=keep))
    assert 'A transformation protects FleetRemovals "fleet"' in project.up().output
    project.program(everything + fleet(*OTHERS, more=keep))
    assert "protect" in project.up(expect=1).output
    assert writes(emulator) == [("DELETE", [vin(1)])]
    project.program(fleet(*OTHERS, more=keep))
    project.up()
    assert writes(emulator) == [("DELETE", [vin(1)]), ("DELETE", [vin(2)])]
    is_settled(project, emulator)
    project.program("")
    for run in (project.up(expect=1), project.destroy(expect=1)):
        assert "protected" in run.output
    assert len(writes(emulator)) == 2


def test_a_fleet_as_a_target_takes_its_removals_when_its_child_is_one_too(
    project: Project, emulator: RunningEmulator
) -> None:
    approved(project, emulator, fleet(1, 2, *OTHERS) + vehicle("van", 50))
    project.program(fleet(2, 3, *OTHERS) + vehicle("van", 50))
    project.up("--target", urn(project, "Fleet", "fleet"))
    assert writes(emulator) == [("POST", [vin(3)])]
    project.up()
    assert writes(emulator) == [("POST", [vin(3)]), ("DELETE", [vin(1)])]
    emulator.controls.advance(60)
    project.program(fleet(3, *OTHERS) + vehicle("van", 50))
    project.up("--target", "**::fleet")
    assert writes(emulator)[2:] == [("DELETE", [vin(2)])]
    is_settled(project, emulator)


def test_a_destroy_that_runs_the_program_revokes_what_it_constructs(
    project: Project, emulator: RunningEmulator
) -> None:
    """With what left the Fleet and has not ended, and with inputs that are outputs."""
    late = f'late = pulumi.Output.from_input("{vin(50)}")\nhm.FleetVehicle("van", vin=late, brand="bmw")\n'
    approved(project, emulator, fleet(1, 2, *OTHERS) + late)
    project.program(fleet(2, *OTHERS) + late + "raise RuntimeError()")
    project.up(expect=1)
    project.program(fleet(2, *OTHERS) + late)
    project.destroy("--run-program")
    assert {vins[0] for _, vins in writes(emulator)} == {vin(number) for number in (1, 2, 50, *OTHERS)}
    assert project.state() == []


def test_a_list_that_is_unknown_secret_or_ignored(project: Project, emulator: RunningEmulator) -> None:
    rows = {
        name: fleet(*numbers, *OTHERS)[len('hm.Fleet("fleet", vehicles=') : -2]
        for name, numbers in {"two": (1, 2), "one": (2,)}.items()
    }
    text = 'hm.Fleet("fleet", vehicles=pulumi.Output.secret({rows}))'
    approved(project, emulator, text.format(rows=rows["two"]))
    project.program(text.format(rows=rows["one"]) + "\nraise RuntimeError()")
    project.up(expect=1)
    leaving = project.resource("Fleet", "fleet")["leaving"]
    assert isinstance(leaving, dict), "what left a secret list stands in plain in the state"
    project.program(text.format(rows=rows["one"]))
    project.up()
    assert writes(emulator) == [("DELETE", [vin(1)])]
    ignored = 'hm.Fleet("fleet", vehicles={rows}, opts=pulumi.ResourceOptions(ignore_changes=["vehicles"]))\n'
    project.program(ignored.format(rows=rows["two"]))
    project.up()
    project.stays_as_it_is()
    # What is ignored is not wanted: the list in the state counts.
    assert writes(emulator) == [("DELETE", [vin(1)])]


def test_a_run_that_is_killed_in_the_midst_of_the_deletes_ends_each_once(
    plain_project: Project, emulator: RunningEmulator
) -> None:
    """Before and after them: tests/run/test_programs.py, at every step."""
    project = plain_project
    gone = range(30)
    approved(project, emulator, fleet(*gone, *OTHERS))
    project.program(fleet(*OTHERS, more=', max_removals="100%"'))
    emulator.controls.fault("delay", seconds=0.3, method="DELETE", times=100)
    process = project.start("up")

    def has_come_so_far() -> bool:
        has_begun = any(fault["times"] < 100 for fault in emulator.controls.pending_faults())
        answered = sum(line["method"] == "DELETE" for line in emulator.controls.requests())
        return has_begun and answered >= 12

    wait_until(has_come_so_far, "the deletes did not come so far")
    kill_all_of(process.pid)
    process.communicate(timeout=300)
    emulator.controls.clear_faults()
    project.recover()
    project.up()
    emulator.controls.advance(60)
    known = statuses(emulator)
    assert [known[vin(number)] for number in gone] == ["revoked"] * 30
    assert {known[vin(number)] for number in OTHERS} == {"approved"}
    assert all(method == "DELETE" for method, _ in writes(emulator))
    is_settled(project, emulator)


def test_a_program_that_is_killed_alone_ends_nothing(
    plain_project: Project, emulator: RunningEmulator
) -> None:
    project = plain_project
    approved(project, emulator, fleet(1, *OTHERS) + vehicle("van", 50))
    project.program(
        fleet(*OTHERS)
        + "import os, time\nopen('pid', 'w').write(str(os.getpid()))\n"
        + SLOW
        + 'Wait("slow", 5)'
    )
    process = project.start("up")
    pid = project.folder / "pid"
    wait_until(lambda: pid.exists() and pid.read_text() != "", "the program did not begin")
    wait_until(
        lambda: "leaving" in str(_leaving(project)) and vin(1) in str(_leaving(project)), "nothing left"
    )
    os.kill(int(pid.read_text()), signal.SIGKILL)
    output = process.communicate(timeout=120)[0]
    assert process.returncode != 0, output
    assert writes(emulator) == []
    project.program(fleet(*OTHERS) + vehicle("van", 50))
    project.up()
    assert writes(emulator) == [("DELETE", [vin(1)])]


def _leaving(project: Project) -> str:
    try:
        return "leaving: " + str(project.resource("Fleet", "fleet").get("leaving"))
    except (LookupError, ValueError):
        return ""


def test_a_state_of_an_earlier_release_is_taken_up_and_its_removals_end_with_the_second_up(
    project: Project, emulator: RunningEmulator
) -> None:
    """Without the child and without what left: what `pulumi state delete` and an earlier release leave."""
    approved(project, emulator, fleet(1, *OTHERS))
    project("state", "delete", urn(project, "FleetRemovals", "fleet"), "--yes", expect=0)
    project.program(fleet(*OTHERS))
    run = project.up()
    assert f"1 vehicle left the Fleet and still have their clearance ({vin(1)})" in run.output
    assert writes(emulator) == []
    project.up()
    assert writes(emulator) == [("DELETE", [vin(1)])]
    is_settled(project, emulator)


def test_a_state_that_cannot_be_read_ends_nothing_and_says_so(
    project: Project, emulator: RunningEmulator
) -> None:
    approved(project, emulator, fleet(1, *OTHERS) + vehicle("van", 50))
    # The provider finds this one on PATH, as it is not a child of the engine here.
    broken = project.folder / "broken" / "pulumi"
    broken.parent.mkdir()
    broken.write_text(
        '#!/bin/sh\ncase "$1 $2" in "stack export") echo "error: the bucket is away" >&2; exit 1;; esac\n'
        f'exec {shutil.which("pulumi")} "$@"\n'
    )
    broken.chmod(0o755)
    path = project.environment["PATH"]
    project.environment["PATH"] = f"{broken.parent}{os.pathsep}{path}"
    project.program(fleet(*OTHERS) + vehicle("new", 51))
    run = project.up(expect=1)
    assert "error: the bucket is away" in run.output
    assert "highmobility:revokeWithoutState" in run.output
    assert writes(emulator) == [("POST", [vin(51)])]
    project.environment["HIGHMOBILITY_REVOKE_WITHOUT_STATE"] = "true"
    project.up()
    assert sorted(vins[0] for method, vins in writes(emulator) if method == "DELETE") == [vin(1), vin(50)]


def test_what_somebody_else_requested_since_is_not_ended(project: Project, emulator: RunningEmulator) -> None:
    """Revoked behind the stack's back, and requested by another application's program: it is theirs."""
    approved(project, emulator, fleet(1, 2, *OTHERS) + vehicle("van", 50))
    from ..cli.conftest import register  # noqa: PLC0415 - a helper of other tests

    emulator.controls.advance(60)
    for number in (1, 2, 50):
        emulator.controls.move(vin(number), "revoked")
    emulator.controls.advance(60)
    register(emulator, [{"vin": vin(number), "brand": "bmw"} for number in (1, 2, 50)])
    emulator.controls.advance(60)
    emulator.controls.clear_requests()
    project.program(fleet(2, *OTHERS))
    run = project.up()
    assert f"{vin(50)} was requested again by somebody else" in run.output
    project.destroy()
    assert {vins[0] for _, vins in writes(emulator)} == {vin(number) for number in OTHERS}
    assert {statuses(emulator)[vin(number)] for number in (1, 2, 50)} == {"approved"}


def test_a_pending_removal_moves_to_another_server_with_its_stack(
    project: Project, emulator: RunningEmulator, tmp_path: Path
) -> None:
    approved(project, emulator, fleet(1, *OTHERS))
    project.program(fleet(*OTHERS) + 'hm.FleetVehicle("bad", vin="WBA8E9C50GK0ERRR0", brand="bmw")')
    project.up(expect=1)
    emulator.controls.clear_requests()
    project.program(fleet(*OTHERS))
    with serve_emulator(approve_after="0s", revoke_after="0s", folder=tmp_path) as other:
        project.environment |= other.environment
        for command in (project.up, project.refresh, project.destroy):
            assert "The stack's state was last read from" in command(expect=1).output
        project.environment["HIGHMOBILITY_MOVED_FROM"] = emulator.base_url
        project.refresh("--run-program")
        project.up()
        del project.environment["HIGHMOBILITY_MOVED_FROM"]
        project.up()
        project.stays_as_it_is()
        assert vin(1) not in statuses(other)
    assert writes(emulator) == []


def test_a_preview_ends_with_a_line_that_says_what_becomes_of_clearances(
    project: Project, emulator: RunningEmulator
) -> None:
    """Also of what runs before have left, which Pulumi shows as "delete original" alone."""
    approved(project, emulator, fleet(1, 2, *OTHERS) + "".join(vehicle(f"van-{n}", n) for n in (50, 51, 52)))
    project.program(fleet(2, 50, *OTHERS) + vehicle("van-52", 52) + vehicle("renamed", 51))
    output = project.preview().output
    assert f"this `up` ends 1 clearance ({vin(1)}), 2 vehicles move and stay ({vin(50)}, {vin(51)})" in output
    bad = 'hm.FleetVehicle("bad", vin="WBA8E9C50GK0ERRR0", brand="bmw")\n'
    project.program(fleet(2, 50, *OTHERS) + vehicle("van-52", 52) + vehicle("renamed", 51) + bad)
    project.up(expect=1)
    project.program(fleet(2, 50, *OTHERS) + vehicle("renamed", 51))
    # Without credentials, too.
    emptied = dict.fromkeys(emulator.environment, "")
    project.environment |= emptied
    assert (
        f"this `up` ends 2 clearances ({vin(1)}, {vin(52)}), 2 vehicles move and stay"
        in project.preview().output
    )
    project.environment |= emulator.environment
    emulator.controls.clear_requests()
    project.up()
    assert sorted(vins[0] for _, vins in writes(emulator)) == [vin(1), vin(52)]
    assert "this `up`" not in project.preview("--expect-no-changes").output


def test_a_plan_holds_a_removal_exactly(project: Project, emulator: RunningEmulator) -> None:
    approved(project, emulator, fleet(1, 2, *OTHERS))
    plan = str(project.folder / "plan.json")
    project.environment["PULUMI_EXPERIMENTAL"] = "true"
    project.program(fleet(2, 3, *OTHERS))
    project.preview("--save-plan", plan)
    project.up("--plan", plan)
    assert writes(emulator) == [("POST", [vin(3)]), ("DELETE", [vin(1)])]
    project.program(fleet(2, 3, 4, *OTHERS))
    run = project.preview("--save-plan", plan)
    # What is added changes nothing of the child.
    assert (
        run.summary() == {"update": 1, "unchanged": 2}
        or "FleetRemovals" not in run.output.partition("Diagnostics")[0]
    )
    project.up("--plan", plan)
    is_settled(project, emulator)


IN_ONE_PROCESS = """
import sys, threading
import pulumi
from pulumi import automation as auto
import pulumi_highmobility as hm

def run(name, program):
    stack = auto.create_or_select_stack(name, project_name="fleet", program=program)
    {prepare}
    stack.up(on_output=lambda text: print(name, text, flush=True))

def one():
    {one}

def two():
    {two}

threads = [threading.Thread(target=run, args=(name, program)) for name, program in (("one", one), ("two", two))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


@pytest.mark.sdk
def test_two_stacks_in_one_process_do_not_answer_for_each_other(
    plain_project: Project, emulator: RunningEmulator
) -> None:
    """Pulumi's Automation API: inline programs side by side, whose engines work in folders of their own."""
    project = plain_project

    def run(one: str, two: str) -> str:
        script = project.folder / "both.py"
        lines = ("\n    ".join(text.strip().splitlines()) for text in (one, two))
        script.write_text(IN_ONE_PROCESS.format(prepare="", **dict(zip(("one", "two"), lines, strict=True))))
        environment = {name: value for name, value in project.environment.items() if name != "PULUMI_STACK"}
        done = subprocess.run(
            [sys.executable, str(script)],
            cwd=project.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout

    run(fleet(1, 3, *OTHERS), vehicle("old", 2))
    run(fleet(1, 3, *OTHERS), vehicle("old", 2) + fleet(3, *range(80, 90)))
    emulator.controls.advance(60)
    emulator.controls.clear_requests()
    # What the one wants keeps nothing that the other removes.
    output = run(fleet(3, *OTHERS), vehicle("new", 2) + fleet(*range(80, 90)))
    assert "saved state cannot be read" not in output
    assert sorted(writes(emulator)) == [("DELETE", [vin(1)]), ("DELETE", [vin(3)])]
    assert {status for number, status in statuses(emulator).items() if number not in (vin(1), vin(3))} == {
        "approved"
    }
