"""Which clearance requests a changelog tells of, in whatever state it comes."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_highmobility.api.shapes import Changelog, RegisteredVehicle
from pulumi_highmobility.report.episodes import History, Outcome, histories_of

from .fleets import NOW, fleet, stamp

VIN = "WBA0000000EMU0001"


def day(number: float) -> datetime:
    return datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(days=number)


def vehicle(status: str, *changes: tuple[float, str], vin: str = VIN) -> RegisteredVehicle:
    """A vehicle whose changes are at days of 2026."""
    log = [Changelog(stamp(day(at)), name, "too old" if name == "rejected" else None) for at, name in changes]
    return RegisteredVehicle(vin, status, "bmw", None, log)


def history(status: str, *changes: tuple[float, str]) -> History:
    (found,) = histories_of([vehicle(status, *changes)], NOW)
    return found


def told(found: History) -> list[tuple[datetime, datetime | None, Outcome]]:
    return [(episode.requested_at, episode.ended_at, episode.outcome) for episode in found.episodes]


@pytest.mark.parametrize(
    ("status", "changes", "end", "outcome"),
    [
        ("pending", [(1, "pending")], None, Outcome.PENDING),
        ("approved", [(1, "pending"), (3, "approved")], 3, Outcome.APPROVED),
        ("rejected", [(1, "pending"), (4, "rejected")], 4, Outcome.REJECTED),
        ("canceling", [(1, "pending"), (5, "canceling")], 5, Outcome.CANCELED),
        ("canceled", [(1, "pending"), (5, "canceling"), (6, "canceled")], 5, Outcome.CANCELED),
        (
            "revoked",
            [(1, "pending"), (2, "approved"), (7, "revoking"), (8, "revoked")],
            2,
            Outcome.APPROVED,
        ),
    ],
)
def test_a_request_ends_as_the_changelog_tells(
    status: str, changes: list[tuple[float, str]], end: float | None, outcome: Outcome
) -> None:
    for order in (changes, changes[::-1], changes * 2):
        found = history(status, *order)
        assert told(found) == [(day(1), None if end is None else day(end), outcome)]
        assert (found.unknown_starts, found.unknown_ends, found.unreadable) == (0, 0, 0)


def test_a_vehicle_can_be_requested_again() -> None:
    found = history(
        "pending", (1, "pending"), (2, "rejected"), (3, "pending"), (5, "canceled"), (9, "pending")
    )
    assert told(found) == [
        (day(1), day(2), Outcome.REJECTED),
        (day(3), day(5), Outcome.CANCELED),
        (day(9), None, Outcome.PENDING),
    ]
    assert [episode.reason for episode in found.episodes] == ["too old", "", ""]
    assert found.episodes[-1].seconds(NOW) == (NOW - day(9)).total_seconds()


def test_a_repeated_pending_is_one_request_from_the_first_on() -> None:
    assert told(history("approved", (1, "pending"), (2, "pending"), (4, "approved"))) == [
        (day(1), day(4), Outcome.APPROVED)
    ]


def test_changes_at_one_instant_are_taken_in_the_order_that_makes_sense() -> None:
    assert told(history("approved", (1, "approved"), (1, "pending"))) == [(day(1), day(1), Outcome.APPROVED)]
    again = history("pending", (1, "pending"), (2, "pending"), (2, "rejected"))
    assert told(again) == [(day(1), day(2), Outcome.REJECTED), (day(2), None, Outcome.PENDING)]


@pytest.mark.parametrize(
    ("status", "changes", "starts", "ends"),
    [
        ("approved", [], 1, 0),
        ("pending", [], 1, 0),
        ("rejected", [], 1, 0),
        ("approved", [(2, "approved")], 1, 0),
        ("approved", [(1, "pending")], 0, 1),
        ("revoked", [(1, "pending"), (5, "revoked")], 0, 1),
        ("error", [(1, "pending")], 0, 1),
        ("error", [], 0, 0),
    ],
)
def test_what_is_not_told_is_counted_and_never_guessed(
    status: str, changes: list[tuple[float, str]], starts: int, ends: int
) -> None:
    found = history(status, *changes)
    assert found.episodes == ()
    assert (found.unknown_starts, found.unknown_ends) == (starts, ends)


@pytest.mark.parametrize(
    ("status", "changes"),
    [
        ("approved", [(1, "pending"), (2, "approved"), (3, "revoked"), (9, "approved")]),
        ("approved", [(1, "pending"), (2, "rejected"), (9, "approved")]),
        ("pending", [(1, "pending"), (2, "approved"), (3, "revoked")]),
    ],
)
def test_a_later_request_without_a_start_does_not_hide_the_first(
    status: str, changes: list[tuple[float, str]]
) -> None:
    found = history(status, *changes)
    assert [(start, end) for start, end, _ in told(found)] == [(day(1), day(2))]
    assert found.unknown_starts == 1


def test_an_unknown_status_between_changes_nothing() -> None:
    assert told(history("approved", (1, "pending"), (2, "error"), (3, "approved"))) == [
        (day(1), day(3), Outcome.APPROVED)
    ]


@pytest.mark.parametrize("broken", ["0001-01-01T00:00:00", "9999-12-31T23:59:59", "soon", ""])
def test_an_impossible_instant_is_left_out_and_counted(broken: str) -> None:
    start = RegisteredVehicle(
        VIN, "approved", "bmw", None, [Changelog(broken, "pending"), Changelog(stamp(day(2)), "approved")]
    )
    end = RegisteredVehicle(
        VIN, "approved", "bmw", None, [Changelog(stamp(day(2)), "pending"), Changelog(broken, "approved")]
    )
    (first,) = histories_of([start], NOW)
    (second,) = histories_of([end], NOW)
    assert (first.unreadable, first.unknown_starts, first.unknown_ends) == (1, 1, 0)
    assert (second.unreadable, second.unknown_starts, second.unknown_ends) == (1, 0, 1)


def test_a_request_a_little_in_the_future_has_waited_no_time() -> None:
    ahead = RegisteredVehicle(
        VIN, "pending", "bmw", None, [Changelog(stamp(NOW + timedelta(minutes=3)), "pending")]
    )
    assert histories_of([ahead], NOW)[0].episodes[0].seconds(NOW) == 0


def test_rows_of_one_vin_are_one_history() -> None:
    old = vehicle("revoked", (1, "pending"), (2, "approved"), (3, "revoked"), vin=VIN.lower())
    new = vehicle("pending", (5, "pending"))
    for rows in ([old, new], [new, old]):
        (found,) = histories_of(rows, NOW)
        assert (found.vin, found.status) == (VIN, "pending")
        assert [outcome for *_, outcome in told(found)] == [Outcome.APPROVED, Outcome.PENDING]


texts = st.sampled_from(
    ["0001-01-01T00:00:00", "9999-12-31T23:59:59Z", "2026-13-01", "", "2026-02-01T00:00:00"]
) | st.floats(0, 180).map(lambda at: stamp(day(at)))
names = st.sampled_from(
    [
        "pending",
        "approved",
        "rejected",
        "revoking",
        "revoked",
        "canceling",
        "canceled",
        "error",
        "",
        "Approved",
    ]
)
logs = st.lists(st.builds(Changelog, texts, names, st.none() | st.text(max_size=5)), max_size=12)


@given(logs, names)
def test_any_changelog_gives_episodes_that_follow_each_other(log: list[Changelog], status: str) -> None:
    (found,) = histories_of([RegisteredVehicle(VIN, status, None, None, log)], NOW)
    previous = datetime.min.replace(tzinfo=timezone.utc)
    for place, episode in enumerate(found.episodes):
        assert previous <= episode.requested_at
        assert episode.seconds(NOW) >= 0
        assert (episode.ended_at is None) == (episode.outcome is Outcome.PENDING)
        if episode.ended_at is None:
            assert place == len(found.episodes) - 1
            assert status == "pending"
        else:
            assert episode.requested_at <= episode.ended_at
            previous = episode.ended_at
    starts = sum(change.status == "pending" for change in log)
    assert len(found.episodes) + found.unknown_ends <= starts


@given(st.integers(0, 1000), st.randoms(use_true_random=False))
def test_the_order_of_a_changelog_does_not_matter(seed: int, rng: random.Random) -> None:
    (vehicle_,) = fleet(1, seed=seed)
    log = [change for change in vehicle_.changelog for _ in range(rng.randint(1, 2))]
    rng.shuffle(log)
    mixed = RegisteredVehicle(vehicle_.vin, vehicle_.status, vehicle_.brand, {}, log)
    assert histories_of([mixed], NOW) == histories_of([vehicle_], NOW)
