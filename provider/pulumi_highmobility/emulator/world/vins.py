"""How a VIN is known again, however its letters were written."""

from __future__ import annotations


def normal_vin(text: str) -> str:
    """Upper case, for ASCII alone: the upper case of other letters may be longer than they are."""
    return text.upper() if text.isascii() else text
