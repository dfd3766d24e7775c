"""What a client prefers, in Accept and Accept-Encoding (RFC 9110, section 12.4.2)."""

import re
from collections.abc import Iterable

_MOST = 50
"""Names that are read, and parameters of each: browsers send ten."""


def weights_in(values: Iterable[str]) -> dict[str, float]:
    """The weight of each name in all values of a header, from 0 to 1; 0 for one that cannot be read.

    What comes after the first 50 names counts as not there.
    """
    found: dict[str, float] = {}
    for item in ",".join(values).split(",", _MOST)[:_MOST]:
        name, *parameters = (part.strip().lower() for part in item.split(";", _MOST)[:_MOST])
        found.setdefault(name, _weight(parameters))
    return found


def _weight(parameters: Iterable[str]) -> float:
    given = next((text[2:] for text in parameters if text.startswith("q=")), "1")
    return float(given) if re.fullmatch(r"[01](\.[0-9]{0,3})?", given) else 0.0
