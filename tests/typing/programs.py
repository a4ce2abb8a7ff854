"""Never run: programs as users write them, which must type-check (scripts/check runs mypy over the tests)."""

from __future__ import annotations

import pulumi
from typing_extensions import assert_type

import pulumi_highmobility as hm

van = hm.FleetVehicle("by name", vin="1HMCF6112HA3FBBCC", brand="bmw")
hm.FleetVehicle(
    "by class", hm.FleetVehicleArgs(vin="1HMCF6112HA3FBBCC", brand="bmw", tags={"customer": "acme"})
)
hm.FleetVehicle("by dictionary", {"vin": "1HMCF6112HA3FBBCC", "brand": "bmw", "on_uncancellable": "abandon"})
hm.FleetVehicle(
    "with options",
    pulumi.ResourceOptions(protect=True, ignore_changes=["tags"]),
    vin="1HMCF6112HA3FBBCC",
    brand="bmw",
)
hm.FleetVehicle(
    "with readings",
    opts=pulumi.ResourceOptions(parent=van, depends_on=[van], retain_on_delete=True),
    vin=van.vin,
    brand=pulumi.Output.from_input("mercedes-benz"),
    control_measures={"odometer": {"value": 110_000, "unit": "kilometers"}},
    tags={"customer": van.status},
    retry_rejected=True,
    transition_timeout_minutes=5,
    check_eligibility=False,
)
hm.FleetVehicle(
    "with readings as classes",
    vin="1HMCF6112HA3FBBCC",
    brand="mercedes-benz",
    control_measures=hm.ControlMeasuresArgs(odometer=hm.OdometerArgs(value=1, unit="miles")),
)
assert_type(van.vin, pulumi.Output[str])
assert_type(van.status, pulumi.Output[str])

approval = hm.VehicleApproval("approval", vehicle=van, timeout_minutes=30)
token = hm.VehicleAccessToken("token", vehicle=approval, min_remaining_seconds=600, keepers={"rotation": 1})
hm.VehicleAccessToken("outside", vin="1HMCF6112HA3FBBCC")
hm.VehicleAccessToken("by class", hm.VehicleAccessTokenArgs(vehicle=van))
assert_type(token.access_token, pulumi.Output[str])

fleet = hm.get_fleet(status="approved", tags={"customer": "acme"})
assert_type(fleet, list[hm.FleetVehicleResult])
one = hm.get_fleet_vehicle_output(van.vin)
assert_type(one, pulumi.Output[hm.FleetVehicleResult])
assert_type(hm.check_eligibility("1HMCF6112HA3FBBCC", "bmw").eligible, bool)

hm.FleetVehicle("no brand", vin="1HMCF6112HA3FBBCC")  # type: ignore[call-overload]
hm.FleetVehicle("a wrong choice", vin="1HMCF6112HA3FBBCC", brand="bmw", on_uncancellable="drop")  # type: ignore[call-overload]
hm.VehicleApproval("no vehicle", timeout_minutes=1)  # type: ignore[call-overload]

vans = hm.Fleet("from a file", vehicles=hm.vehicles_from_csv("vans.csv"), max_removals="20%")
hm.Fleet("by class", hm.FleetArgs(vehicles=[{"vin": "1HMCF6112HA3FBBCC", "brand": "bmw"}], max_removals=5))
hm.Fleet(
    "by dictionary", {"vehicles": [{"vin": "1HMCF6112HA3FBBCC", "brand": "bmw"}], "on_removal": "retain"}
)
hm.Fleet("of outputs", vehicles=pulumi.Output.from_input([{"vin": "1HMCF6112HA3FBBCC", "brand": "bmw"}]))
hm.VehicleAccessToken("of a fleet", vehicle=vans.vehicle("1HMCF6112HA3FBBCC"))
pulumi.export("statuses", vans.statuses.apply(lambda statuses: sorted(statuses.items())))

tokens = hm.FleetAccessTokens("of all", fleet=vans, min_remaining_seconds=600)
hm.FleetAccessTokens("of some", fleet=vans, vins=["1HMCF6112HA3FBBCC", van.vin], keepers={"rotation": 1})
hm.FleetAccessTokens("of singles", vehicles=[van, approval, vans.vehicle("1HMCF6112HA3FBBCC")])
hm.FleetAccessTokens("by class", hm.FleetAccessTokensArgs(fleet=vans))
hm.FleetAccessTokens("by dictionary", {"fleet": vans, "min_remaining_seconds": 600})
hm.FleetAccessTokens("a fleet's name", fleet="vans")  # type: ignore[call-overload]
assert_type(tokens.of("1HMCF6112HA3FBBCC").access_token, pulumi.Output[str | None])
pulumi.export("soonest", tokens.expires_at.apply(lambda found: min(found.values(), default="")))

hm.FleetEnrollment(
    "as one", vehicles=hm.vehicles_from_csv("vans.csv"), as_one=True, max_removals="20%", keepers={"a": 1}
)
hm.FleetEnrollment("each", vehicles=[{"vin": "1HMCF6112HA3FBBCC", "brand": "bmw"}], wait_minutes=5)
