"""One run of the engine in one provider process: what is known of it, and what is decided from that."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..errors import BoardUnusable, ClearanceStays, OtherServer, StateUnreadable
from ..fleet.leaving import Leaving
from .brake import ALWAYS_ALLOWED, held_in, refuse_too_many, singles_due
from .claims import Claims
from .ending import Fate, Going, Verdict, judge, wanted_by
from .forecast import forecast
from .saved_state import SavedState, export_state, has_targets, in_each, stack_argument
from .urns import kind_of, shown, stack_of


class Board(Protocol):
    """See run/board.py."""

    @property
    def name(self) -> str:
        """Of this process among the others."""

    def write(self, line: Mapping[str, Any]) -> None:
        """Tell the other processes of the run."""

    def read(self) -> list[tuple[str, dict[str, Any]]]:
        """What they have told since the last call."""

    def close(self) -> None:
        """The run is over."""


_HALF_OF_A_PROGRAM = Verdict(
    Fate.REFUSE,
    reason="with --target or --exclude, what the rest of the program wants is known of Python programs alone, and another resource may "
    "want the vehicle. Run `pulumi up` without these; if the resource is to go all the same, run `pulumi destroy --target` with its URN",
)

ReadState = Callable[[list[str], str, str, "tuple[str, str] | None"], SavedState]
"""See saved_state.export_state."""


@dataclass(frozen=True)
class Removals:
    """The record of a Fleet's removals that this run checked: what has left the Fleet, and how it is to be ended."""

    urn: str
    leaving: Mapping[str, Leaving]
    on_uncancellable: str = "fail"
    transition_timeout_minutes: float | None = None


