"""Vehicles from a JSON or YAML file: a list of objects, or an object with that list as "vehicles"."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .fleet_files import FleetFileError
from .fleet_rows import REPORTED, FleetRows, fault, read_text
from .spelling import describe, nearest

KEYS = ("vin", "brand", "control_measures", "tags", "odometer", "unit")
LIST = "vehicles"
# Keys beside the list that are for the file's author: YAML anchors need a place to stand.
PRIVATE = "x-"

# What PyYAML lets out where a value is not what its tag or form promises: 2024-02-30, "!!bool maybe".
_LEAKED = (ValueError, OverflowError, LookupError, AttributeError, TypeError)

_CUT_OFF = "The file ends too early. Was it cut off?"
_SHAPE = f'It takes a list of vehicles, or an object with that list as "{LIST}".'


def read_json(path: Path) -> FleetRows:
    """Every vehicle and every problem of the file. Raises: FleetFileError where it is not JSON; OSError."""
    import json  # noqa: PLC0415 - only those who have such a file need it

    text = read_text(path)
    try:
        document = json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        is_cut_off = not text[error.pos :].strip() or error.msg.startswith("Unterminated string")
        reason = _CUT_OFF if is_cut_off else f"The file is no JSON: {error.msg}."
        raise fault(path, reason, line=error.lineno) from error
    except (ValueError, RecursionError) as error:
        raise fault(path, f"The file cannot be read as JSON: {error}.") from error
    lines: list[int] = []

    def line_of(place: int, _: str) -> int:
        if not lines:
            lines.extend(_json_lines(text))
        return lines[place]

    rows = FleetRows(path, line_of)
    for place, item in enumerate(_vehicles(path, document)):
        for key in _repeated(item):
            rows.refuse(place, "", f"The key {describe(key)} is there twice: remove one.")
        _take(rows, place, item)
    return rows


def read_yaml(path: Path) -> FleetRows:
    """
    Every vehicle and every problem of the file.

    Raises: FleetFileError where it is not YAML; OSError; ImportError where PyYAML is not installed.
    """
    try:
        import yaml  # noqa: PLC0415 - only those who have such a file need it
    except ImportError as error:
        raise ImportError(
            f"{path.name}: reading YAML needs PyYAML, which is not installed. "
            'Install it with pip install "pulumi-highmobility[emulator]" or pip install pyyaml, or keep the '
            "fleet as CSV or JSON."
        ) from error
    # libyaml's loader is about ten times faster; both give nodes with lines.
    loader_class = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = read_text(path)
    loader = None
    try:
        loader = loader_class(text)
        return _read_nodes(path, text, loader, yaml)
    except yaml.YAMLError as error:
        raise _yaml_fault(path, text, error) from error
    except RecursionError as error:
        raise fault(path, "The file is nested too deeply.") from error
    finally:
        if loader is not None:
            loader.dispose()


def _yaml_fault(path: Path, text: str, error: Any) -> FleetFileError:
    mark = getattr(error, "problem_mark", None)
    reason = f"The file is no YAML: {getattr(error, 'problem', None) or error}."
    if mark is None:
        return fault(path, reason)
    lines = text.rstrip().split("\n")
    rest = lines[mark.line :]
    if not rest or (len(rest) == 1 and mark.column >= len(rest[0])):
        reason = f"{_CUT_OFF} ({error.problem})"
    return fault(path, reason, line=min(mark.line + 1, len(lines)))


def _read_nodes(path: Path, text: str, loader: Any, yaml: Any) -> FleetRows:
    root = loader.get_single_node()
    last_line = text.rstrip().count("\n") + 1

    def line_at(node: Any) -> int:
        # libyaml puts an empty value at the end of the file below its last line.
        return min(int(node.start_mark.line) + 1, last_line)

    items = _vehicle_nodes(path, root, line_at, yaml)

    def line_of(place: int, property_: str) -> int:
        return line_at(_node_of(items[place], property_, yaml))

    rows = FleetRows(path, line_of)
    # Before anything is constructed: construction writes the keys merged with "<<" into the nodes.
    for place, item in enumerate(items):
        for key in _repeated_in_nodes(item, yaml, set()):
            rows.refuse(place, "", f"The key {describe(key)} is there twice: remove one.")
    for place, item in enumerate(items):
        try:
            vehicle = loader.construct_object(item, deep=True)
        except yaml.constructor.ConstructorError as error:
            rows.refuse(place, "", f"The vehicle cannot be read: {error.problem}.")
        except _LEAKED as error:
            rows.refuse(place, "", f"A value cannot be read ({error}): write it in quotes.")
        else:
            _take(rows, place, vehicle)
    return rows


def _take(rows: FleetRows, place: int, item: object) -> None:
    if not isinstance(item, Mapping):
        rows.refuse(place, "", f"{describe(item)} is no vehicle: write an object with vin and brand.")
        return
    for key in item:
        if key not in KEYS:
            meant = nearest(key, KEYS) if isinstance(key, str) else None
            advice = f'Is "{meant}" meant?' if meant else f"It may have {', '.join(KEYS)}."
            rows.refuse(place, str(key), f"A vehicle cannot have {describe(key)}. {advice}")
    fields = {key: item.get(key) for key in ("vin", "brand", "control_measures", "tags")}
    short = {"value": item.get("odometer"), "unit": item.get("unit")}
    if short["value"] is None and short["unit"] is None:
        rows.take(place, fields)
        return
    if fields["control_measures"] is not None:
        rows.refuse(
            place, "odometer", "The vehicle has control_measures as well: give the reading in one place."
        )
        fields["control_measures"] = REPORTED
    else:
        fields["control_measures"] = {"odometer": short}
    rows.take(place, fields, _short_name)


def _short_name(path: str) -> str:
    """The name of the short form, for a problem with what was built from it."""
    if path.startswith("control_measures"):
        return "unit" if path.endswith(".unit") else "odometer"
    return path


def _vehicles(path: Path, document: object) -> Sequence[object]:
    if isinstance(document, _Repeating):
        raise fault(path, f'The key "{document.key}" is there twice at the top: remove one.')
    if isinstance(document, dict):
        _refuse_other_keys(path, document)
        document = document.get(LIST)
        if document is None:
            raise fault(path, f'The file has no "{LIST}". {_SHAPE}')
    if not isinstance(document, list):
        raise fault(path, f"{describe(document)} is no list of vehicles. {_SHAPE}")
    return document


def _vehicle_nodes(path: Path, root: Any, line_at: Callable[[Any], int], yaml: Any) -> Sequence[Any]:
    if root is None or root.value == "":
        raise fault(path, "The file is empty. Was it cut off?")
    found = root
    if isinstance(root, yaml.MappingNode):
        keys = [key.value for key, _ in root.value]
        if len(set(map(str, keys))) < len(keys):
            raise fault(path, "A key is there twice at the top: remove one.")
        _refuse_other_keys(path, keys)
        found = next((value for key, value in root.value if key.value == LIST), None)
        if found is None:
            raise fault(path, f'The file has no "{LIST}". {_SHAPE}')
    if isinstance(found, yaml.SequenceNode):
        return list(found.value)
    if found is not root and found.value == "":
        raise fault(path, f'"{LIST}" is empty. Was the file cut off?', line=line_at(found))
    raise fault(path, f"There is no list of vehicles. {_SHAPE}", line=line_at(found))


def _refuse_other_keys(path: Path, keys: Any) -> None:
    # Vehicles under a misspelt second key would be revoked without a word.
    others = [str(key) for key in keys if key != LIST and not str(key).startswith(PRIVATE)]
    if others:
        meant = ", ".join(describe(key) for key in others)
        raise fault(
            path, f'Beside "{LIST}" the file has {meant}. Remove it, or begin its name with {PRIVATE}.'
        )


class _Repeating(dict[str, object]):
    """An object of JSON that has a key twice; JSON lets the last one win, without a word."""

    key = ""


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    repeating = _Repeating(found)
    names = [name for name, _ in pairs]
    repeating.key = next(name for name in names if names.count(name) > 1)
    return repeating


def _repeated(value: object) -> Iterator[str]:
    if isinstance(value, _Repeating):
        yield value.key
    if isinstance(value, dict):
        for inner in value.values():
            if isinstance(inner, dict):
                yield from _repeated(inner)


def _repeated_in_nodes(node: Any, yaml: Any, seen: set[int]) -> Iterator[str]:
    # An alias is the same node again, and a node may hold itself.
    if not isinstance(node, yaml.MappingNode) or id(node) in seen:
        return
    seen.add(id(node))
    keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
    if len(set(keys)) < len(keys):
        yield next(key for key in keys if keys.count(key) > 1)
    for _, value in node.value:
        yield from _repeated_in_nodes(value, yaml, seen)


def _node_of(item: Any, property_: str, yaml: Any) -> Any:
    """The node of the property, or the innermost one around it."""
    node = item
    for part in property_.split("."):
        inner = None
        if isinstance(node, yaml.MappingNode):
            inner = next((value for key, value in node.value if key.value == part), None)
        if inner is None:
            break
        node = inner
    return node


def _json_lines(text: str) -> Iterator[int]:
    """On which line each vehicle begins; `text` is known to be JSON of the right shape."""
    import json  # noqa: PLC0415 - only for messages

    decode = json.JSONDecoder().raw_decode

    def skip(place: int) -> int:
        while text[place] in " \t\n":
            place += 1
        return place

    place = skip(0)
    if text[place] == "{":
        place = skip(place + 1)
        key, place = decode(text, place)
        place = skip(skip(place) + 1)
        while key != LIST:
            _, place = decode(text, place)
            key, place = decode(text, skip(skip(place) + 1))
            place = skip(skip(place) + 1)
    line, counted = 1, 0
    place = skip(place + 1)
    while text[place] != "]":
        line, counted = line + text.count("\n", counted, place), place
        yield line
        _, place = decode(text, place)
        place = skip(place)
        if text[place] == ",":
            place = skip(place + 1)
