"""The plan as Markdown, for the comment of a pull request: the heading says it all, the dangerous rows are open."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..text import visible
from .lines import DANGEROUS, TITLES, by_brand, place, since, why
from .values import TOKENS, Plan, Row, What, closing

# GitHub takes 65,536 characters of a comment, and a job adds words of its own.
MOST = 60_000
# For the lines that say what was left out, and the closing line.
_RESERVED = 1_500
# All but letters that neither Markdown nor HTML gives a meaning, wherever they stand; "www." would become a link.
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9 :,;.'\"()=%?\u00c0-\u024f\u200c→…-]|(?<=[wW])\.|:(?! )")
# What GitHub and GitLab look for in the finished text: @user, #12, !12, $12, ~label, %milestone, &epic, GH-12.
_MENTION = re.compile(r"(?<=[@#!$~%&])(?=[\w\"])|(?<=GH)(?=-)")
_APART = "\u200c"
# Of one text from outside.
_LONGEST = 2000


def marker(stack: str) -> str:
    """By which a job finds its own comment again; nothing of it is shown."""
    return f"<!-- pulumi-highmobility plan {re.sub(r'[^A-Za-z0-9_./]', '_', stack)} -->"


def markdown(plan: Plan, gates: Sequence[str] = (), most: int = MOST) -> str:
    """The whole comment, of `most` characters at most; `gates` are the sentences of those that tripped."""
    head = [marker(plan.stack), f"### {_prose(_heading(plan))}", ""]
    head += [f"**Not allowed**: {_prose(gate)}" + "\n" for gate in gates]
    if not plan.is_whole:
        head.append("The preview ended with an error, so this plan is incomplete.\n")
    foot = _foot(plan)
    left = most - sum(len(line) + 1 for line in [*head, *foot]) - _RESERVED
    parts: list[str] = []
    for kind in TITLES:
        rows = plan.of(kind)
        if rows:
            text = _section(kind, rows, plan, max(0, left))
            parts.append(text)
            left -= len(text) + 1
    return "\n".join([*head, *parts, *foot])[:most] + "\n"


def _heading(plan: Plan) -> str:
    told = closing(plan).removeprefix("Plan: ").rstrip(".")
    return f"Fleet clearances of {plan.stack or 'the stack'}: {told}"


def _foot(plan: Plan) -> list[str]:
    asked = (
        "Based on what is registered at the platform now."
        if plan.asked
        else "Based on the stack's state as last read: the platform was not queried."
    )
    return ["", f"{plan.unchanged:,} unchanged. {asked}"]


def _section(kind: What, rows: Sequence[Row], plan: Plan, most: int) -> str:
    title = f"{TITLES[kind]}: {len(rows):,}"
    brands = "" if kind in (*TOKENS, What.REFUSED, What.UNKNOWN) else f" ({by_brand(rows)})"
    is_open = kind in DANGEROUS
    before = (
        f"**{_prose(title + brands)}**\n"
        if is_open
        else f"<details><summary>{_html(title + brands)}</summary>\n"
    )
    lines, size, shown_rows = [before, *_head(rows, plan)], 0, 0
    size = sum(len(line) + 1 for line in lines) + len("</details>\n")
    for line in _lines(rows, plan):
        if size + len(line) + 1 > most:
            break
        lines.append(line)
        size += len(line) + 1
        shown_rows += 1
    if shown_rows < len(rows):
        if not shown_rows:
            lines = [before]
        lines += ["", f"{len(rows) - shown_rows:,} more rows are left out."]
    return "\n".join([*lines, "" if is_open else "\n</details>", ""])


def _head(rows: Sequence[Row], plan: Plan) -> list[str]:
    names = ["VIN", "brand", "status", "resource", "why"]
    cells = [name for name, used in zip(names, _used(rows, plan), strict=True) if used]
    return [f"| {' | '.join(cells)} |", f"|{' --- |' * len(cells)}"]


def _lines(rows: Sequence[Row], plan: Plan) -> Iterator[str]:
    used = _used(rows, plan)
    for row in rows:
        cells = [
            _code(row.vin),
            _prose(row.brand),
            _prose(since(row)),
            _code(place(row)),
            _prose(why(row, plan)),
        ]
        yield f"| {' | '.join(cell for cell, is_used in zip(cells, used, strict=True) if is_used)} |"


def _used(rows: Sequence[Row], plan: Plan) -> list[bool]:
    return [
        any(row.vin for row in rows),
        any(row.brand for row in rows),
        any(row.status for row in rows),
        any(row.urn or row.to for row in rows),
        any(why(row, plan) for row in rows),
    ]


def _html(text: str) -> str:
    """Text from outside that stays what it is: every letter that could mean something is written by its number."""
    return _numbered(visible(text, _LONGEST))


def _code(text: str) -> str:
    """In the letters of code no mention is looked for."""
    return f"<code>{_html(text)}</code>" if text else ""


def _prose(text: str) -> str:
    """As `_html`; a mention of a person or an issue is taken apart."""
    return _numbered(_MENTION.sub(_APART, visible(text, _LONGEST)))


def _numbered(text: str) -> str:
    return _NOT_PLAIN.sub(lambda found: f"&#{ord(found[0])};", text)
