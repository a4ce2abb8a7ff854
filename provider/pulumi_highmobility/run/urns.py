"""What can be read from a URN: urn:pulumi:STACK::PROJECT::TYPES::NAME."""

from __future__ import annotations

# Of the dynamic resources of Python programs, and of the native plugin: what their types begin with.
DYNAMIC, NATIVE = "pulumi-python:dynamic/highmobility:", "highmobility:index:"


def kind_of(urn: str) -> str:
    """FleetVehicle, Fleet, …: the last part of the resource's own type; empty where it is no URN."""
    parts = urn.split("::", 3)
    return parts[2].rpartition("$")[2].rpartition(":")[2] if len(parts) == 4 else ""


def name_of_urn(urn: str) -> str:
    """The resource's name in the program, which may hold anything."""
    parts = urn.split("::", 3)
    return parts[3] if len(parts) == 4 else ""


def stack_of(urn: str) -> tuple[str, str]:
    """The stack's and the project's name."""
    parts = urn.split("::", 3)
    return (parts[0].removeprefix("urn:pulumi:"), parts[1]) if len(parts) > 2 else ("", "")


def shown(urn: str) -> str:
    """A resource as a person knows it: `FleetVehicle "van"`."""
    kind, name = kind_of(urn), name_of_urn(urn)
    return f'{kind} "{name}"' if kind and name else "another resource"
