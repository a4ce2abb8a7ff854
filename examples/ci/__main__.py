"""The fleet of vehicles.csv: a clearance and an access token for each vehicle."""

from pathlib import Path

import pulumi

import pulumi_highmobility as hm

rows = hm.vehicles_from_csv(Path(__file__).parent / "vehicles.csv")
fleet = hm.FleetEnrollment("fleet", vehicles=rows)

pulumi.export("statuses", fleet.statuses)
pulumi.export("tokens", fleet.by_tag("customer", fleet.access_tokens))
