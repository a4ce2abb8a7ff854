"""What one run knows of its resources: which vehicles they want, hold, and give up."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .urns import kind_of, name_of_urn


@dataclass(frozen=True)
class Want:
    """
    A resource that wants vehicles to stay cleared.

    `urn` is empty for one that the program constructed and the engine has not checked; `vins` is None where those are
    outputs that were never known.
    """

    kind: str
    name: str
    vins: frozenset[str] | None
    urn: str = ""


class Claims:
    """
    Of one run of the engine, by what its calls and the program's constructors told.

    Pulumi knows a resource by its URN, the platform a vehicle by its VIN. A resource that is renamed, or a VIN that moves
    from one to another, is a new resource and a deleted one to the engine. So what is wanted is kept by VIN.

    The engine checks neither what `--target` and `--exclude` leave out nor what comes later: so what the program constructed
    counts until the engine has checked it. `ignore_changes` and transformations change what was constructed.

    Called from the threads that serve the engine, so it locks. `tell` takes what this process did, to be passed on.
    """

    def __init__(self, tell: Callable[[Mapping[str, Any]], None] = lambda _: None) -> None:
        self._tell = tell
        self._lock = threading.RLock()
        self._constructed: dict[tuple[str, int], tuple[str, str, frozenset[str] | None]] = {}
        self._deletes_first: set[tuple[str, str]] = set()
        self._wanted: dict[str, frozenset[str]] = {}
        self._given_up: set[tuple[str, str]] = set()
        self._replaced: set[str] = set()
        self._held: dict[str, frozenset[str]] = {}
        self._ids: dict[str, str] = {}
        self._gone: Counter[tuple[str, str]] = Counter()
        self._wanting: dict[str, set[str]] = {}
        self._urns: dict[tuple[str, str], set[str]] = {}
        # What was constructed and is not checked, by VIN and in all; None until it is asked for again.
        self._unchecked: list[Want] | None = None
        self._unchecked_by_vin: dict[str, list[Want]] = {}

    # What is told ---------------------------------------------------------------------------------------------------------------

    def take(self, source: str, line: Mapping[str, Any]) -> None:
        """What another process of the run told."""
        with self._lock:
            what = line.get("what")
            vins = None if line.get("vins") is None else frozenset(str(line["vins"]).split())
            urn = str(line.get("urn", ""))
            if what == "constructed":
                self._construct(source, int(line["number"]), str(line["kind"]), str(line["name"]), vins)
                if line.get("deletes_first"):
                    self._deletes_first.add((str(line["kind"]), str(line["name"])))
            elif what == "resolved":
                kind, name, _ = self._constructed[source, int(line["number"])]
                self._construct(source, int(line["number"]), kind, name, vins)
            elif what == "checked":
                self._check(urn, vins or frozenset(), has_state=bool(line.get("has_state")))
            elif what == "given up":
                self._given_up |= {(urn, vin) for vin in vins or ()}
            elif what == "replaced":
                self._replaced.add(urn)
            elif what == "known":
                self._know(urn, str(line["id"]))
            elif what == "held":
                self._hold(urn, str(line["id"]), vins or frozenset())
            elif what == "gone":
                self._lose(urn, str(line["id"]))

    def check(self, urn: str, vins: Iterable[str], *, has_state: bool) -> dict[str, str]:
        """
        The engine checks `urn`, which wants these; what it wanted before counts no longer.

        `has_state`: it is in the stack's state already. Such a check comes before the diff that decides for this run; one
        without state also comes after it, for the new resource of a replacement.

        Returns those that another resource wants as well, with that one's URN. An empty `urn` (one that could not be
        found out) wants whatever it wanted before, too: nothing is lost by that.
        """
        with self._lock:
            wanted = self._check(urn, frozenset(vins), has_state=has_state)
        self._tell({"what": "checked", "urn": urn, "vins": " ".join(sorted(wanted)), "has_state": has_state})
        return self.also_wanted(urn, wanted)

    def also_wanted(self, urn: str, vins: Iterable[str]) -> dict[str, str]:
        """Which of these another checked resource wants, with that one's URN."""
        found = {}
        with self._lock:
            for vin in vins:
                wanting = self._wanting.get(vin)
                # Of a hundred thousand most are wanted by this one alone.
                if wanting and (len(wanting) > 1 or urn not in wanting):
                    found[vin] = min(one for one in wanting if one != urn)
        return found

    def know(self, urn: str, id_: str) -> None:
        """The engine has a state for `urn`, under this id."""
        with self._lock:
            if self._ids.get(urn) == id_:
                return
            self._know(urn, id_)
        self._tell({"what": "known", "urn": urn, "id": id_})

    def give_up(self, urn: str, vins: Iterable[str]) -> None:
        """The diff of `urn` demands that these are ended first and requested again: its delete is meant."""
        given_up = sorted(vins)
        if given_up:
            with self._lock:
                self._given_up.update((urn, vin) for vin in given_up)
            self._tell({"what": "given up", "urn": urn, "vins": " ".join(given_up)})

    def replace(self, urn: str) -> None:
        """The diff of `urn` replaces it."""
        with self._lock:
            self._replaced.add(urn)
        self._tell({"what": "replaced", "urn": urn})

    def hold(self, urn: str, id_: str, vins: Iterable[str]) -> None:
        """`urn` was created or updated, and holds just these now."""
        held = frozenset(vins)
        with self._lock:
            self._hold(urn, id_, held)
        self._tell({"what": "held", "urn": urn, "id": id_, "vins": " ".join(sorted(held))})

    def lose(self, urn: str, id_: str) -> None:
        """The record `id_` of `urn` leaves the state: it was deleted, or a refresh found it gone."""
        with self._lock:
            self._lose(urn, id_)
        self._tell({"what": "gone", "urn": urn, "id": id_})

    def _know(self, urn: str, id_: str) -> None:
        self._ids[urn] = id_
        self._urns.setdefault((kind_of(urn), id_), set()).add(urn)

    def _construct(self, source: str, number: int, kind: str, name: str, vins: frozenset[str] | None) -> None:
        self._constructed[source, number] = (kind, name, vins)
        self._unchecked = None

    def _check(self, urn: str, wanted: frozenset[str], *, has_state: bool) -> frozenset[str]:
        self._unchecked = None
        before = self._wanted.get(urn, frozenset())
        if not urn:
            wanted |= before
        for vin in before - wanted:
            self._wanting[vin].discard(urn)
        for vin in wanted:
            self._wanting.setdefault(vin, set()).add(urn)
        self._wanted[urn] = wanted
        if has_state:
            # A refresh diffs, too, before the program is run: that one demanded nothing.
            self._given_up = {(one, vin) for one, vin in self._given_up if one != urn}
            self._replaced.discard(urn)
        return wanted

    def _hold(self, urn: str, id_: str, held: frozenset[str]) -> None:
        self._held[urn] = held
        self._know(urn, id_)
        self._replaced.discard(urn)
        # A delete that still comes is that of an old record.
        self._given_up = {(one, vin) for one, vin in self._given_up if one != urn or vin not in held}

    def _lose(self, urn: str, id_: str) -> None:
        self._gone[urn, id_] += 1
        self._urns.setdefault((kind_of(urn), id_), set()).add(urn)

    # What is known --------------------------------------------------------------------------------------------------------------

    @property
    def has_program(self) -> bool:
        """True in a preview or an `up`, where resources are checked; a destroy or a refresh checks none."""
        with self._lock:
            return bool(self._wanted)

    def is_checked(self, urn: str) -> bool:
        """Whether the engine has checked this resource in this run."""
        with self._lock:
            return urn in self._wanted

    def is_replaced(self, urn: str) -> bool:
        """Whether its diff replaces it, and the new one is not there yet."""
        with self._lock:
            return urn in self._replaced

    def was_made(self, urn: str) -> bool:
        """Whether it was created or updated in this run."""
        with self._lock:
            return urn in self._held

    def deletes_first(self, urn: str) -> bool:
        """Whether the program gave it `delete_before_replace`."""
        with self._lock:
            return (kind_of(urn), name_of_urn(urn)) in self._deletes_first

    def gives_up(self, urn: str, vin: str) -> bool:
        """Whether its diff demands that this one is ended and requested again."""
        with self._lock:
            return (urn, vin) in self._given_up

    def held_by(self, urn: str) -> frozenset[str] | None:
        """What it holds since it was created or updated in this run; None where it was not."""
        with self._lock:
            return self._held.get(urn)

    def id_of(self, urn: str) -> str | None:
        """Under which id the engine has it in its state."""
        with self._lock:
            return self._ids.get(urn)

    def urns_of(self, kind: str, id_: str) -> list[str]:
        """The URNs under which the engine has a record of this kind and id in this run."""
        with self._lock:
            return sorted(self._urns.get((kind, id_), ()))

    def times_gone(self, urn: str, id_: str) -> int:
        """How many records of this URN and id have left the state in this run."""
        with self._lock:
            return self._gone[urn, id_]

    def wants_of(self, vin: str) -> list[Want]:
        """The resources that want `vin`, those that were checked first; those whose vehicles are not known may, too."""
        with self._lock:
            found = [
                Want(kind_of(urn), name_of_urn(urn), self._wanted[urn], urn)
                for urn in sorted(self._wanting.get(vin, ()))
            ]
            self._look()
            return found + self._unchecked_by_vin.get(vin, []) + self._unchecked_by_vin.get("", [])

    def unchecked(self) -> list[Want]:
        """What the program constructed, and the engine has not checked."""
        with self._lock:
            return list(self._look())

    def _look(self) -> list[Want]:
        if self._unchecked is None:
            self._unchecked = self._outstanding()
            self._unchecked_by_vin = {}
            for want in self._unchecked:
                for vin in ("",) if want.vins is None else want.vins:
                    self._unchecked_by_vin.setdefault(vin, []).append(want)
        return self._unchecked

    def _outstanding(self) -> list[Want]:
        """A construction is known by its kind and name: several parents may each have one, so they are counted."""
        constructed: dict[tuple[str, str], list[frozenset[str] | None]] = {}
        for kind, name, vins in self._constructed.values():
            constructed.setdefault((kind, name), []).append(vins)
        if not constructed:
            return []
        checked: dict[tuple[str, str], list[frozenset[str]]] = {}
        for urn, vins in self._wanted.items():
            checked.setdefault((kind_of(urn), name_of_urn(urn)), []).append(vins)
        found = []
        for key, given in constructed.items():
            seen = checked.get(key, [])
            if len(seen) >= len(given):
                continue
            for vins in seen:
                if vins in given:
                    given.remove(vins)
            found += [Want(*key, vins) for vins in given]
        return found
