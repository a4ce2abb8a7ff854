"""Fleets kept in files: CSV, JSON and YAML. No Pulumi."""

# Imports nothing, as every package below the root; see api/__init__.py.
