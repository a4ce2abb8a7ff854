"""What a diff shows: each property that changes, a tag by its name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pulumi.runtime.proto import provider_pb2

from ..operations.values import Difference
from ..vehicle.check import tag_path

_KIND = provider_pb2.PropertyDiff.Kind
_MAPS = ("tags", "keepers")
# Of three, what it is that happens to a property: it comes, it goes, or it becomes another.
_REPLACED = {
    _KIND.ADD: _KIND.ADD_REPLACE,
    _KIND.DELETE: _KIND.DELETE_REPLACE,
    _KIND.UPDATE: _KIND.UPDATE_REPLACE,
}


def detailed(
    found: Difference, names: Mapping[str, str], olds: Mapping[str, Any], news: Mapping[str, Any]
) -> dict[str, provider_pb2.PropertyDiff]:
    """
    By path. `names`: the plugin's name of each property that changes; `olds` and `news` are inputs under these names.

    What is no input is changed by the `up` itself, such as the token of a vehicle that is requested again: the engine, which looks for
    the new value among the inputs, would show it as taken away.
    """
    shown: dict[str, provider_pb2.PropertyDiff] = {}
    for name in dict.fromkeys([*found.changed, *found.replaces]):
        here = names.get(name, name)
        if here not in olds and here not in news:
            continue
        for path, kind in _parts(here, olds.get(here), news.get(here)):
            shown[path] = provider_pb2.PropertyDiff(
                kind=_REPLACED[kind] if name in found.replaces else kind, inputDiff=True
            )
    return shown


def _parts(name: str, old: Any, new: Any) -> Iterator[tuple[str, Any]]:
    if name in _MAPS and isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys([*old, *new]):
            if old.get(key) != new.get(key):
                yield tag_path(key).replace("tags", name, 1), _kind(old.get(key), new.get(key))
    else:
        yield name, _kind(old, new)


def _kind(old: Any, new: Any) -> Any:
    if old is None and new is not None:
        return _KIND.ADD
    return _KIND.DELETE if new is None and old is not None else _KIND.UPDATE
