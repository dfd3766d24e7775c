"""Quantities with the number representation of apimachinery's resource.Quantity.

The amount alone is not enough: asInteger() and isInteger() fail for what is held with a negative
scale (``1000m``) or as a big decimal, whatever the amount.
"""

import re
from typing import ClassVar

from app.core.cel.common.errors import EvalError, check_readable
from app.core.cel.common.kept import kept_if_short
from app.core.cel.values.values import INT_MAX, INT_MIN

_PATTERN = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[+-]?[0-9]*)\Z", re.ASCII)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_USUAL = re.compile(r"([1-9][0-9]{0,17})([numkMGTPE]|[KMGTPE]i)\Z", re.ASCII)
_NANO, _NANOS = -9, 10**9
_FAST_DIGITS = 18
# Scale, factor, and the digits that are held in 64 bits without rounding (see ``_fast``).
_UNITS = {suffix: (scale, 1, _FAST_DIGITS) for suffix, scale in _DECIMAL.items()} | {
    suffix: (0, 2**power, 14 - power * 3 // 10) for suffix, power in _BINARY.items()
}
# Beyond this, numbers are compared by their exponents; Go would fill its memory with zeros.
_LARGE_EXPONENT = 5000
_DIGITS_A_BIT, _RANKED_DIGITS = 0.30103, 60
_BINARY_DIGITS = 20  # of the largest binary suffix
_CHUNK = 4000


class QuantityValue:
    """``value`` times ten to the ``scale``; ``big`` where Go holds it as a decimal of any size.

    ``like`` is the text that it was read from, or that a sum (``pointer``) is printed like.
    """

    __slots__ = ("big", "like", "nanos", "pointer", "scale", "value")
    type_name: ClassVar[str] = "kubernetes.Quantity"

    def __init__(
        self, value: int, scale: int, *, big: bool = False, pointer: bool = False, like: str = ""
    ) -> None:
        self.value = value
        self.scale = scale
        self.big = big
        self.pointer = pointer
        self.like = like
        self.nanos = value * _NANOS if scale == 0 else _nanos(value, scale)

    def equals(self, other: "QuantityValue") -> bool:
        """Same amount."""
        return self.nanos == other.nanos

    def compare(self, other: "QuantityValue") -> int:
        """-1, 0 or 1."""
        return -1 if self.nanos < other.nanos else int(self.nanos > other.nanos)

    def sign(self) -> int:
        """-1, 0 or 1."""
        return -1 if self.value < 0 else int(self.value > 0)

    def as_int(self) -> int | None:
        """The amount as an int, where Quantity.AsInt64 gives one."""
        if self.scale == 0 and not self.big:
            return self.value  # it is held in 64 bits
        if self.big or self.scale < 0:
            return None
        if self.value != 0 and self.scale > _FAST_DIGITS:
            return None
        whole: int = self.value * 10**self.scale if self.value else 0
        return whole if INT_MIN <= whole <= INT_MAX else None

    def as_float(self) -> float:
        """Quantity.AsApproximateFloat64: the digits as a double, times a power of ten."""
        try:
            base = float(self.value)
        except OverflowError:
            base = float("inf") if self.value > 0 else float("-inf")
        if self.scale == 0:
            return base
        power = float(f"1e{self.scale}") if self.scale < 400 else float("inf")
        return base * power

    def plus(self, other: "QuantityValue", sign: int = 1, *, exact: bool = False) -> "QuantityValue":
        """The sum, or with sign -1 the difference.

        ``exact``: with the smallest number of 64 bits too, as int64Amount.Sub has it since Kubernetes 1.38.
        """
        like = self.like if self.value else other.like
        if not self.big and not other.big and not (exact and sign < 0 and other.value == INT_MIN):
            # int64Amount.Sub negates in 64 bits: the smallest number stays what it is.
            value = other.value * sign
            small = self._small_sum(INT_MIN if value > INT_MAX else value, other.scale, like)
            if small is not None:
                return small
        scale = min(self.scale, other.scale)
        if max(self.scale, other.scale) - scale > _LARGE_EXPONENT:
            raise EvalError("the quantities are too far apart to add")
        value = self.value * 10 ** (self.scale - scale) + sign * other.value * 10 ** (other.scale - scale)
        return QuantityValue(value, scale, big=True, pointer=True, like=like)

    def _small_sum(self, value: int, scale: int, like: str) -> "QuantityValue | None":
        """int64Amount.Add: None where the sum needs more than 64 bits."""
        if value == 0:
            return QuantityValue(self.value, self.scale, pointer=True, like=like)
        if self.value == 0:
            return QuantityValue(value, scale, pointer=True, like=like)
        low = min(self.scale, scale)
        if max(self.scale, scale) - low > _FAST_DIGITS:
            return None
        ours, theirs = self.value * 10 ** (self.scale - low), value * 10 ** (scale - low)
        fits = all(INT_MIN <= part <= INT_MAX for part in (ours, theirs, ours + theirs))
        return QuantityValue(ours + theirs, low, pointer=True, like=like) if fits else None


def _nanos(value: int, scale: int) -> int:
    """The amount in nano units; of numbers without end only the order is right."""
    shift = scale - _NANO
    if value == 0:
        return 0
    if shift > _LARGE_EXPONENT:
        rank = _rank(abs(value), shift)
        return rank if value > 0 else -rank
    if shift >= 0:
        return int(value * 10**shift)
    step: int = 10**-shift
    return -(-value // step) if value > 0 else value // step


def _rank(value: int, shift: int) -> int:
    """A number in the order of the amounts: by the power of ten, then by the first digits."""
    digits = int(value.bit_length() * _DIGITS_A_BIT)
    digits += 10**digits <= value
    places = _RANKED_DIGITS - digits
    first = value * 10**places if places >= 0 else value // 10**-places
    return int(10**_LARGE_EXPONENT * (shift + digits) * 10**_RANKED_DIGITS + first)


def parse_quantity(text: str) -> QuantityValue:
    """Reads a quantity as resource.ParseQuantity does.

    Raises:
        EvalError: the text is none.
    """
    if len(text) <= _FAST_DIGITS and text.isdigit() and text.isascii():
        return QuantityValue(int(text), 0, like=text)
    value, scale, big = parse_amount(text)
    return QuantityValue(value, scale, big=big, like=text)


def parse_amount(text: str) -> tuple[int, int, bool]:
    """As ``parse_quantity``: the parts of a quantity. Texts that are not usual are read once."""
    if len(text) <= _FAST_DIGITS and text.isdigit() and text.isascii():
        return int(text), 0, False
    usual = _USUAL.match(text)
    if usual is not None:
        scale, factor, digits = _UNITS[usual[2]]
        if len(usual[1]) <= digits:
            return int(usual[1]) * factor, scale, False
    check_readable(text, "quantity")
    return _parsed(text)


@kept_if_short(4096)
def _parsed(text: str) -> tuple[int, int, bool]:
    match = _PATTERN.match(text)
    if match is None or text == "":
        raise EvalError(
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
        )
    sign, whole, fraction, suffix = match[1], match[2].lstrip("0"), match[3] or "", match[4]
    digits = (whole or "0") + fraction
    binary = suffix in _BINARY
    exponent = _BINARY[suffix] if binary else _decimal_exponent(suffix)
    fast = _fast(digits, whole or "0", fraction, exponent, binary=binary)
    if fast is not None:
        return -fast[0] if sign == "-" else fast[0], fast[1], False
    if match[2] == "" and fraction == "":
        raise EvalError("unable to parse numeric part of quantity")
    value, scale = _big(digits, len(fraction), exponent, binary=binary)
    return -value if sign == "-" else value, scale, True


def _decimal_exponent(suffix: str) -> int:
    if suffix in _DECIMAL:
        return _DECIMAL[suffix]
    if suffix[0] in "eE" and re.fullmatch(r"[+-]?[0-9]+", suffix[1:], re.ASCII):
        parsed = int(suffix[1:]) if len(suffix) < 30 else INT_MAX + 1
        if INT_MIN <= parsed <= INT_MAX:
            return (parsed + 2**31) % 2**32 - 2**31  # Go narrows it to 32 bits
    raise EvalError("unable to parse quantity's suffix")


def _fast(digits: str, whole: str, fraction: str, exponent: int, *, binary: bool) -> tuple[int, int] | None:
    """Value and scale of what fits int64Amount without rounding."""
    if not binary:
        precision, scale, factor = _FAST_DIGITS - len(whole) - len(fraction), exponent, 1
    elif not fraction:
        precision, scale, factor = 15 - len(whole) - int(exponent * 3 / 10) - 1, 0, 2**exponent
    else:
        return None
    scale -= len(fraction)
    if precision < 0 or scale < _NANO:
        return None
    value = int(digits) * factor
    return (value, scale) if value <= INT_MAX else None


def _big(digits: str, places: int, exponent: int, *, binary: bool) -> tuple[int, int]:
    """Value and scale of what does not."""
    unscaled = _whole_number(digits)
    if unscaled == 0:
        return 0, 0
    if binary:
        unscaled *= 2**exponent
    else:
        places -= exponent
    if places < -_LARGE_EXPONENT:
        return unscaled, -places
    # Rounded to whole nano units, away from zero.
    shift = -_NANO - places
    nanos = unscaled * 10**shift if shift >= 0 else _ceiling(unscaled, -shift, len(digits))
    if binary and nanos > INT_MAX * 10**9:
        return INT_MAX, 0
    return nanos, _NANO


def _ceiling(value: int, power: int, digits: int) -> int:
    if power > digits + _BINARY_DIGITS:
        return 1
    step: int = 10**power
    return -(-value // step)


def _whole_number(digits: str) -> int:
    """The number that decimal digits stand for; Python reads no more than 4,300 of them at once."""
    if len(digits) <= _CHUNK:
        return int(digits)
    middle = len(digits) // 2
    power: int = 10 ** (len(digits) - middle)
    return _whole_number(digits[:middle]) * power + _whole_number(digits[middle:])
