"""The form of a Vehicle Identification Number."""

from __future__ import annotations

LENGTH = 17
# ISO 3779 leaves out the letters that are easily taken for 1 and 0. There is no check of the ninth
# character as a check digit: only North American VINs keep it.
LETTERS = frozenset("ABCDEFGHJKLMNPRSTUVWXYZ0123456789")


class InvalidVin(ValueError):
    """A text that cannot be a VIN."""


def parse_vin(text: str) -> str:
    """
    The VIN in upper case, without surrounding white space.

    Raises: InvalidVin, naming the character or the length that is wrong.
    """
    vin = text.strip().upper()
    for position, character in enumerate(vin, start=1):
        if character not in LETTERS:
            why = {
                "I": "; a VIN has no I, it may be a 1",
                "O": "; a VIN has no O, it may be a 0",
                "Q": "; a VIN has no Q",
            }
            raise InvalidVin(
                f'"{text}" has "{character}" at position {position}{why.get(character, "")}. '
                "A VIN is 17 of the letters A-Z without I, O, Q and the digits."
            )
    if len(vin) != LENGTH:
        raise InvalidVin(
            f'"{text}" has {len(vin)} characters, a VIN has {LENGTH}. Check it against the registration.'
        )
    return vin
