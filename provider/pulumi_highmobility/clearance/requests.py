"""Concurrent requests for clearance, joined into as few calls as they fit in."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from ..api.client import FleetApi
from ..api.shapes import ClearanceRow
from ..clock import Clock
from ..errors import InvalidRequest

# How long the first of a batch waits for others. Four workers come back within this time after an answer.
LINGER_S = 0.01
# No limit on vehicles a POST was found in the platform's documents: small enough to be answered in time.
MAX_BATCH = 1000


class ClearanceQueue:
    """
    Collects requests for clearance and sends them as one POST.

    A batch leaves when the one before has been answered. The same VIN asked for twice at a time is
    sent once, and both callers get its row.
    """

    def __init__(self, api: FleetApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._waiting: dict[str, tuple[Mapping[str, Any], asyncio.Future[ClearanceRow | None]]] = {}
        self._sent: dict[str, asyncio.Future[ClearanceRow | None]] = {}
        self._sender: asyncio.Task[None] | None = None

    async def ask(self, vehicle: Mapping[str, Any]) -> ClearanceRow | None:
        """
        Ask for clearance of one vehicle, given as on the wire; None where the answer has no row for it.

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
                await self._clock.sleep(LINGER_S)
                vins = list(self._waiting)[:MAX_BATCH]
                batch = {vin: self._waiting.pop(vin) for vin in vins}
                self._sent = {vin: answer for vin, (_, answer) in batch.items()}
                await self._send(batch)
                self._sent = {}
        finally:
            self._sender = None

    async def _send(
        self, batch: Mapping[str, tuple[Mapping[str, Any], asyncio.Future[ClearanceRow | None]]]
    ) -> None:
        try:
            rows = await self._api.request_clearances([vehicle for vehicle, _ in batch.values()])
        except InvalidRequest as error:
            if len(batch) == 1:
                _fail(batch, error)
                return
            # A 422 is about the whole call; asked for one by one, the others are not held back by one.
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


def _fail(
    batch: Mapping[str, tuple[Mapping[str, Any], asyncio.Future[ClearanceRow | None]]], error: Exception
) -> None:
    for _, answer in batch.values():
        if not answer.done():
            answer.set_exception(error)
            # A caller that has gone away will not look: that is no error of its own.
            answer.exception()
