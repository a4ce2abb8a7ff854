"""A YAML document as nodes with lines, built from the parser's events, and the values in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .objects import Repeating, object_of
from .written import DATE, NUMBER, TRUTH, Written

# A vehicle is four levels deep. libyaml composes deeper ones until the stack ends, and the process with it.
MOST_LEVELS = 50
# A fleet has six keys a vehicle and some tags; merging more than this for each would take minutes.
MOST_MERGED = 1000

_PREFIX = "tag:yaml.org,2002:"
_KINDS = {"int": NUMBER, "float": NUMBER, "bool": TRUTH, "timestamp": DATE}
_MERGE = f"{_PREFIX}merge"


class TooDeep(Exception):
    """The document is nested deeper than a fleet can be, at this `line`."""

    def __init__(self, line: int) -> None:
        super().__init__(f"nested too deeply at line {line}")
        self.line = line


class BadNode(ValueError):
    """A node that has no value here; the message is a clause."""


class Node:
    """A scalar (`text`), a list (`items`) or a map (`pairs`), with its line counted from 1 and its tag."""

    __slots__ = ("items", "line", "pairs", "tag", "text")

    def __init__(self, line: int, tag: str) -> None:
        self.line = line
        self.tag = tag
        self.text: str | None = None
        self.items: list[Node] | None = None
        self.pairs: list[tuple[Node, Node]] | None = None

    @property
    def is_empty(self) -> bool:
        """True for nothing at all where a value should stand."""
        return self.text == ""


def compose(loader: Any, yaml: Any) -> Node | None:
    """
    The one document of a loader, None where there is none.

    Raises: TooDeep; yaml.YAMLError.
    """
    anchors: dict[str, Node] = {}
    root: Node | None = None
    # The collections that are open, innermost last; a map with the key that waits for its value.
    levels: list[Node] = []
    keys: list[Node | None] = []
    documents = 0
    while loader.check_event():
        event = loader.get_event()
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise yaml.composer.ComposerError(
                    "expected a single document in the stream",
                    None,
                    "but found another document",
                    event.start_mark,
                )
        if isinstance(event, yaml.CollectionEndEvent):
            levels.pop()
            keys.pop()
            continue
        if not isinstance(event, yaml.NodeEvent):
            continue
        node = _node(event, anchors, loader, yaml)
        if not levels:
            root = node
        elif (around := levels[-1]).items is not None:
            around.items.append(node)
        elif keys[-1] is None:
            keys[-1] = node
        else:
            assert around.pairs is not None  # noqa: S101 - a map, as it is no list
            around.pairs.append((keys[-1], node))
            keys[-1] = None
        if isinstance(event, yaml.CollectionStartEvent):
            levels.append(node)
            keys.append(None)
            if len(levels) > MOST_LEVELS:
                raise TooDeep(node.line)
    return root


def _node(event: Any, anchors: dict[str, Node], loader: Any, yaml: Any) -> Node:
    if isinstance(event, yaml.AliasEvent):
        if event.anchor not in anchors:
            raise yaml.composer.ComposerError(
                None, None, f"found undefined alias {event.anchor!r}", event.start_mark
            )
        return anchors[event.anchor]
    line = event.start_mark.line + 1
    kind = {yaml.ScalarEvent: yaml.ScalarNode, yaml.SequenceStartEvent: yaml.SequenceNode}.get(
        type(event), yaml.MappingNode
    )
    tag = event.tag
    if tag is None or tag == "!":
        tag = loader.resolve(kind, getattr(event, "value", None), event.implicit)
    node = Node(line, tag)
    if kind is yaml.ScalarNode:
        node.text = event.value
    elif kind is yaml.SequenceNode:
        node.items = []
    else:
        node.pairs = []
    if event.anchor is not None:
        if event.anchor in anchors:
            raise yaml.composer.ComposerError(
                None, None, f"found duplicate anchor {event.anchor!r}", event.start_mark
            )
        anchors[event.anchor] = node
    return node


class Values:
    """The values of nodes: what was made of an anchored node once is made of all its aliases."""

    def __init__(self) -> None:
        self._known: dict[int, object] = {}
        self._under_way: set[int] = set()

    def of(self, node: Node) -> object:
        """A text, a Written, None, a list or an object. Raises: BadNode."""
        if node.text is not None:
            return _scalar(node, node.text)
        if id(node) in self._known:
            return self._known[id(node)]
        if id(node) in self._under_way:
            raise BadNode("a value that contains itself (an unconstructable recursive node)")
        self._under_way.add(id(node))
        try:
            value = self._list(node, node.items) if node.items is not None else self._object(node)
        finally:
            self._under_way.discard(id(node))
        self._known[id(node)] = value
        return value

    def _list(self, node: Node, items: Sequence[Node]) -> object:
        _check_tag(node, "seq")
        return [self.of(item) for item in items]

    def _object(self, node: Node) -> dict[Any, object]:
        _check_tag(node, "map")
        pairs = node.pairs or []
        own = object_of([(self._key(key), self.of(value)) for key, value in pairs if key.tag != _MERGE])
        merged: dict[Any, object] = {}
        for key, value in pairs:
            if key.tag == _MERGE:
                for source in value.items if value.items is not None else (value,):
                    inner = self.of(source)
                    if not isinstance(inner, dict):
                        raise BadNode(f"on line {source.line}, what is merged with << is not a map")
                    if len(inner) <= MOST_MERGED:
                        for name, each in inner.items():
                            merged.setdefault(name, each)
                    if max(len(inner), len(merged)) > MOST_MERGED:
                        raise BadNode(f"on line {value.line}, more than {MOST_MERGED:,} keys are merged")
        if not merged:
            return own
        found: dict[Any, object] = merged | own
        if isinstance(own, Repeating):
            repeating = Repeating(found)
            repeating.key = own.key
            return repeating
        return found

    def _key(self, node: Node) -> Any:
        value = self.of(node)
        if isinstance(value, (list, dict)):
            raise BadNode(f"on line {node.line}, a key is a list or an object")
        return value


def _scalar(node: Node, text: str) -> object:
    short = node.tag.removeprefix(_PREFIX)
    if short == "str":
        return text
    if short == "null":
        return None
    if short in ("merge", "value"):
        return text
    if short in _KINDS:
        return Written(text, _KINDS[short])
    raise BadNode(f'a value on line {node.line} has the tag "{node.tag[:60]}", which is not read')


def _check_tag(node: Node, wanted: str) -> None:
    if node.tag != _PREFIX + wanted:
        raise BadNode(f'a value on line {node.line} has the tag "{node.tag[:60]}", which is not read')
