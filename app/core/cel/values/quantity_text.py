"""The text of a quantity, as apimachinery's resource.Quantity prints it (quantity.go, amount.go, suffix.go).

It is the text that the quantity was read from where that is canonical enough, else digits with the largest
suffix of the same sort that leaves no fraction.
"""

import re

from app.core.cel.values.quantities import QuantityValue

_PARTS = re.compile(r"[+-]?([0-9]*)(?:\.([0-9]*))?(.*)\Z", re.DOTALL)
_DECIMAL = {-9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E"}
_BINARY = {0: "", 1: "Ki", 2: "Mi", 3: "Gi", 4: "Ti", 5: "Pi", 6: "Ei"}
_KIBI = 1024
# Scale of a suffix; that of others is of no use here, or is a multiple of three.
_EXPONENT = re.compile(r"[eE]([+-]?[0-9]+)\Z")


def quantity_text(quantity: QuantityValue) -> str:
    """Quantity.String. O(digits)."""
    whole, fraction, suffix = _parts(quantity.like)
    if not quantity.pointer and not quantity.big and _is_canonical(quantity, whole, fraction, suffix):
        return quantity.like
    if quantity.value == 0:
        return "0"
    if suffix.endswith("i"):
        number = _integer(quantity)
        if number is not None and abs(number) >= _KIBI:
            return _with_suffix(number, _KIBI, _BINARY)
    amount, exponent = _thousands(quantity)
    if _EXPONENT.match(suffix):
        return f"{amount}e{exponent}" if exponent else str(amount)
    return f"{amount}{_DECIMAL.get(exponent, '')}"


def _parts(text: str) -> tuple[str, str, str]:
    found = _PARTS.match(text)
    if found is None:
        raise AssertionError(text)
    return found[1].lstrip("0") or "0", found[2] or "", found[3]


def _is_canonical(quantity: QuantityValue, whole: str, fraction: str, suffix: str) -> bool:
    """Whether ParseQuantity keeps the text."""
    digits = whole + fraction
    if quantity.like == "0":
        return True
    if suffix.endswith("i"):
        return int(digits) & 7 != 0
    return quantity.scale % 3 == 0 and not digits.endswith("000") and digits[0] != "0"


def _integer(quantity: QuantityValue) -> int | None:
    """The amount, if it is whole."""
    if quantity.scale >= 0:
        return int(quantity.value * 10**quantity.scale)
    number, rest = divmod(quantity.value, 10**-quantity.scale)
    return None if rest else int(number)


def _with_suffix(number: int, base: int, suffixes: dict[int, str]) -> str:
    power = 0
    while number % base == 0:
        number, power = number // base, power + 1
    return f"{number}{suffixes.get(power, '')}"


def _thousands(quantity: QuantityValue) -> tuple[int, int]:
    """The amount without zeros at its end, times ten to a multiple of three."""
    amount, exponent = quantity.value, quantity.scale
    while amount % 10 == 0:
        amount, exponent = amount // 10, exponent + 1
    more = exponent % 3
    return amount * 10**more, exponent - more
