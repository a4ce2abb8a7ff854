"""One program for several applications: the stack's name is the application, whose vehicles it enrolls."""

import csv
from pathlib import Path

import pulumi

import pulumi_highmobility as hm

application = pulumi.get_stack()
text = (Path(__file__).parent / "vehicles.csv").read_text(encoding="utf-8")
if not text.endswith("\n"):
    raise SystemExit("vehicles.csv ends within a line: was it cut off?")
rows = [row for row in csv.DictReader(text.splitlines()) if row["application"] == application]
if not rows:
    raise SystemExit(
        f"vehicles.csv has no vehicle of the application {application}: is the stack's name right?"
    )
fleet = hm.Fleet("fleet", vehicles=[{"vin": row["vin"], "brand": row["brand"]} for row in rows])

pulumi.export("statuses", fleet.statuses)
