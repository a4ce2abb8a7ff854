"""The Date of every answer, by the emulator's own clock: clients whose clock is off set theirs by it."""

from __future__ import annotations

from email.utils import formatdate

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..world.clock import EmulatorClock


class Dated:
    """Middleware: adds the header."""

    def __init__(self, app: ASGIApp, clock: EmulatorClock) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = formatdate(self._clock.wall(), usegmt=True).encode()
                message = {**message, "headers": [*message.get("headers", ()), (b"date", date)]}
            await send(message)

        await self._app(scope, receive, send_dated if scope["type"] == "http" else send)
