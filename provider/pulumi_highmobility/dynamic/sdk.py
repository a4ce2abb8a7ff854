"""
All that leans on the insides of Pulumi's SDK: what the engine tells a dynamic provider, and the SDK does not pass on.

The SDK calls a dynamic provider with properties alone: not which resource is meant, nor how to speak to its user. Its
only way to fail is an exception, which versions from 3.260.0 on turn into a traceback; it has no answer for work that
was done in part; the engine's Cancel goes nowhere; and four threads serve everything, so that four waits hold up all
else. All of it is within reach in the same process. Each function here does without what it does not find, and
`prepare_process` says in one line for each what is lost then.

Tried with the SDK's versions 3.216.0 to 3.272.0; `scripts/test --sdk VERSION` tries another.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from types import FrameType, FunctionType
from typing import Any

from ..engine.partial import failed_in_part
from ..engine.process import Engine, end_with_engine, engine_address
from ..errors import HighMobilityError

# Enough for as many operations as the engine runs side by side on large machines.
WORKERS = 64


@dataclass(frozen=True)
class EngineCall:
    """
    The engine's call that a thread serves: the resource it is about, and the way to answer it.

    `urn` and `name` are empty, and the context None, where they could not be found.
    """

    urn: str = ""
    name: str = ""
    context: Any = field(default=None, repr=False)

    def fail(self, message: str) -> bool:
        """
        Answer with an error of exactly this text; False where that cannot be done, and an exception has to.

        The SDK's function has to return all the same: with anything that it can write down.
        """
        if self.context is None:
            return False
        import grpc  # noqa: PLC0415 - only the provider process needs it

        try:
            self.context.set_code(grpc.StatusCode.UNKNOWN)
            self.context.set_details(message)
        except AttributeError:
            return False
        return True

    def fail_in_part(
        self, id_: str, outputs: Mapping[str, Any], inputs: Mapping[str, Any], reasons: Sequence[str]
    ) -> bool:
        """
        End a create or update as failed, with what it did reach kept in the state; False as in `fail`.

        The engine knows this answer (ErrorResourceInitFailed), and other SDKs have it; the next `up` tries again.
        """
        if not all(
            hasattr(self.context, name) for name in ("set_code", "set_details", "set_trailing_metadata")
        ):
            return False
        import grpc  # noqa: PLC0415 - only the provider process needs it

        message, metadata = failed_in_part(id_, _serialized(outputs), _serialized(inputs), reasons)
        self.context.set_trailing_metadata(metadata)
        self.context.set_code(grpc.StatusCode.FAILED_PRECONDITION)
        self.context.set_details(message)
        return True


def current_call(frame: FrameType | None = None) -> EngineCall:
    """The call that this thread serves, from the SDK's own frame; `frame` is where the search begins."""
    found = frame or sys._getframe(1)
    at: FrameType | None = found
    while at is not None:
        if at.f_code.co_filename.replace("\\", "/").endswith("pulumi/dynamic/__main__.py"):
            request, context = at.f_locals.get("request"), at.f_locals.get("context")
            if request is not None and context is not None:
                urn = str(getattr(request, "urn", "") or "")
                return EngineCall(urn, urn.rsplit("::", 1)[-1], context)
        at = at.f_back
    return EngineCall()


def _serialized(properties: Mapping[str, Any]) -> Any:
    from pulumi.runtime import rpc  # noqa: PLC0415 - only the provider process needs it

    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(rpc.serialize_properties(dict(properties), {}))
    finally:
        loop.close()


def program_config(namespace: str, known: Sequence[str]) -> tuple[dict[str, Any], frozenset[str]]:
    """
    In a program: the stack's config of a namespace, with full keys, and which of these are secrets.

    Of an SDK that does not tell all keys, those `known`: one with a typing error is not seen then.
    """
    import pulumi  # noqa: PLC0415 - as the modules below
    from pulumi.runtime import config as runtime  # noqa: PLC0415

    found: dict[str, Any] = {}
    readers: list[Callable[[], Any]] = [
        getattr(runtime, "get_config_env", dict),
        getattr(getattr(runtime, "CONFIG", None), "get", dict),
    ]
    for read in readers:
        with contextlib.suppress(AttributeError, LookupError, ValueError):
            found |= {key: value for key, value in read().items() if key.startswith(f"{namespace}:")}
    for name in known:
        value = pulumi.Config(namespace).get(name)
        if value is not None:
            found[f"{namespace}:{name}"] = value
    is_secret = getattr(runtime, "is_config_secret", lambda _: True)
    return found, frozenset(key for key in found if is_secret(key))


