"""The form of a vehicle identification number."""

from __future__ import annotations

import unicodedata

from .wording import describe

# ISO 3779; the platform: "vin should be 17 character(s)" (OpenAPI, hm-fleet-clearance-v1).
LENGTH = 17
# ISO 3779 leaves these out, because they are taken for digits.
NOT_IN_A_VIN = frozenset("IOQ")
_MEANT = {"I": "1", "O": "0", "Q": "0"}


class InvalidVin(ValueError):
    """A text that cannot be a VIN; the message says what is wrong, where, and what to do."""


def parse_vin(text: str) -> str:
    """
    The VIN in the form in which the platform keeps it: 17 characters, upper case.

    Blanks around it and lower case are forgiven. Raises: InvalidVin.
    """
    # Position 9 is a check digit in North America only: European makers put other things there, so
    # it is not checked.
    given = text.strip()
    if len(given) == LENGTH and given.isascii() and given.isalnum():
        vin = given.upper()
        if NOT_IN_A_VIN.isdisjoint(vin):
            return vin
    raise InvalidVin(_what_is_wrong(given))


def _what_is_wrong(text: str) -> str:
    if not text:
        return f"The VIN is empty: give the {LENGTH} characters of the registration document."
    flaws = []
    wrong = next((place for place, letter in enumerate(text) if not _may_stand(letter)), None)
    if wrong is not None:
        flaws.append(f"character {wrong + 1} is {_name(text[wrong])}")
    if len(text) != LENGTH:
        flaws.append(f"it has {len(text)} character{'' if len(text) == 1 else 's'}, a VIN has {LENGTH}")
    return f"{describe(text)} is not a valid VIN: {', and '.join(flaws)}. {_advice(text)}"


def _may_stand(letter: str) -> bool:
    return letter.isascii() and letter.isalnum() and letter.upper() not in NOT_IN_A_VIN


def _name(letter: str) -> str:
    if letter.upper() in NOT_IN_A_VIN:
        return f"the letter {letter}, which VINs do not use"
    if letter == " ":
        return "a space"
    if letter.isascii() and letter.isprintable():
        return f'"{letter}", neither a letter nor a digit'
    name = unicodedata.name(letter, "a control character")
    return f"U+{ord(letter):04X} ({name}), not one of A-Z and 0-9"


def _advice(text: str) -> str:
    meant = "".join(_MEANT.get(letter.upper(), letter) for letter in text if letter.isalnum())
    if len(meant) == LENGTH and all(map(_may_stand, meant)):
        return f"Did you mean {describe(meant.upper())}?"
    return f"Copy its {LENGTH} letters and digits again from the registration document."
