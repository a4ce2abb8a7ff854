"""Pulumi dynamic resources, thin, over the rules of clearance."""
