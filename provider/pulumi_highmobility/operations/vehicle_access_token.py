"""VehicleAccessToken: the token pair of an approved vehicle, issued, renewed, checked and revoked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from ..clearance.token_plan import TokenState, TokenStatus, TokenStep, next_step
from ..clearance.tokens import AwaitingClearance, IssuedToken
from ..clock import parse_instant, write_instant
from ..secret import Secret
from ..vehicle.check import Problem
from ..vehicle.vin import InvalidVin, parse_vin
from ..vehicle.wording import describe
from . import origin
from .again import is_ended
from .schema import VEHICLE_ACCESS_TOKEN
from .values import (
    Checked,
    Difference,
    Props,
    State,
    differs,
    is_unknown,
    readable,
)
from .work import Facts, Work


def check(olds: Props, news: Props, facts: Facts) -> Checked:  # noqa: ARG001 - as of every resource
    """The VIN's form and the bounds of the numbers."""
    inputs, problems = VEHICLE_ACCESS_TOKEN.check(olds, news)
    vin = inputs.get("vin")
    if not is_unknown(vin):
        problems += _take_vin(inputs, vin)
    return Checked(inputs, problems)


def _take_vin(inputs: dict[str, Any], vin: object) -> list[Problem]:
    if vin is None:
        return [
            Problem("vehicle", "is missing: give a vehicle= of this stack, or the VIN of another as vin=.")
        ]
    if not isinstance(vin, str):
        return [Problem("vin", f"{describe(vin)} is not a valid VIN: write it as text, in quotes.")]
    try:
        inputs["vin"] = parse_vin(vin)
    except InvalidVin as error:
        return [Problem("vin", str(error))]
    return []


def diff(olds: Props, news: Props, facts: Facts) -> Difference:
    """Whether the token is to be issued, renewed or replaced by this `up`."""
    # A VIN that is not known yet is that of a vehicle to be replaced: the same one, most likely.
    replaces = [name for name in differs(news, olds, "vin", "keepers") if not is_unknown(news.get(name))]
    step = next_token_step(olds, news, facts.now)
    changed = [*replaces, *VEHICLE_ACCESS_TOKEN.changed_options(news, olds)]
    if step is not TokenStep.KEEP:
        changed.append("access_token")
    return Difference(changed, replaces)


async def create(work: Work, props: Props) -> State:
    """Request a token; without an approved clearance it awaits one, and the `up` does not fail."""
    return State(str(uuid4()), _outputs(work, await _issue(work, props), props))


async def read(work: Work, id_: str, props: Props) -> State | None:
    """Whether the token still lives, and the status of the clearance that it waits for."""
    origin.refuse_other_server(props, work.service.settings)
    state, access_token = _state_of(props), _secret_of(props, "access_token")
    status = state.status
    if access_token is not None and status is not TokenStatus.REVOKED:
        if state.expires_at is not None and state.expires_at <= work.service.clock.now():
            status = TokenStatus.EXPIRED
        else:
            alive = await work.service.tokens.is_alive(access_token)
            status = TokenStatus.ACTIVE if alive else TokenStatus.REVOKED
    clearance_status = state.clearance_status
    if status in (TokenStatus.AWAITING_CLEARANCE, TokenStatus.REVOKED):
        clearance_status = await work.service.tokens.clearance_status(props["vin"])
    outputs = {**_with_secrets(props), "status": status.value, "clearance_status": clearance_status}
    if status is TokenStatus.REVOKED and is_ended(clearance_status):
        # It went with its clearance, and comes with a new one.
        outputs = {name: value for name, value in outputs.items() if name not in VEHICLE_ACCESS_TOKEN.secrets}
        outputs["status"] = TokenStatus.AWAITING_CLEARANCE.value
    return State(id_, outputs, VEHICLE_ACCESS_TOKEN.given(props))


async def update(work: Work, id_: str, olds: Props, news: Props) -> State:
    """Issue or renew what the diff found to be due."""
    origin.refuse_other_server(olds, work.service.settings)
    step = next_token_step(olds, news, work.service.clock.now())
    if step is TokenStep.REVALIDATE and _state_of(olds).status is TokenStatus.ACTIVE:
        access_token = _secret_of(olds, "access_token")
        if access_token is not None and await work.service.tokens.is_alive(access_token):
            # The vehicle was requested again, and the platform kept the token: so do we.
            step = TokenStep.KEEP
    if step is TokenStep.KEEP:
        return State(id_, _with_secrets({**news, **VEHICLE_ACCESS_TOKEN.kept(olds)}))
    if step is TokenStep.RENEW:
        renewed = await work.service.tokens.renew(
            news["vin"],
            _secret_of(olds, "refresh_token"),
            must_be_registered=_is_outside(news),
            reporter=work.reporter,
        )
        return State(id_, _outputs(work, renewed, news))
    return State(id_, _outputs(work, await _issue(work, news), news))


