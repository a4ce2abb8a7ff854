"""The one place that decides whether a clearance may end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from .claims import Claims, Want
from .saved_state import Record, SavedState
from .urns import kind_of, name_of_urn, shown


class Fate(Enum):
    """What a delete does with a vehicle."""

    END = "end"
    """Revoke or cancel it: nobody wants it."""
    KEEP = "keep"
    """Nothing: another resource holds it, or this one's successor."""
    REFUSE = "refuse"
    """Nothing, and the delete fails: its record stays for the next run."""


@dataclass(frozen=True)
class Verdict:
    """A fate, and why: `holder` is the URN of the resource for which it is kept, `reason` says why it is refused."""

    fate: Fate
    holder: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Going:
    """The record that a delete is about."""

    urn: str
    id: str


_END = Verdict(Fate.END)
_WAY_OUT_OF_THE_MIDST = (
    "Pulumi deletes it in the middle of the program, before it is known which other resources may want the vehicle: "
    "`delete_before_replace` or `replace_with` requires it. Remove that option, and run `pulumi up` again; if the resource is "
    "no longer in the program, run `pulumi destroy --target` with its URN"
)


def judge(
    vin: str, going: Going, claims: Claims, saved: SavedState | None, *, without_state: bool = False
) -> Verdict:
    """
    Whether the clearance of `vin` may end, now that the record `going` is deleted, or lets it go.

    `saved` is None where the stack's state could not be read: then nothing ends that it would have to tell of, unless
    `without_state` says that the user takes that upon themselves.
    """
    gives_up = claims.gives_up(going.urn, vin)
    if not gives_up and is_in_the_midst(going, claims, saved):
        return Verdict(Fate.REFUSE, reason=_WAY_OUT_OF_THE_MIDST)
    wants = [want for want in _wants(vin, going, claims, saved) if not (gives_up and want.urn == going.urn)]
    if gives_up:
        # It is requested again at once. Who wants it beside this one would lose what it has; a record that the program no longer has
        # would not: that one is deleted at the end of a run that takes everything.
        return _also_wanted(wants[0]) if wants else _END
    for want in wants:
        if want.vins is not None and _holds(want, vin, going, claims, saved):
            return Verdict(Fate.KEEP, holder=want.urn or _place_of(want))
    if wants:
        return Verdict(Fate.REFUSE, reason=_why_not_handed_over(vin, wants[0]))
    if saved is None:
        return _END if without_state else Verdict(Fate.REFUSE)
    for record in _others(vin, going, claims, saved):
        if record.vins is None:
            return Verdict(
                Fate.REFUSE,
                reason=f"what {shown(record.urn)} holds is a secret in the stack's state, and it may be this vehicle. Run "
                "`pulumi up` without --target and --exclude, so that it takes part",
            )
        if vin in record.vins:
            return Verdict(Fate.KEEP, holder=record.urn)
    return _END


def _also_wanted(want: Want) -> Verdict:
    taker = f'{want.kind} "{want.name}"'
    return Verdict(
        Fate.REFUSE, reason=f"{taker} in the program wants it too: a VIN can have only one resource"
    )


def wanted_by(vin: str, urn: str, claims: Claims) -> str | None:
    """Who wants `vin` beside the resource `urn`, as far as the program has told; None where nobody does."""
    for want in claims.wants_of(vin):
        if want.vins is not None and not (want.urn == urn and claims.gives_up(urn, vin)):
            return want.urn or _place_of(want)
    return None


def is_in_the_midst(going: Going, claims: Claims, saved: SavedState | None) -> bool:
    """
    Whether the engine deletes the record while the program is still at work, to create it anew after that.

    A resource that was checked is deleted only as an old copy: of this run, then the new one is there; or of a former one,
    then the state has it. All other deletes come after the program has ended without an error.
    """
    if claims.is_checked(going.urn):
        if claims.was_made(going.urn):
            return False
        if claims.is_replaced(going.urn):
            return True
        return saved is not None and not any(
            record.is_old_copy for record in saved.with_id(kind_of(going.urn), going.id)
        )
    # With `replace_with` it is deleted when another resource is replaced, which may be one that tells us nothing.
    copies = saved.at(going.urn, going.id) if saved else ()
    return claims.has_program and any(record.replaced_with for record in copies)


