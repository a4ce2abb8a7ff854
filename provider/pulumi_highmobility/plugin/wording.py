"""Messages of the rules in the words of a user of the plugin: `retryRevoked: true` where a Python program has `retry_revoked=True`."""

from __future__ import annotations

import re

from ..operations.schema import SCHEMAS
from ..spelling import camel

_ARGUMENTS = {one.name for schema in SCHEMAS.values() for one in (*schema, *schema.views, *schema.arguments)}
_ARGUMENTS |= {"vehicle"}
_NAMES = "|".join(sorted(map(re.escape, _ARGUMENTS), key=len, reverse=True))
# In quotes stands what users and the platform write: only a name that we propose is ours there.
_FOUND = re.compile(
    rf"""(?P<proposed>Did\ you\ mean\ "(?:{_NAMES})")
    | (?P<quoted>"[^"]*")
    | \b(?P<given>{_NAMES})=(?P<value>True|False|"[^"]*"|[\d.]+\d|\d)
    | \b(?P<argument>{_NAMES})=(?![\w"])
    | \b(?P<name>{"|".join(sorted((one for one in _ARGUMENTS if "_" in one), key=len, reverse=True))})\b
    | \bTrue\ or\ False\b""",
    re.VERBOSE,
)


def in_plugin_words(text: str) -> str:
    """The text with our names of properties as the plugin has them, and with their values as JSON has them."""
    return _FOUND.sub(_respelled, text)


def _respelled(found: re.Match[str]) -> str:
    if found["quoted"]:
        return found["quoted"]
    if found["given"]:
        value = found["value"]
        return f"{camel(found['given'])}: {value.lower() if value in ('True', 'False') else value}"
    if found["argument"]:
        return camel(found["argument"])
    if found["proposed"] or found["name"]:
        return camel(found[0])
    return "true or false"


def property_path(path: str) -> str:
    """The path of a property as the program has it; the keys of `tags` and `keepers` are the user's."""
    head, separator, rest = path.partition(".")
    if head in ("tags", "keepers") or re.match(r"(tags|keepers)\[", head):
        return path
    return f"{camel(head)}{separator}{property_path(rest)}" if separator else camel(head)
