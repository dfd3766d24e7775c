"""string.format(), as cel-go's ext/formatting.go does it (version 2 of the strings library)."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from app.core.cel.common.errors import EvalAbortError, EvalError
from app.core.cel.values import numbers, times
from app.core.cel.values.kinds import is_list, items, type_name
from app.core.cel.values.values import INT_MAX, CelMap, Duration, Timestamp, TypeValue, UInt
from app.core.pauses import in_order, paced, pause

_PRECISION = 6
_SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_TOO_LARGE = 10**6
_NO_VERB = "%!(NOVERB)"
_ALL_DECIMALS = 1100
_LIST_COST = 10
_AT_ONCE = 4096
MAX_TEXT = 10_000_000
"""Code points that replace() or format() may make: reading a text of this length costs the whole budget."""


class Clauses(Protocol):
    """What turns the argument of a clause into text, or checks its type."""

    def clause(self, verb: str, precision: int | None) -> str:
        """The text for the next argument."""


def interpolate(template: str, clauses: Clauses) -> str:
    """Replaces the clauses of a format string. O(length).

    Raises:
        EvalError: a clause that is none, or that ``clauses`` refuses.
    """
    out: list[str] = []
    at = 0
    while at < len(template):
        start = template.find("%", at)
        if start < 0:
            break
        out.append(template[at:start])
        if template[start + 1 : start + 2] == "%":
            out.append("%")
            at = start + 2
            continue
        precision, at = _precision(template, start + 1)
        verb = template[at : at + 1]
        at += 1
        pause()
        out.append(clauses.clause(verb, precision))
    out.append(template[at:])
    return "".join(out)


def _precision(template: str, at: int) -> tuple[int | None, int]:
    if template[at : at + 1] != ".":
        return None, at
    end = at + 1
    while template[end : end + 1] and template[end] in "0123456789":
        end += 1
    digits = template[at + 1 : end]
    if end >= len(template):
        raise EvalError("could not find end of precision specifier")
    if not digits or len(digits.lstrip("0")) > 19 or int(digits) > INT_MAX:
        raise EvalError("error while converting precision to integer")
    return int(digits), end


class Formatter:
    """Formats the arguments of one call."""

    def __init__(self, arguments: Sequence[Any]) -> None:
        self._arguments = arguments
        self._next = 0

    def clause(self, verb: str, precision: int | None) -> str:
        """The text of the next argument."""
        if self._next >= len(self._arguments):
            raise EvalError(f"index {self._next} out of range")
        value = self._arguments[self._next]
        self._next += 1
        write = VERBS.get(verb)
        if write is None:
            raise EvalError(f"unrecognized formatting clause {verb!r}")
        return write(value, precision)


def format_text(template: str, arguments: Any) -> str:
    """template.format(arguments)."""
    return interpolate(template, Formatter(items(arguments)))


def to_text(value: Any) -> str:
    """What ``%s`` writes."""
    kind = value.__class__
    if is_list(value):
        return _list_text(value)
    if isinstance(value, CelMap):
        return _map_text(value)
    if value is None:
        return "null"
    writer = _STRINGS.get(kind)
    if writer is None:
        raise EvalError(f"string clause cannot be used on {type_name(value)}")
    return writer(value)


def _bytes_text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise EvalError("invalid UTF-8 in bytes, cannot convert to string") from None


_STRINGS: dict[type, Callable[[Any], str]] = {
    str: str,
    bool: lambda value: "true" if value else "false",
    int: str,
    UInt: lambda value: str(value.value),
    float: numbers.format_general,
    bytes: _bytes_text,
    Duration: times.duration_text,
    Timestamp: times.timestamp_text,
    TypeValue: lambda value: str(value.name),
}


def _nested(value: Any) -> str:  # noqa: PLR0911 - one case for a kind of value
    """An element of a list or map."""
    kind = value.__class__
    if kind is str:
        return numbers.quote(value)
    if kind is bytes:
        return "b" + numbers.quote(_bytes_text(value))
    if kind is float:
        text = _go_fixed(value, _PRECISION)
        return f'"{text}"' if text[-1] in "fN" else text
    if kind is Timestamp:
        return f"timestamp({numbers.quote(times.timestamp_text(value))})"
    if kind is Duration:
        return f"duration({numbers.quote(times.duration_text(value))})"
    if kind is int or kind is UInt:
        return _decimal(value, None)
    return to_text(value)


def _list_text(value: Any) -> str:
    pause(_LIST_COST)
    return f"[{_joined(map(_nested, paced(items(value))))}]"


def _joined(parts: Iterable[str]) -> str:
    """A list in a list in a list that are one object are written out as often as they occur.

    Cost: O(length), and a pause after each ``_AT_ONCE`` parts: a list may have a million.

    Raises:
        EvalAbortError: the text gets longer than MAX_TEXT. cel-go exhausts the memory here.
    """
    pieces, some, length = list[str](), list[str](), 0
    for part in parts:
        some.append(part)
        length += len(part) + 2
        if length > MAX_TEXT:
            raise EvalAbortError(f"format() gives a text of more than {MAX_TEXT} characters")
        if len(some) == _AT_ONCE:
            pieces.append(", ".join(some))
            some.clear()
            pause()
    return ", ".join([*pieces, ", ".join(some)] if some else pieces)


def _map_text(value: CelMap) -> str:
    pairs = []
    for key, item in paced(value.pairs()):
        if key.__class__ not in (str, bool, int, UInt):
            raise EvalError(f"no formatting function for map key of type {type_name(key)}")
        text = _nested(key)
        pairs.append((text.encode("utf-8", "surrogateescape"), text, _nested(item)))
    return "{" + _joined(f"{key}:{item}" for _, key, item in in_order(pairs)) + "}"


def _text(value: Any, _precision: int | None) -> str:
    return to_text(value)


def _decimal(value: Any, _precision: int | None) -> str:
    if value.__class__ is int:
        return str(value)
    if value.__class__ is UInt:
        return str(value.value)
    raise EvalError(f"decimal clause can only be used on integers, was given {type_name(value)}")


def _double(value: Any, clause: str) -> float:
    if value.__class__ is float:
        return float(value)
    if value.__class__ is str and value in ("NaN", "Infinity", "-Infinity"):
        return numbers.parse_double(value)
    raise EvalError(f"{clause} clause can only be used on doubles, was given {type_name(value)}")


def _go_fixed(number: float, precision: int) -> str:
    if number != number:  # noqa: PLR0124 - NaN
        return "NaN"
    if number in (float("inf"), float("-inf")):
        return "+Inf" if number > 0 else "-Inf"
    return f"{number:.{precision}f}"


def _special(number: float) -> str | None:
    if number != number:  # noqa: PLR0124 - NaN
        return "NaN"
    if number in (float("inf"), float("-inf")):
        return "∞" if number > 0 else "-∞"
    return None


def _readable(precision: int | None) -> int | None:
    """The number as golang.org/x/text reads it back from its own format string; None: it gives up."""
    number = 0
    for digit in str(_PRECISION if precision is None else precision):
        if number > _TOO_LARGE:
            return None
        number = number * 10 + int(digit)
    return number


def _fixed(value: Any, precision: int | None) -> str:
    number = _double(value, "fixed-point")
    digits = _readable(precision)
    if digits is None:
        return _NO_VERB
    special = _special(number)
    if special is not None:
        return special
    # A double has at most 1074 decimals, and the least number of them is kept in a byte.
    whole, _, fraction = f"{number or 0.0:,.{min(digits, _ALL_DECIMALS)}f}".partition(".")
    least = digits % 256
    fraction = fraction[:least] + fraction[least:].rstrip("0")
    return f"{whole}.{fraction.ljust(least, '0')}" if fraction or least else whole


def _scientific(value: Any, precision: int | None) -> str:
    """Always six decimals: what is written as a precision is taken for a width, which is kept in 16 bits."""
    number = _double(value, "scientific")
    width = _readable(precision)
    if width is None:
        return _NO_VERB
    text = _special(number)
    if text is None:
        mantissa, _, exponent = f"{number or 0.0:.6e}".partition("e")
        power = int(exponent)
        shown = f"{'-' if power < 0 else ''}{abs(power):02d}"
        text = f"{mantissa}\u00d710{shown.translate(_SUPERSCRIPT)}"
    return text.rjust(width % 65536)


def _binary(value: Any, _precision: int | None) -> str:
    if value.__class__ is bool:
        return "1" if value else "0"
    if value.__class__ is int:
        return f"{value:b}"
    if value.__class__ is UInt:
        return f"{value.value:b}"
    raise EvalError(f"only integers and bools can be formatted as binary, was given {type_name(value)}")


def _hex(value: Any, _precision: int | None) -> str:
    if value.__class__ is str:
        return str(value.encode("utf-8", "surrogateescape").hex())
    if value.__class__ is bytes:
        return str(value.hex())
    if value.__class__ is int:
        return f"{value:x}"
    if value.__class__ is UInt:
        return f"{value.value:x}"
    raise EvalError(
        f"only integers, byte buffers, and strings can be formatted as hex, was given {type_name(value)}"
    )


def _octal(value: Any, _precision: int | None) -> str:
    if value.__class__ is int:
        return f"{value:o}"
    if value.__class__ is UInt:
        return f"{value.value:o}"
    raise EvalError(f"octal clause can only be used on integers, was given {type_name(value)}")


VERBS: dict[str, Callable[[Any, int | None], str]] = {
    "s": _text, "d": _decimal, "f": _fixed, "e": _scientific, "b": _binary, "o": _octal, "x": _hex,
    "X": lambda value, precision: _hex(value, precision).upper(),
}  # fmt: skip
