"""Several provider processes of one run: each knows what the others' resources want, hold and have ended."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulumi_highmobility.errors import BoardUnusable, ClearanceStays, OtherServer
from pulumi_highmobility.run.board import Board
from pulumi_highmobility.run.ending import Fate, Going
from pulumi_highmobility.run.engine_run import EngineRun
from pulumi_highmobility.run.saved_state import Record, SavedState

VIN, OTHER = "WBA8E9C50GK000001", "WBA8E9C50GK000002"
DYNAMIC = "urn:pulumi:dev::fleet::pulumi-python:dynamic/highmobility:FleetVehicle::"
NATIVE = "urn:pulumi:dev::fleet::highmobility:index:FleetVehicle::"


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Callable[..., EngineRun]]:
    """Makes provider processes of one run, over a stack that holds these records."""
    with socket.create_server(("127.0.0.1", 0)) as engine:
        yield lambda *held: a_process(engine, tmp_path, held)


def a_process(
    engine: socket.socket, base: Path, held: tuple[Record, ...], said: list[str] | None = None
) -> EngineRun:
    board = Board(f"127.0.0.1:{engine.getsockname()[1]}", base=base)
    told = [] if said is None else said
    return EngineRun(board, warn=told.append, read_state=lambda *_: SavedState(held))


def record(urn: str, vin: str = VIN) -> Record:
    return Record(urn, vin, frozenset({vin}), statuses={vin: "approved"})


@pytest.mark.parametrize(
    ("before", "after"), [(DYNAMIC, NATIVE), (NATIVE, DYNAMIC), (NATIVE, f"{NATIVE}new ")]
)
def test_a_vehicle_that_moves_from_one_process_to_another_keeps_its_clearance(
    process: Callable[..., EngineRun], before: str, after: str
) -> None:
    old = record(f"{before}van")
    one, two = process(old), process(old)
    two.claim(f"{after}van", [VIN], has_state=False)
    two.claims.hold(f"{after}van", VIN, [VIN])
    assert one.let_go([VIN], Going(f"{before}van", VIN))[VIN].fate is Fate.KEEP


def test_one_that_the_other_process_wants_and_has_not_got_is_not_ended(
    process: Callable[..., EngineRun],
) -> None:
    old = record(f"{DYNAMIC}van")
    one, two = process(old), process(old)
    two.claim(f"{NATIVE}van", [VIN], has_state=False)
    with pytest.raises(ClearanceStays, match="does not hold it yet"):
        one.let_go([VIN], Going(f"{DYNAMIC}van", VIN))


def test_one_that_nobody_wants_is_ended_whoever_else_takes_part(process: Callable[..., EngineRun]) -> None:
    old = record(f"{DYNAMIC}van")
    one, two = process(old), process(old)
    two.claim(f"{NATIVE}other", [OTHER], has_state=False)
    assert one.let_go([VIN], Going(f"{DYNAMIC}van", VIN))[VIN].fate is Fate.END
    # The other one knows that this run ended it: it is no driver's doing.
    two.saved(f"{NATIVE}other")
    two.catch_up()
    assert not two.is_held_in_stack(VIN)


def test_one_vin_in_two_processes_is_seen_by_the_second(process: Callable[..., EngineRun]) -> None:
    one, two = process(), process()
    assert one.claim(f"{DYNAMIC}van", [VIN], has_state=False) == {}
    assert two.claim(f"{NATIVE}van", [VIN], has_state=False) == {VIN: f"{DYNAMIC}van"}


def test_vehicles_requested_anew_are_counted_over_all_processes(process: Callable[..., EngineRun]) -> None:
    vins = [f"WBA8E9C50GK0000{number:02}" for number in range(11)]
    held = tuple(record(f"{NATIVE}{vin}", vin) for vin in vins)
    one, two = process(*held), process(*held)
    for vin in vins[:6]:
        one.retag(vin, f"{NATIVE}{vin}")
    two.catch_up()
    for vin in vins[6:10]:
        two.retag(vin, f"{NATIVE}{vin}")
    with pytest.raises(ClearanceStays, match="11 single vehicles"):
        two.retag(vins[10], f"{NATIVE}{vins[10]}")


def test_two_servers_in_one_run_are_refused(process: Callable[..., EngineRun]) -> None:
    one, two = process(), process()
    one.use_server("https://a.example/v1")
    process().use_server("https://a.example/v1")
    with pytest.raises(
        OtherServer, match=r"https://b.example/v1 here, and https://a.example/v1 at another provider"
    ):
        two.use_server("https://b.example/v1")


def test_without_the_others_files_nothing_ends(process: Callable[..., EngineRun], tmp_path: Path) -> None:
    old = record(f"{DYNAMIC}van")
    one = process(old)
    for file in tmp_path.glob("*/*.lines"):
        file.unlink()
    with pytest.raises(BoardUnusable):
        one.let_go([VIN], Going(f"{DYNAMIC}van", VIN))


def test_one_of_the_processes_tells_what_an_up_will_do(tmp_path: Path) -> None:
    said: list[str] = []
    old = (record(f"{NATIVE}van"), record(f"{DYNAMIC}gone", OTHER))
    with socket.create_server(("127.0.0.1", 0)) as engine:
        one, two = (a_process(engine, tmp_path, old, said) for _ in range(2))
        program = Board(f"127.0.0.1:{engine.getsockname()[1]}", base=tmp_path, is_provider=False)
        program.write({"what": "program", "project": "fleet", "stack": "dev", "dry_run": True})
        one.claim(f"{NATIVE}van", [VIN], has_state=True)
        one.close()
        two.close()
    assert said == [f"this `up` ends 1 clearance ({OTHER})"]


def test_with_targets_half_of_a_program_that_tells_nothing_ends_nothing(
    process: Callable[..., EngineRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pulumi_highmobility.run.engine_run.has_targets", lambda: True)
    one = process(record(f"{NATIVE}van"))
    one.claim(f"{NATIVE}other", [OTHER], has_state=False)
    with pytest.raises(ClearanceStays, match="known of Python programs alone"):
        one.let_go([VIN], Going(f"{NATIVE}van", VIN))


def test_a_targeted_destroy_ends_what_it_names(
    process: Callable[..., EngineRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pulumi_highmobility.run.engine_run.has_targets", lambda: True)
    one = process(record(f"{NATIVE}van"))
    assert one.let_go([VIN], Going(f"{NATIVE}van", VIN))[VIN].fate is Fate.END


URNS = (f"{DYNAMIC}a", f"{NATIVE}a", f"{NATIVE}b")
_numbers = itertools.count()


@settings(max_examples=150)
@given(
    held=st.lists(st.sampled_from(URNS), unique=True, max_size=3),
    wanted=st.lists(st.sampled_from(URNS), unique=True, max_size=3),
    made=st.lists(st.sampled_from(URNS), unique=True, max_size=3),
    at=st.lists(st.integers(0, 1), min_size=3, max_size=3),
)
def test_whichever_process_serves_a_resource_what_is_wanted_is_never_ended(
    tmp_path_factory: pytest.TempPathFactory,
    held: list[str],
    wanted: list[str],
    made: list[str],
    at: list[int],
) -> None:
    """As it would be in one process: which of the two serves a resource changes no fate."""
    records = tuple(record(urn) for urn in held)
    going = [urn for urn in held if urn not in wanted]

    def fates(places: list[int]) -> list[str]:
        served = dict(zip(URNS, places, strict=True))
        base = tmp_path_factory.mktemp(f"run{next(_numbers)}")
        with socket.create_server(("127.0.0.1", 0)) as engine:
            runs = [a_process(engine, base, records) for _ in range(2)]
            for urn in wanted:
                runs[served[urn]].claim(urn, [VIN], has_state=urn in held)
            for urn in made:
                if urn in wanted:
                    runs[served[urn]].claims.hold(urn, VIN, [VIN])
            found = []
            for urn in going:
                try:
                    found.append(runs[served[urn]].let_go([VIN], Going(urn, VIN))[VIN].fate.value)
                except ClearanceStays:
                    found.append("refused")
        return found

    together, apart = fates([0, 0, 0]), fates(at)
    assert apart == together
    if wanted:
        assert "end" not in apart
