"""Of a resource's inputs, what a program's declarations and the operations have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

OnUncancellable = Literal["fail", "abandon"]
OnRemoval = Literal["revoke", "retain"]


def without_none(inputs: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """
    The inputs that are given, of these names or all of them.

    What the engine spends on a resource grows with its properties: one that is not given and no output is left out.
    """
    return {name: inputs[name] for name in names or inputs if inputs[name] is not None}
