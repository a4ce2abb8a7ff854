"""Pulumi provider for High Mobility fleet clearance."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .engine.own_modules import import_past_the_program

if TYPE_CHECKING:
    from .public import *  # noqa: F403 - its list is `__all__`
    from .public import __all__ as __all__

import_past_the_program()


def _is_own_command() -> bool:
    """The commands and the emulator have no use for Pulumi's SDK, which is half of their start."""
    name = Path(sys.argv[0]).stem if sys.argv else ""
    modules = (f"{__name__}.emulator", f"{__name__}.plugin")
    return name in ("pulumi-highmobility", "pulumi-resource-highmobility") or (
        name == "-m" and any(module in sys.orig_argv for module in modules)
    )


def _take_public_names() -> None:
    public = import_module(f"{__name__}.public")
    globals().update({name: getattr(public, name) for name in ("__all__", *public.__all__)})


# At once, in the thread of the program's own imports: older SDKs cannot be imported in a thread without an event loop, nor after
# asyncio.run().
if not _is_own_command():
    _take_public_names()


def __getattr__(name: str) -> Any:
    """In a command of ours the public names come with the first that is asked for."""
    if "__all__" in globals() or (name.startswith("_") and name != "__all__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    _take_public_names()
    return getattr(sys.modules[__name__], name)


def __dir__() -> list[str]:
    return sorted({*globals(), *import_module(f"{__name__}.public").__all__})
