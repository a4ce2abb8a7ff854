"""
Errors that a program meets while it runs.

Pulumi shows a `RunError` as its message, and any other error as a traceback, in which the message is hard to find. The core
knows nothing of Pulumi: its errors become both here, so that `except FleetFileError` still catches them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar, cast

import pulumi

P = ParamSpec("P")
R = TypeVar("R")


class WrongCall(TypeError, pulumi.RunError):
    """A function or a resource's constructor was called with arguments of a wrong kind."""


class WrongValue(ValueError, pulumi.RunError):
    """An argument has a value that cannot be taken."""


class NotInFleet(LookupError, pulumi.RunError):
    """A vehicle that the program's list does not have."""


def shown_in_words(function: Callable[P, R]) -> Callable[P, R]:
    """Let the errors that this package raises on purpose, and those of a file that cannot be read, be RunErrors too."""

    @wraps(function)
    def call(*positional: P.args, **named: P.kwargs) -> R:
        try:
            return function(*positional, **named)
        except Exception as error:
            if isinstance(error, pulumi.RunError):
                raise
            if _is_ours(error):
                # The same error, with all that it has; Pulumi looks at its class alone.
                error.__class__ = _both(type(error))
                raise
            if isinstance(error, OSError) and error.filename is not None:
                # Python's own classes cannot be exchanged.
                kind = cast("type[OSError]", _both(type(error)))
                raise kind(error.errno, error.strerror, error.filename) from error
            if type(error) is ImportError:
                # A library that is missing, said by us: Python's own is a ModuleNotFoundError.
                raise _both(ImportError)(*error.args) from error
            raise

    return call


def _is_ours(error: Exception) -> bool:
    return type(error).__module__.partition(".")[0] == __name__.partition(".")[0]


_made: dict[type[Exception], type[Exception]] = {}


def _both(kind: type[Exception]) -> type[Exception]:
    """A class with the same name that is a `kind` and a RunError."""
    if kind not in _made:
        names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
        _made[kind] = type(kind.__name__, (kind, pulumi.RunError), names)
    return _made[kind]
