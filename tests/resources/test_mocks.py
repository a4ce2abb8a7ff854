"""A user's own unit tests: the resources under Pulumi's mocks, without engine, settings or network."""

from __future__ import annotations

import subprocess
import sys

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
vehicle = hm.FleetVehicle("van", vin=VIN, brand="bmw", tags={"depot": "north"})
fleet = hm.Fleet("vans", vehicles=[{"vin": VIN, "brand": "bmw"}])
member = fleet.vehicle(VIN)
token = hm.VehicleAccessToken("token", vehicle=member)
tokens = hm.FleetAccessTokens("tokens", fleet=fleet)
some = hm.FleetAccessTokens("some", vehicles=[vehicle, member])
approval = hm.VehicleApproval("approval", vehicle=vehicle)
rows = [{"vin": VIN, "brand": "bmw", "tags": {"customer": "acme"}}, {"vin": VIN[:-1] + "2", "brand": "mini"}]
enrollment = hm.FleetEnrollment("all", vehicles=rows)
grouped = enrollment.by_tag("customer", pulumi.Output.from_input({VIN: "a", VIN[:-1] + "2": "b"}))

async def shown():
    outputs = (vehicle.vin, vehicle.tags, member.vin, member.status, fleet.statuses, token.vin, approval.vin, grouped,
        tokens.tokens, tokens.of(VIN).access_token, some.expires_at, some.failed)
    return [await output.future() for output in outputs]

print(asyncio.get_event_loop().run_until_complete(shown()))
"""


def test_every_resource_can_be_declared_and_looked_at() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    vin = "WBA8E9C50GK000001"
    assert done.stdout.strip() == str(
        [
            vin,
            {"depot": "north"},
            vin,
            "unknown",
            {},
            vin,
            vin,
            {"acme": {vin: "a"}, "": {vin[:-1] + "2": "b"}},
            {},
            None,
            {},
            {},
        ]
    )
