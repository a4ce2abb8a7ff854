"""What is taken from the insides of Pulumi's SDK, with a fake of them, and without what a version may not have."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2, status_pb2

from pulumi_highmobility.dynamic import sdk
from pulumi_highmobility.engine import process

pytestmark = pytest.mark.sdk

URN = "urn:pulumi:dev::fleet::pulumi-python:dynamic/highmobility:FleetVehicle::van-12"


class Request:
    def __init__(self, urn: str = URN) -> None:
        self.urn = urn


class Context:
    """As much of gRPC's context as an answer takes."""

    def __init__(self) -> None:
        self.code: Any = None
        self.details: Any = None
        self.metadata: Any = None

    def set_code(self, code: Any) -> None:
        self.code = code

    def set_details(self, details: str) -> None:
        self.details = details

    def set_trailing_metadata(self, metadata: Any) -> None:
        self.metadata = metadata


def within_the_sdk(
    work: Callable[[], Any], *, request: Any, context: Any, parameters: str = "self, request, context"
) -> Any:
    """Call `work` from a function that the frame tells to be the SDK's."""
    names: dict[str, Any] = {"work": work}
    source = f"def Create({parameters}):\n    return work()\n"
    exec(compile(source, "/site-packages/pulumi/dynamic/__main__.py", "exec"), names)  # noqa: S102 - the fake
    return names["Create"](None, request, context)


def test_a_call_is_known_by_its_urn_and_its_context() -> None:
    context = Context()
    call = within_the_sdk(sdk.current_call, request=Request(), context=context)
    assert (call.urn, call.name) == (URN, "van-12")
    assert call.context is context


@pytest.mark.parametrize(
    ("request_", "context", "parameters"),
    [
        (None, Context(), "self, request, context"),
        (Request(), None, "self, request, context"),
        (Request(), Context(), "self, req, ctx"),
    ],
    ids=["no request", "no context", "other names"],
)
def test_without_request_or_context_nothing_is_known(request_: Any, context: Any, parameters: str) -> None:
    call = within_the_sdk(sdk.current_call, request=request_, context=context, parameters=parameters)
    assert call == sdk.EngineCall()
    assert not call.fail("an error")
    assert not call.fail_in_part("id", {}, {}, ["a reason"])


def test_a_request_without_urn_is_answered_all_the_same() -> None:
    call = within_the_sdk(sdk.current_call, request=object(), context=Context())
    assert (call.urn, call.name) == ("", "")
    assert call.fail("an error")


def test_outside_of_the_sdk_there_is_no_call() -> None:
    assert sdk.current_call() == sdk.EngineCall()


def test_an_error_is_exactly_its_text() -> None:
    context = Context()
    assert sdk.EngineCall(context=context).fail('FleetVehicle "van": no')
    assert (context.code, context.details) == (grpc.StatusCode.UNKNOWN, 'FleetVehicle "van": no')


def test_a_context_that_takes_no_error_needs_an_exception() -> None:
    assert not sdk.EngineCall(context=object()).fail("an error")


def test_a_partial_failure_carries_what_was_reached() -> None:
    context = Context()
    call = sdk.EngineCall(context=context)
    assert call.fail_in_part("id-1", {"vin": "A", "count": 2}, {"vin": "B"}, ["one", "two"])
    (key, value), *_ = context.metadata
    status = status_pb2.Status.FromString(value)
    detail = provider_pb2.ErrorResourceInitFailed()
    assert status.details[0].Unpack(detail)
    assert key == "grpc-status-details-bin"
    # The engine takes the metadata only where they agree with the status.
    assert (status.code, status.message) == (context.code.value[0], context.details) == (9, "one; two")
    assert (detail.id, dict(detail.properties), dict(detail.inputs)) == (
        "id-1",
        {"vin": "A", "count": 2.0},
        {"vin": "B"},
    )
    assert list(detail.reasons) == ["one", "two"]


def test_a_context_without_metadata_gives_no_partial_failure() -> None:
    class Bare(Context):
        set_trailing_metadata = property()

    assert not sdk.EngineCall(context=Bare()).fail_in_part("id", {}, {}, ["a reason"])


