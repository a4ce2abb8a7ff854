"""The provider that does nothing: what is left is what the engine and the SDK cost."""

from __future__ import annotations

from typing import Any

from pulumi.dynamic import CreateResult, ReadResult, ResourceProvider


class NothingProvider(ResourceProvider):
    """Says yes to everything."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        """No request."""
        return CreateResult(props["vin"], {**props, "status": "pending"})


_AT = "2026-11-25T10:00:00Z"
# What a FleetVehicle has in its state beside its inputs, approved.
OUTPUTS: dict[str, Any] = {
    "status": "approved",
    "status_reason": "",
    "requested_at": _AT,
    "approved_at": _AT,
    "changelog": [{"status": "pending", "timestamp": _AT}, {"status": "approved", "timestamp": _AT}],
    "request_id": "db777723-0430-4d84-8b38-edb52132e65b",
    "registered_with": "http://127.0.0.1:8480/v1 86a6ce9b-be58-42bc-88b4-98e7e43a5fa7",
    "tags": {},
}


class PaddedProvider(NothingProvider):
    """Does nothing either, to a state as large as a FleetVehicle's: what engine and SDK spend grows with it."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """No request."""
        return CreateResult(props["vin"], {**props, **OUTPUTS})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """No request; the inputs are told too, as they are for an import."""
        return ReadResult(id_, props, {name: props[name] for name in ("vin", "brand", "tags")})
