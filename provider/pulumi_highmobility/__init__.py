"""Pulumi provider for High Mobility fleet clearance."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .dynamic.own_modules import import_past_the_program

if TYPE_CHECKING:
    from .public import *  # noqa: F403 - its list is `__all__`
    from .public import __all__ as __all__

import_past_the_program()


def __getattr__(name: str) -> Any:
    """
    What programs import comes with the first of it: the commands and the emulator have no use for Pulumi's SDK, which is half
    of their start.
    """
    if name.startswith("_") and name != "__all__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    public = import_module(f"{__name__}.public")
    globals().update({each: getattr(public, each) for each in ("__all__", *public.__all__)})
    try:
        return globals()[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return sorted({*globals(), *import_module(f"{__name__}.public").__all__})
