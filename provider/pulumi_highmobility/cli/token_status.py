"""`status --tokens`: the access tokens of a stack's state that need attention. No token is shown, and nothing is asked of the platform."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..clock import parse_instant
from ..run.urns import kind_of, name_of_urn
from .output import print_json, print_rows, say
from .stack import TokenInStack

EXPIRING, EXPIRED = "expiring", "expired"
FINDINGS = (EXPIRING, EXPIRED, "revoked", "awaiting_clearance", "failed")
_COLORS = {
    EXPIRING: "yellow",
    EXPIRED: "red",
    "revoked": "red",
    "awaiting_clearance": "yellow",
    "failed": "red",
}


@dataclass(frozen=True)
class TokenLine:
    """One token: `finding` is one of FINDINGS, or "active"."""

    token: TokenInStack
    finding: str

    @property
    def resource(self) -> str:
        """The resource that holds it, as messages name it."""
        return f'{kind_of(self.token.urn)} "{name_of_urn(self.token.urn)}"'

    def to_json(self) -> dict[str, Any]:
        """As docs/command-line.md documents it."""
        return {
            "vin": self.token.vin,
            "status": self.finding,
            "expires_at": self.token.expires_at or None,
            "resource": self.token.urn,
            "reason": self.token.reason or None,
        }


def token_lines(
    tokens: Iterable[TokenInStack], now: datetime, within: timedelta, vins: Collection[str] = ()
) -> list[TokenLine]:
    """All tokens, or those of `vins`: which have expired, or expire `within` that time."""
    return [TokenLine(one, _finding(one, now, within)) for one in tokens if not vins or one.vin in vins]


def failing_tokens(lines: Iterable[TokenLine], fail_on: Collection[str]) -> dict[str, list[str]]:
    """The VINs by what they are found guilty of; what has expired is guilty of "expiring", too."""
    found: dict[str, list[str]] = {}
    for line in lines:
        if line.finding in fail_on or (line.finding == EXPIRED and EXPIRING in fail_on):
            found.setdefault(line.finding, []).append(line.token.vin)
    return dict(sorted(found.items()))


def show_tokens(lines: Sequence[TokenLine], *, stack: str, as_json: bool, no_color: bool) -> None:
    """Those that are not simply active; the counts are of all."""
    counts = dict(sorted(Counter(line.finding for line in lines).items()))
    shown = [line for line in lines if line.finding in FINDINGS]
    if as_json:
        print_json({"stack": stack, "counts": counts, "tokens": [line.to_json() for line in shown]})
        return
    rows = [
        [line.token.vin, line.finding, line.token.expires_at, line.resource, line.token.reason]
        for line in shown
    ]
    print_rows(["VIN", "token", "expires", "resource", "reason"], rows, colors=_COLORS, no_color=no_color)
    told = ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "no access tokens"
    say(f"{stack}: {told}")


def _finding(token: TokenInStack, now: datetime, within: timedelta) -> str:
    instant = parse_instant(token.expires_at)
    if token.status not in ("active", EXPIRED) or instant is None:
        return token.status
    if instant <= now:
        return EXPIRED
    return EXPIRING if instant - now < within else "active"
