"""Telephone numbers as organisations write them and as trunks deliver them.

`14040`, `0402389111`, `+31402389111` and `0031402389111`: the last three are one number.
"""

from __future__ import annotations

import re

import phonenumbers

_KEPT = re.compile(r"[^0-9+]")


def normalise(number: str) -> str:
    """Return E.164 for a number that is valid in the Netherlands or abroad, else its bare digits.

    Args:
        number: Anything a trunk delivers; characters that are no digit or `+` are dropped.
    """
    bare = _KEPT.sub("", number)[:32]
    international = "+" + bare[2:] if bare.startswith("00") else bare
    try:
        parsed = phonenumbers.parse(international, "NL")
    except phonenumbers.NumberParseException:
        return bare
    if not phonenumbers.is_valid_number(parsed):
        return bare
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
