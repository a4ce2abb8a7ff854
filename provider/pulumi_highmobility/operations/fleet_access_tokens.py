"""FleetAccessTokens: the token pairs of many vehicles as one resource; each is issued, renewed and revoked on its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from ..clearance.states import Status
from ..clearance.token_plan import TokenState, TokenStatus, TokenStep, next_step
from ..errors import TokensIncomplete
from ..fleet.held_tokens import Clearance, HeldTokens, read_clearances, write_clearances
from ..fleet.plan import named, vehicles
from ..fleet.token_work import TokenWork
from ..secret import Secret
from ..vehicle.check import Problem
from ..vehicle.vin import InvalidVin, parse_vin
from . import origin
from .schema import FLEET_ACCESS_TOKENS
from .values import Checked, Difference, Notice, Props, State, differs, is_unknown, readable
from .work import Facts, Work

# Of more problems or reasons than this the rest is counted.
_SHOWN = 20
# Of a vehicle without a record: nothing is known of its clearance, so that it is looked at.
_NONE = TokenState(TokenStatus.AWAITING_CLEARANCE, "", None, None)


@dataclass(frozen=True)
class TokenPlan:
    """What an `up` has to do: the steps by VIN, the VINs whose tokens nobody wants, and who only waits so far."""

    steps: Mapping[str, TokenStep]
    leaving: Sequence[str]
    waiting: Sequence[str]

    def __bool__(self) -> bool:
        return bool(self.steps or self.leaving)

    def of(self, *steps: TokenStep) -> list[str]:
        """The VINs of these steps, sorted, without those that only wait."""
        return sorted(vin for vin, step in self.steps.items() if step in steps and vin not in self.waiting)


def check(olds: Props, news: Props, facts: Facts) -> Checked:  # noqa: ARG001 - as of every resource
    """The VINs' form, that none appears twice, and the bounds of the numbers."""
    inputs, problems = FLEET_ACCESS_TOKENS.check(olds, news)
    text = inputs.get("clearances")
    if is_unknown(text):
        return Checked(inputs, problems)
    if not isinstance(text, str):
        problems.append(
            Problem("fleet", "is missing: give fleet=, or a list of vehicles of this stack as vehicles=.")
        )
        return Checked(inputs, problems)
    with readable("clearances"):
        given = read_clearances(text)
    rows: dict[str, Clearance] = {}
    wrong = []
    for one in given:
        try:
            vin = parse_vin(one.vin)
        except InvalidVin as error:
            wrong.append(Problem("vehicles", str(error)))
            continue
        if vin in rows:
            wrong.append(
                Problem(
                    "vehicles", f"{vin} appears twice: a vehicle has one token here. Remove one of the two."
                )
            )
        rows[vin] = one._replace(vin=vin)
    problems += wrong[:_SHOWN]
    if len(wrong) > _SHOWN:
        problems.append(Problem("vehicles", f"has {len(wrong) - _SHOWN:,} more problems."))
    if not wrong:
        inputs["clearances"] = write_clearances(rows.values())
    return Checked(inputs, problems)


def diff(olds: Props, news: Props, facts: Facts) -> Difference:
    """Which tokens are to be issued, renewed or revoked by this `up`; other `keepers` replace them all."""
    replaces = [name for name in differs(news, olds, "keepers") if not is_unknown(news.get(name))]
    changed = [*replaces, *FLEET_ACCESS_TOKENS.changed_options(news, olds)]
    record = _record(olds)
    if is_unknown(news.get("clearances")):
        # A vehicle is to be created or changed by this very `up`.
        return Difference([*changed, "pairs"], replaces)
    plan = _plan(record, news, olds, facts.now)
    if plan or record.failed:
        changed.append("pairs")
    notices = [] if replaces else _what_changes(plan)
    return Difference(changed, replaces, notices=notices)


def _what_changes(plan: TokenPlan) -> list[Notice]:
    told = {
        "to issue": plan.of(TokenStep.ISSUE),
        "to renew": plan.of(TokenStep.RENEW),
        "requested again, so that the token is checked": plan.of(TokenStep.REVALIDATE),
        "that wait for an approval": sorted(plan.waiting),
        "to revoke": sorted(plan.leaving),
    }
    parts = [f"{len(vins):,} {what} ({named(vins)})" for what, vins in told.items() if vins]
    return [Notice(f"access tokens: {'; '.join(parts)}")] if parts else []


async def create(work: Work, props: Props) -> State:
    """Request a token for each vehicle that is approved, and await the others."""
    return await _carry_out(work, str(uuid4()), HeldTokens(), props, {})


async def read(work: Work, id_: str, props: Props) -> State | None:
    """Whether each token still lives, and the clearances that are waited for."""
    origin.refuse_other_server(props, work.service.settings)
    record = _record(props)
    await TokenWork(work.service, work.reporter).refresh(record)
    outputs = _outputs(work, record, props, older=props)
    return State(id_, outputs, FLEET_ACCESS_TOKENS.given(props))


async def update(work: Work, id_: str, olds: Props, news: Props) -> State:
    """Issue, renew and revoke what the diff found to be due."""
    origin.refuse_other_server(olds, work.service.settings)
    return await _carry_out(work, id_, _record(olds), news, olds)


