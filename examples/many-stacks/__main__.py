"""One part of a fleet: the stack `3-of-8` has the third of eight, and each vehicle is in exactly one."""

import hashlib
from pathlib import Path

import pulumi

import pulumi_highmobility as hm

part, parts = (int(number) for number in pulumi.get_stack().split("-of-"))


def part_of(vin: str) -> int:
    """The part that a vehicle belongs to: the same on every machine, whatever else is in the fleet."""
    return int.from_bytes(hashlib.sha256(vin.encode()).digest()[:8], "big") % parts + 1


rows = hm.vehicles_from_csv(Path(__file__).parent / "fleet.csv")
fleet = hm.Fleet("fleet", vehicles=[row for row in rows if part_of(row["vin"]) == part])

pulumi.export("count", fleet.counts)
