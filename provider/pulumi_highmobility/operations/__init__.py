"""What each resource does, as plain functions over values: no Pulumi, so that every front door shares them."""

# Imports nothing, as every package below the root: see api/__init__.py.
