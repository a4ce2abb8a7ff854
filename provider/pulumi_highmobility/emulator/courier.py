"""What goes on while nobody asks: clearances move on in time, and webhooks are delivered."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import httpx
from starlette.concurrency import run_in_threadpool

if TYPE_CHECKING:
    from .app import Emulator
    from .webhooks import Letter

TICK_S = 0.1
TIMEOUT_S = 5.0
# Fewer than the five connections that the simplest of servers, which a test may use, keeps waiting.
_AT_ONCE = 4


class Courier:
    """Runs beside the server, in its event loop."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._client: httpx.AsyncClient | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """At work until the server ends; a delivery that is cut off is sent again after the next start."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            if self._client is not None:
                await self._client.aclose()

    async def _run(self) -> None:
        while True:
            while await run_in_threadpool(self._emulator.settle_some):
                pass
            letters = await run_in_threadpool(self._emulator.webhooks.due, _AT_ONCE)
            if letters:
                await asyncio.gather(*(self._deliver(letter) for letter in letters))
            else:
                await asyncio.sleep(TICK_S)

    async def _deliver(self, letter: Letter) -> None:
        headers = {
            **letter.webhook.signatures(letter.body),
            "X-HM-Delivery": letter.id,
            "X-HM-Event": letter.event,
            "User-Agent": "HM-Webhook/1.2.0",
            "Content-Type": "application/json",
        }
        status, error = 0, None
        try:
            answer = await self._http().post(letter.webhook.url, content=letter.body, headers=headers)
            status = answer.status_code
            error = None if answer.is_success else f"answered {status}"
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            error = f"{type(problem).__name__}: {problem}".rstrip(": ")
        await run_in_threadpool(self._emulator.webhooks.answered, letter, status, error)

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            # No proxy from the environment: receivers are mostly on loopback. The system's certificates, so
            # that SSL_CERT_FILE can name a receiver's own.
            self._client = httpx.AsyncClient(
                timeout=TIMEOUT_S, trust_env=False, verify=ssl.create_default_context()
            )
        return self._client