async def delete(work: Work, id_: str, props: Props) -> None:  # noqa: ARG001 - as of every resource
    """Revoke the pair; an expired or unknown one is success."""
    access_token = _secret_of(props, "access_token")
    if access_token is None:
        return
    origin.refuse_other_server(props, work.service.settings)
    await work.service.tokens.revoke(
        props["vin"],
        access_token=access_token,
        refresh_token=_secret_of(props, "refresh_token"),
        reporter=work.reporter,
    )
    if origin.are_other_credentials(props, work.service.settings):
        await work.service.tokens.require_revoked(
            props["vin"], access_token, work.service.settings.credentials_id
        )


async def _issue(work: Work, props: Props) -> IssuedToken | AwaitingClearance:
    return await work.service.tokens.issue(
        props["vin"],
        seen_approved=props.get("vehicle_status") == "approved",
        must_be_registered=_is_outside(props),
        reporter=work.reporter,
    )


def next_token_step(olds: Mapping[str, Any], news: Mapping[str, Any], now: datetime) -> TokenStep:
    """What an `up` does to the token of this state. Raises: StateUnreadable."""
    if is_unknown(news.get("vehicle_status")) or is_unknown(news.get("request_id")):
        # The vehicle is to be created or replaced by this very `up`.
        return TokenStep.REVALIDATE
    min_remaining = news.get("min_remaining_seconds")
    return next_step(
        _state_of(olds),
        vehicle_status=news.get("vehicle_status"),
        request_id=news.get("request_id"),
        min_remaining_s=None if min_remaining is None or is_unknown(min_remaining) else float(min_remaining),
        is_new_minimum=min_remaining != olds.get("min_remaining_seconds"),
        now=now,
    )


def _state_of(olds: Mapping[str, Any]) -> TokenState:
    with readable("status, issued_at and expires_at"):
        return _token_state(olds)


def _token_state(olds: Mapping[str, Any]) -> TokenState:
    return TokenState(
        status=TokenStatus(olds.get("status") or TokenStatus.AWAITING_CLEARANCE.value),
        clearance_status=olds.get("clearance_status") or "",
        request_id=olds.get("request_id"),
        expires_at=parse_instant(olds.get("expires_at") or ""),
        issued_at=parse_instant(olds.get("issued_at") or ""),
    )


def _outputs(work: Work, issued: IssuedToken | AwaitingClearance, props: Mapping[str, Any]) -> Props:
    """What stands in the state; the two tokens go into it as secrets."""
    _tell_of_a_minimum_out_of_reach(work, issued, props)
    inputs = VEHICLE_ACCESS_TOKEN.given(props)
    inputs[origin.PROPERTY] = origin.origin_of(work.service.settings)
    if isinstance(issued, AwaitingClearance):
        return {**inputs, "status": "awaiting_clearance", "clearance_status": issued.status}
    pair = issued.pair
    return {
        **inputs,
        "access_token": pair.access_token,
        "refresh_token": pair.refresh_token,
        "token_type": pair.token_type,
        "scope": pair.scope,
        "issued_at": write_instant(issued.issued_at),
        "expires_at": write_instant(issued.expires_at),
        "status": "active",
        "clearance_status": "approved",
    }


def _tell_of_a_minimum_out_of_reach(
    work: Work, issued: IssuedToken | AwaitingClearance, props: Mapping[str, Any]
) -> None:
    minimum = props.get("min_remaining_seconds")
    if isinstance(issued, AwaitingClearance) or minimum is None:
        return
    life_s = (issued.expires_at - issued.issued_at).total_seconds()
    if float(minimum) >= life_s:
        work.reporter.warn(
            f"{props['vin']}: min_remaining_seconds is {float(minimum):g}, and the platform's access tokens live {life_s:g} s. "
            f"It is renewed by an `up` that finds less than {life_s / 2:g} s left"
        )


def _secret_of(props: Mapping[str, Any], name: str) -> Secret | None:
    value = props.get(name)
    if isinstance(value, Secret):
        return value
    return Secret(value) if value else None


def _with_secrets(props: Mapping[str, Any]) -> Props:
    return {
        **props,
        **{name: _secret_of(props, name) for name in VEHICLE_ACCESS_TOKEN.secrets if props.get(name)},
    }


def _is_outside(props: Mapping[str, Any]) -> bool:
    """True for a token given a bare VIN: the vehicle is not of this stack."""
    return props.get("request_id") is None
