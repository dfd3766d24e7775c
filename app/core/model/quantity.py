"""Kubernetes quantities, exact.

The rules are those of apimachinery's resource.Quantity: a decimal number with a decimal SI,
binary SI or decimal exponent suffix, no finer than a nano unit. A value is kept as a whole
number of nano units, so that arithmetic and comparison are exact integer operations.
"""

import re
from dataclasses import dataclass
from typing import Literal

from app.core.model.errors import json_kind

Format = Literal["DecimalSI", "BinarySI", "DecimalExponent"]

NANOS = 10**9
_MAX_BINARY = (2**63 - 1) * NANOS  # apimachinery caps binary quantities at the largest int64
_MAX_EXPONENT = 100  # far above any int64; keeps "1e999999999" from being multiplied out
_MAX_LENGTH = 1000  # likewise for digits, which cost the square of their number to read
_PATTERN = re.compile(r"([+-]?)([0-9]*+)(?:\.([0-9]*+))?([eEinumkKMGTP]*[+-]?[0-9]*)\Z")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL_SUFFIX = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_BINARY_SUFFIX = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


class QuantityError(ValueError):
    """A text that is not a Kubernetes quantity."""


@dataclass(frozen=True, slots=True, eq=False)
class Quantity:
    """An exact amount: ``nanos`` billionths of the unit, and the suffix family to print it with.

    Order and equality depend only on the amount, as Quantity.Cmp does: 1Ki equals 1024. ``text`` is what
    was parsed, or the canonical form of a computed amount.
    """

    nanos: int
    format: Format = "DecimalSI"
    text: str = ""

    def __post_init__(self) -> None:
        if not self.text:
            object.__setattr__(self, "text", canonical(self.nanos, self.format))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and self.nanos == other.nanos

    def __lt__(self, other: "Quantity") -> bool:
        return self.nanos < other.nanos

    def __le__(self, other: "Quantity") -> bool:
        return self.nanos <= other.nanos

    def __gt__(self, other: "Quantity") -> bool:
        return self.nanos > other.nanos

    def __ge__(self, other: "Quantity") -> bool:
        return self.nanos >= other.nanos

    def __hash__(self) -> int:
        return hash(self.nanos)

    def __str__(self) -> str:
        return canonical(self.nanos, self.format)

    def plus(self, nanos: int) -> "Quantity":
        """The amount plus ``nanos``, in the same suffix family."""
        return Quantity(self.nanos + nanos, self.format)


def parse_quantity(value: object) -> Quantity:
    """Reads a quantity as JSON has it: a string, or a plain number.

    Raises: QuantityError: the text is not a quantity, as in ParseQuantity of apimachinery. Unlike there,
    exponents beyond 100 and thousands of digits are refused.
    """
    text = _text(value)
    match = _PATTERN.match(text)
    if match is None or text == "":
        raise QuantityError(f"{text!r} is not a quantity like 500m, 4 or 40Gi")
    sign, whole, fraction, suffix = match.group(1), match.group(2), match.group(3) or "", match.group(4)
    power, binary, form = _read_suffix(text, suffix)
    digits = whole + fraction
    # apimachinery takes "Ki", "." and "-" for zero, but only where its int64 path is enough.
    if not digits and (suffix in ("Pi", "Ei") or power < -9):
        raise QuantityError(f"{text!r} is not a quantity: it has no digits")
    nanos = _scaled(int(digits or "0"), len(fraction), power, binary=binary)
    if binary:
        nanos = min(nanos, _MAX_BINARY)
        if 0 < nanos < NANOS:
            form = "DecimalSI"
    return Quantity(-nanos if sign == "-" else nanos, form, text)


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise QuantityError(f"must be a quantity (string or number), not {json_kind(value)}")
    # Checked before it is printed: Python refuses to print longer numbers.
    if isinstance(value, int) and value.bit_length() > _MAX_LENGTH:
        raise QuantityError(f"a number of {value.bit_length()} bits is not a quantity")
    text = value if isinstance(value, str) else repr(value)
    if len(text) > _MAX_LENGTH:
        raise QuantityError(f"a text of {len(text)} characters is not a quantity")
    return text


def _read_suffix(text: str, suffix: str) -> tuple[int, bool, Format]:
    if suffix in _DECIMAL:
        return _DECIMAL[suffix], False, "DecimalSI"
    if suffix in _BINARY:
        return _BINARY[suffix], True, "BinarySI"
    if suffix[0] in "eE" and re.fullmatch(r"[+-]?[0-9]+", suffix[1:]):
        exponent = int(suffix[1:]) if len(suffix) < 12 else _MAX_EXPONENT + 1
        if abs(exponent) > _MAX_EXPONENT:
            raise QuantityError(f"{text!r} is not a quantity: the exponent is out of range")
        return exponent, False, "DecimalExponent"
    raise QuantityError(f"{text!r} is not a quantity: unknown suffix {suffix!r}")


def _scaled(digits: int, places: int, power: int, *, binary: bool) -> int:
    """digits / 10**places times the suffix, in nano units; a remainder below one nano rounds up."""
    factor: int = 2**power if binary else 10 ** max(power, 0)
    divisor: int = 10**places if binary else 10 ** (places + max(-power, 0))
    return -(-digits * NANOS * factor // divisor)


def canonical(nanos: int, form: Format) -> str:
    """The shortest exact text: no fraction, the largest suffix that leaves a whole number."""
    if nanos == 0:
        return "0"
    whole, rest = divmod(abs(nanos), NANOS)
    if form == "BinarySI" and rest == 0 and whole >= 1024:
        power = 0
        while whole % 1024 == 0 and power < len(_BINARY_SUFFIX) - 1:
            whole //= 1024
            power += 1
        return f"{'-' if nanos < 0 else ''}{whole}{_BINARY_SUFFIX[power]}"
    return _canonical_decimal(nanos, form)


def _canonical_decimal(nanos: int, form: Format) -> str:
    digits, exponent = abs(nanos), -9
    while digits % 1000 == 0 and (form == "DecimalExponent" or exponent < 18):
        digits //= 1000
        exponent += 3
    sign = "-" if nanos < 0 else ""
    if form == "DecimalExponent":
        return f"{sign}{digits}" + (f"e{exponent}" if exponent else "")
    return f"{sign}{digits}{_DECIMAL_SUFFIX[exponent]}"
