"""Vehicles from a JSON or YAML file: a list of objects, or an object with that list as "vehicles"."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..vehicle.check import tag_path
from ..vehicle.wording import describe, nearest
from .nodes import BadNode, Node, TooDeep, Values, compose
from .objects import Repeating, object_of
from .outcome import FleetFileError
from .rows import REPORTED, UNENDED, FleetRows, fault, read_text
from .written import MOST_DIGITS, NUMBER, TRUTH, Written, is_encodable, said

KEYS = ("vin", "brand", "control_measures", "tags", "odometer", "unit")
LIST = "vehicles"
# Keys beside the list that are for the file's author: YAML anchors need a place to stand.
PRIVATE = "x-"

# A misspelt key is short; comparing a text of a megabyte with six names helps nobody.
_LONGEST_KEY = 60
# Of more unknown keys than this in one vehicle the rest is counted.
_TOLD_KEYS = 20

# Stands for the last line where the place of a vehicle is expected.
_LAST_LINE = -1

_CUT_OFF = "The file ends too early. Was it cut off?"
_SHAPE = f'It takes a list of vehicles, or an object with that list as "{LIST}".'


def read_json(path: Path) -> FleetRows:
    """Every vehicle and every problem of the file. Raises: FleetFileError where it is not JSON; OSError."""
    text = read_text(path)
    try:
        document = json.loads(
            text,
            object_pairs_hook=object_of,
            parse_int=_integer,
            parse_float=_number,
            parse_constant=_number,
        )
    except json.JSONDecodeError as error:
        is_cut_off = not text[error.pos :].strip() or error.msg.startswith("Unterminated string")
        reason = _CUT_OFF if is_cut_off else f"The file is not valid JSON: {error.msg}."
        raise fault(path, reason, line=error.lineno) from error
    except RecursionError as error:
        raise fault(path, "The file is nested too deeply.") from error
    lines: list[int] = []

    def line_of(place: int, _: str) -> int:
        if not lines:
            lines.extend(_json_lines(text))
        return lines[place]

    rows = FleetRows(path, line_of)
    for place, item in enumerate(_vehicles(path, document)):
        _refuse_repeated(rows, place, item)
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
    # libyaml's loader is about ten times faster; both give events with lines.
    loader_class = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = read_text(path)
    loader = None
    try:
        loader = loader_class(text)
        return _read_nodes(path, text, compose(loader, yaml))
    except yaml.YAMLError as error:
        raise _yaml_fault(path, text, error) from error
    except TooDeep as error:
        raise fault(path, "The file is nested too deeply.", line=error.line) from error
    finally:
        if loader is not None:
            loader.dispose()


def _yaml_fault(path: Path, text: str, error: Any) -> FleetFileError:
    mark = getattr(error, "problem_mark", None)
    reason = f"The file is not valid YAML: {getattr(error, 'problem', None) or error}."
    if mark is None:
        return fault(path, reason)
    lines = text.rstrip().split("\n")
    rest = lines[mark.line :]
    if not rest or (len(rest) == 1 and mark.column >= len(rest[0])):
        reason = f"{_CUT_OFF} ({error.problem})"
    return fault(path, reason, line=min(mark.line + 1, len(lines)))


def _read_nodes(path: Path, text: str, root: Node | None) -> FleetRows:
    last_line = text.rstrip().count("\n") + 1

    def line_at(node: Node) -> int:
        # libyaml puts an empty value at the end of the file below its last line.
        return min(node.line, last_line)

    items = _vehicle_nodes(path, root, line_at)

    def line_of(place: int, property_: str) -> int:
        return last_line if place == _LAST_LINE else line_at(_node_of(items[place], property_))

    rows = FleetRows(path, line_of)
    # In brackets a document shows its end by itself, as JSON does.
    if not text.endswith("\n") and not text.lstrip().startswith(("[", "{")):
        rows.refuse(_LAST_LINE, "", UNENDED)
    values = Values()
    for place, item in enumerate(items):
        try:
            vehicle = values.of(item)
        except BadNode as error:
            rows.refuse(place, "", f"The vehicle cannot be read: {error}.")
            continue
        _refuse_repeated(rows, place, vehicle)
        _take(rows, place, vehicle)
    return rows


def _take(rows: FleetRows, place: int, item: object) -> None:
    if not isinstance(item, Mapping):
        rows.refuse(place, "", f"{said(item)} is not a vehicle: write an object with vin and brand.")
        return
    unknown = [key for key in item if key not in KEYS]
    for key in unknown[:_TOLD_KEYS]:
        reason = _why_no_key(key if isinstance(key, str) else None, _described(key))
        rows.refuse(place, _shown_key(key), reason)
    if len(unknown) > _TOLD_KEYS:
        rows.refuse(place, "", f"It has {len(unknown) - _TOLD_KEYS:,} more keys that a vehicle cannot have.")
    fields: dict[str, object] = {key: _text_of(rows, place, key, item.get(key)) for key in ("vin", "brand")}
    fields["tags"] = _tags_of(rows, place, item.get("tags"))
    fields["control_measures"] = _measures_of(rows, place, item.get("control_measures"))
    if item.get("odometer") is None and item.get("unit") is None:
        rows.take(place, fields)
        return
    if fields["control_measures"] is not None:
        rows.refuse(
            place, "odometer", "The vehicle has control_measures as well: give the reading in one place."
        )
        fields["control_measures"] = REPORTED
    else:
        fields["control_measures"] = {
            "odometer": {
                "value": _reading_of(rows, place, "odometer", item.get("odometer")),
                "unit": _text_of(rows, place, "unit", item.get("unit")),
            }
        }
    rows.take(place, fields, _short_name)


def _text_of(rows: FleetRows, place: int, path: str, value: object) -> object:
    """A text, or REPORTED; what is neither a text nor a scalar is left to the check of the vehicle."""
    if isinstance(value, int):
        value = Written(str(value).lower(), TRUTH if isinstance(value, bool) else NUMBER)
    if isinstance(value, Written):
        rows.refuse(place, path, value.why_no_text)
        return REPORTED
    if isinstance(value, str) and not is_encodable(value):
        rows.refuse(place, path, f"{describe(value)} contains half a character, which cannot be sent.")
        return REPORTED
    return value


def _reading_of(rows: FleetRows, place: int, path: str, value: object) -> object:
    if not isinstance(value, Written):
        return value
    if value.reading is None:
        rows.refuse(place, path, value.why_no_reading)
        return REPORTED
    return value.reading


def _tags_of(rows: FleetRows, place: int, value: object) -> object:
    if isinstance(value, Written):
        rows.refuse(place, "tags", f"{said(value)} is not a map: give names with text values.")
        return REPORTED
    if not isinstance(value, Mapping):
        return value
    tags: dict[object, object] = {}
    for name, text in value.items():
        if isinstance(name, Written):
            rows.refuse(place, "tags", f"The name {name.why_no_text}")
        elif isinstance(name, str) and not is_encodable(name):
            rows.refuse(place, "tags", f"The name {describe(name)} contains half a character.")
        else:
            path = tag_path(name) if isinstance(name, str) else "tags"
            tags[name] = _text_of(rows, place, path, text)
    return tags


def _measures_of(rows: FleetRows, place: int, value: object) -> object:
    if isinstance(value, Written):
        rows.refuse(place, "control_measures", f"{said(value)} is not an object with odometer.")
        return REPORTED
    if not isinstance(value, Mapping):
        return value
    measures = {_plain_key(name): inner for name, inner in value.items()}
    reading = measures.get("odometer")
    path = "control_measures.odometer"
    if isinstance(reading, Written):
        rows.refuse(place, path, f"{said(reading)} is not an object with value and unit.")
        return REPORTED
    if isinstance(reading, Mapping):
        reading = {_plain_key(name): inner for name, inner in reading.items()}
        if "value" in reading:
            reading["value"] = _reading_of(rows, place, f"{path}.value", reading["value"])
        if "unit" in reading:
            reading["unit"] = _text_of(rows, place, f"{path}.unit", reading["unit"])
        measures["odometer"] = reading
    return measures


def _plain_key(name: object) -> str:
    return name if isinstance(name, str) else _shown_key(name)


def _shown_key(key: object) -> str:
    return key.shown if isinstance(key, Written) else str(key)[:40]


@lru_cache(maxsize=256)
def _why_no_key(key: str | None, shown: str) -> str:
    # A slip in a key stands in every vehicle of the file: the search for what was meant is made once.
    meant = nearest(key, KEYS) if key is not None and len(key) <= _LONGEST_KEY else None
    advice = f'Did you mean "{meant}"?' if meant else f"It may have {', '.join(KEYS)}."
    return f"A vehicle cannot have {shown}. {advice}"


def _short_name(path: str) -> str:
    """The name of the short form, for a problem with what was built from it."""
    if path.startswith("control_measures"):
        return "unit" if path.endswith(".unit") else "odometer"
    return path


def _vehicles(path: Path, document: object) -> Sequence[object]:
    if isinstance(document, Repeating):
        raise fault(path, f"The key {_described(document.key)} appears twice at the top: remove one.")
    if isinstance(document, dict):
        _refuse_other_keys(path, document)
        document = document.get(LIST)
        if document is None:
            raise fault(path, f'The file has no "{LIST}". {_SHAPE}')
    if not isinstance(document, list):
        raise fault(path, f"{said(document)} is not a list of vehicles. {_SHAPE}")
    return document


def _vehicle_nodes(path: Path, root: Node | None, line_at: Callable[[Node], int]) -> Sequence[Node]:
    if root is None or root.is_empty:
        raise fault(path, "The file is empty. Was it cut off?")
    found = root
    if root.pairs is not None:
        keys = [key.text for key, _ in root.pairs]
        if len(set(keys)) < len(keys):
            raise fault(path, "A key appears twice at the top: remove one.")
        _refuse_other_keys(path, keys)
        listed = next((value for key, value in root.pairs if key.text == LIST), None)
        if listed is None:
            raise fault(path, f'The file has no "{LIST}". {_SHAPE}')
        found = listed
    if found.items is not None:
        return found.items
    if found is not root and found.is_empty:
        raise fault(path, f'"{LIST}" is empty. Was the file cut off?', line=line_at(found))
    raise fault(path, f"There is no list of vehicles. {_SHAPE}", line=line_at(found))


def _refuse_other_keys(path: Path, keys: Any) -> None:
    # Vehicles under a misspelt second key would be revoked without a word.
    others = [str(key) for key in keys if key != LIST and not str(key).startswith(PRIVATE)]
    if others:
        meant = ", ".join(describe(key) for key in others[:5]) + (" and more" if len(others) > 5 else "")
        raise fault(
            path, f'Besides "{LIST}" the file has {meant}. Remove it, or start its name with {PRIVATE}.'
        )


def _number(text: str) -> Written:
    return Written(text, NUMBER)


def _integer(text: str) -> int | Written:
    # An integer of JSON has one way to be written; Python refuses to read thousands of digits.
    return int(text) if len(text) <= MOST_DIGITS else Written(text, NUMBER)


def _refuse_repeated(rows: FleetRows, place: int, value: object) -> None:
    """A key that appears twice, in the vehicle or in an object within it; the last one would win, without a word."""
    if isinstance(value, Repeating):
        rows.refuse(place, "", f"The key {_described(value.key)} appears twice: remove one.")
    if isinstance(value, dict):
        for inner in value.values():
            if isinstance(inner, dict):
                for deeper in (inner, *(each for each in inner.values() if isinstance(each, dict))):
                    if isinstance(deeper, Repeating):
                        rows.refuse(place, "", f"The key {_described(deeper.key)} appears twice: remove one.")


def _described(key: object) -> str:
    return key.shown if isinstance(key, Written) else describe(key)


def _node_of(item: Node, property_: str) -> Node:
    """The node of the property, or the innermost one around it."""
    node = item
    for part in property_.split("."):
        inner = None
        if node.pairs is not None:
            inner = next((value for key, value in node.pairs if key.text == part), None)
        if inner is None:
            break
        node = inner
    return node


def _json_lines(text: str) -> Iterator[int]:
    """On which line each vehicle begins; `text` is known to be JSON of the right shape."""
    # Numbers stay as they are: Python refuses to read one of thousands of digits.
    decode = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode

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