def _wants(vin: str, going: Going, claims: Claims, saved: SavedState | None) -> list[Want]:
    found = []
    for want in claims.wants_of(vin):
        if not want.urn and not claims.has_program and (want.kind, want.name) == _key(going):
            # A destroy that runs the program: it constructs what is to go.
            continue
        if want.vins is None and saved is not None and not claims.has_program:
            # Nothing is checked, so nothing changes: it is about what the state has for it.
            known = saved.named(want.kind, want.name)
            if known and all(one.vins is not None and vin not in one.vins for one in known):
                continue
        found.append(want)
    return found


def _holds(want: Want, vin: str, going: Going, claims: Claims, saved: SavedState | None) -> bool:
    """Whether the resource that wants it has it by now, so that the state will tell of it."""
    if want.urn:
        held = claims.held_by(want.urn)
        if held is not None:
            return vin in held
        if saved is None:
            # What the engine has checked with a state, and does not replace, it has.
            return claims.id_of(want.urn) is not None and not claims.is_replaced(want.urn)
    if saved is None:
        return False
    for record in saved.holding(vin):
        if _is_gone(record, claims, saved):
            continue
        if want.urn:
            if _is_of(record, want.urn, claims, saved):
                return True
        elif (record.kind, record.name) == (want.kind, want.name):
            return (record.urn, record.id) != (going.urn, going.id)
    return False


def _others(vin: str, going: Going, claims: Claims, saved: SavedState) -> Iterable[Record]:
    """The live records beside `going` that may hold `vin`, and that this run neither checks nor deletes."""
    exact = saved.at(going.urn, going.id)
    # The two deletes of one URN come in any order, and nothing tells them apart: the last one is that of the live record.
    is_last = len(exact) - claims.times_gone(going.urn, going.id) <= 1
    # Renamed by alias, its URN is another in the state.
    candidates = exact or saved.with_id(kind_of(going.urn), going.id)
    itself = next((one for one in candidates if one.is_live), None)
    for record in (*saved.holding(vin), *saved.unreadable):
        if record is itself and is_last:
            continue
        if not resources_of(record, claims, saved) and not _is_gone(record, claims, saved):
            yield record


def _is_of(record: Record, urn: str, claims: Claims, saved: SavedState) -> bool:
    """Whether the record is that of this resource: by URN, or by id where it is renamed by alias."""
    if record.urn == urn:
        return True
    return urn not in saved.urns and urn in claims.urns_of(record.kind, record.id)


def resources_of(record: Record, claims: Claims, saved: SavedState) -> list[str]:
    """The checked resources that a record is of: by URN, or by id where it is renamed by alias; none where it is in no program."""
    if claims.is_checked(record.urn):
        return [record.urn]
    return [
        urn
        for urn in claims.urns_of(record.kind, record.id)
        if urn not in saved.urns and claims.is_checked(urn)
    ]


def _is_gone(record: Record, claims: Claims, saved: SavedState) -> bool:
    if claims.times_gone(record.urn, record.id) >= len(saved.at(record.urn, record.id)):
        return True
    return any(
        claims.times_gone(urn, record.id) and urn not in saved.urns
        for urn in claims.urns_of(record.kind, record.id)
    )


def _key(going: Going) -> tuple[str, str]:
    return kind_of(going.urn), name_of_urn(going.urn)


def _place_of(want: Want) -> str:
    """In place of a URN, for one that the engine has not checked: enough to name it."""
    return f"urn:pulumi:::::{want.kind}::{want.name}"


def _why_not_handed_over(vin: str, want: Want) -> str:
    taker = f'{want.kind} "{want.name}"'
    if want.vins is None:
        return f"{taker} is in the program, its vehicles are not known in this run, and {vin} may be one of them. Run `pulumi up` without --target and --exclude"
    if want.urn:
        return f"{taker} in the program wants it, and does not hold it yet: its request was refused or not made. Correct that, and run `pulumi up` again"
    return (
        f"{taker} in the program wants it, and takes no part in this run (--target, --exclude): nothing would hold the "
        f"clearance. Run `pulumi up` without these, or with {taker} among the targets"
    )
