"""Unit tests of the program with Pulumi's mocks: no engine, no settings, no network. Run with `pytest`."""

from __future__ import annotations

from typing import NoReturn

import pulumi
import pytest

import pulumi_highmobility as hm

VIN, WAITING, OTHER = "WBA0000000EMU0001", "WBA0000000EMU0002", "WBA0000000EMU0003"


class Mocks(pulumi.runtime.Mocks):
    """Resources as the platform would answer: every vehicle but one has its token."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, object]]:
        outputs = dict(args.inputs)
        if "VehicleAccessToken" in args.typ:
            outputs["access_token"] = None if WAITING in args.name else f"token of {args.name}"
        return f"{args.name}-id", outputs

    def call(self, args: pulumi.runtime.MockCallArgs) -> NoReturn:
        raise AssertionError(f"the program calls no function, but it called {args.token}")


pulumi.runtime.set_mocks(Mocks())

# After set_mocks: the resources are declared to the mocks.
from enrollment import enroll  # noqa: E402


def row(vin: str, customer: str) -> hm.VehicleArgsDict:
    return {"vin": vin, "brand": "bmw", "tags": {"customer": customer}}


@pulumi.runtime.test
def test_a_customer_gets_the_tokens_of_its_own_vehicles() -> pulumi.Output[None]:
    _, secrets = enroll([row(VIN, "acme"), row(WAITING, "acme"), row(OTHER, "bolt")])

    def check(known: list[dict[str, str]]) -> None:
        acme, bolt = known
        assert acme == {VIN: f"token of fleet-{VIN}"}
        assert bolt == {OTHER: f"token of fleet-{OTHER}"}

    return pulumi.Output.all(secrets["acme"].string_data, secrets["bolt"].string_data).apply(check)


@pulumi.runtime.test
def test_a_secret_stands_in_the_customers_namespace() -> pulumi.Output[None]:
    _, secrets = enroll([row(VIN, "acme")])

    def check(namespace: str) -> None:
        assert namespace == "acme"

    return secrets["acme"].metadata.namespace.apply(check)


def test_a_vehicle_without_customer_is_refused() -> None:
    with pytest.raises(ValueError, match=f"{VIN} has no customer"):
        enroll([{"vin": VIN, "brand": "bmw"}])
