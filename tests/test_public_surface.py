"""The one public door: its list is sorted and true, and what stacks store of it stays."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path

import dill
import pytest
from pulumi.dynamic.dynamic import serialize_provider

import pulumi_highmobility as hm
from pulumi_highmobility.cli.commands import _TOOLS


def test_the_public_list_is_sorted_and_holds_what_it_names() -> None:
    assert hm.__all__ == sorted(hm.__all__)
    assert all(hasattr(hm, name) for name in hm.__all__)


def test_public_names_show_the_module_that_users_import() -> None:
    assert {getattr(hm, name).__module__ for name in hm.__all__} == {"pulumi_highmobility"}


@pytest.mark.parametrize(
    "provider",
    [
        hm.FleetVehicleProvider,
        hm.VehicleApprovalProvider,
        hm.VehicleAccessTokenProvider,
        hm.FleetAccessTokensProvider,
    ],
)
def test_a_provider_is_stored_as_a_short_reference_to_its_public_path(provider: type) -> None:
    """The path stands in every user's state: another one would replace or break their resources."""
    stored = base64.b64decode(serialize_provider(provider()))
    assert len(stored) < 70
    assert b"pulumi_highmobility" in stored
    assert provider.__name__.encode() in stored
    assert type(dill.loads(stored)) is provider  # noqa: S301 - made one line above
    assert vars(provider()) == {}


@pytest.mark.parametrize("name", ["fleet.FleetProvider", "fleet_vehicle.FleetVehicleProvider"])
def test_a_provider_has_its_public_path_whichever_way_it_is_imported(name: str) -> None:
    module, _, provider = name.partition(".")
    code = f"from pulumi_highmobility.resources.{module} import {provider}; print({provider}.__module__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["pulumi_highmobility"]


def test_what_the_package_does_not_have_is_an_attribute_error() -> None:
    assert not hasattr(hm, "Nonesuch")
    assert not hasattr(hm, "__nonesuch__")
    assert set(hm.__all__) <= set(dir(hm))


def test_the_commands_and_the_emulator_start_without_pulumi(tmp_path: Path) -> None:
    """Its SDK is half of what a start takes."""
    places = ["testing", *(tool.place.partition(":")[0] for tool in _TOOLS.values())]
    script = tmp_path / "pulumi-highmobility"
    script.write_text(
        "import " + ", ".join(f"pulumi_highmobility.{place}" for place in places) + PRINT_MODULES
    )
    loaded = printed_by(str(script))
    assert "pulumi_highmobility.emulator.command" in loaded
    assert "pulumi" not in loaded
    script.write_text("import pulumi_highmobility as hm; print(hm.Fleet.__name__, hasattr(hm, 'Nonesuch'))")
    assert printed_by(str(script)) == {"Fleet", "False"}


@pytest.mark.sdk
def test_a_program_has_everything_with_its_import_and_needs_no_event_loop_later() -> None:
    """Older SDKs cannot be imported after asyncio.run(), nor in a thread."""
    used = "asyncio.run(asyncio.sleep(0)); hm.vehicles_from_csv; print('used')"
    assert printed_by("-c", f"import asyncio, pulumi_highmobility as hm; {used}") == {"used"}
    in_thread = "threading.Thread(target=lambda: print(hm.Fleet.__name__)).start()"
    assert printed_by("-c", f"import threading, pulumi_highmobility as hm; {in_thread}") == {"Fleet"}


def test_the_import_is_light() -> None:
    """No HTTP client, no server, no command line: a program that declares vehicles needs none of them."""
    ours = modules_after("from pulumi_highmobility import *") - modules_after("import pulumi")
    heavy = {"httpx", "jwt", "cryptography", "tenacity", "msgspec", "starlette", "uvicorn", "click", "rich"}
    assert ours & heavy == set()
    assert not any(name.startswith("pulumi_highmobility.emulator") for name in ours)


PRINT_MODULES = "; import sys; print(*sys.modules)"


def modules_after(statement: str) -> set[str]:
    return printed_by("-c", statement + PRINT_MODULES)


def printed_by(*arguments: str) -> set[str]:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)
    return set(done.stdout.split())
