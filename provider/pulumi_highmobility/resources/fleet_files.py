"""The functions that read a fleet from a file, as a program calls them: what is wrong with the file is shown in words."""

from __future__ import annotations

from ..files import reading
from .mistakes import shown_in_words

vehicles_from_csv = shown_in_words(reading.vehicles_from_csv)
vehicles_from_json = shown_in_words(reading.vehicles_from_json)
vehicles_from_yaml = shown_in_words(reading.vehicles_from_yaml)