@dataclass
class FleetEnds:
    """What becomes of the vehicles that left one Fleet, in this run."""

    checked: Removals | None = None
    is_compared: bool = False
    predicted: frozenset[str] | None = None
    """The leaves that an `up` will come to, by the Fleet's diff: at a preview its output is not known."""
    gone_copies: list[frozenset[str]] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class EngineRun:
    """
    What this process knows of the run: its own calls, what the other processes told, and the stack's saved state.

    Called from the threads that serve the engine, so it locks. Nothing in it is decided by a clock.
    """

    def __init__(
        self,
        board: Board | None,
        *,
        warn: Callable[[str], None],
        may_end_without_state: Callable[[], bool] = lambda: False,
        max_revocations: Callable[[], str | None] = lambda: None,
        read_state: ReadState = export_state,
    ) -> None:
        self._board = board
        self._warn = warn
        self._may_end_without_state = may_end_without_state
        self._max_revocations = max_revocations
        self._retagged: set[str] = set()
        self._singles: list[str] | None = None
        self._read_state = read_state
        self._lock = threading.RLock()
        self._reading = threading.Lock()
        self._fleets: dict[str, FleetEnds] = {}
        self._saved: SavedState | None = None
        self._why_unread = ""
        self._was_read = False
        self._program: Mapping[str, Any] = {}
        self._ended: set[str] = set()
        self._server = ""
        self._servers: set[str] = set()
        self._others: set[str] = set()
        self.ineligible: set[tuple[str, str]] = set()
        """VIN and brand of those that their carmakers say they will not take."""
        self.claims = Claims(self._tell)

    # What others know -----------------------------------------------------------------------------------------------------------

    def _tell(self, line: Mapping[str, Any]) -> None:
        # What was done must get into the state, whoever else can be told of it: at its end a run closes the board, too.
        if self._board is not None:
            with contextlib.suppress(BoardUnusable):
                self._board.write(line)

    def catch_up(self) -> None:
        """Take what the other processes have told. Raises: BoardUnusable."""
        if self._board is None:
            return
        with self._lock:
            for source, line in self._board.read():
                self._take(source, line)

    def _take(self, source: str, line: Mapping[str, Any]) -> None:
        what, vins = line.get("what"), str(line.get("vins") or "").split()
        if what == "program":
            self._program = line
        elif what == "server":
            self._servers.add(str(line["server"]))
        elif what == "ended":
            self._ended |= set(vins)
        elif what == "retagged":
            self._retagged |= set(vins)
        elif what == "predicted":
            ends = self.fleet(str(line["id"]))
            ends.is_compared = True
            ends.predicted = None if line["leaves"] is None else frozenset(str(line["leaves"]).split())
        elif what == "begin" and line.get("is_provider"):
            self._others.add(source)
        else:
            self.claims.take(source, line)

    def use_server(self, base_url: str) -> None:
        """
        This process asks the platform at `base_url`, as all others of the run have to.

        A VIN's clearance at one server says nothing of another's, and the run keeps what is wanted by VIN.
        Raises: OtherServer.
        """
        with self._lock:
            is_new = self._server != base_url
            self._server = base_url
        if is_new:
            self._tell({"what": "server", "server": base_url})
            self.look_at_board()
        others = sorted(self._servers - {base_url})
        if others:
            raise OtherServer(
                f"Two servers in one run: {base_url} here, and {others[0]} at another provider of the same program. A stack has one "
                "server: give all its providers the same highmobility:baseUrl, and keep a fleet at another server in a stack of its own. Nothing was done"
            )

    @property
    def is_preview(self) -> bool:
        """Whether the program of this run says that it is a preview."""
        return bool(self._program.get("dry_run"))

    def is_python(self) -> bool:
        """Whether the program of this run is one in Python: this package has told so."""
        if not self._program:
            self.look_at_board()
        return bool(self._program)

    @property
    def is_update(self) -> bool:
        """Whether the program of this run says that it is none; False where nobody has said anything."""
        return self._program.get("dry_run") is False

    def look_at_board(self) -> None:
        """As `catch_up`, for what is said and not done: what cannot be read is an error at the first delete."""
        with contextlib.suppress(BoardUnusable):
            self.catch_up()

    def claim(self, urn: str, vins: Iterable[str], *, has_state: bool) -> dict[str, str]:
        """
        See Claims.check; those of the other processes count, too.

        First this one tells, then it looks: of two that claim a VIN at the same time one at least sees the other.
        """
        wanted = list(vins)
        self.claims.check(urn, wanted, has_state=has_state)
        self.look_at_board()
        return self.claims.also_wanted(urn, wanted)

    def wanted_by(self, vin: str, urn: str) -> str | None:
        """See ending.wanted_by."""
        return wanted_by(vin, urn, self.claims)

    def saved(self, urn: str, must_hold: tuple[str, str] | None = None) -> SavedState | None:
        """
        The stack's saved state, read once a run; None where it cannot be read, which is told.

        `urn`: of any resource of the stack. `must_hold`: kind and id of a record that is in it for certain.
        """
        with self._reading:
            if not self._was_read:
                stack, project = stack_of(urn)
                names = [stack, f"organization/{project}/{stack}"]
                argument = stack_argument()
                if argument and argument.rpartition("/")[2] == stack:
                    names.insert(0, argument)
                try:
                    self.catch_up()
                    if self._program.get("organization"):
                        names.insert(0, f"{self._program['organization']}/{project}/{stack}")
                    self._saved = self._read_state(names, stack, project, must_hold)
                except (StateUnreadable, BoardUnusable) as error:
                    self._why_unread = str(error)
                    self._warn(
                        f"the stack's saved state cannot be read ({error}): no clearance is ended in this run, and a change "
                        "of the server goes unnoticed for resources that the program no longer has"
                    )
                self._was_read = True
            return self._saved

    # What may end ---------------------------------------------------------------------------------------------------------------

    def judge(self, vins: Iterable[str], going: Going) -> dict[str, Verdict]:
        """
        The fate of each, by the rule of ending.py. The caller ends those that are to end.

        Raises: BoardUnusable.
        """
        saved = self.saved(going.urn, (kind_of(going.urn), going.id))
        self.catch_up()
        without_state = saved is None and self._may_end_without_state()
        is_blind = self._is_blind()
        with self._lock:
            found = {
                vin: self._explained(judge(vin, going, self.claims, saved, without_state=without_state))
                for vin in vins
            }
            if is_blind:
                found = {
                    vin: _HALF_OF_A_PROGRAM if one.fate is Fate.END else one for vin, one in found.items()
                }
            ended = {vin for vin, verdict in found.items() if verdict.fate is Fate.END}
            self._ended |= ended
        if ended:
            self._tell({"what": "ended", "vins": " ".join(sorted(ended))})
        return found

    def _is_blind(self) -> bool:
        """Whether parts of a program are left out that nobody tells of: programs in Python do, by this package."""
        return self.claims.has_program and not self._program and has_targets()

    def let_go(
        self,
        vins: Collection[str],
        going: Going,
        allow: Callable[[Sequence[str]], None] = lambda _: None,
    ) -> dict[str, Verdict]:
        """
        As `judge`, for a record that is deleted with all that it holds: from now on it counts as gone.

        One whose delete is refused does not, here or by `allow`, which is given the VINs that would end.
        Raises: ClearanceStays, BoardUnusable, what `allow` raises.
        """
        with self._lock:
            found = self.judge(vins, going)
            refused = {vin: verdict for vin, verdict in found.items() if verdict.fate is Fate.REFUSE}
            if refused:
                vin, verdict = next(iter(refused.items()))
                more = f" (and {len(refused) - 1:,} more)" if len(refused) > 1 else ""
                raise ClearanceStays(
                    f"{vin}{more} keeps its clearance, and this resource stays in the stack's state: {verdict.reason}. Nothing was revoked"
                )
            ends = [vin for vin, verdict in found.items() if verdict.fate is Fate.END]
            if ends and kind_of(going.urn) == "FleetVehicle" and not self.claims.gives_up(going.urn, ends[0]):
                self._refuse_too_many_singles(going)
            allow(ends)
            self.claims.lose(going.urn, going.id)
            return found

    def retag(self, vin: str, urn: str) -> None:
        """A single vehicle is to be revoked and requested again. Raises: ClearanceStays, where that are too many."""
        with self._lock:
            self._retagged.add(vin)
            count = len(self._retagged)
        self._tell({"what": "retagged", "vins": vin})
        if count > ALWAYS_ALLOWED or self._max_revocations() is not None:
            saved = self.saved(urn)
            if saved is not None:
                refuse_too_many(self._retagged, held_in(saved), self._max_revocations())

    def _refuse_too_many_singles(self, going: Going) -> None:
        saved = self.saved(going.urn)
        # A destroy is meant; so is a target, as far as it is known that there is one.
        if saved is None or not self.claims.has_program or has_targets():
            return
        if self._singles is None:
            self._singles = singles_due(self.claims, saved)
        refuse_too_many(self._singles, held_in(saved), self._max_revocations())

    def _explained(self, verdict: Verdict) -> Verdict:
        if verdict.fate is Fate.REFUSE and not verdict.reason:
            return Verdict(
                Fate.REFUSE,
                reason=f"the stack's saved state cannot be read ({self._why_unread}), so that another of its resources may hold the "
                "vehicle. Correct that and run the same command again. If you are certain that no other resource of the stack has "
                "it, set highmobility:revokeWithoutState (HIGHMOBILITY_REVOKE_WITHOUT_STATE) to true for this run",
            )
        return verdict

    # Fleets ---------------------------------------------------------------------------------------------------------------------

    def fleet(self, fleet_id: str) -> FleetEnds:
        """What this run knows of the vehicles that left the Fleet of this id."""
        with self._lock:
            return self._fleets.setdefault(fleet_id, FleetEnds())

    def predict(self, fleet_id: str, leaves: frozenset[str] | None) -> None:
        """The leaves that an `up` will come to, by the diff of this Fleet; None where its list is not known."""
        with self._lock:
            ends = self.fleet(fleet_id)
            ends.is_compared, ends.predicted = True, leaves
        told = None if leaves is None else " ".join(sorted(leaves))
        self._tell({"what": "predicted", "id": fleet_id, "leaves": told})

    def signalled(self, fleet_id: str, urn: str) -> frozenset[str]:
        """
        The leaves of a Fleet whose end was decided already: those that every record of its removals has.

        An old copy that lacks one is still to be deleted, and its delete decides.
        """
        saved = self.saved(urn)
        gone = self.fleet(fleet_id).gone_copies
        return in_each(gone) if saved is None else saved.signalled(fleet_id, gone)

    def handed_over(self, vins: Iterable[str], going: Going) -> frozenset[str]:
        """Those that another live record of the saved state holds."""
        saved = self.saved(going.urn)
        if saved is None:
            return frozenset()
        return frozenset(
            vin
            for vin in vins
            if any((one.urn, one.id) != (going.urn, going.id) for one in saved.holding(vin))
        )

    def is_held_in_stack(self, vin: str) -> bool:
        """Whether a live record of the saved state holds `vin`, which this run has not ended: somebody else did, then."""
        saved = self._saved
        return (
            saved is not None
            and vin not in self._ended
            and any(self.claims.times_gone(one.urn, one.id) == 0 for one in saved.holding(vin))
        )

    def close(self) -> None:
        """The run is over; at the end of a preview, say what an `up` will do to clearances."""
        if self._board is None:
            return
        self.look_at_board()
        is_first = all(self._board.name < other for other in self._others)
        if is_first and self.is_preview and self.claims.has_program and self._program.get("stack"):
            # One of the processes for all of them: at the end of a preview each knows the same.
            self._foretell()
        self._board.close()

    def _foretell(self) -> None:
        urn = f"urn:pulumi:{self._program['stack']}::{self._program['project']}::"
        saved = self.saved(urn)
        if saved is None:
            return
        with self._lock:
            predicted = {
                fleet_id: ends.predicted for fleet_id, ends in self._fleets.items() if ends.is_compared
            }
            text = str(forecast(self.claims, saved, predicted, has_targets=has_targets()))
        if text:
            self._warn(text)


def why_kept(vin: str, verdict: Verdict, going: Going) -> str:
    """What is said of a vehicle that is not ended."""
    if verdict.holder == going.urn:
        return (
            f"{vin} keeps its clearance through this replacement, which no changed input requires. To revoke it and "
            "request it again, run `pulumi destroy --target` with this resource, then `pulumi up`"
        )
    return f"{vin} keeps its clearance: {shown(verdict.holder)} has it now. No request was made"
