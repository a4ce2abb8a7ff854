"""What goes on while nobody asks: clearances move on in time, and webhooks are delivered."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
from starlette.concurrency import run_in_threadpool

from ..world.webhooks import Letter, Webhooks

TICK_S = 0.1
# From the first byte to the status, however slowly a receiver answers.
TIMEOUT_S = 5.0
# At one receiver. Fewer than the five connections that the simplest of servers, which a test may use, keeps waiting.
_AT_ONCE = 4
# Characters: some errors quote what the receiver sent.
_LONGEST_ERROR = 300
_NOT_RUNNING = "not running: it runs with the server, and an in-process application has to run its lifespan"

log = logging.getLogger(__name__)


class Courier:
    """
    Runs beside the server, in its event loop, with a worker for each webhook that something is due for.

    `settle_some` carries out some of the moves whose time has come; whether there were any.

    `trouble` says why nothing is delivered; empty while all is well.
    """

    def __init__(self, webhooks: Webhooks, settle_some: Callable[[], bool]) -> None:
        self._webhooks = webhooks
        self._settle_some = settle_some
        self._client: httpx.AsyncClient | None = None
        self._workers: dict[str, asyncio.Task[None]] = {}
        self.trouble = _NOT_RUNNING

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """At work until the server ends; a delivery that is cut off is sent again after the next start."""
        task = asyncio.create_task(self._run())
        self.trouble = ""
        try:
            yield
        finally:
            self.trouble = _NOT_RUNNING
            tasks = [task, *self._workers.values()]
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._workers.clear()
            if self._client is not None:
                await self._client.aclose()
                self._client = None

    async def _run(self) -> None:
        while True:
            try:
                await self._tick()
                self.trouble = ""
            except Exception as error:
                # Whatever it is, the next tick may go well, and whoever waits for a webhook has to learn of it.
                trouble = f"failing: {type(error).__name__}: {error}"
                if trouble != self.trouble:
                    log.exception("The emulator's background work fails; webhooks are not delivered.")
                self.trouble = trouble
            await asyncio.sleep(TICK_S)

    def _settle_or_find(self) -> list[str] | None:
        """None where there were moves to carry out: there may be more."""
        return None if self._settle_some() else self._webhooks.waiting()

    async def _tick(self) -> None:
        # To another thread once, where nothing is to be done: it is most of what an idle emulator does.
        while (waiting := await run_in_threadpool(self._settle_or_find)) is None:
            pass
        for webhook_id in waiting:
            worker = self._workers.get(webhook_id)
            if worker is None or worker.done():
                if worker is not None:
                    # Raises what ended it, for `_run` to tell.
                    del self._workers[webhook_id]
                    worker.result()
                self._workers[webhook_id] = asyncio.create_task(self._work(webhook_id))

    async def _work(self, webhook_id: str) -> None:
        """Deliver to one webhook until nothing is due for it: a receiver that is slow holds up no other."""
        while letters := await run_in_threadpool(self._webhooks.due, webhook_id, _AT_ONCE):
            await asyncio.gather(*(self._deliver(letter) for letter in letters))

    async def _deliver(self, letter: Letter) -> None:
        status, error = 0, None
        try:
            status = await asyncio.wait_for(self._post(letter), TIMEOUT_S)
            error = None if 200 <= status < 300 else f"answered {status}"
        except asyncio.TimeoutError:
            error = f"Timeout: no answer within {TIMEOUT_S:g} s"
        except Exception as problem:
            # Of any kind, since one delivery must not end the others: URLs kept by an earlier version may hold anything.
            error = f"{type(problem).__name__}: {problem}".rstrip(": ")[:_LONGEST_ERROR]
        await run_in_threadpool(self._webhooks.answered, letter, status, error)

    async def _post(self, letter: Letter) -> int:
        headers = {
            **letter.webhook.signatures(letter.body),
            "X-HM-Delivery": letter.id,
            "X-HM-Event": letter.event,
            "User-Agent": "HM-Webhook/1.2.0",
            "Content-Type": "application/json",
        }
        # The answer's body is not read: it may be of any length, and says nothing.
        async with self._http().stream(
            "POST", letter.webhook.url, content=letter.body, headers=headers
        ) as answer:
            return answer.status_code

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            # No proxy from the environment: receivers are mostly on loopback. The system's certificates, so
            # that SSL_CERT_FILE can name a receiver's own. No limit of connections over all webhooks: those of silent
            # receivers would use it up, and each webhook has its own, by _AT_ONCE.
            self._client = httpx.AsyncClient(
                timeout=TIMEOUT_S,
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
                trust_env=False,
                verify=ssl.create_default_context(),
            )
        return self._client
