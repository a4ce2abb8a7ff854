"""Of a large Fleet most lines are the same before and after: they are counted, and not read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..clearance.states import ACTIVE, Status
from .preview import IN_PROGRAM, Preview, Step

# Below that it saves nothing.
LEAST = 1_000
_VIN = re.compile(r'"([A-HJ-NPR-Z0-9]{17})"')
# Where the VIN stands in a line of a roster.
_PLACE = slice(2, 19)

Resource = Mapping[str, Any]


@dataclass(frozen=True)
class Reduced:
    """A preview and the stack's resources without the vehicles that nothing happens to, and how many those are."""

    preview: Preview
    resources: Sequence[Resource]
    count: int = 0


def without_calm(preview: Preview, resources: Sequence[Resource], least: int = LEAST) -> Reduced:
    """
    Leave out vehicles of Fleets that are updated: pending or approved, the same line in both lists, and nobody else's.

    Nothing that is said of the others rests on them, but for how many the stack holds. Fleets with less than `least` lines that
    are the same stay as they are.
    """
    count = 0
    steps, kept = list(preview.steps), list(resources)
    for place, step in enumerate(steps):
        found = _record_of(step, kept)
        if found is None:
            continue
        held, wanted = _texts(kept[found], step)
        shared = set(held.split("\n")) & set(wanted.split("\n"))
        if len(shared) < max(1, least):
            continue
        calm = {line[_PLACE] for line in shared if line.startswith('["') and line[19:20] == '"'}
        calm -= _of_others(step, found, steps, kept)
        outputs = kept[found]["outputs"]
        calm &= _active(str(outputs.get("registry") or "{}"))
        calm -= set(_VIN.findall(str(outputs.get("leaving") or "")))
        kept[found] = {**kept[found], "outputs": _reduced_outputs(outputs, calm)}
        new = step.new or {}
        inputs = {**new["inputs"], "vehicles": _reduced(wanted, calm)}
        steps[place] = replace(step, new={**new, "inputs": inputs})
        count += len(calm)
    return Reduced(replace(preview, steps=tuple(steps)), kept, count)


def _record_of(step: Step, resources: Sequence[Resource]) -> int | None:
    """The place of the record that an update of a Fleet is about, where both of its lists are texts."""
    if step.kind != "Fleet" or step.op != "update" or not step.old:
        return None
    urn, id_ = step.old.get("urn", step.urn), step.old.get("id")
    for place, one in enumerate(resources):
        if one.get("urn") == urn and one.get("id") == id_ and not one.get("delete"):
            return place if all(isinstance(text, str) for text in _texts(one, step)) else None
    return None


def _texts(resource: Resource, step: Step) -> tuple[Any, Any]:
    held = (resource.get("outputs") or {}).get("vehicles")
    return held, ((step.new or {}).get("inputs") or {}).get("vehicles")


def _of_others(step: Step, found: int, steps: Sequence[Step], resources: Sequence[Resource]) -> set[str]:
    """The VINs that any other resource has, had, or wants."""
    texts = [_written(one) for place, one in enumerate(resources) if place != found]
    texts += [_written(one.new or {}) for one in steps if one is not step and one.op in IN_PROGRAM]
    return {vin for text in texts for vin in _VIN.findall(text)}


def _written(resource: Resource) -> str:
    """What names VINs in it, each in quotes, in upper case."""
    parts = [json.dumps(resource.get("id"))]
    for properties in (resource.get("inputs") or {}, resource.get("outputs") or {}):
        parts += [str(properties.get(name) or "") for name in ("vehicles", "leaving")]
        parts.append(json.dumps(properties.get("vin")))
    return " ".join(parts).upper()


def _active(registry: str) -> set[str]:
    """Those that are pending or approved, as requested, and were never requested again."""
    facts: dict[str, Any] = json.loads(registry)
    groups: Iterable[tuple[str, str]] = facts.get("statuses", {}).items()
    active = {vin for status, vins in groups if Status.of(status) in ACTIVE for vin in vins.split()}
    active -= {*facts.get("registered", {}), *facts.get("retried", {})}
    return active


def _reduced(roster: str, calm: set[str]) -> str:
    return "\n".join(line for line in roster.split("\n") if line[_PLACE] not in calm)


def _reduced_outputs(outputs: Mapping[str, Any], calm: set[str]) -> Mapping[str, Any]:
    facts: dict[str, Any] = json.loads(outputs.get("registry") or "{}")
    for name in ("statuses", "requests"):
        groups: Mapping[str, str] = facts.get(name, {})
        facts[name] = {
            group: " ".join(vin for vin in vins.split() if vin not in calm) for group, vins in groups.items()
        }
    roster = _reduced(str(outputs["vehicles"]), calm)
    return {**outputs, "vehicles": roster, "registry": json.dumps(facts, ensure_ascii=False)}
