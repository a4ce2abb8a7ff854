"""Properties on the wire: protobuf's Struct, in which Pulumi marks what is secret and what is not known yet."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.struct_pb2 import Struct, Value
from pulumi.runtime import rpc

from ..operations.values import UNKNOWN
from ..secret import Secret

_SIGNATURE = rpc._special_sig_key
_SECRET = rpc._special_secret_sig
_OUTPUT = getattr(rpc, "_special_output_value_sig", "d0e6a833031e9bbcd3f4e8bde6ca49a4")


@dataclass(frozen=True)
class Received:
    """Values of the wire; `secrets` are the names of those that are secret, or hold one."""

    values: dict[str, Any]
    secrets: frozenset[str] = frozenset()


def received(struct: Struct | None) -> Received:
    """What the engine sent: without the wrapping of secrets, with UNKNOWN for what is not known, without what is Pulumi's own."""
    values, secrets = {}, set()
    for name, value in (struct.fields if struct is not None else {}).items():
        if name.startswith("__"):
            continue
        seen: list[bool] = []
        values[name] = _read(value, seen)
        if seen:
            secrets.add(name)
    return Received(values, frozenset(secrets))


def sent(values: Mapping[str, Any], secrets: Collection[str] = ()) -> Struct:
    """Values for the engine: each Secret marked, and those of these names as a whole; what is None is left out."""
    struct = Struct()
    for name, value in values.items():
        if value is None:
            continue
        plain = _plain(value)
        is_secret = name in secrets and not isinstance(value, Secret)
        _write(struct.fields[name], {_SIGNATURE: _SECRET, "value": plain} if is_secret else plain)
    return struct


def _read(value: Value, seen: list[bool]) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return UNKNOWN if value.string_value == rpc.UNKNOWN else value.string_value
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_read(one, seen) for one in value.list_value.values]
    if kind == "struct_value":
        return _read_struct(value.struct_value, seen)
    return None


def _read_struct(struct: Struct, seen: list[bool]) -> Any:
    fields = struct.fields
    signature = fields[_SIGNATURE].string_value if _SIGNATURE in fields else ""
    if signature == _SECRET:
        seen.append(True)
        return _read(fields["value"], seen)
    if signature == _OUTPUT:
        if fields["secret"].bool_value:
            seen.append(True)
        return _read(fields["value"], seen) if "value" in fields else UNKNOWN
    return {name: _read(inner, seen) for name, inner in fields.items()}


def _plain(value: Any) -> Any:
    if value is UNKNOWN:
        return rpc.UNKNOWN
    if isinstance(value, Secret):
        return {_SIGNATURE: _SECRET, "value": value.reveal()}
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value


def _write(target: Value, value: Any) -> None:
    if value is None:
        target.null_value = 0
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, str):
        target.string_value = value
    elif isinstance(value, (int, float)):
        target.number_value = value
    elif isinstance(value, Mapping):
        # It is there even where nothing is in it.
        target.struct_value.SetInParent()
        for name, inner in value.items():
            _write(target.struct_value.fields[name], inner)
    else:
        target.list_value.SetInParent()
        for inner in value:
            _write(target.list_value.values.add(), inner)
