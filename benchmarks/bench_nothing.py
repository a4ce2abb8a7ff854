"""The provider that does nothing: what is left is what the engine and the SDK cost."""

from __future__ import annotations

from typing import Any

from pulumi.dynamic import CreateResult, ResourceProvider


class NothingProvider(ResourceProvider):
    """Says yes to everything."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        """No request."""
        return CreateResult(props["vin"], {**props, "status": "pending"})


class PaddedProvider(NothingProvider):
    """Does nothing either, to as many properties as a FleetVehicle has: what the engine spends grows with them."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """No request; every property that is None gets a text."""
        filled = {name: "2026-11-25T10:00:00Z" if value is None else value for name, value in props.items()}
        return CreateResult(props["vin"], filled)
