"""The engine that started this process: its address, its log, and its end."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

Severity = Literal["info", "warning", "error", "debug"]

# Before another connection to an engine that closes them as soon as they are there.
_PAUSE_S = 0.05


def engine_address(arguments: Sequence[str]) -> str | None:
    """HOST:PORT of the engine, from a provider's command line; None where it is not there."""
    return next((word for word in arguments if not word.startswith("-") and word.count(":") == 1), None)


def end_with_engine(address: str, end: Callable[[], None] = lambda: os._exit(1)) -> bool:
    """
    End this process at once when the engine's is gone; False where the engine cannot be reached even now.

    A killed engine leaves its providers running, below a shell that lives on. What such an orphan revokes or
    registers is written down nowhere, so that nothing may begin after it: not even a tidy end.
    """
    connection = _connected(address)
    if connection is None:
        return False
    threading.Thread(
        target=_watch, args=(address, connection, end), name="pulumi-highmobility-engine", daemon=True
    ).start()
    return True


def _watch(address: str, connection: socket.socket | None, end: Callable[[], None]) -> None:
    # The kernel closes the connections of a process that ends, however it ends. The engine may close one that says
    # nothing, too: it is gone only where it does not take another.
    while connection is not None:
        began = time.monotonic()
        with connection, contextlib.suppress(OSError):
            while connection.recv(4096):
                pass
        if time.monotonic() - began < 1:
            time.sleep(_PAUSE_S)
        connection = _connected(address)
    end()


def _connected(address: str) -> socket.socket | None:
    host, _, port = address.rpartition(":")
    try:
        connection = socket.create_connection((host, int(port)), timeout=5)
    except (OSError, ValueError):
        return None
    connection.settimeout(None)
    return connection


class Engine:
    """The engine's log, by its address; where it cannot be reached, messages are printed, which shows them at the stack."""

    def __init__(self, address: str | None) -> None:
        self._address = address
        self._stub: Any = None
        self._lock = threading.Lock()

    @property
    def address(self) -> str | None:
        """HOST:PORT; None where it is not known."""
        return self._address

    def log(self, severity: Severity, message: str, urn: str = "", *, ephemeral: bool = False) -> None:
        """Show `message` at the resource `urn` (empty: at the stack); an ephemeral one is replaced by the next."""
        import grpc  # noqa: PLC0415 - only the provider process needs it

        try:
            from pulumi.runtime.proto import engine_pb2  # noqa: PLC0415

            request = engine_pb2.LogRequest(
                severity=getattr(engine_pb2, severity.upper()),
                message=message,
                urn=urn,
                streamId=0,
                ephemeral=ephemeral,
            )
            self._connect().Log(request, timeout=5)
        except (grpc.RpcError, LookupError, OSError):
            if not ephemeral:
                print(message, flush=True)

    def _connect(self) -> Any:
        if not self._address:
            raise LookupError("no engine")
        with self._lock:
            if self._stub is None:
                import grpc  # noqa: PLC0415
                from pulumi.runtime.proto import engine_pb2_grpc  # noqa: PLC0415

                # The engine is on this machine: a proxy of the environment has no business in between.
                options = (("grpc.enable_http_proxy", 0),)
                self._stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(self._address, options))
        return self._stub
