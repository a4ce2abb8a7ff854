"""The program that `pulumi up` runs; what it does is in enrollment.py, where unit tests reach it."""

from pathlib import Path

import pulumi
from enrollment import enroll

import pulumi_highmobility as hm

fleet, secrets = enroll(hm.vehicles_from_csv(Path(__file__).parent / "vehicles.csv"))

pulumi.export("statuses", fleet.statuses)
