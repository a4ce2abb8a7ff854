"""Concurrent requests for clearance, joined into as few calls as they fit in."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..api.shapes import ClearanceRow
from ..clock import Clock
from ..errors import Interrupted, InvalidRequest

if TYPE_CHECKING:
    from ..api.client import FleetApi

# No limit on vehicles a POST was found in the platform's documents: small enough to be answered in time.
MAX_BATCH = 1000
# How long a request waits for others: so there are ten a second at most, as the platform asks for moderate use. The creates of
# a large stack come one by one, as fast as the engine writes its state, which is what takes the time. Waiting for a number of
# them, learned from how many come, how fast, and the latency, took longer at each size and latency that was measured, but
# for 5 % less where the engine saves nothing in between. It took half the requests for 1,000 vehicles, and about as many for 100 and 300.
LINGER_S = 0.1
# Batches under way at a time: more would be a burst where answers take long.
MOST_UNDER_WAY = 3

_Entry = tuple[Mapping[str, Any], "asyncio.Future[ClearanceRow | None]"]


class ClearanceQueue:
    """
    Collects requests for clearance and sends them as one POST.

    A batch leaves LINGER_S after the first of it came. The same VIN requested twice at a time is sent once, and both
    callers get its row.
    """

    def __init__(self, api: FleetApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._waiting: dict[str, _Entry] = {}
        self._sent: dict[str, asyncio.Future[ClearanceRow | None]] = {}
        self._sender: asyncio.Task[None] | None = None
        self._batches: set[asyncio.Task[None]] = set()

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
        answer = self._waiting[vin][1]
        if self._sender is None:
            self._sender = asyncio.ensure_future(self._send_all())
        return await asyncio.shield(answer)

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                await self._linger()
                if len(self._batches) >= MOST_UNDER_WAY:
                    await asyncio.wait(self._batches, return_when=asyncio.FIRST_COMPLETED)
                vins = list(self._waiting)[:MAX_BATCH]
                batch = {vin: self._waiting.pop(vin) for vin in vins}
                self._sent |= {vin: answer for vin, (_, answer) in batch.items()}
                task = asyncio.ensure_future(self._send(batch))
                self._batches.add(task)
                task.add_done_callback(self._batches.discard)
        finally:
            self._sender = None

    async def _linger(self) -> None:
        # A stop sends those who wait at once: then each is told that nothing is begun any more.
        with contextlib.suppress(Interrupted):
            await self._clock.sleep(LINGER_S)

    async def _send(self, batch: Mapping[str, _Entry]) -> None:
        try:
            await self._request(batch)
        finally:
            for vin in batch:
                self._sent.pop(vin, None)

    async def _request(self, batch: Mapping[str, _Entry]) -> None:
        try:
            rows = await self._api.request_clearances([vehicle for vehicle, _ in batch.values()])
        except InvalidRequest as error:
            if len(batch) == 1:
                _fail(batch, error)
                return
            # A 422 is about the whole call; requested one by one, the others are not held back by one.
            for vin, entry in batch.items():
                await self._request({vin: entry})
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