def test_more_operations_run_side_by_side_than_the_sdk_has_threads_for() -> None:
    with ThreadPoolExecutor(max_workers=1) as pool:
        assert pool.submit(lambda: sdk.make_room(sys._getframe())).result()
        meet = threading.Barrier(6, timeout=20)
        for waiting in [pool.submit(meet.wait) for _ in range(6)]:
            waiting.result()


def test_a_pool_without_a_number_of_workers_is_left_alone() -> None:
    with ThreadPoolExecutor(max_workers=1) as pool:
        held = threading.Event()

        def try_it() -> bool:
            held.wait(300)
            return sdk.make_room(sys._getframe())

        # Submitted before the number goes, since submitting needs it.
        waiting = pool.submit(try_it)
        pool._max_workers = None  # type: ignore[assignment]
        held.set()
        assert waiting.result() is False
        pool._max_workers = 1


def test_outside_of_a_pool_there_is_no_room_to_make() -> None:
    assert not sdk.make_room(sys._getframe())


def test_cancel_is_heard_through_a_method_that_was_bound_before() -> None:
    main: Any = type("Main", (), {})()
    names: dict[str, Any] = {}
    exec(  # noqa: S102 - a class with globals of its own, as the SDK's main module
        "class DynamicResourceProviderServicer:\n    def Cancel(self, request, context):\n        return None\n",
        names,
    )
    main.DynamicResourceProviderServicer = names["DynamicResourceProviderServicer"]
    bound = main.DynamicResourceProviderServicer().Cancel
    heard: list[bool] = []
    assert sdk.hear_cancel(main, lambda: heard.append(True))
    try:
        assert bound(None, None) is not None
        assert heard == [True]
    finally:
        sdk._cancel_callbacks.clear()


@pytest.mark.parametrize(
    "cancel",
    [None, "Cancel", staticmethod(len), lambda self: None],
    ids=["none", "text", "built in", "other arguments"],
)
def test_a_cancel_of_another_form_is_left_alone(cancel: Any) -> None:
    servicer = type("Servicer", (), {} if cancel is None else {"Cancel": cancel})
    main = type("Main", (), {"DynamicResourceProviderServicer": servicer})()
    assert not sdk.hear_cancel(main, lambda: None)
    assert not sdk.hear_cancel(object(), lambda: None)


@pytest.mark.parametrize(
    ("arguments", "address"),
    [
        (["127.0.0.1:4321"], "127.0.0.1:4321"),
        (["--tracing", "http://localhost:9411/api", "127.0.0.1:4321"], "127.0.0.1:4321"),
        (["-v", "9"], None),
        ([], None),
    ],
)
def test_the_engines_address_is_on_the_command_line(arguments: list[str], address: str | None) -> None:
    assert process.engine_address(arguments) == address


def test_in_a_program_nothing_is_prepared_and_nothing_is_missing() -> None:
    assert sdk.prepare_process(lambda: None) == []


def test_a_version_of_the_sdk_with_none_of_it_is_told_line_by_line() -> None:
    """In a process that looks like a provider's, and has nothing of the SDK in it."""
    code = """
import importlib.machinery, sys
sys.modules["__main__"].__spec__ = importlib.machinery.ModuleSpec("pulumi.dynamic.__main__", None)
from pulumi_highmobility.dynamic import sdk
from pulumi_highmobility.engine import process
lost = sdk.prepare_process(lambda: None)
assert len(lost) == 4, lost
assert any("Ctrl-C" in line for line in lost) and any("tracebacks" in line for line in lost)
sdk.engine_of_this_process().log("warning", "a message")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "a message\n"


def test_a_process_ends_when_its_engine_is_gone_and_not_when_a_connection_is() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()
    assert process.end_with_engine(f"127.0.0.1:{listening.getsockname()[1]}", ended.set)
    first, _ = listening.accept()
    first.sendall(b"settings")
    first.close()
    # The engine takes another connection: it is alive.
    second, _ = listening.accept()
    assert not ended.is_set()
    listening.close()
    second.close()
    assert ended.wait(300)


def test_an_engine_that_cannot_be_reached_is_not_watched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert not process.end_with_engine(f"127.0.0.1:{port}", pytest.fail)
    assert not process.end_with_engine("127.0.0.1:port", pytest.fail)