async def delete(work: Work, id_: str, props: Props) -> None:  # noqa: ARG001 - as of every resource
    """
    Revoke every pair; an expired or unknown one is success.

    Raises: TokensIncomplete after all were tried; what every call met.
    """
    origin.refuse_other_server(props, work.service.settings)
    record = _record(props)
    size = len(record.tokens)
    outcome = await TokenWork(work.service, work.reporter).revoke(
        record, were_others=origin.are_other_credentials(props, work.service.settings)
    )
    if outcome.trouble is not None and not outcome.done:
        raise outcome.trouble
    if record.failed:
        raise TokensIncomplete(
            f"The tokens of {len(record.failed):,} of {vehicles(size)} could not be revoked; the rest were. Run the same command again "
            f"later. {' '.join(_by_reason(record.failed))}"
        )


async def _carry_out(work: Work, id_: str, record: HeldTokens, props: Props, olds: Props) -> State:
    """The state after the work; a failure keeps what was done in it and fails the operation."""
    before = {held.access_token for held in record.tokens.values()} - {None}
    plan = _plan(record, props, olds, work.service.clock.now())
    outcome = await TokenWork(work.service, work.reporter).carry_out(
        record,
        _wanted(props),
        plan.steps,
        plan.leaving,
        were_others=origin.are_other_credentials(olds, work.service.settings),
    )
    if outcome.trouble is not None and not outcome.done:
        # Nothing was reached that the state does not have.
        raise outcome.trouble
    _tell_of_a_minimum_out_of_reach(work, record, plan, props)
    inputs = FLEET_ACCESS_TOKENS.given(props)
    stays = any(held.access_token in before for held in record.tokens.values())
    outputs = _outputs(work, record, inputs, older=olds if stays else {})
    reasons = _reasons(record) if record.failed else ()
    return State(id_, outputs, inputs if reasons else None, reasons)


def _plan(record: HeldTokens, news: Mapping[str, Any], olds: Mapping[str, Any], now: datetime) -> TokenPlan:
    wanted = _wanted(news)
    minimum = news.get("min_remaining_seconds")
    steps: dict[str, TokenStep] = {}
    waiting = []
    for vin, clearance in wanted.items():
        held = record.tokens.get(vin)
        step = next_step(
            _NONE if held is None else held.state,
            vehicle_status=clearance.status,
            request_id=clearance.request_id,
            min_remaining_s=None if minimum is None or is_unknown(minimum) else float(minimum),
            # What failed was not renewed under this minimum either.
            is_new_minimum=minimum != olds.get("min_remaining_seconds") or vin in record.failed,
            now=now,
        )
        if held is not None and held.is_leaving:
            # Put back, after its revocation had failed: how far that came is not known.
            step = TokenStep.REVALIDATE
        if step is TokenStep.REVALIDATE and (held is None or held.access_token is None):
            step = TokenStep.ISSUE
            if clearance.status != Status.APPROVED.value:
                waiting.append(vin)
        if step is not TokenStep.KEEP:
            steps[vin] = step
    return TokenPlan(steps, sorted(record.tokens.keys() - wanted.keys()), waiting)


def _tell_of_a_minimum_out_of_reach(
    work: Work, record: HeldTokens, plan: TokenPlan, props: Mapping[str, Any]
) -> None:
    minimum = props.get("min_remaining_seconds")
    if minimum is None:
        return
    lives = [
        life_s
        for vin in plan.steps
        if (held := record.tokens.get(vin)) is not None
        and vin not in record.failed
        and (life_s := held.state.life_s) is not None
    ]
    if lives and float(minimum) >= min(lives):
        work.reporter.warn(
            f"min_remaining_seconds is {float(minimum):g}, and the platform's access tokens live {min(lives):g} s. They are renewed by an "
            f"`up` that finds less than {min(lives) / 2:g} s left"
        )


def _reasons(record: HeldTokens) -> list[str]:
    reasons = _by_reason(record.failed)
    active = sum(held.is_usable for held in record.tokens.values())
    reasons.append(
        f"the tokens of {vehicles(active)} are in the stack's state; {len(record.failed):,} remaining. The next `pulumi "
        "up` retries them"
    )
    return reasons


def _by_reason(failed: Mapping[str, str]) -> list[str]:
    """Each reason once, with the VINs that it is true of."""
    found: dict[str, list[str]] = {}
    for vin, reason in sorted(failed.items()):
        found.setdefault(reason, []).append(vin)
    told = [
        reason if vins[0] in reason and len(vins) == 1 else f"{named(vins)}: {reason}"
        for reason, vins in found.items()
    ]
    return told[:_SHOWN] + (
        [f"and {len(told) - _SHOWN:,} more reasons, in the output `failed`"] if len(told) > _SHOWN else []
    )


def _wanted(props: Mapping[str, Any]) -> dict[str, Clearance]:
    with readable("clearances"):
        return {one.vin: one for one in read_clearances(props.get("clearances") or "")}


def _record(props: Mapping[str, Any]) -> HeldTokens:
    pairs = props.get("pairs") or ""
    with readable("validity and pairs"):
        return HeldTokens.read(
            props.get("validity") or "", pairs.reveal() if isinstance(pairs, Secret) else pairs
        )


def _outputs(work: Work, record: HeldTokens, props: Mapping[str, Any], *, older: Mapping[str, Any]) -> Props:
    """What stands in the state. `older`: the state that a pair comes from which was there before, if any was."""
    settings = work.service.settings
    return {
        **FLEET_ACCESS_TOKENS.given(props),
        "pairs": record.pairs(),
        "validity": record.validity(),
        "counts": record.counts(),
        # To other credentials an unknown token may be one of another application, so it is kept whose these are.
        origin.PROPERTY: origin.origin_of_older(older, settings) if older else origin.origin_of(settings),
    }
