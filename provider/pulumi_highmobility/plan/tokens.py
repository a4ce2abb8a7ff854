"""What an `up` does to vehicle access tokens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from ..clearance.token_plan import TokenStep
from ..operations.values import is_unknown
from ..operations.vehicle_access_token import next_token_step
from ..spelling import in_snake_case
from .preview import GOING, IN_PROGRAM, Step, decoded
from .values import Row, What

_KIND = "VehicleAccessToken"
_OF_A_LIST = "FleetAccessTokens"
_STEPS = {TokenStep.ISSUE: What.TOKEN_ISSUED, TokenStep.RENEW: What.TOKEN_RENEWED}


def rows_of_tokens(steps: Iterable[Step], now: datetime) -> list[Row]:
    """A row for each token that is issued, renewed or revoked, or that follows its vehicle."""
    rows: list[Row] = []
    for step in steps:
        if step.kind == _OF_A_LIST and step.takes_part:
            rows += _of_a_list(step)
        if step.kind != _KIND or not step.takes_part:
            continue
        old = in_snake_case(decoded((step.old or {}).get("outputs") or {}))
        if step.op in GOING or step.op == "replace":
            rows += _revoked(step, old)
        if step.op in ("create", "replace", "create-replacement"):
            rows.append(_created(step))
        elif step.op == "update":
            rows += _updated(step, old, now)
        elif step.op not in IN_PROGRAM | GOING:
            why = f'The preview has a step "{step.op}" for it, which this version does not know'
            rows.append(Row(What.UNKNOWN, _vin(step.inputs), urn=step.urn, why=why))
    return rows


def _of_a_list(step: Step) -> list[Row]:
    """The tokens of many vehicles: which of them change follows from the vehicles, and one by one from the `up` alone."""
    rows = []
    if (step.op in GOING or step.op == "replace") and not (step.old or {}).get("retainOnDelete"):
        rows.append(Row(What.TOKEN_REVOKED, urn=step.urn, why="those that it holds"))
    if step.op in ("create", "replace", "create-replacement"):
        rows.append(Row(What.TOKEN_FOLLOWS, urn=step.urn, why="each is issued once its vehicle is approved"))
    elif step.op == "update":
        why = "each is issued once its vehicle is approved, renewed if it is due, and revoked if its vehicle leaves the list"
        rows.append(Row(What.TOKEN_FOLLOWS, urn=step.urn, why=why))
    elif step.op not in IN_PROGRAM | GOING:
        why = f'The preview has a step "{step.op}" for it, which this version does not know'
        rows.append(Row(What.UNKNOWN, urn=step.urn, why=why))
    return rows


def _revoked(step: Step, old: Mapping[str, Any]) -> list[Row]:
    state = step.old or {}
    if not old.get("access_token") or state.get("retainOnDelete"):
        return []
    return [Row(What.TOKEN_REVOKED, _vin(old), urn=step.urn)]


def _created(step: Step) -> Row:
    inputs = step.inputs
    status = inputs.get("vehicle_status")
    # One that is given a bare VIN is of a vehicle outside the stack, whose status nobody has told.
    if status == "approved" and not is_unknown(inputs.get("request_id")):
        return Row(What.TOKEN_ISSUED, _vin(inputs), urn=step.urn)
    return Row(What.TOKEN_FOLLOWS, _vin(inputs), urn=step.urn, why="issued once its vehicle is approved")


def _updated(step: Step, old: Mapping[str, Any], now: datetime) -> list[Row]:
    inputs = step.inputs
    found = next_token_step(old, inputs, now)
    if found is TokenStep.KEEP:
        return []
    what = _STEPS.get(found, What.TOKEN_FOLLOWS)
    why = (
        ""
        if what is not What.TOKEN_FOLLOWS
        else "kept if it is still valid, otherwise issued once its vehicle is approved"
    )
    return [Row(what, _vin(inputs) or _vin(old), urn=step.urn, why=why)]


def _vin(props: Mapping[str, Any]) -> str:
    vin = props.get("vin")
    return vin if isinstance(vin, str) else ""
