"""The rule of what may end, as a table: declared, constructed, saved, deleted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from pulumi_highmobility.run.claims import Claims
from pulumi_highmobility.run.ending import Fate, Going, judge, wanted_by
from pulumi_highmobility.run.saved_state import SavedState, read_export
from pulumi_highmobility.run.urns import kind_of, name_of_urn, shown, stack_of

V, W = "WBA8E9C50GK000001", "WBA8E9C50GK000002"
TYPE = "pulumi-python:dynamic/highmobility:"


def urn(kind: str, name: str, parents: str = "") -> str:
    return f"urn:pulumi:dev::fleet::{parents}{TYPE}{kind}::{name}"


VAN, NEW, FLEET, CHILD = (
    urn("FleetVehicle", "van"),
    urn("FleetVehicle", "new"),
    urn("Fleet", "vans"),
    urn("FleetRemovals", "vans", f"{TYPE}Fleet$"),
)


def a_vehicle(at: str, vin: str = V, **more: Any) -> dict[str, Any]:
    return {"urn": at, "type": TYPE + "FleetVehicle", "id": vin, "outputs": {"status": "approved"}, **more}


def a_fleet(at: str, *vins: str, registry: Any = None, **more: Any) -> dict[str, Any]:
    told = registry or json.dumps({"statuses": {"approved": " ".join(vins)}})
    return {
        "urn": at,
        "type": TYPE + "Fleet",
        "id": f"id-{name_of_urn(at)}",
        "outputs": {"registry": told},
        **more,
    }


def saved(*resources: Mapping[str, Any]) -> SavedState:
    return read_export(json.dumps({"deployment": {"resources": resources}}), "dev", "fleet")


def told(*lines: Mapping[str, Any]) -> Claims:
    claims = Claims()
    for number, line in enumerate(lines):
        claims.take("program", {"number": number, **line})
    return claims


def constructed(kind: str, name: str, vins: str | None = V) -> dict[str, Any]:
    return {"what": "constructed", "kind": kind, "name": name, "vins": vins}


def checked(at: str, vins: str = V, *, has_state: bool = True) -> dict[str, Any]:
    return {"what": "checked", "urn": at, "vins": vins, "has_state": has_state}


def known(at: str, id_: str = V) -> dict[str, Any]:
    return {"what": "known", "urn": at, "id": id_}


def made(at: str, vins: str = V, id_: str = V) -> dict[str, Any]:
    return {"what": "held", "urn": at, "id": id_, "vins": vins}


def gone(at: str, id_: str = V) -> dict[str, Any]:
    return {"what": "gone", "urn": at, "id": id_}


REPLACED = {"what": "replaced", "urn": VAN}
GIVES_UP = {"what": "given up", "urn": VAN, "vins": V}
OTHER_VAN = urn("FleetVehicle", "van", "my:Depot$")
IN_CIPHER = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "x"}


@pytest.mark.parametrize(
    ("lines", "state", "going", "fate"),
    [
        # Nobody wants it.
        ([], [a_vehicle(VAN)], Going(VAN, V), Fate.END),
        ([checked(NEW, W)], [a_vehicle(VAN)], Going(VAN, V), Fate.END),
        ([checked(FLEET, W), made(FLEET, W, "id-vans")], [a_fleet(FLEET, V, W)], Going(CHILD, "c"), Fate.END),
        # Another resource of this run has it by now, or is to have it and does not.
        ([checked(NEW), made(NEW)], [a_vehicle(VAN)], Going(VAN, V), Fate.KEEP),
        ([checked(NEW)], [a_vehicle(VAN)], Going(VAN, V), Fate.REFUSE),
        ([checked(NEW), made(NEW, W, W)], [a_vehicle(VAN)], Going(VAN, V), Fate.REFUSE),
        ([checked(NEW), known(NEW)], [a_vehicle(VAN), a_vehicle(NEW)], Going(VAN, V), Fate.KEEP),
        ([checked(FLEET), made(FLEET, "", "id-vans")], [a_vehicle(VAN)], Going(VAN, V), Fate.REFUSE),
        # The program constructed one that the engine has not checked (--target, --exclude).
        (
            [constructed("FleetVehicle", "new"), checked(FLEET, W)],
            [a_vehicle(VAN)],
            Going(VAN, V),
            Fate.REFUSE,
        ),
        ([constructed("FleetVehicle", "new")], [a_vehicle(VAN)], Going(VAN, V), Fate.REFUSE),
        ([constructed("FleetVehicle", "new")], [a_vehicle(VAN), a_vehicle(NEW)], Going(VAN, V), Fate.KEEP),
        ([constructed("FleetVehicle", "new", W)], [a_vehicle(VAN)], Going(VAN, V), Fate.END),
        # `ignore_changes` changed what was constructed: what was checked counts.
        (
            [constructed("FleetVehicle", "new"), checked(NEW, W), made(NEW, W, W)],
            [a_vehicle(VAN)],
            Going(VAN, V),
            Fate.END,
        ),
        # Two of a name, below different parents: one of them was not checked.
        (
            [
                constructed("FleetVehicle", "van", W),
                constructed("FleetVehicle", "van"),
                checked(OTHER_VAN, W),
            ],
            [a_vehicle(NEW)],
            Going(NEW, V),
            Fate.REFUSE,
        ),
        # An output that was never known.
        ([constructed("Fleet", "late", None), checked(NEW, W)], [a_vehicle(VAN)], Going(VAN, V), Fate.REFUSE),
        (
            [constructed("Fleet", "late", None), {"what": "resolved", "number": 0, "vins": W}],
            [a_vehicle(VAN)],
            Going(VAN, V),
            Fate.END,
        ),
        (
            [constructed("Fleet", "late", None), {"what": "resolved", "number": 0, "vins": V}],
            [a_vehicle(VAN)],
            Going(VAN, V),
            Fate.REFUSE,
        ),
        # A destroy that runs the program: its own construction does not keep it.
        ([constructed("FleetVehicle", "van")], [a_vehicle(VAN)], Going(VAN, V), Fate.END),
        ([constructed("FleetVehicle", "van", None)], [a_vehicle(VAN)], Going(VAN, V), Fate.END),
        ([constructed("Fleet", "vans", None)], [a_vehicle(VAN), a_fleet(FLEET, W)], Going(VAN, V), Fate.END),
        # Another record of the state holds it, and this run neither checks nor deletes that one.
        ([], [a_vehicle(VAN), a_vehicle(NEW)], Going(VAN, V), Fate.KEEP),
        ([], [a_vehicle(VAN), a_fleet(FLEET, V)], Going(VAN, V), Fate.KEEP),
        ([gone(NEW)], [a_vehicle(VAN), a_vehicle(NEW)], Going(VAN, V), Fate.END),
        ([checked(NEW, W), known(NEW)], [a_vehicle(VAN), a_vehicle(NEW)], Going(VAN, V), Fate.END),
        ([], [a_vehicle(VAN), a_fleet(FLEET, W)], Going(VAN, V), Fate.END),
        ([], [a_vehicle(VAN), a_vehicle(NEW, delete=True)], Going(VAN, V), Fate.END),
        ([], [a_vehicle(VAN), a_vehicle(NEW, pendingReplacement=True)], Going(VAN, V), Fate.END),
        ([], [a_vehicle(VAN), a_vehicle(NEW, external=True)], Going(VAN, V), Fate.END),
        # What is in cipher may hold anything.
        ([], [a_vehicle(VAN), a_fleet(FLEET, registry=IN_CIPHER)], Going(VAN, V), Fate.REFUSE),
        # Two deletes of one URN and id come in any order: the last one ends it.
        ([], [a_vehicle(VAN, delete=True), a_vehicle(VAN)], Going(VAN, V), Fate.KEEP),
        ([gone(VAN)], [a_vehicle(VAN, delete=True), a_vehicle(VAN)], Going(VAN, V), Fate.END),
        # Renamed by alias: known by its id.
        ([], [a_vehicle(VAN)], Going(NEW, V), Fate.END),
        ([checked(NEW, W), known(NEW)], [a_vehicle(VAN)], Going(FLEET, "id-vans"), Fate.END),
        # A replacement that its diff demands ends first; not where somebody else wants the vehicle, too.
        ([checked(VAN), known(VAN), REPLACED, GIVES_UP], [a_vehicle(VAN)], Going(VAN, V), Fate.END),
        (
            [checked(VAN), known(VAN), REPLACED, GIVES_UP, checked(NEW)],
            [a_vehicle(VAN)],
            Going(VAN, V),
            Fate.REFUSE,
        ),
        (
            [checked(VAN), known(VAN), REPLACED, GIVES_UP, made(VAN)],
            [a_vehicle(VAN)],
            Going(VAN, V),
            Fate.KEEP,
        ),
        # In the midst of the program: replaced, and the new one is not there.
        ([checked(VAN, W), known(VAN), REPLACED], [a_vehicle(VAN)], Going(VAN, V), Fate.REFUSE),
        ([checked(VAN, W), known(VAN), REPLACED, made(VAN, W, W)], [a_vehicle(VAN)], Going(VAN, V), Fate.END),
        ([checked(VAN), known(VAN)], [a_vehicle(VAN)], Going(VAN, V), Fate.REFUSE),
        (
            [checked(VAN, W), known(VAN, W)],
            [a_vehicle(VAN, W), a_vehicle(VAN, delete=True)],
            Going(VAN, V),
            Fate.END,
        ),
        ([checked(NEW, W)], [a_vehicle(VAN, replaceWith=[NEW])], Going(VAN, V), Fate.REFUSE),
        ([], [a_vehicle(VAN, replaceWith=[NEW])], Going(VAN, V), Fate.END),
    ],
)
def test_a_clearance_ends_only_where_nobody_wants_or_holds_its_vehicle(
    lines: Sequence[Mapping[str, Any]], state: Sequence[Mapping[str, Any]], going: Going, fate: Fate
) -> None:
    assert judge(V, going, told(*lines), saved(*state)).fate is fate


def test_without_the_saved_state_nothing_ends_that_it_would_have_to_tell_of() -> None:
    assert judge(V, Going(VAN, V), told(), None).fate is Fate.REFUSE
    assert judge(V, Going(VAN, V), told(), None, without_state=True).fate is Fate.END
    taken = told(checked(NEW), made(NEW))
    assert judge(V, Going(VAN, V), taken, None, without_state=True).fate is Fate.KEEP
    wanted = told(constructed("FleetVehicle", "new"))
    assert judge(V, Going(VAN, V), wanted, None, without_state=True).fate is Fate.REFUSE


def test_a_refusal_says_who_wants_the_vehicle_and_what_to_do() -> None:
    left_out = judge(V, Going(VAN, V), told(constructed("FleetVehicle", "new")), saved(a_vehicle(VAN)))
    assert 'FleetVehicle "new" in the program wants it, and takes no part in this run' in left_out.reason
    undone = judge(V, Going(VAN, V), told(checked(NEW)), saved(a_vehicle(VAN)))
    assert "does not hold it yet" in undone.reason
    late = judge(V, Going(VAN, V), told(constructed("Fleet", "late", None)), saved(a_vehicle(VAN)))
    assert (
        f'Fleet "late" is in the program, its vehicles are not known in this run, and {V} may be one'
        in late.reason
    )
    midst = judge(V, Going(VAN, V), told(checked(VAN, W), known(VAN), REPLACED), saved(a_vehicle(VAN)))
    assert "Remove that option" in midst.reason


def test_a_second_resource_with_the_same_vehicle_is_told_of_the_first() -> None:
    claims = Claims()
    assert claims.check("one", [V, W], has_state=False) == {}
    assert claims.check("two", [W], has_state=False) == {W: "one"}
    assert claims.check("one", [V], has_state=False) == {}
    assert claims.check("two", [W], has_state=False) == {}
    assert wanted_by(W, "one", claims) == "two"
    assert wanted_by("other", "one", claims) is None


def test_a_resource_that_could_not_be_told_apart_wants_all_that_it_ever_wanted() -> None:
    claims = Claims()
    claims.check("", [V], has_state=False)
    claims.check("", [W], has_state=False)
    assert [bool(claims.wants_of(vin)) for vin in (V, W)] == [True, True]


def test_the_diff_of_a_refresh_demands_nothing() -> None:
    claims = Claims()
    claims.give_up(VAN, [V])
    claims.replace(VAN)
    claims.check(VAN, [V], has_state=True)
    assert not claims.gives_up(VAN, V)
    assert not claims.is_replaced(VAN)


def test_what_a_process_does_is_told_to_the_others_as_they_take_it() -> None:
    lines: list[Mapping[str, Any]] = []
    claims = Claims(lines.append)
    claims.check(VAN, [V], has_state=True)
    claims.know(VAN, V)
    claims.know(VAN, V)
    claims.give_up(VAN, [V])
    claims.replace(VAN)
    claims.hold(VAN, W, [W])
    claims.lose(NEW, V)
    other = told(*lines)
    assert len(lines) == 6
    assert [want.urn for want in other.wants_of(V)] == [VAN]
    assert (other.id_of(VAN), other.held_by(VAN), other.times_gone(NEW, V)) == (W, frozenset({W}), 1)


@pytest.mark.parametrize(
    ("text", "kind", "name", "said"),
    [
        (VAN, "FleetVehicle", "van", 'FleetVehicle "van"'),
        (OTHER_VAN, "FleetVehicle", "van", 'FleetVehicle "van"'),
        (urn("Fleet", "a::b $c"), "Fleet", "a::b $c", 'Fleet "a::b $c"'),
        ("", "", "", "another resource"),
    ],
)
def test_a_resource_is_named_as_its_user_named_it(text: str, kind: str, name: str, said: str) -> None:
    assert (kind_of(text), name_of_urn(text), shown(text)) == (kind, name, said)
    assert stack_of(text) == (("dev", "fleet") if text else ("", ""))
