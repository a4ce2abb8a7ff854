"""Pulumi provider for High Mobility fleet clearance."""
