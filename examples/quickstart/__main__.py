"""A small fleet from a file: clearance for every vehicle, an access token for the first that is approved."""

from collections import Counter
from pathlib import Path

import pulumi

import pulumi_highmobility as hm

# Your own fleet: put its VINs into fleet.csv, and set the three settings that Pulumi.yaml names. A Mercedes-Benz is
# cleared by its odometer: the reading of the day you ask.
fleet = hm.vehicles_from_csv(Path(__file__).parent / "fleet.csv")
vehicles = {row["vin"]: hm.FleetVehicle(row["vin"], **row) for row in fleet}

# `pulumi up` does not wait for carmakers, which take minutes to weeks. Here one vehicle is waited for, so that
# the first `up` ends with a token; with a real fleet, leave the approval out and pass `vehicle=` the vehicle
# itself: the token is then issued by the first `up` that sees the approval.
first = next(iter(vehicles))
approval = hm.VehicleApproval(first, vehicle=vehicles[first], timeout_minutes=10)
token = hm.VehicleAccessToken(first, vehicle=approval)

# The vehicles' status is that of the last look; the approval has seen the first one's change in this very `up`.
statuses = {vin: vehicle.status for vin, vehicle in vehicles.items()} | {first: approval.status}
pulumi.export("status", statuses)
pulumi.export("count", pulumi.Output.all(*statuses.values()).apply(lambda found: dict(Counter(found))))
pulumi.export("token", token.access_token)
