"""Asking for clearance of one vehicle so that it may be repeated safely."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from ..api.shapes import Changelog, ClearanceRow, NotedVehicle, RegisteredVehicle
from ..clock import Clock, write_instant
from ..errors import ClearanceMismatch, ClearanceRefused, HighMobilityError, ServerError, TransportError
from ..text import visible
from .listing import Listing
from .queue import ClearanceQueue
from .registered import (
    changes_of,
    differences,
    is_active,
    is_in_transition,
    reason_of,
    requested_at,
    status_of,
)
from .reporter import Reporter
from .states import ENDED, GONE, IN_TRANSITION, Status
from .watch import Watch

# How often a request whose answer was lost is looked for and, if it is not there, made again.
ATTEMPTS = 4
# What the platform may still be working on is given this long before we look, doubling each time.
LOOK_AFTER_S = 1.0
# A VIN missing from a listing this old is requested all the same: whoever asked meanwhile, the
# answer to the request tells.
MISSING_MAX_AGE_S = 120.0


class Requesting:
    """
    Makes sure that a vehicle's clearance has been requested, once.

    Works on the shared listing and the shared queue, so that many at a time cost few calls.
    """

    def __init__(
        self, listing: Listing, queue: ClearanceQueue, watch: Watch, clock: Clock, rng: random.Random
    ) -> None:
        self._listing = listing
        self._queue = queue
        self._watch = watch
        self._clock = clock
        self._rng = rng
        # One pause for all rows of a request whose answer was lost: they look together.
        self._pauses: WeakKeyDictionary[HighMobilityError, asyncio.Future[None]] = WeakKeyDictionary()

    async def ensure_clearance(
        self,
        vehicle: Mapping[str, Any],
        *,
        transition_timeout_s: float,
        reporter: Reporter,
        may_adopt: bool = True,
        keeps_ended: bool = False,
    ) -> RegisteredVehicle:
        """
        Ask for clearance of `vehicle` (vin, brand, control_measures?, tags? as on the wire), or adopt it.

        One that is pending or approved already is adopted without a request; one that is being
        revoked or canceled is waited for, `transition_timeout_s` seconds at most, and requested then;
        an ended one is requested again, or, where `keeps_ended` says that the stack has it already, stays as somebody
        decided. A request whose answer was lost is looked for before it is repeated.

        Raises: ClearanceRefused, ClearanceMismatch (registered with another brand or other tags, or at all where
        `may_adopt` is False), WaitTimeout, and what the API raises.
        """
        vin = str(vehicle["vin"])
        before = await self._listing.look_up(vin, max_age_s=MISSING_MAX_AGE_S)
        if before is not None:
            # Adopting rests on what is registered now, not two minutes ago.
            before = await self._listing.look_up(vin)
        if keeps_ended and status_of(before) in ENDED:
            assert before is not None  # noqa: S101 - it has a status
            reason = reason_of(before)
            reporter.warn(
                f"{vin} is {before.status}{f', with the reason: {reason}' if reason else ''}: a person's decision, so it is not requested "
                f"again. To request it again, once that is agreed, set {'retry_rejected' if before.status == 'rejected' else 'retry_revoked'}=True"
            )
            return before
        lost: HighMobilityError | None = None
        for _ in range(ATTEMPTS):
            if is_active(before):
                assert before is not None  # noqa: S101 - is_active says so
                return self._adopt(before, vehicle, may_adopt, reporter)
            if is_in_transition(before):
                before = await self._wait_out(vin, transition_timeout_s, reporter)
                continue
            try:
                row = await self._queue.ask(vehicle)
            except (TransportError, ServerError) as error:
                if isinstance(error, TransportError) and not error.may_have_happened:
                    raise
                found = await self._look_after(error, vehicle, before, reporter)
                if found is not None:
                    return found
                lost = error
                continue
            settled = await self._settle(row, vehicle, before, may_adopt, reporter)
            if settled is not None:
                return settled
            before = await self._look_now(vin)
        if lost is not None:
            # Not about this vehicle: the platform answers nobody just now.
            raise lost
        raise ClearanceRefused(
            f"Clearance of {vin} was requested {ATTEMPTS} times (POST /fleets/vehicles), and it is still not "
            "registered. Nothing is lost: run `pulumi up` again later.",
            vin=vin,
        )

    def _adopt(
        self, found: RegisteredVehicle, vehicle: Mapping[str, Any], may_adopt: bool, reporter: Reporter
    ) -> RegisteredVehicle:
        vin = str(vehicle["vin"])
        since = requested_at(found)
        when = f" since {write_instant(since)}" if since else ""
        if not may_adopt:
            raise ClearanceMismatch(
                f"{vin} is registered already ({found.status}, requested{when}), and `adopt` is False: another stack or a "
                "script may hold it. Nothing was requested. Remove `adopt=False` to take it over as it is.",
                vin=vin,
            )
        unlike = differences(found, brand=str(vehicle["brand"]), tags=vehicle.get("tags") or {})
        if unlike:
            raise ClearanceMismatch(
                f"{vin} is registered already ({found.status}), but not as the program says: its "
                f"{' and its '.join(unlike)}. The API cannot change a registered vehicle. To adopt it, write the "
                "registered values into the program and run `pulumi up`. A change after that revokes the clearance and requests it again.",
                vin=vin,
            )
        if found.tags is None and vehicle.get("tags"):
            reporter.warn(
                f"{vin} is registered without tags according to GET /fleets/vehicles, and the program gives it {dict(vehicle['tags'])}: "
                "it is adopted as it is, and the state shows no tags. The API cannot change them"
            )
        reporter.warn(
            f"{vin} is registered already ({found.status}, requested{when}): adopted, no request was made. If another "
            "stack holds it as well, a delete in either revokes it for both"
        )
        return found

    async def _wait_out(self, vin: str, timeout_s: float, reporter: Reporter) -> RegisteredVehicle | None:
        return await self._watch.wait_for(
            vin,
            lambda seen: not is_in_transition(seen),
            goal="to end its old clearance",
            timeout_s=timeout_s,
            reporter=reporter,
        )

    async def _settle(
        self,
        row: ClearanceRow | None,
        vehicle: Mapping[str, Any],
        before: RegisteredVehicle | None,
        may_adopt: bool,
        reporter: Reporter,
    ) -> RegisteredVehicle | None:
        """The registered vehicle that an answer's row means; None where the row leaves it open."""
        vin = str(vehicle["vin"])
        if row is None:
            return None
        status = Status.of(row.status)
        if row.status == "error" or status is None:
            # The platform does not say what it answers for a VIN that it has: it may be this.
            found = await self._look_now(vin)
            if is_active(found) or is_in_transition(found):
                return None
            raise ClearanceRefused(refusal(vin, row), vin=vin)
        if status in IN_TRANSITION | GONE:
            return None
        wanted = dict(vehicle.get("tags") or {})
        if row.tags is not None and {name: str(value) for name, value in row.tags.items()} != wanted:
            # Not what was requested just now: an echo of a registration that somebody else made.
            return None
        if status is Status.APPROVED:
            # Approved in the same breath: by a carmaker that is quick, or an echo of what is there.
            found = await self._look_now(vin)
            if found is not None and is_active(found):
                return found if _is_newer(found, before) else self._adopt(found, vehicle, may_adopt, reporter)
        return self._note(vehicle, row)

    async def _look_after(
        self,
        error: HighMobilityError,
        vehicle: Mapping[str, Any],
        before: RegisteredVehicle | None,
        reporter: Reporter,
    ) -> RegisteredVehicle | None:
        """After a request whose answer was lost: the vehicle if the request arrived, else None."""
        vin = str(vehicle["vin"])
        reporter.info(f"{vin}: {error} Checking whether the request arrived before repeating it")
        pause = self._pauses.get(error)
        if pause is None:
            pause = asyncio.ensure_future(self._clock.sleep(LOOK_AFTER_S * (1 + self._rng.random())))
            self._pauses[error] = pause
        await asyncio.shield(pause)
        found = await self._look_now(vin)
        if found is None or not _is_newer(found, before):
            return None
        return found

    async def _look_now(self, vin: str) -> RegisteredVehicle | None:
        now = self._clock.monotonic()
        return (await self._listing.current(newer_than=now)).get(vin)

    def _note(self, vehicle: Mapping[str, Any], row: ClearanceRow) -> RegisteredVehicle:
        now = write_instant(self._clock.now())
        registered = NotedVehicle(
            vin=str(vehicle["vin"]),
            status=row.status,
            brand=str(vehicle["brand"]),
            tags=row.tags if row.tags is not None else dict(vehicle.get("tags") or {}),
            changelog=[Changelog(timestamp=now, status=row.status, reason=row.description)],
        )
        self._listing.note(registered.vin, registered)
        return registered


def _is_newer(found: RegisteredVehicle, before: RegisteredVehicle | None) -> bool:
    """True where `found` is of a later request than `before`: then the request in doubt arrived."""
    if before is None or status_of(before) not in ENDED:
        return True
    return len(changes_of(found)) > len(changes_of(before)) or requested_at(found) != requested_at(before)


def refusal(vin: str, row: ClearanceRow) -> str:
    """The message of a row that the platform refused, in its words, with what to do."""
    said = visible(row.description or f'a row with status "{row.status}" and no description')
    advice = "Correct the vehicle in the program."
    if re.search(r"\bbrand\b", said, re.IGNORECASE):
        advice = 'Set `brand` to one of the platform\'s names, for example "bmw".'
    elif re.search(r"\bvin\b", said, re.IGNORECASE):
        advice = "Check the VIN against the vehicle's registration."
    return f'Clearance of {vin} was refused: "{said}" (POST /fleets/vehicles). {advice}'
