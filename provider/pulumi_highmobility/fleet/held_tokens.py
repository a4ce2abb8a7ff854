"""The tokens of many vehicles: what is held of each, and how that is written down, the tokens apart from all else."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from ..clearance.token_plan import TokenState, TokenStatus
from ..clock import parse_instant, write_instant
from ..secret import Secret
from .held import Registry, request_name


class Clearance(NamedTuple):
    """A vehicle whose token is wanted: the state of its clearance, and the name of the request for it."""

    vin: str
    status: str
    request_id: str


@dataclass(frozen=True)
class HeldToken:
    """
    What is held of one vehicle: a pair of tokens, or the wait for one.

    `is_leaving`: nobody wants it, and it could not be revoked yet.
    """

    state: TokenState
    access_token: Secret | None = None
    refresh_token: Secret | None = None
    is_leaving: bool = False

    @property
    def is_usable(self) -> bool:
        """Whether a program is given the pair: an expired access token has a refresh token beside it."""
        is_alive = self.state.status in (TokenStatus.ACTIVE, TokenStatus.EXPIRED)
        return is_alive and not self.is_leaving


@dataclass
class HeldTokens:
    """
    Tokens by VIN, and those for which something failed, with the reason.

    It is changed as work goes on, so that what was done is known wherever the work is cut off.
    """

    tokens: dict[str, HeldToken] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        """How many vehicles have which status, each counted once; "failed": whatever the last `up` could not do."""
        counts = Counter(
            one.state.status.value
            for vin, one in self.tokens.items()
            if vin not in self.failed and not one.is_leaving
        )
        counts["failed"] = len(self.failed)
        return {status: count for status, count in sorted(counts.items()) if count}

    def expires_at(self) -> dict[str, str]:
        """When each access token expires."""
        return {
            vin: write_instant(one.state.expires_at)
            for vin, one in sorted(self.tokens.items())
            if one.is_usable and one.state.expires_at is not None
        }

    def awaiting(self) -> list[str]:
        """The VINs that await their clearance, sorted."""
        return sorted(
            vin
            for vin, one in self.tokens.items()
            if one.state.status is TokenStatus.AWAITING_CLEARANCE and not one.is_leaving
        )

    def pair_of(self, vin: str) -> dict[str, str]:
        """access_token, refresh_token and expires_at, as far as there are any; in plain text."""
        held = self.tokens.get(vin)
        if held is None or not held.is_usable:
            return {}
        found = {
            "access_token": None if held.access_token is None else held.access_token.reveal(),
            "refresh_token": None if held.refresh_token is None else held.refresh_token.reveal(),
            "expires_at": None if held.state.expires_at is None else write_instant(held.state.expires_at),
        }
        return {name: text for name, text in found.items() if text is not None}

    def usable(self) -> dict[str, dict[str, str]]:
        """The pairs that a program is given, by VIN; in plain text."""
        return {
            vin: self.pair_of(vin)
            for vin, one in sorted(self.tokens.items())
            if one.is_usable and one.access_token is not None
        }

    def validity(self) -> str:
        """All but the tokens, as text: VINs by what they have in common, since tokens are issued many a second."""
        groups: dict[tuple[str, ...], list[str]] = {}
        for vin, one in sorted(self.tokens.items()):
            groups.setdefault(_common(one.state), []).append(vin)
        reasons: dict[str, list[str]] = {}
        for vin, reason in sorted(self.failed.items()):
            reasons.setdefault(reason, []).append(vin)
        leaving = sorted(vin for vin, one in self.tokens.items() if one.is_leaving)
        fields = {
            "tokens": [[*common, " ".join(vins)] for common, vins in sorted(groups.items())],
            "failed": [[reason, " ".join(vins)] for reason, vins in sorted(reasons.items())],
            "leaving": " ".join(leaving),
        }
        return _compact({name: value for name, value in fields.items() if value})

    def pairs(self) -> Secret:
        """The tokens, as one text: `{VIN: [access token, refresh token]}`."""
        pairs = {
            vin: [token.reveal() for token in (one.access_token, one.refresh_token) if token is not None]
            for vin, one in sorted(self.tokens.items())
            if one.access_token is not None
        }
        return Secret(_compact(pairs))

    @classmethod
    def read(cls, validity: str, pairs: str = "") -> HeldTokens:
        """From the texts of a state; without `pairs`, all but the tokens. Raises: ValueError."""
        fields: dict[str, Any] = json.loads(validity or "{}")
        tokens = {
            vin: HeldToken(state)
            for *common, vins in fields.get("tokens", ())
            for state in (_state(*common),)
            for vin in vins.split()
        }
        for vin, (access_token, *refresh_token) in json.loads(pairs or "{}").items():
            if vin in tokens:
                tokens[vin] = replace(
                    tokens[vin],
                    access_token=Secret(access_token),
                    refresh_token=Secret(refresh_token[0]) if refresh_token else None,
                )
        for vin in fields.get("leaving", "").split():
            tokens[vin] = replace(tokens[vin], is_leaving=True)
        failed = {vin: reason for reason, vins in fields.get("failed", ()) for vin in vins.split()}
        return cls(tokens, failed)


def clearances_of(fleet_id: str, facts: Registry, vins: Iterable[str] | None = None) -> Iterator[Clearance]:
    """These vehicles of a Fleet, or all: one that its state does not have yet is no error, as of a FleetMember."""
    chosen = facts.statuses if vins is None else [str(vin).strip().upper() for vin in vins]
    return (
        Clearance(vin, facts.statuses.get(vin, "unknown"), request_name(fleet_id, facts, vin))
        for vin in chosen
    )


def write_clearances(clearances: Iterable[Clearance]) -> str:
    """Vehicles as text, a line for those of one request and status: `["REQUEST","STATUS","VIN VIN"]`."""
    groups: dict[tuple[str, str], list[str]] = {}
    for one in clearances:
        groups.setdefault((one.request_id, one.status), []).append(one.vin)
    return "\n".join(_compact([*group, " ".join(sorted(vins))]) for group, vins in sorted(groups.items()))


def read_clearances(text: str) -> list[Clearance]:
    """The vehicles of a text; a VIN that was given twice stays in it twice. Raises: ValueError."""
    return [
        Clearance(vin, status, request_id)
        for request_id, status, vins in map(json.loads, text.split("\n") if text else ())
        for vin in vins.split()
    ]


def _common(state: TokenState) -> tuple[str, ...]:
    return (
        state.status.value,
        state.clearance_status,
        state.request_id or "",
        _written(state.issued_at),
        _written(state.expires_at),
    )


def _state(
    status: str, clearance_status: str, request_id: str, issued_at: str, expires_at: str
) -> TokenState:
    return TokenState(
        TokenStatus(status),
        clearance_status,
        request_id or None,
        parse_instant(expires_at),
        parse_instant(issued_at),
    )


def _written(instant: datetime | None) -> str:
    return "" if instant is None else write_instant(instant)


def _compact(value: Mapping[str, Any] | list[Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