def engine_of_the_program() -> str | None:
    """In a program: HOST:PORT of the engine that runs it; None in a test with mocks, and where the SDK does not tell."""
    from pulumi.runtime import settings  # noqa: PLC0415 - as above

    call = getattr(getattr(settings.SETTINGS, "engine", None), "Log", None)
    target = getattr(getattr(call, "_channel", None), "target", None)
    try:
        found = target() if callable(target) else None
    except Exception:
        # Of whatever stands in the channel's place.
        found = None
    if isinstance(found, bytes):
        return found.decode(errors="replace").rpartition("/")[2] or None
    return next((after for word, after in pairwise(sys.orig_argv) if word == "--engine"), None)


# By class: as it is pickled, in the form that stands in every state.
_providers: dict[type, str] = {}


def construct(
    resource: Any,
    provider: Any,
    name: str,
    properties: Mapping[str, Any],
    opts: Any,
    *,
    has_whole_trace: bool,
) -> None:
    """
    Do what the constructor of Pulumi's dynamic.Resource does, without being a constructor.

    The SDK takes the first line above three constructors for the user's. Two are its own, so that with dynamic.Resource's the
    third is that one, and the line would be one of this package, in the state of each resource twice.
    """
    import pulumi  # noqa: PLC0415 - as above
    from pulumi import dynamic  # noqa: PLC0415

    module = sys.modules.get("pulumi.dynamic.dynamic")
    key: Any = getattr(module, "PROVIDER_KEY", None)
    serialize: Any = getattr(module, "serialize_provider", None)
    kind = getattr(resource, "_resource_type_name", None)
    is_known = None not in (key, serialize, kind)
    with contextlib.ExitStack() as trace:
        if not has_whole_trace:
            trace.enter_context(short_stack_trace(sys._getframe(), 0 if is_known else 1))
        if not is_known:
            dynamic.Resource.__init__(resource, provider, name, dict(properties), opts)
            return
        of = type(provider)
        if of not in _providers:
            _providers[of] = serialize(provider)
        inputs = {**properties, key: _providers[of]}
        pulumi.CustomResource.__init__(resource, f"pulumi-python:{kind}", name, inputs, opts)


def construct_native(
    resource: Any,
    kind: str,
    name: str,
    properties: Mapping[str, Any],
    opts: Any,
    *,
    has_whole_trace: bool,
) -> None:
    """As `construct`, for a resource of the native plugin's; `kind` is its whole type."""
    import pulumi  # noqa: PLC0415 - as above

    with contextlib.ExitStack() as trace:
        if not has_whole_trace:
            trace.enter_context(short_stack_trace(sys._getframe(), 0))
        pulumi.CustomResource.__init__(resource, kind, name, dict(properties), opts)


# From traceback.extract_stack() outwards to the caller of CustomResource: two functions and two constructors.
_FRAMES_OF_THE_SDK = 4
_tracing = threading.Lock()
_tracings = 0
_kept_limit: Any = None


@contextlib.contextmanager
def short_stack_trace(frame: FrameType, more: int = 0) -> Iterator[None]:
    """
    Around the constructor of a resource: the state gets its stack trace up to the user's line, and no further.

    A state file is written whole after each step, and half of a resource's bytes would be frames of Pulumi's runner and of
    asyncio. The SDK takes them by traceback.extract_stack(), which obeys sys.tracebacklimit: of all threads, so the first one
    in here keeps what was set, and the last one out restores it. `frame` is the caller's; `more`: frames of the SDK beyond its two
    constructors.
    """
    global _tracings, _kept_limit  # noqa: PLW0603 - as sys.tracebacklimit is of the process
    limit = _FRAMES_OF_THE_SDK + more + _frames_to_the_user(frame)
    with _tracing:
        if _tracings == 0:
            _kept_limit = getattr(sys, "tracebacklimit", None)
        _tracings += 1
        sys.tracebacklimit = limit if _kept_limit is None else min(limit, _kept_limit)
    try:
        yield
    finally:
        with _tracing:
            _tracings -= 1
            if _tracings == 0:
                if _kept_limit is None:
                    del sys.tracebacklimit
                else:
                    sys.tracebacklimit = _kept_limit


def _frames_to_the_user(frame: FrameType) -> int:
    """How many frames there are from the caller of this module to the first one outside this package, that one included."""
    package = __name__.partition(".")[0]
    count, at = 1, frame
    while at.f_back is not None and at.f_globals.get("__name__", "").partition(".")[0] == package:
        count, at = count + 1, at.f_back
    return count


