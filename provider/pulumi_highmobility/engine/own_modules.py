"""A program's folder comes first where Python looks for modules: a `jwt.py` in it must not take the place of PyJWT."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

# What this package imports, and what that imports in turn by a name that a program may use for a file of its own.
NAMES = (
    "anyio",
    "certifi",
    "cryptography",
    "h11",
    "httpcore",
    "httpx",
    "idna",
    "jwt",
    "msgspec",
    "sniffio",
    "tenacity",
)


def import_past_the_program(names: Iterable[str] = NAMES) -> list[str]:
    """
    Import those of these modules for which the program's folder has a file or folder, from where they were installed.

    Returns their names. One that is not installed is left to whoever needs it.
    """
    first = sys.path[:1] if not sys.path or sys.path[0] else [""]
    taken = []
    for name in names:
        if name in sys.modules:
            continue
        places = [Path(folder or ".") / file for folder in {*first, ""} for file in (f"{name}.py", name)]
        if not any(place.exists() for place in places):
            continue
        before = sys.path[:]
        here = {str(Path(folder or ".").resolve()) for folder in {*first, ""}}
        sys.path[:] = [folder for folder in before if str(Path(folder or ".").resolve()) not in here]
        try:
            importlib.import_module(name)
            taken.append(name)
        except ImportError:
            pass
        finally:
            sys.path[:] = before
    return taken


def leave_out_httpx_command() -> None:
    """
    Have `import httpx` do without its command line, and so without click, rich and pygments: half of what it takes to import it.

    For provider processes, which nobody gives a command, and for our own commands. Where httpx has its command elsewhere, nothing is left out.
    """
    if "httpx" not in sys.modules:
        stub = ModuleType("httpx._main", "Left out by pulumi-highmobility.")
        # httpx takes it from here, and writes on it where it is from.
        vars(stub)["main"] = lambda: None
        sys.modules.setdefault("httpx._main", stub)
