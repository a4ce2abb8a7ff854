"""A fleet and its tokens, two resources however many vehicles there are; `hand_over.py` takes the tokens from here."""

from pathlib import Path

import pulumi

import pulumi_highmobility as hm

fleet = hm.Fleet("vans", vehicles=hm.vehicles_from_csv(Path(__file__).parent / "vehicles.csv"))
tokens = hm.FleetAccessTokens("vans", fleet=fleet, min_remaining_seconds=30 * 3600)

pulumi.export("tokens", tokens.tokens)
pulumi.export("counts", tokens.counts)