def leave_to_the_registration(resource: Any) -> None:
    """
    Have the SDK wait for a resource's registration, and not for each of its outputs, too.

    At its end a program waits for all outputs, and begins anew at each one that comes: with fourteen of them in each resource
    that is most of the time of a program. They come with the registration, which the SDK awaits by itself, its errors included.
    """
    from pulumi.runtime import settings  # noqa: PLC0415 - as above

    tracked, lock = getattr(settings.SETTINGS, "outputs", None), getattr(settings.SETTINGS, "lock", None)
    if not isinstance(tracked, set) or lock is None:
        # Of older SDKs, which wait for one after the other.
        return
    for output in vars(resource).values():
        # Not by getattr: an output takes any name for one of its value's.
        data = vars(output).get("_data") if hasattr(type(output), "future") else None
        if isinstance(data, asyncio.Future):
            with lock:
                tracked.discard(data)
            # An error is the registration's, which is raised: nobody has to be told that it was not looked at here.
            data.add_done_callback(_look_at)


def _look_at(done: asyncio.Future[Any]) -> None:
    if not done.cancelled():
        done.exception()


def is_provider_process() -> bool:
    """Whether Pulumi started this process to serve dynamic providers."""
    main = sys.modules.get("__main__")
    return getattr(getattr(main, "__spec__", None), "name", "") == "pulumi.dynamic.__main__"


def prepare_process(on_cancel: Callable[[], None], frame: FrameType | None = None) -> list[str]:
    """
    Make a provider process serve many operations at a time, hear of Cancel, and end with its engine.

    To be called once, from within the first call of the SDK. Returns a line for each thing that this version of
    the SDK does not let us do; in any other process nothing is done, and nothing is missing.
    """
    if not is_provider_process():
        return []
    logging.getLogger("grpc._server").addFilter(_OurErrorsAreNoCrash())
    address = engine_address(sys.argv[1:])
    main = sys.modules["__main__"]
    here = frame or sys._getframe(1)
    lost = []
    if current_call(here).context is None:
        lost.append("errors may show as tracebacks, and without the resource's name")
    if not make_room(here):
        lost.append("only a few operations run in parallel, and a wait may hold up others")
    if not hear_cancel(main, on_cancel):
        lost.append("Ctrl-C does not end a wait before its timeout")
    if address is None or not end_with_engine(address):
        lost.append(
            "messages are shown at the stack, and this process does not end when the engine is killed"
        )
    return lost


def make_room(frame: FrameType | None) -> bool:
    """Let more than four operations run side by side: the thread pool is found through the frame of its worker."""
    while frame is not None:
        pool = frame.f_locals.get("executor_reference") if frame.f_code.co_name == "_worker" else None
        executor = pool() if callable(pool) else None
        if isinstance(executor, ThreadPoolExecutor):
            workers = getattr(executor, "_max_workers", None)
            if not isinstance(workers, int):
                return False
            executor._max_workers = max(workers, WORKERS)
            return True
        frame = frame.f_back
    return False


_cancel_callbacks: list[Callable[[], None]] = []


def hear_cancel(main: Any, callback: Callable[[], None]) -> bool:
    """
    Call back when the engine says Cancel: at a user's Ctrl-C, and at every normal end too.

    gRPC holds the SDK's bound method already, so its code is what has to be exchanged.
    """
    cancel = getattr(getattr(main, "DynamicResourceProviderServicer", None), "Cancel", None)
    if not isinstance(cancel, FunctionType) or cancel.__closure__ or cancel.__code__.co_argcount != 3:
        return False
    _cancel_callbacks.append(callback)
    cancel.__code__ = _cancel.__code__
    return True


def _cancel(_self: Any, _request: Any, _context: Any) -> Any:
    # Runs with the SDK's globals, which are not ours: everything is imported here.
    from google.protobuf import empty_pb2  # noqa: PLC0415

    from pulumi_highmobility.dynamic.sdk import cancelled  # noqa: PLC0415

    cancelled()
    return empty_pb2.Empty()


def cancelled() -> None:
    """Tell everybody who wanted to hear of Cancel."""
    for callback in _cancel_callbacks:
        callback()


def engine_of_this_process() -> Engine:
    """The engine that started this process as a dynamic provider; in any other process, one that prints."""
    return Engine(engine_address(sys.argv[1:]) if is_provider_process() else None)


class _OurErrorsAreNoCrash(logging.Filter):
    """gRPC logs a traceback for every exception; ours are messages for users, shown already."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, HighMobilityError)
