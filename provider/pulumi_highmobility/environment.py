"""Variables of the environment that look like ours and are not: a typing error must not reach production."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping

from .errors import ConfigError
from .text import visible

PREFIX = "HIGHMOBILITY_"
# Variables that are no settings of the provider: of the webhook receiver, of the emulator, of this repository's scripts.
WEBHOOK_SECRET = "HIGHMOBILITY_WEBHOOK_SECRET"  # noqa: S105 - the variable's name
OTHERS = (
    WEBHOOK_SECRET,
    "HIGHMOBILITY_EMULATOR_PORT",
    "HIGHMOBILITY_ENGINE_DIR",
    "HIGHMOBILITY_ENGINE_INSTALLER",
)
_FILE = "_FILE"
# Kubernetes tells every container of each service in its namespace: of one named "highmobility-webhook" by
# HIGHMOBILITY_WEBHOOK_SERVICE_HOST, HIGHMOBILITY_WEBHOOK_PORT_8490_TCP_ADDR and others.
_OF_KUBERNETES = re.compile(
    r"HIGHMOBILITY(_[A-Z0-9]+)*"
    r"_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9]+)*|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)


def refuse_unknown_variables(environ: Mapping[str, str], settings: Collection[str]) -> None:
    """
    Refuse a variable that was meant to be one of `settings` and is not; an empty one counts as not set.

    Raises: ConfigError, naming the nearest right one. Values are not shown: they may be secrets.
    """
    known = {*settings, *OTHERS}
    by_letters = {_letters(name): name for name in known}
    for name in sorted(environ):
        if name in known or not environ[name].strip():
            continue
        letters = _letters(name)
        # Of other prefixes, such as HIGH_MOBILITY_, only what is one of ours by its letters: the rest is another program's.
        if not name.upper().startswith(PREFIX) and letters not in by_letters:
            continue
        if not _OF_KUBERNETES.fullmatch(name):
            raise ConfigError(
                f'The environment has an unknown variable "{visible(name, 100)}". Nothing was done. '
                f"{_advice(name, known, by_letters.get(letters))}"
            )


def _advice(name: str, known: Collection[str], same: str | None) -> str:
    bare = name.upper().removesuffix(_FILE)
    if bare != name.upper() and bare in known:
        return (
            f"{bare} has no variable for a file: give its text, as in "
            f'`export {bare}="$(cat FILE)"`, and unset {visible(name, 100)}.'
        )
    # The prefix that all have in common would make every name look near.
    tails = {other.removeprefix(PREFIX): other for other in known}
    tail = name.upper().removeprefix(PREFIX)
    near = difflib.get_close_matches(tail, tails, n=1) or [other for other in tails if tail in other][:2]
    meant = same or (tails[near[0]] if len(near) == 1 else None)
    if meant:
        return f"Did you mean {meant}? Rename it, or unset it."
    return f"Unset it. The variables are: {', '.join(sorted(known))}."


def _letters(name: str) -> str:
    return "".join(letter for letter in name.upper() if letter.isalnum())
