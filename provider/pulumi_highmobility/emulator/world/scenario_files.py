"""Scenarios of a user's own, from a YAML file: read with line numbers, so that all that is wrong is told at once."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import yaml

from .brands import BRANDS
from .durations import parse_duration
from .machine import MOVES
from .scenarios import CONDITIONS, CONNECTIVITY, DATA_DELIVERY, OUTCOMES, Condition, Outcome, Scenario, Step

T = TypeVar("T")


class ScenarioFileError(ValueError):
    """All that is wrong with a file of scenarios, by line."""

    def __init__(self, path: Path, problems: Sequence[tuple[int, str]]) -> None:
        lines = [f"{path.name}, line {line}: {what}" for line, what in sorted(problems)]
        super().__init__(
            "\n  ".join([f"{path} has {len(lines)} problem{'' if len(lines) == 1 else 's'}:", *lines])
        )


class Given(NamedTuple):
    """A value of the file, and its line."""

    value: Any
    line: int


def read_scenarios(path: Path) -> tuple[Scenario, ...]:
    """
    The rules of a file, in its order; docs/emulator.md describes the format.

    Raises: ScenarioFileError with all problems; OSError where it cannot be read.
    """
    reader = _Reader()
    try:
        rules = reader.rules(yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ScenarioFileError(path, [(line, f"is not valid YAML: {error.problem}")]) from error
    except RecursionError as error:
        raise ScenarioFileError(path, [(1, "is nested too deeply")]) from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ScenarioFileError(path, [(1, f"is not valid YAML: {error}")]) from error
    if reader.problems:
        raise ScenarioFileError(path, reader.problems)
    return tuple(rules)


@dataclass
class _Reader:
    """Collects what is wrong with the nodes of a file."""

    def __post_init__(self) -> None:
        self.problems: list[tuple[int, str]] = []

    def rules(self, root: yaml.Node | None) -> list[Scenario]:
        if root is None:
            self.problems.append((1, 'the file is empty: write "rules:" and a list'))
            return []
        fields = self._object(root, "the file", ("rules",))
        given = fields.get("rules")
        if given is None:
            self.problems.append((root.start_mark.line + 1, 'the file has no "rules:"'))
            return []
        return [self._rule(node) for node in self._items(given, "rules")]

    def _rule(self, node: yaml.Node) -> Scenario:
        names = (*_MATCH, *_COURSE)
        fields = self._object(node, "a rule", names)
        line = node.start_mark.line + 1
        if not any(name in fields for name in _MATCH):
            self._refuse(line, f"a rule has to name the vehicles that it applies to, by {', '.join(_MATCH)}")
        outcome = self._choice(fields, "outcome", OUTCOMES) or "approve"
        description = self._text(fields, "description")
        if description is not None and outcome != "error":
            self._refuse(
                self._line(fields, "description"),
                'description belongs to an error row: write "outcome: error", or reason',
            )
        if outcome == "error" and (fields.keys() & {"then", "after", "reason"}):
            self._refuse(line, "an error row ends the rule: it takes no after, reason or then")
        return Scenario(
            ending=(self._text(fields, "ending") or "").upper(),
            meaning=_meaning(fields),
            vin=(self._text(fields, "vin") or "*").upper(),
            brands=self._brands(fields),
            tags=self._tags(fields),
            outcome=cast(Outcome, outcome),
            after=self._duration(fields, "after"),
            reason=self._text(fields, "reason"),
            then=self._steps(fields, outcome),
            conditions=cast("tuple[Condition, ...]", self._several(fields, "condition", CONDITIONS) or ()),
            eligible=self._flag(fields, "eligible") is not False,
            data_delivery=self._several(fields, "data_delivery", DATA_DELIVERY),
            connectivity_status=self._choice(fields, "connectivity_status", CONNECTIVITY),
            primary_user_assigned=self._flag(fields, "primary_user_assigned"),
            cancelable=self._flag(fields, "cancelable"),
            cancelable_after=self._duration(fields, "cancelable_after"),
            error=(description or "The vehicle is not accepted") if outcome == "error" else None,
        )

    def _steps(self, fields: dict[str, Given], outcome: str) -> tuple[Step, ...]:
        status = {"approve": "approved", "reject": "rejected"}.get(outcome, "pending")
        steps = []
        for node in self._items(fields.get("then"), "then"):
            line = node.start_mark.line + 1
            step = self._object(node, "a step", ("status", "after", "reason"))
            wanted = self._choice(step, "status", tuple(MOVES))
            if wanted is None:
                if "status" not in step:
                    self._refuse(line, "a step needs a status")
                continue
            if wanted not in MOVES[status] or wanted == "pending":
                allowed = ", ".join(move for move in MOVES[status] if move != "pending") or "nothing"
                self._refuse(
                    line, f"a clearance cannot go from {status} to {wanted}; it can go to: {allowed}"
                )
            steps.append(Step(wanted, self._duration(step, "after") or 0.0, self._text(step, "reason")))
            status = wanted
        return tuple(steps)

    def _brands(self, fields: dict[str, Given]) -> tuple[str, ...]:
        given = fields.get("brand")
        if given is None:
            return ()
        values = given.value if isinstance(given.value, list) else [given.value]
        for value in values:
            if value not in tuple(BRANDS):  # which also takes what has no hash
                self._refuse(
                    given.line,
                    f"brand: {value!r} is not a brand of the platform{_meant(str(value), tuple(BRANDS))}",
                )
        return tuple(map(str, values))

    def _tags(self, fields: dict[str, Given]) -> tuple[tuple[str, str], ...]:
        given = fields.get("tags")
        if given is None:
            return ()
        if not isinstance(given.value, dict) or not all(
            isinstance(text, str) for text in given.value.values()
        ):
            self._refuse(given.line, "tags takes names with text values")
            return ()
        return tuple(given.value.items())

    def _several(
        self, fields: dict[str, Given], name: str, choices: tuple[str, ...]
    ) -> tuple[str, ...] | None:
        """One of the choices, or a list of them."""
        given = fields.get(name)
        if given is None:
            return None
        values = given.value if isinstance(given.value, list) else [given.value]
        for value in values:
            if value not in choices:
                self._refuse(
                    given.line,
                    f"{name} takes {', '.join(choices)}, not {value!r}{_meant(str(value), choices)}",
                )
        return tuple(map(str, values))

    def _choice(self, fields: dict[str, Given], name: str, choices: tuple[str, ...]) -> str | None:
        def parse(value: Any) -> str:
            if value not in choices:
                raise ValueError(f"takes {', '.join(choices)}, not {value!r}{_meant(str(value), choices)}")
            return str(value)

        return self._parsed(fields, name, parse)

    def _text(self, fields: dict[str, Given], name: str) -> str | None:
        def parse(value: Any) -> str:
            if not isinstance(value, str) or not value:
                raise ValueError(f"takes text, not {value!r}: write it in quotes")
            return value

        return self._parsed(fields, name, parse)

    def _duration(self, fields: dict[str, Given], name: str) -> float | None:
        return self._parsed(fields, name, lambda value: parse_duration(str(value)))

    def _flag(self, fields: dict[str, Given], name: str) -> bool | None:
        def parse(value: Any) -> bool:
            if not isinstance(value, bool):
                raise ValueError(f"takes true or false, not {value!r}")  # noqa: TRY004 - a user's file, not a caller's mistake
            return value

        return self._parsed(fields, name, parse)

    def _parsed(self, fields: dict[str, Given], name: str, parse: Callable[[Any], T]) -> T | None:
        given = fields.get(name)
        if given is None:
            return None
        try:
            return parse(given.value)
        except ValueError as error:
            self._refuse(given.line, f"{name}: {error}")
            return None

    def _object(self, node: yaml.Node, what: str, names: tuple[str, ...]) -> dict[str, Given]:
        if not isinstance(node, yaml.MappingNode):
            self._refuse(node.start_mark.line + 1, f"{what} takes names and values")
            return {}
        found: dict[str, Given] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self._refuse(line, f"{what} takes text as a name")
            elif key.value not in names:
                self._refuse(
                    line,
                    f"{what} has no {key.value!r}{_meant(str(key.value), names)}. It has: {', '.join(names)}",
                )
            elif key.value in found:
                self._refuse(line, f"{key.value} appears twice")
            else:
                found[key.value] = Given(value if key.value in _LISTS else _plain(value), line)
        return found

    def _items(self, given: Given | None, name: str) -> list[yaml.Node]:
        if given is None:
            return []
        if not isinstance(given.value, yaml.SequenceNode):
            self._refuse(given.line, f'{name} takes a list: lines that begin with "- "')
            return []
        return list(given.value.value)

    def _line(self, fields: dict[str, Given], name: str) -> int:
        return fields[name].line

    def _refuse(self, line: int, what: str) -> None:
        self.problems.append((line, what))


_MATCH = ("vin", "ending", "brand", "tags")
_COURSE = (
    "outcome",
    "after",
    "reason",
    "description",
    "condition",
    "eligible",
    "data_delivery",
    "connectivity_status",
    "primary_user_assigned",
    "cancelable",
    "cancelable_after",
    "then",
)
_LISTS = ("rules", "then")


def _plain(node: yaml.Node) -> Any:
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_object(node, deep=True)
    except ValueError:
        # What only looks like a date: 2026-02-30.
        return node.value
    finally:
        loader.dispose()


def _meant(written: str, choices: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(written, choices, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _meaning(fields: dict[str, Given]) -> str:
    """The rule in a line, as it was written."""
    shown = {
        name: [yaml.serialize(node).strip().replace("\n", " ") for node in given.value.value]
        if isinstance(given.value, yaml.SequenceNode)
        else given.value
        for name, given in fields.items()
    }
    return ", ".join(f"{name}: {value}" for name, value in shown.items())
