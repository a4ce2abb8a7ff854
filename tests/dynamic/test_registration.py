"""What a registration costs the state and the program: the stack trace's frames, and the outputs that the SDK waits for."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import traceback
from typing import Any

import pulumi
import pytest
from pulumi import dynamic
from pulumi.runtime.settings import SETTINGS

from pulumi_highmobility.dynamic.sdk import construct, leave_to_the_registration, short_stack_trace
from pulumi_highmobility.resources.fleet_vehicle import FleetVehicle, FleetVehicleProvider


@pytest.fixture(autouse=True)
def _no_limit() -> Any:
    assert not hasattr(sys, "tracebacklimit")
    yield
    assert not hasattr(sys, "tracebacklimit")


def limit_within() -> int:
    with short_stack_trace(sys._getframe()):
        return int(sys.tracebacklimit or 0)


def test_the_trace_ends_with_the_first_line_outside_the_package() -> None:
    def deep(levels: int) -> list[str]:
        if levels:
            return deep(levels - 1)
        with short_stack_trace(sys._getframe()):
            return [frame.name for frame in traceback.extract_stack()]

    # This frame is outside: four of the SDK's, and it.
    assert limit_within() == 5
    assert deep(20) == ["deep"] * 5


@pytest.mark.parametrize(("set_to", "within"), [(3, 3), (0, 0), (1000, 5)])
def test_a_limit_that_was_set_is_kept_and_never_raised(
    monkeypatch: pytest.MonkeyPatch, set_to: int, within: int
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(sys, "tracebacklimit", set_to, raising=False)
        assert limit_within() == within
        assert sys.tracebacklimit == set_to


def test_an_error_restores_it() -> None:
    with pytest.raises(ValueError, match="in the constructor"), short_stack_trace(sys._getframe()):
        raise ValueError("in the constructor")


def test_threads_side_by_side_leave_nothing() -> None:
    inside, may_leave = threading.Barrier(3), [threading.Event(), threading.Event()]

    def construct(number: int) -> None:
        with short_stack_trace(sys._getframe()):
            inside.wait(300)
            may_leave[number].wait(300)

    threads = [threading.Thread(target=construct, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    inside.wait(300)
    # The first one in is the first one out, and the other is still at work.
    may_leave[0].set()
    threads[0].join(300)
    assert sys.tracebacklimit == 5
    may_leave[1].set()
    threads[1].join(300)


def test_outputs_come_with_the_registration_and_their_errors_are_not_told_twice() -> None:
    """With an output of the SDK that runs here; the oldest SDK has no set of them, and nothing is done there."""
    told: list[dict[str, Any]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(context))
        value = loop.create_future()
        resource = type("Resource", (), {})()
        resource.status = pulumi.Output.from_input(value)
        resource.name = "van"
        data = vars(resource.status)["_data"]
        assert data in SETTINGS.outputs
        leave_to_the_registration(resource)
        assert data not in SETTINGS.outputs
        value.set_exception(RuntimeError("the registration failed"))
        await asyncio.sleep(0.01)
        assert data.done()
        del resource, data
        gc.collect()
        await asyncio.sleep(0)

    asyncio.run(main())
    assert told == []


def test_a_resource_is_constructed_as_the_sdk_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(pulumi.CustomResource, "__init__", lambda _, *given: calls.append(given))
    resource = FleetVehicle.__new__(FleetVehicle)
    opts = pulumi.ResourceOptions(protect=True)
    dynamic.Resource.__init__(resource, FleetVehicleProvider(), "van", {"vin": "V"}, opts)
    construct(resource, FleetVehicleProvider(), "van", {"vin": "V"}, opts, has_whole_trace=False)
    sdks, ours = calls
    assert ours == sdks
    assert ours[0] == "pulumi-python:dynamic/highmobility:FleetVehicle"


@pytest.mark.parametrize("lost", ["PROVIDER_KEY", "serialize_provider"])
def test_where_the_sdk_is_another_its_own_constructor_is_called(
    monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(dynamic.Resource, "__init__", lambda _, *given: calls.append(given))
    monkeypatch.delattr(f"pulumi.dynamic.dynamic.{lost}")
    provider = FleetVehicleProvider()
    construct(FleetVehicle.__new__(FleetVehicle), provider, "van", {"vin": "V"}, None, has_whole_trace=True)
    assert calls == [(provider, "van", {"vin": "V"}, None)]
