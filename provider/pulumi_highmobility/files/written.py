"""Scalars of a document by what stands in the file, since what a parser makes of it may be something else."""

from __future__ import annotations

import re
from typing import NamedTuple

from ..vehicle.wording import describe

# Digits alone; a spreadsheet's export may add ".0". Of "110.000" nobody knows whether the point ends the thousands.
_READING = re.compile(r"-?(0|[1-9][0-9]*)(\.0{1,2})?")
# An odometer of more digits is a slip, and Python refuses to read thousands of them.
MOST_DIGITS = 15


class Written(NamedTuple):
    """A scalar that is no text and not nothing: `text` stands in the file, and is taken for a `kind`."""

    text: str
    kind: str

    @property
    def reading(self) -> int | None:
        """It as an odometer's reading, None where it cannot be one without doubt."""
        if len(self.text) > MOST_DIGITS or not _READING.fullmatch(self.text):
            return None
        return int(self.text.partition(".")[0])

    @property
    def why_no_text(self) -> str:
        """What to say where a text is wanted."""
        shown = self.shown
        return f"{shown} is {self.kind}, not text: write it in quotes, {_in_quotes(shown)}."

    @property
    def why_no_reading(self) -> str:
        """What to say where a reading is wanted."""
        return f"{self.shown} is not a reading: write only digits, such as 110000."

    @property
    def shown(self) -> str:
        """It as it stands there, cut where it is long."""
        return self.text if len(self.text) <= 40 else f"{self.text[:40]}…"


def is_encodable(text: str) -> bool:
    """False for a text with half a surrogate pair: it can be neither sent nor kept."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def said(value: object) -> str:
    """What stands where a vehicle or an object should be."""
    if isinstance(value, Written):
        return f"the number {value.shown}" if value.kind == NUMBER else value.shown
    return describe(value)


NUMBER = "a number"
TRUTH = "true or false"
DATE = "a date"


def _in_quotes(text: str) -> str:
    return f'"{text}"'
