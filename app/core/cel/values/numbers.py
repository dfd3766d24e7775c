"""Numbers as text and back, as Go's strconv and fmt do it."""

import re
from typing import Any

from app.core.cel.common.errors import EvalError
from app.core.cel.values.values import INT_MAX, INT_MIN, UINT_MAX, UInt

_INT = re.compile(r"[+-]?[0-9]+\Z", re.ASCII)
_UINT = re.compile(r"[0-9]+\Z", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z", re.ASCII)
_HEX = re.compile(r"([+-]?)0[xX]((?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?[0-9]+)\Z", re.ASCII)
# An underscore stands between digits, or after 0x.
_UNDERSCORES = re.compile(
    r"[+-]?(?:0[xX](?:_?[0-9a-fA-F])*(?:\.[0-9a-fA-F](?:_?[0-9a-fA-F])*)?[pP][+-]?[0-9](?:_?[0-9])*"
    r"|(?:[0-9](?:_?[0-9])*)?\.?(?:[0-9](?:_?[0-9])*)?(?:[eE][+-]?[0-9](?:_?[0-9])*)?)\Z",
    re.ASCII,
)
_SPECIAL = {"inf": "inf", "infinity": "inf", "nan": "nan"}
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_WRITTEN_OUT = 1e-4  # from here on, Python writes no exponents
_FEW_DIGITS = 18  # always within 64 bits


def _conversion(source: str, target: str) -> EvalError:
    return EvalError(f"type conversion error from '{source}' to '{target}'")


def parse_int(text: str) -> int:
    """int(string): decimal digits with an optional sign, within 64 bits."""
    if len(text) <= _FEW_DIGITS and text.isascii() and text.isdigit():
        return int(text)
    if _INT.match(text):
        digits = text.lstrip("+-").lstrip("0") or "0"
        if len(digits) <= 19:
            value = -int(digits) if text[0] == "-" else int(digits)
            if INT_MIN <= value <= INT_MAX:
                return value
    raise _conversion("string", "int")


def parse_uint(text: str) -> UInt:
    """uint(string): decimal digits, within 64 bits."""
    if _UINT.match(text):
        digits = text.lstrip("0") or "0"
        if len(digits) <= 20 and int(digits) <= UINT_MAX:
            return UInt(int(digits))
    raise _conversion("string", "uint")


def parse_double(text: str) -> float:
    """double(string): what strconv.ParseFloat takes; out of range is an error."""
    if len(text) <= _FEW_DIGITS and text.isascii() and text.isdigit():
        return float(text)
    if "_" in text:
        if not _UNDERSCORES.match(text):
            raise _conversion("string", "double")
        text = text.replace("_", "")
    sign, unsigned = (text[0], text[1:]) if text[:1] in ("+", "-") else ("", text)
    special = _SPECIAL.get(unsigned.lower())
    if special is not None and not (special == "nan" and sign):
        return float(sign + special)
    value: float | None = None
    if _DECIMAL.match(text):
        value = float(text)
    elif _HEX.match(text):
        try:
            value = float.fromhex(text)
        except OverflowError:
            value = float("inf")
    if value is None or value in (float("inf"), float("-inf")):
        raise _conversion("string", "double")
    return value


def parse_bool(text: str) -> bool:
    """bool(string): strconv.ParseBool."""
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise _conversion("string", "bool")


def double_to_int(value: float) -> int:
    """int(double): towards zero."""
    if -(2.0**63) < value < 2.0**63:
        return int(value)
    raise EvalError("integer overflow")


def double_to_uint(value: float) -> UInt:
    """uint(double): towards zero."""
    if 0.0 <= value < 2.0**64:
        return UInt(int(value))
    raise EvalError("unsigned integer overflow")


def shortest_digits(value: float) -> tuple[str, int]:
    """The shortest decimal digits that read back as the value, and the place of the point."""
    mantissa, _, exponent = f"{value!r}".lstrip("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0)
    point -= len(whole + fraction) - len(digits)
    digits = digits.rstrip("0")
    return digits or "0", point if digits else 1


def format_general(value: float) -> str:
    """``%g`` with the shortest digits: exponents below -4 and from 6 on are written out."""
    if _WRITTEN_OUT <= value < 10**6:
        return repr(value).removesuffix(".0")
    special = _special(value)
    if special is not None:
        return special
    sign = "-" if str(value)[0] == "-" else ""
    digits, point = shortest_digits(value)
    if -4 <= point - 1 < 6:
        return sign + _fixed(digits, point)
    return f"{sign}{digits[0]}{'.' + digits[1:] if len(digits) > 1 else ''}e{_exponent(point - 1)}"


def format_shortest(value: float) -> str:
    """strconv.FormatFloat(value, 'f', -1, 64)."""
    special = _special(value)
    if special is not None:
        return special
    digits, point = shortest_digits(value)
    return ("-" if str(value)[0] == "-" else "") + _fixed(digits, point)


def _special(value: Any) -> str | None:
    if value != value:  # noqa: PLR0124 - NaN
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return None


def _fixed(digits: str, point: int) -> str:
    if point <= 0:
        return "0." + "0" * -point + digits if digits != "0" else "0"
    if len(digits) <= point:
        return digits + "0" * (point - len(digits))
    return f"{digits[:point]}.{digits[point:]}"


def _exponent(value: int) -> str:
    return f"{'-' if value < 0 else '+'}{abs(value):02d}"


def quote(text: str) -> str:
    """Go's %q of a string."""
    out = []
    for char in text:
        code = ord(char)
        if char in _QUOTED:
            out.append(_QUOTED[char])
        elif char.isprintable() or char == " ":
            out.append(char)
        elif code < 0x80:
            out.append(f"\\x{code:02x}")
        elif 0xDC80 <= code <= 0xDCFF:
            out.append(f"\\x{code - 0xDC00:02x}")
        else:
            out.append(f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
    return '"' + "".join(out) + '"'


_QUOTED = {
    '"': '\\"', "\\": "\\\\", "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t",
    "\v": "\\v",
}  # fmt: skip
