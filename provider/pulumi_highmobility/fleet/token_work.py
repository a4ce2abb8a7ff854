"""Making the tokens of many vehicles as they are wanted: calls side by side, what failed kept by VIN."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from ..clearance.reporter import FewWords, Reporter
from ..clearance.service import ClearanceService
from ..clearance.states import ENDED, Status
from ..clearance.token_plan import TokenState, TokenStatus, TokenStep
from ..clearance.tokens import SIDE_BY_SIDE, AwaitingClearance, IssuedToken
from ..clock import WAIT_FROM_S
from ..errors import (
    ClearanceConflict,
    ClearanceError,
    HighMobilityError,
    InvalidRequest,
    ServerError,
    TokenRefused,
    TransportError,
    VehicleNotFound,
)
from .held_tokens import Clearance, HeldToken, HeldTokens
from .plan import named, vehicles

# What one vehicle's call met; all else is said of every call: no authorisation, a long rate limit, Ctrl-C.
_OF_ONE = (
    ClearanceError,
    TokenRefused,
    InvalidRequest,
    VehicleNotFound,
    ClearanceConflict,
    ServerError,
    TransportError,
)
# So many calls that end like this one after the other, each sent several times, are the platform's trouble and not a vehicle's.
_PLATFORMS = (ServerError, TransportError)
_GIVE_UP_AFTER = SIDE_BY_SIDE
_SAY_EVERY = 100


@dataclass
class Outcome:
    """How much was done, and what cut the work off, if anything did."""

    done: int = 0
    trouble: HighMobilityError | None = None


class TokenWork:
    """
    Works on HeldTokens, which tell at any moment what has been done.

    What fails for one vehicle is kept in `record.failed` and holds up no other. What fails for every call, or again and again,
    ends the work: those that are left undone are in `record.failed` too.
    """

    def __init__(self, service: ClearanceService, reporter: Reporter) -> None:
        self._service = service
        self._tokens = service.tokens
        self._reporter = reporter
        self._few = FewWords(reporter)

    async def carry_out(
        self,
        record: HeldTokens,
        wanted: Mapping[str, Clearance],
        steps: Mapping[str, TokenStep],
        leaving: Sequence[str],
        *,
        were_others: bool,
    ) -> Outcome:
        """
        Issue, renew or look at what is due by `steps`, then revoke what is `leaving`.

        `were_others`: see revoke. Raises: what the list that it begins with raises, before anything is done.
        """
        record.failed.clear()
        awaited: dict[str, str] = {}
        approved = await self._approved(wanted, steps)

        async def bring(vin: str) -> None:
            held = record.tokens.get(vin)
            if steps[vin] is TokenStep.REVALIDATE and held is not None and await self._lives_on(held):
                # The vehicle was requested again, or put back, and the platform kept the token: so do we.
                state = replace(held.state, request_id=wanted[vin].request_id)
                record.tokens[vin] = replace(held, state=state, is_leaving=False)
                return
            if steps[vin] is TokenStep.RENEW:
                issued: IssuedToken | AwaitingClearance = await self._tokens.renew(
                    vin,
                    None if held is None else held.refresh_token,
                    must_be_registered=False,
                    reporter=self._few,
                )
            else:
                status = (
                    Status.APPROVED.value if vin in approved else await self._tokens.clearance_status(vin)
                )
                if status == Status.APPROVED.value:
                    issued = await self._tokens.issue(
                        vin, seen_approved=True, must_be_registered=False, reporter=self._few
                    )
                else:
                    # Told in one line, however many wait.
                    issued = AwaitingClearance(status)
            if isinstance(issued, AwaitingClearance):
                awaited[vin] = issued.status
            record.tokens[vin] = _held(issued, wanted[vin].request_id)

        try:
            outcome = await self._each(record, sorted(steps), bring, "issued or renewed {} tokens")
            self._tell_who_waits(awaited)
            if outcome.trouble is None:
                revoked = await self._revoke(record, leaving, were_others=were_others)
                outcome = Outcome(outcome.done + revoked.done, revoked.trouble)
            else:
                self._leave(record, leaving, outcome.trouble)
            return outcome
        finally:
            self._few.sum_up()

    async def revoke(self, record: HeldTokens, *, were_others: bool) -> Outcome:
        """
        Revoke every pair; what was revoked leaves the record. Without an OAuth client that is a warning.

        `were_others`: other credentials may have issued them, to which an unknown token is no error: each is looked at then.
        """
        record.failed.clear()
        try:
            return await self._revoke(record, sorted(record.tokens), were_others=were_others)
        finally:
            self._few.sum_up()

    async def refresh(self, record: HeldTokens) -> None:
        """
        Whether each token lives, one GET /vehicleinfo for each that has not expired; and the clearances that are waited for.

        One that cannot be looked at stays as it is, with a warning. Raises: what every call met.
        """
        now = self._service.clock.now()
        asked = []
        for vin, held in record.tokens.items():
            if held.access_token is None or held.state.status is TokenStatus.REVOKED:
                continue
            if held.state.expires_at is not None and held.state.expires_at <= now:
                record.tokens[vin] = _with_status(held, TokenStatus.EXPIRED)
            else:
                asked.append(vin)

        async def look(vin: str) -> None:
            held = record.tokens[vin]
            assert held.access_token is not None  # noqa: S101 - asked for none without
            lives = await self._tokens.is_alive(held.access_token)
            record.tokens[vin] = _with_status(held, TokenStatus.ACTIVE if lives else TokenStatus.REVOKED)

        failed: dict[str, str] = {}
        outcome = await self._each(HeldTokens(failed=failed), sorted(asked), look, "checked {} tokens")
        if outcome.trouble is not None:
            raise outcome.trouble
        for vin, reason in sorted(failed.items()):
            self._few.warn(f"{vin}: the access token could not be checked, and stays as it was: {reason}")
        await self._look_at_clearances(record)
        self._few.sum_up()

    # Inside ---------------------------------------------------------------------------------------------------------------------

    async def _approved(
        self, wanted: Mapping[str, Clearance], steps: Mapping[str, TokenStep]
    ) -> Collection[str]:
        """Those to issue that are approved: by one list where there are several, since the program's word may be old."""
        issued = [vin for vin, step in steps.items() if step is not TokenStep.RENEW]
        if len(issued) > 1:
            listed = await self._service.listing.current()
            return {vin for vin in issued if vin in listed and listed[vin].status == Status.APPROVED.value}
        return {vin for vin in issued if wanted[vin].status == Status.APPROVED.value}

    async def _lives_on(self, held: HeldToken) -> bool:
        if held.access_token is None or held.state.status is not TokenStatus.ACTIVE:
            return False
        return await self._tokens.is_alive(held.access_token)

    async def _revoke(self, record: HeldTokens, vins: Sequence[str], *, were_others: bool) -> Outcome:
        with_pair = [vin for vin in vins if record.tokens[vin].access_token is not None]
        for vin in set(vins) - set(with_pair):
            del record.tokens[vin]
        if with_pair and not self._service.settings.can_refresh_and_revoke:
            self._reporter.warn(
                f"the tokens of {vehicles(len(with_pair))} ({named(with_pair)}) cannot be revoked without the OAuth client's id and "
                "secret (highmobility:clientId, highmobility:clientSecret): they stay valid until they expire."
            )
            for vin in with_pair:
                del record.tokens[vin]
            return Outcome(len(with_pair))

        async def revoke(vin: str) -> None:
            held = record.tokens[vin]
            assert held.access_token is not None  # noqa: S101 - see above
            await self._tokens.revoke(
                vin,
                access_token=held.access_token,
                refresh_token=held.refresh_token,
                reporter=self._few,
            )
            if were_others:
                await self._tokens.require_revoked(
                    vin, held.access_token, self._service.settings.credentials_id
                )
            del record.tokens[vin]

        outcome = await self._each(record, with_pair, revoke, "revoked {} tokens")
        for vin in record.failed.keys() & set(with_pair):
            record.tokens[vin] = replace(record.tokens[vin], is_leaving=True)
        return outcome

    def _leave(self, record: HeldTokens, vins: Sequence[str], trouble: HighMobilityError) -> None:
        for vin in vins:
            record.tokens[vin] = replace(record.tokens[vin], is_leaving=True)
            record.failed[vin] = str(trouble)

    async def _look_at_clearances(self, record: HeldTokens) -> None:
        waiting = [
            vin
            for vin, held in record.tokens.items()
            if held.state.status in (TokenStatus.AWAITING_CLEARANCE, TokenStatus.REVOKED)
            and not held.is_leaving
        ]
        if not waiting:
            return
        listed = await self._service.listing.current()
        for vin in waiting:
            if vin in self._service.listing.unreadable:
                continue
            held = record.tokens[vin]
            status = listed[vin].status if vin in listed else ""
            if held.state.status is TokenStatus.REVOKED and Status.of(status) in ENDED:
                # It went with its clearance, and comes with a new one.
                held = HeldToken(replace(_ended(held.state), status=TokenStatus.AWAITING_CLEARANCE))
            record.tokens[vin] = replace(held, state=replace(held.state, clearance_status=status))

    async def _each(
        self, record: HeldTokens, vins: Sequence[str], do: Callable[[str], Awaitable[None]], told: str
    ) -> Outcome:
        """`do` for each, so many side by side as the platform is asked at a time."""
        outcome = Outcome()
        todo = iter(vins)
        in_a_row = 0

        async def some() -> None:
            nonlocal in_a_row
            for vin in todo:
                if outcome.trouble is not None:
                    record.failed[vin] = str(outcome.trouble)
                    continue
                try:
                    await do(vin)
                except _OF_ONE as error:
                    record.failed[vin] = str(error)
                    in_a_row = in_a_row + 1 if isinstance(error, _PLATFORMS) else 0
                    if in_a_row >= _GIVE_UP_AFTER:
                        outcome.trouble = error
                except HighMobilityError as error:
                    record.failed[vin] = str(error)
                    outcome.trouble = outcome.trouble or error
                else:
                    in_a_row = 0
                    outcome.done += 1
                    if outcome.done % _SAY_EVERY == 0:
                        await self._pause(outcome, told.format(f"{outcome.done:,} of {len(vins):,}"))

        await asyncio.gather(*(some() for _ in range(min(SIDE_BY_SIDE, len(vins)))))
        return outcome

    async def _pause(self, outcome: Outcome, told: str) -> None:
        """Say how far it is. A run that is told to stop ends here, where no call of its own would: none is refused for a look."""
        self._reporter.progress(told)
        try:
            await self._service.clock.sleep(WAIT_FROM_S)
        except HighMobilityError as error:
            outcome.trouble = outcome.trouble or error

    def _tell_who_waits(self, awaited: Mapping[str, str]) -> None:
        ended = sorted(vin for vin, status in awaited.items() if Status.of(status) in ENDED)
        waiting = sorted(awaited.keys() - set(ended))
        if waiting:
            self._reporter.info(
                f"{vehicles(len(waiting))} not approved yet ({named(waiting)}): each access token is issued by the `pulumi up` that "
                "sees the approval"
            )
        if ended:
            self._reporter.warn(
                f"the clearance of {vehicles(len(ended))} was rejected or has ended ({named(ended)}): no access token is issued until "
                "a new clearance is approved"
            )


def _held(issued: IssuedToken | AwaitingClearance, request_id: str) -> HeldToken:
    if isinstance(issued, AwaitingClearance):
        return HeldToken(TokenState(TokenStatus.AWAITING_CLEARANCE, issued.status, request_id, None))
    state = TokenState(
        TokenStatus.ACTIVE, Status.APPROVED.value, request_id, issued.expires_at, issued.issued_at
    )
    return HeldToken(state, issued.pair.access_token, issued.pair.refresh_token)


def _with_status(held: HeldToken, status: TokenStatus) -> HeldToken:
    return replace(held, state=replace(held.state, status=status))


def _ended(state: TokenState) -> TokenState:
    return replace(state, expires_at=None, issued_at=None)
