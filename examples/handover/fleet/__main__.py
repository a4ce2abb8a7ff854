"""The fleet's stack: clearances, and the access tokens as a secret output for other stacks."""

from pathlib import Path

import pulumi

import pulumi_highmobility as hm

fleet = hm.FleetEnrollment("fleet", vehicles=hm.vehicles_from_csv(Path(__file__).parent / "vehicles.csv"))

pulumi.export("statuses", fleet.statuses)
pulumi.export("tokens", fleet.access_tokens)
