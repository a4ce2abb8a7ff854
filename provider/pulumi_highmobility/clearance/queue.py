"""Concurrent requests for clearance, joined into as few calls as they fit in."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..api.shapes import ClearanceRow
from ..clock import Clock
from ..errors import Interrupted, InvalidRequest
from .batch_rule import LINGER_S, LONGEST_S, BatchRule

if TYPE_CHECKING:
    from ..api.client import FleetApi

# No limit on vehicles a POST was found in the platform's documents: small enough to be answered in time.
MAX_BATCH = 1000
# Batches under way at a time: with a long latency two halves of those who come take turns.
MOST_UNDER_WAY = 3

_Entry = tuple[Mapping[str, Any], "asyncio.Future[ClearanceRow | None]"]


class ClearanceQueue:
    """
    Collects requests for clearance and sends them as one POST.

    A batch leaves when as many wait as can be expected (BatchRule). The same VIN requested twice at a time is sent
    once, and both callers get its row.
    """

    def __init__(self, api: FleetApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._waiting: dict[str, _Entry] = {}
        self._sent: dict[str, asyncio.Future[ClearanceRow | None]] = {}
        self._sender: asyncio.Task[None] | None = None
        self._batches: set[asyncio.Task[None]] = set()
        self._rule = BatchRule()
        self._newcomer = asyncio.Event()

    async def ask(self, vehicle: Mapping[str, Any]) -> ClearanceRow | None:
        """
        Request clearance of one vehicle, given as on the wire; None where the answer has no row for it.

        Raises: as FleetApi.request_clearances; after a ServerError or a TransportError that
        `may_have_happened`, look before asking again.
        """
        vin = str(vehicle["vin"])
        if vin in self._sent:
            return await asyncio.shield(self._sent[vin])
        if vin not in self._waiting:
            self._waiting[vin] = (vehicle, asyncio.get_running_loop().create_future())
            self._rule.came(self._clock.monotonic(), len(self._waiting) + len(self._sent))
            self._newcomer.set()
        answer = self._waiting[vin][1]
        if self._sender is None:
            self._sender = asyncio.ensure_future(self._send_all())
        return await asyncio.shield(answer)

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                await self._gather()
                if len(self._batches) >= MOST_UNDER_WAY:
                    await asyncio.wait(self._batches, return_when=asyncio.FIRST_COMPLETED)
                vins = list(self._waiting)[:MAX_BATCH]
                batch = {vin: self._waiting.pop(vin) for vin in vins}
                self._sent |= {vin: answer for vin, (_, answer) in batch.items()}
                task = asyncio.ensure_future(self._send_timed(batch))
                self._batches.add(task)
                task.add_done_callback(self._batches.discard)
        finally:
            self._sender = None

    async def _gather(self) -> None:
        """Wait until the batch is worth sending."""
        began = self._clock.monotonic()
        if self._rule.expected <= 1:
            await self._clock.sleep(LINGER_S)
        while len(self._waiting) < self._rule.expected:
            left_s = began + LONGEST_S - self._clock.monotonic()
            self._newcomer.clear()
            pause = asyncio.ensure_future(self._pause(min(self._rule.patience_s, max(left_s, 0.0))))
            newcomer = asyncio.ensure_future(self._newcomer.wait())
            try:
                await asyncio.wait((newcomer, pause), return_when=asyncio.FIRST_COMPLETED)
            finally:
                newcomer.cancel()
                pause.cancel()
            if not self._newcomer.is_set():
                self._rule.gave_up(len(self._waiting) + len(self._sent))
                return
        self._rule.filled()

    async def _pause(self, seconds: float) -> None:
        # A stop sends those who wait at once: then each is told that nothing is begun any more.
        with contextlib.suppress(Interrupted):
            await self._clock.sleep(seconds)

    async def _send_timed(self, batch: Mapping[str, _Entry]) -> None:
        began = self._clock.monotonic()
        try:
            await self._send(batch)
        finally:
            for vin in batch:
                self._sent.pop(vin, None)
            self._rule.answered(self._clock.monotonic() - began)

    async def _send(self, batch: Mapping[str, _Entry]) -> None:
        try:
            rows = await self._api.request_clearances([vehicle for vehicle, _ in batch.values()])
        except InvalidRequest as error:
            if len(batch) == 1:
                _fail(batch, error)
                return
            # A 422 is about the whole call; requested one by one, the others are not held back by one.
            for vin, entry in batch.items():
                await self._send({vin: entry})
            return
        except asyncio.CancelledError:
            for _, answer in batch.values():
                answer.cancel()
            raise
        except Exception as error:
            _fail(batch, error)
            return
        by_vin = {row.vin.upper(): row for row in rows}
        for position, (vin, (_, answer)) in enumerate(batch.items()):
            row = by_vin.get(vin)
            if row is None and len(rows) == len(batch) and not rows[position].vin:
                row = rows[position]
            if not answer.done():
                answer.set_result(row)


def _fail(batch: Mapping[str, _Entry], error: Exception) -> None:
    for _, answer in batch.values():
        if not answer.done():
            answer.set_exception(error)
            # A caller that has gone away will not look: that is no error of its own.
            answer.exception()
