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
