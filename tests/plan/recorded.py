"""What `pulumi preview --json` of Pulumi 3.259.0 printed, without what is of no matter here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pulumi_highmobility.plan.compare import Facts, make_plan
from pulumi_highmobility.plan.preview import read_preview
from pulumi_highmobility.plan.values import Plan

DATA = Path(__file__).parent / "data"
NOW = datetime(2026, 11, 28, tzinfo=timezone.utc)
STATE: Sequence[Mapping[str, Any]] = json.loads((DATA / "state.json").read_text())["deployment"]["resources"]


def text(name: str) -> str:
    return (DATA / f"{name}.json").read_text()


def plan_of(name: str, **facts: Any) -> Plan:
    """The plan of a recording, by itself unless `facts` say more."""
    return make_plan(read_preview(text(name)), Facts(NOW, **facts))
