"""Which vehicles the program of this run wants to stay cleared, and by which of its resources."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from ..clock import Clock

# A Fleet waits this long after the last declaration before it takes a vehicle for one that nobody wants: the program
# may still be declaring. A declaration that comes later than the longest wait comes too late.
QUIET_S = 1.0
LONGEST_S = 10.0


class Claims:
    """
    The VINs that resources want, each by its URN; one object serves one run of the engine.

    Pulumi knows a resource by its URN, the platform a vehicle by its VIN. A resource that is renamed, or a VIN that
    moves from one to another, is a new resource and a deleted one to the engine. So a delete may end a clearance only
    where nobody in the run wants its vehicle to stay: `keeper_of` is the one place that decides it.

    Called from the threads that serve the engine, so it locks.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._wanted: dict[str, set[str]] = {}
        self._holders: dict[str, dict[str, None]] = {}
        self._given_up: set[tuple[str, str]] = set()
        self._last_want: float | None = None

    @property
    def has_program(self) -> bool:
        """True in a preview or an `up`, where resources are declared; a destroy or a refresh declares none."""
        return self._last_want is not None

    def want(self, urn: str, vins: Iterable[str], *, has_state: bool) -> dict[str, str]:
        """
        The resource `urn` is declared with these VINs; what it wanted before counts no longer.

        `has_state`: it is in the stack's state already. Such a declaration comes before the diff that decides for this
        run; one without state also comes after it, for the new resource of a replacement.

        Returns those that another resource wants as well, with that one's URN. An empty `urn` (one that could not
        be found out) wants whatever it wanted before, too: nothing is lost by that.
        """
        wanted = set(vins)
        with self._lock:
            self._last_want = self._clock.monotonic()
            before = self._wanted.get(urn, set())
            for vin in before - wanted if urn else ():
                self._holders[vin].pop(urn, None)
            self._wanted[urn] = wanted if urn else before | wanted
            if has_state:
                # A refresh diffs, too, before the program is run: that one demanded nothing.
                self._given_up = {(holder, vin) for holder, vin in self._given_up if holder != urn}
            others = {}
            for vin in wanted:
                holders = self._holders.setdefault(vin, {})
                other = next((holder for holder in holders if holder != urn), None)
                if other is not None:
                    others[vin] = other
                holders[urn] = None
            return others

    def give_up(self, urn: str, vins: Iterable[str]) -> None:
        """The diff of `urn` demands that these are ended first and requested again: its delete is meant."""
        with self._lock:
            self._given_up.update((urn, vin) for vin in vins)

    def take_back(self, urn: str, vins: Iterable[str]) -> None:
        """`urn` holds these now, newly requested or adopted: a delete that still comes is that of an old record."""
        with self._lock:
            self._given_up.difference_update((urn, vin) for vin in vins)

    def keeper_of(self, vin: str, urn: str) -> str | None:
        """
        The URN of the resource for which the clearance of `vin` has to stay when `urn` no longer holds it.

        That can be `urn` itself, where the engine deletes it without its diff having demanded so (`up --replace`).
        None: the clearance may be ended.
        """
        with self._lock:
            for holder in self._holders.get(vin, {}):
                if holder != urn or (urn, vin) not in self._given_up:
                    return holder
            return None

    async def settle(self) -> None:
        """Wait until no resource has been declared for a second, ten at most."""
        began = self._clock.monotonic()
        while True:
            now = self._clock.monotonic()
            quiet_since = began if self._last_want is None else self._last_want
            left_s = min(quiet_since + QUIET_S, began + LONGEST_S) - now
            if left_s <= 0:
                return
            await self._clock.sleep(left_s)


def name_of(urn: str) -> str:
    """A resource as a person knows it: `FleetVehicle "van"`."""
    kind, _, name = urn.rpartition("::")
    return f'{kind.rpartition(":")[2]} "{name}"' if name and kind else "another resource"
