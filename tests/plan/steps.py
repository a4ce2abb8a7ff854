"""The player of the engine tells its preview as `pulumi preview --json --show-sames` does."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pulumi_highmobility.errors import HighMobilityError
from pulumi_highmobility.operations.values import UNKNOWN

from ..lifecycle import TYPE, Declared, Outcome, Played, Record, Stack, _target, _with_children, told

# As the engine writes what it does not know.
NOT_KNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


class Previewing(Stack):
    """A stack whose previews can be read as the engine's."""

    def preview_json(self, *program: Declared, targets: Collection[str] | None = None) -> str:
        """What `pulumi preview --json --show-sames` prints of a program."""
        steps: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        run = self._run(program, program, Outcome())
        declared = _with_children(program)
        self._unknown = set()
        for one in declared:
            takes_part = targets is None or one.name in targets
            try:
                step = self._step_of(run, one) if takes_part else self._left_out(one)
            except HighMobilityError as error:
                errors.append({"urn": one.urn, "message": f"error: {error}\n", "severity": "error"})
                break
            if "message" in step:
                errors.append(step)
                break
            steps.append(step)
        if not errors:
            steps += self._deletes({one.urn for one in declared}, targets)
        counts = {op: sum(one["op"] == op for one in steps) for op in {str(one["op"]) for one in steps}}
        return json.dumps({"steps": steps, "diagnostics": errors, "changeSummary": counts})

    def _step_of(self, run: Played, one: Declared) -> dict[str, Any]:
        urn, old = one.urn, self._old(one.urn)
        inputs = self._inputs(one, preview=True)
        checked = told(run.runner.check(_target(urn), old.inputs if old else {}, inputs))
        if checked.problems:
            return {"urn": urn, "message": f"{[*checked.problems]}", "severity": "error"}
        new = _state(urn, one.kind, checked.inputs)
        if old is None:
            self._unknown |= {urn}
            return {"op": "create", "urn": urn, "newState": new}
        if old.pending_replacement:
            return {"op": "replace", "urn": urn, "oldState": old.as_json(), "newState": new}
        found = told(run.runner.diff(_target(urn, old.id), old.outputs, checked.inputs))
        before = _told(old)
        if found.replaces:
            mark = "pendingReplacement" if found.delete_first else "delete"
            before = {**before, mark: True}
            more = {"replaceReasons": list(found.replaces)}
            return {"op": "replace", "urn": urn, "oldState": before, "newState": new, **more}
        if found.changes:
            self._unknown |= {urn}
        return {"op": "update" if found.changes else "same", "urn": urn, "oldState": before, "newState": new}

    def _left_out(self, one: Declared) -> dict[str, Any]:
        """By --target: what the state has, and of a new one nothing but its name."""
        old = self._old(one.urn)
        state = _told(old) if old is not None else {"urn": one.urn, "type": TYPE + one.kind}
        return {"op": "same", "urn": one.urn, "oldState": state, "newState": state}

    def _deletes(self, declared: Collection[str], targets: Collection[str] | None) -> list[dict[str, Any]]:
        """Old copies, which the state tells of, are not among the engine's steps."""
        return [
            {"op": "delete", "urn": one.urn, "oldState": _told(one)}
            for one in self.records
            if one.urn not in declared
            and not one.delete
            and not one.pending_replacement
            and (targets is None or one.urn.rpartition("::")[2] in targets)
        ]

    def resources(self) -> Sequence[Mapping[str, Any]]:
        """As `pulumi stack export` has them."""
        found: list[Mapping[str, Any]] = json.loads(self.export())["deployment"]["resources"]
        return found


def _told(record: Record) -> dict[str, Any]:
    return {
        name: value
        for name, value in json.loads(json.dumps(record.as_json())).items()
        if name not in ("delete", "pendingReplacement") or value
    }


def _state(urn: str, kind: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"urn": urn, "type": TYPE + kind, "inputs": _written(inputs)}


def _written(value: Any) -> Any:
    if value is UNKNOWN:
        return NOT_KNOWN
    if isinstance(value, Mapping):
        return {name: _written(inner) for name, inner in value.items()}
    return value
