"""
What the engine tells a dynamic provider's process, and the SDK does not pass on.

The SDK (3.259.0) calls a dynamic provider with properties alone: not which resource is meant, nor how to
speak to its user; the engine's Cancel is not passed on at all, and four threads serve everything, so that four
waits hold up all else. All of it is within reach in the same process. This module takes it from there, in one
place, and does without wherever it is not found: messages then appear at the stack instead of the resource, and
a wait ends with its timeout instead of Ctrl-C.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import FrameType, FunctionType
from typing import Any, Literal

from ..errors import HighMobilityError

Severity = Literal["info", "warning", "error", "debug"]


@dataclass(frozen=True)
class Resource:
    """The resource an operation is about; both empty where it could not be found out."""

    urn: str = ""
    name: str = ""


def current_resource() -> Resource:
    """The resource of the operation that this thread serves: the URN in the SDK's own request."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if _is_sdk(frame):
            urn = getattr(frame.f_locals.get("request"), "urn", "")
            if urn:
                return Resource(urn, urn.rsplit("::", 1)[-1])
        frame = frame.f_back
    return Resource()


def fail_partially(id_: str, outputs: dict[str, Any], inputs: dict[str, Any], reasons: list[str]) -> None:
    """
    End a create or update as failed, with what it did reach kept in the state; the next `up` tries again.

    The engine knows this answer (ErrorResourceInitFailed), and other SDKs have it; the one of Python's dynamic
    providers does not. Does not return, unless it is not called by that SDK.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not _is_sdk(frame):
        frame = frame.f_back
    context = frame.f_locals.get("context") if frame is not None else None
    if context is None:
        return
    import grpc  # noqa: PLC0415 - only the provider process needs it
    from pulumi.runtime import rpc  # noqa: PLC0415
    from pulumi.runtime.proto import provider_pb2, status_pb2  # noqa: PLC0415

    loop = asyncio.new_event_loop()
    try:
        kept = loop.run_until_complete(rpc.serialize_properties(outputs, {}))
        given = loop.run_until_complete(rpc.serialize_properties(inputs, {}))
    finally:
        loop.close()
    message = "; ".join(reasons)
    status = status_pb2.Status(code=grpc.StatusCode.FAILED_PRECONDITION.value[0], message=message)
    status.details.add().Pack(
        provider_pb2.ErrorResourceInitFailed(id=id_, properties=kept, inputs=given, reasons=reasons)
    )
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, message)


def _is_sdk(frame: FrameType) -> bool:
    return frame.f_code.co_filename.replace("\\", "/").endswith("pulumi/dynamic/__main__.py")


# Enough for as many operations as the engine runs side by side on large machines.
WORKERS = 64


def make_room() -> None:
    """Let more than four operations run side by side in this provider process: waits must not hold up the rest."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        pool = frame.f_locals.get("executor_reference") if frame.f_code.co_name == "_worker" else None
        if callable(pool):
            executor = pool()
            if isinstance(executor, ThreadPoolExecutor) and executor._max_workers < WORKERS:
                executor._max_workers = WORKERS
            return
        frame = frame.f_back


def on_cancel(callback: Callable[[], None]) -> None:
    """
    Call back when the engine says Cancel (a user's Ctrl-C), if this is a dynamic provider's process.

    gRPC holds the SDK's bound method already, so its code is what has to be exchanged.
    """
    main = sys.modules.get("__main__")
    cancel = getattr(getattr(main, "DynamicResourceProviderServicer", None), "Cancel", None)
    if main is None or not isinstance(cancel, FunctionType) or cancel.__closure__:
        return
    main.__dict__["_highmobility_on_cancel"] = callback
    found: dict[str, Any] = {}
    exec(  # noqa: S102 - a constant text: the new code has to live in the SDK's own globals
        "def Cancel(self, request, context):\n    _highmobility_on_cancel()\n    return empty_pb2.Empty()\n",
        main.__dict__,
        found,
    )
    cancel.__code__ = found["Cancel"].__code__


class Engine:
    """The engine's log, by its address on the provider's command line; silent trouble falls back to print."""

    def __init__(self, address: str | None) -> None:
        self._address = address
        self._stub: Any = None
        self._lock = threading.Lock()

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
                # The engine shows what a provider prints as messages of the stack.
                print(message, flush=True)

    def _connect(self) -> Any:
        if not self._address:
            raise LookupError("no engine")
        with self._lock:
            if self._stub is None:
                import grpc  # noqa: PLC0415
                from pulumi.runtime.proto import engine_pb2_grpc  # noqa: PLC0415

                self._stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(self._address))
        return self._stub


class _OurErrorsAreNoCrash(logging.Filter):
    """gRPC logs a traceback for every exception; ours are messages for users, shown already."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, HighMobilityError)


def engine_of_this_process() -> Engine:
    """The engine that started this process as a dynamic provider; in any other process, one that prints."""
    main = sys.modules.get("__main__")
    is_provider = getattr(getattr(main, "__spec__", None), "name", "") == "pulumi.dynamic.__main__"
    if not is_provider:
        return Engine(None)
    logging.getLogger("grpc._server").addFilter(_OurErrorsAreNoCrash())
    address = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), None)
    return Engine(address)
