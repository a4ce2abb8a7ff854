"""What a program does wrong is a RunError, which Pulumi shows without a traceback, and what it was before as well."""

from __future__ import annotations

import builtins
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

import pulumi_highmobility as hm
from pulumi_highmobility.errors import ConfigError, HighMobilityError
from pulumi_highmobility.files import reading
from pulumi_highmobility.resources.fleet_enrollment import _by_vin
from pulumi_highmobility.resources.fleet_member import encoded
from pulumi_highmobility.resources.program import refuse_replace_with
from pulumi_highmobility.settings import VARIABLES
from pulumi_highmobility.vehicle.vin import InvalidVin

VIN = "WBA8E9C50GK000001"
READERS = [
    (hm.vehicles_from_csv, reading.vehicles_from_csv, "vin,brand\nx,bmw\n"),
    (hm.vehicles_from_json, reading.vehicles_from_json, '[{"vin": "x", "brand": "bmw"}]\n'),
    (hm.vehicles_from_yaml, reading.vehicles_from_yaml, "- vin: x\n  brand: bmw\n"),
]


@pytest.mark.parametrize(("read", "of_the_core", "text"), READERS)
def test_a_mistake_in_a_file_is_shown_in_words(
    tmp_path: Path, read: Callable[[Path], Any], of_the_core: Callable[[Path], Any], text: str
) -> None:
    file = tmp_path / "vehicles"
    file.write_text(text)
    with pytest.raises(hm.FleetFileError) as caught:
        read(file)
    with pytest.raises(hm.FleetFileError) as before:
        of_the_core(file)
    assert isinstance(caught.value, pulumi.RunError)
    assert not isinstance(before.value, pulumi.RunError)
    assert str(caught.value) == str(before.value)
    assert caught.value.problems == before.value.problems
    assert type(caught.value).__name__ == "FleetFileError"
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(("read", "of_the_core", "text"), READERS)
def test_a_file_that_is_not_there_is_shown_in_words(
    tmp_path: Path, read: Callable[[Path], Any], of_the_core: Callable[[Path], Any], text: str
) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        read(tmp_path / "vehicles")
    assert isinstance(caught.value, pulumi.RunError)
    assert str(tmp_path / "vehicles") in str(caught.value)
    assert "No such file" in str(caught.value)
    assert caught.value.errno == 2


def test_yaml_without_its_library_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ImportError, match="pip install pyyaml") as caught:
        hm.vehicles_from_yaml(tmp_path / "vehicles.yaml")
    assert isinstance(caught.value, pulumi.RunError)


@pytest.mark.parametrize(
    ("kind", "call"),
    [
        (TypeError, lambda: hm.FleetVehicle("van", "vin")),  # type: ignore[call-overload]
        (TypeError, lambda: hm.FleetVehicle("van", {"vin": VIN, "brand": "bmw"}, tags={})),  # type: ignore[call-overload]
        (TypeError, lambda: hm.VehicleApproval("van", vehicle=VIN)),  # type: ignore[call-overload]
        (TypeError, lambda: encoded(VIN)),
        (ValueError, lambda: encoded([{"vin": "\ud800"}])),
        (TypeError, lambda: _by_vin([VIN])),  # type: ignore[list-item]
        (ValueError, lambda: _by_vin([{"vin": "x", "brand": "bmw"}])),
        (ValueError, lambda: _by_vin([{"vin": VIN, "brand": "bmw"}] * 2)),
        (InvalidVin, lambda: hm.get_fleet_vehicle("x")),
        (InvalidVin, lambda: hm.check_eligibility("x", "bmw")),
        (InvalidVin, lambda: hm.get_fleet(vins=["x"])),
    ],
)
def test_a_wrong_call_is_shown_in_words(kind: type[Exception], call: Callable[[], object]) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert isinstance(caught.value, pulumi.RunError)


def test_an_option_that_is_refused_is_shown_in_words() -> None:
    class Options:
        replace_with = (1,)

    with pytest.raises(ValueError, match="would revoke clearances") as caught:
        refuse_replace_with(Options())  # type: ignore[arg-type] # older SDKs have no such option
    assert isinstance(caught.value, pulumi.RunError)


def test_what_the_platform_or_the_settings_say_to_a_function_is_shown_in_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match="No credentials") as caught:
        hm.get_fleet()
    assert isinstance(caught.value, pulumi.RunError)
    assert isinstance(caught.value, HighMobilityError)


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(AttributeError) as caught:
        hm.get_fleet_vehicle(builtins.object())  # type: ignore[arg-type]
    assert not isinstance(caught.value, pulumi.RunError)


PROGRAM = """
import asyncio
import pulumi

class Mocks(pulumi.runtime.Mocks):
    def new_resource(self, args):
        return f"{args.name}-id", args.inputs

    def call(self, args):
        return {}

pulumi.runtime.set_mocks(Mocks())
import pulumi_highmobility as hm

VIN = "WBA8E9C50GK000001"

def program():
    fleet = hm.Fleet("vans", vehicles=[{"vin": VIN, "brand": "bmw"}])
    STATEMENT

loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
try:
    RUN
except pulumi.RunError as error:
    print(type(error).__name__, str(error).splitlines()[0])
"""
# Pulumi's own way to run a program to its end, whose mocks wait for ever where the program itself raises.
TO_ITS_END = "loop.run_until_complete(pulumi.runtime.stack.run_pulumi_func(program))"


@pytest.mark.parametrize(
    ("statement", "run", "named", "said"),
    [
        ("fleet.vehicle(VIN[:-1] + '2')", "program()", "NotInFleet", "is not in the fleet"),
        ("fleet.vehicle('x')", "program()", "InvalidVin", "is not a valid VIN"),
        (
            "pulumi.Output.from_input('x').apply(hm.get_fleet_vehicle)",
            TO_ITS_END,
            "InvalidVin",
            "is not a valid VIN",
        ),
    ],
)
def test_a_method_and_an_output_give_such_errors_too(statement: str, run: str, named: str, said: str) -> None:
    """An error within an `apply` reaches the end of the program as it was raised."""
    program = PROGRAM.replace("STATEMENT", statement).replace("RUN", run)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={name: text for name, text in os.environ.items() if name not in VARIABLES},
    )
    assert done.stdout.startswith(f"{named} "), done.stderr
    assert said in done.stdout
