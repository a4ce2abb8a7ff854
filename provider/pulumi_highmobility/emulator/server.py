"""Serving the emulator over HTTP, in the foreground or in a thread of the present process."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import h11
import uvicorn
from starlette.types import Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from .app import Emulator, Options
from .serving.limits import LARGEST_HEAD
from .world.applications import ensure_application, write_credentials
from .world.clock import EmulatorClock
from .world.database import DatabaseError
from .world.store import Store


class PortInUse(OSError):
    """Something else listens on the port."""


# From a request's first byte to its last, and for a client to take an answer in.
REQUEST_TIMEOUT_S = 30.0
# What is read of a head before the connection is closed: well above what is taken, so that a refusal says why.
_READ_HEAD = 16 * LARGEST_HEAD
# Of an answer's body, handed on as the client takes it in: what a transport holds back says whether it still reads.
_PIECE = 2**16
# Bytes that the system holds for a client. Left to itself it takes megabytes, and says only when a third of them is free
# that the client took something.
_HELD = 2**17
# Names of webhooks' hosts that are looked up at once: asyncio's own few threads are soon taken by those that no name server
# answers for.
_LOOKUPS = 256


class _Protocol(H11Protocol):
    """
    Lets the application close a connection under the client, which ASGI has no message for, and closes those on which
    a request stays half sent, or an answer unread.
    """

    timeout_s = REQUEST_TIMEOUT_S

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        app = self.app

        async def with_abort(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                scope.setdefault("extensions", {})["emulator.abort"] = transport.abort
            await app(scope, receive, _in_pieces(send))

        self.app = with_abort
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._limit("reading")

    def connection_lost(self, exc: Exception | None) -> None:
        self._unlimit("reading")
        self._unlimit("writing")
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state in (h11.IDLE, h11.SEND_BODY):
            # The head or the body is not complete. The time runs on from the first byte: one more is no reprieve.
            self._limit("reading")
        else:
            self._unlimit("reading")

    def on_response_complete(self) -> None:
        # What is left of a refused request is read for nobody; Uvicorn's own time-out of idle connections goes on here.
        self._unlimit("reading")
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        # What is under way on this connection can be answered no more, nor can what was answered already.
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._limit_writing()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unlimit("writing")

    def _limit_writing(self) -> None:
        """Close the connection unless, by the end of the time, the client took something: then it has as long again."""
        held = self.transport.get_write_buffer_size()

        def end() -> None:
            if self.transport.get_write_buffer_size() < held:
                self._limit_writing()
            else:
                self.transport.abort()

        self._timers["writing"] = self.loop.call_later(self.timeout_s, end)

    def _limit(self, what: str) -> None:
        if what not in self._timers:
            self._timers[what] = self.loop.call_later(self.timeout_s, self.transport.abort)

    def _unlimit(self, what: str) -> None:
        timer = self._timers.pop(what, None)
        if timer is not None:
            timer.cancel()


def _in_pieces(send: Send) -> Send:
    """Sends long bodies piece by piece: Uvicorn waits before each until the client has taken the ones before."""

    async def send_pieces(message: Any) -> None:
        body = message.get("body", b"")
        last = max(0, len(body) - 1) // _PIECE * _PIECE
        for start in range(0, last, _PIECE):
            await send({**message, "body": body[start : start + _PIECE], "more_body": True})
        await send({**message, "body": body[last:]} if last else message)

    return send_pieces


def open_emulator(
    *,
    db: Path | None,
    options: Options,
    clock: EmulatorClock | None = None,
    applications: Mapping[str, Mapping[str, Any]] | None = None,
) -> Emulator:
    """
    An emulator over a database file, or in memory where `db` is None.

    `applications` are their names, each with what is special of it: package, partner, has_fleet, configured.

    Raises: DatabaseError (the file is not a database of the emulator, or cannot be opened).
    """
    store = Store(db)
    try:
        known = [
            ensure_application(store, name, **traits)
            for name, traits in (applications or {"default": {}}).items()
        ]
    except (sqlite3.Error, ValueError, TypeError) as error:
        store.close()
        raise DatabaseError(f"{db} cannot be used as a database: {error}") from error
    return Emulator(store, clock or EmulatorClock(), known, options)


def bind(host: str, port: int) -> socket.socket:
    """The listening socket; port 0 takes a free one. Raises: PortInUse, OSError (no such address)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named: asyncio turns Nagle's algorithm off only then, and with it each answer on a kept
    # connection would wait some 40 ms for the client's acknowledgement of its head.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections inherit it.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _HELD)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        if error.errno is not None and error.strerror == "Address already in use":
            raise PortInUse(f"port {port} on {host} is in use") from error
        raise
    return listener


def serve(
    emulator: Emulator,
    listener: socket.socket,
    *,
    certfile: Path | None = None,
    keyfile: Path | None = None,
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve until SIGINT or SIGTERM."""
    server = _Server(_config(emulator, certfile, keyfile), on_ready)
    # Uvicorn ends in order, and then raises the signal once more for whoever called it.
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listener])


@contextmanager
def serve_in_thread(
    options: Options | None = None,
    *,
    db: Path | None = None,
    clock: EmulatorClock | None = None,
    credentials: Path | None = None,
    host: str = "127.0.0.1",
    applications: Mapping[str, Mapping[str, Any]] | None = None,
    request_timeout_s: float = REQUEST_TIMEOUT_S,
) -> Iterator[tuple[Emulator, str]]:
    """
    Serve on a free port from a thread of this process; yields the emulator and its base URL.

    `request_timeout_s` is how long a request may take to come in, and an answer to be taken.
    """
    listener = bind(host, 0)
    base_url = f"http://{host}:{listener.getsockname()[1]}/v1"
    emulator = open_emulator(db=db, options=options or Options(), clock=clock, applications=applications)
    if credentials is not None:
        write_credentials(credentials, emulator.applications[0], base_url)
    with listener, serving(emulator, listener, request_timeout_s=request_timeout_s):
        yield emulator, base_url


@contextmanager
def serving(
    emulator: Emulator,
    listener: socket.socket,
    *,
    certfile: Path | None = None,
    keyfile: Path | None = None,
    request_timeout_s: float = REQUEST_TIMEOUT_S,
) -> Iterator[None]:
    """Serve it from a thread of this process, and close it at the end."""
    server = _Server(_config(emulator, certfile, keyfile, request_timeout_s), lambda: None, tick_s=0.05)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.005)
        yield
    finally:
        server.should_exit = True
        thread.join(10)
        emulator.store.close()


class _Server(uvicorn.Server):
    """`tick_s` is how often it looks whether it shall end."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None], tick_s: float = 0.1) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._tick_s = tick_s

    async def main_loop(self) -> None:
        while not await self.on_tick(0):  # noqa: ASYNC110 - Uvicorn's own form: others set `should_exit` from a thread
            await asyncio.sleep(self._tick_s)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_LOOKUPS, "lookup"))
        await super().startup(sockets)
        self._on_ready()


def _config(
    emulator: Emulator,
    certfile: Path | None,
    keyfile: Path | None,
    request_timeout_s: float = REQUEST_TIMEOUT_S,
) -> uvicorn.Config:
    return uvicorn.Config(
        emulator.app,
        http=type("_Protocol", (_Protocol,), {"timeout_s": request_timeout_s}),
        h11_max_incomplete_event_size=_READ_HEAD,
        ws="none",
        lifespan="on",
        log_level="error",
        access_log=False,
        date_header=False,
        timeout_graceful_shutdown=2,
        ssl_certfile=str(certfile) if certfile else None,
        ssl_keyfile=str(keyfile) if keyfile else None,
    )
