"""Functions on strings: the standard library, strings version 2, Kubernetes' regular expressions."""

from collections.abc import Callable
from typing import Any

from app.core.cel.common.errors import EvalAbortError, EvalError
from app.core.cel.library.formatting import MAX_TEXT, format_text
from app.core.cel.library.registry import implements
from app.core.cel.library.regular_expressions import first_match, is_found, readable, spans
from app.core.cel.values.kinds import items, no_overload
from app.core.pauses import paced

# What Go's strings.TrimSpace takes for white space.
_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
    "\u200a\u2028\u2029\u202f\u205f\u3000"
)
_QUOTED = str.maketrans(
    {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\",
     '"': '\\"'}
)  # fmt: skip


def _strings(*values: Any) -> None:
    for value in values:
        if value.__class__ is not str:
            raise no_overload()


@implements("contains_string")
def contains(text: Any, part: Any) -> bool:
    """text.contains(part)."""
    _strings(text, part)
    return part in text


@implements("starts_with_string")
def starts_with(text: Any, part: Any) -> bool:
    """text.startsWith(part)."""
    _strings(text, part)
    return bool(text.startswith(part))


@implements("ends_with_string")
def ends_with(text: Any, part: Any) -> bool:
    """text.endsWith(part)."""
    _strings(text, part)
    return bool(text.endswith(part))


def matches(text: Any, pattern: Any) -> bool:
    """text.matches(pattern): whether the pattern is found anywhere."""
    _strings(text, pattern)
    return is_found(pattern, text)


@implements("string_find_string")
def find(text: str, pattern: str) -> str:
    """The first match, or an empty string."""
    return first_match(pattern, text)


@implements("string_find_all_string")
def find_all(text: str, pattern: str) -> tuple[str, ...]:
    """All matches."""
    return find_some(text, pattern, -1)


@implements("string_find_all_string_int")
def find_some(text: str, pattern: str, limit: int) -> tuple[str, ...]:
    """At most ``limit`` matches; all when it is negative."""
    found: list[str] = []
    previous_end = -1
    if limit == 0:
        return ()
    for start, end in spans(pattern, text):
        # An empty match right after another match does not count.
        if end > start or start != previous_end:
            found.append(text[start:end])
        if len(found) == limit:
            break
        previous_end = end
    return tuple(found)


@implements("string_char_at_int")
def char_at(text: str, index: int) -> str:
    """The character; none at the end of the text."""
    if not 0 <= index <= len(text):
        raise EvalError(f"index out of range: {index}")
    return readable(text[index : index + 1])


@implements("string_index_of_string")
def index_of(text: str, part: str) -> int:
    """Where the part is first found, or -1."""
    return index_of_from(text, part, 0)


@implements("string_index_of_string_int")
def index_of_from(text: str, part: str, offset: int) -> int:
    """As indexOf, from an offset on."""
    if offset < 0:
        raise EvalError(f"index out of range: {offset}")
    if part == "":
        return min(offset, len(text))
    return text.find(part, offset) if offset < len(text) else -1


@implements("string_last_index_of_string")
def last_index_of(text: str, part: str) -> int:
    """Where the part is last found, or -1."""
    if part == "":
        return len(text)
    if len(text.encode("utf-8", "surrogateescape")) < len(part.encode("utf-8", "surrogateescape")):
        return -1
    return last_index_of_from(text, part, len(text) - 1)


@implements("string_last_index_of_string_int")
def last_index_of_from(text: str, part: str, offset: int) -> int:
    """As lastIndexOf, for matches that start at the offset or before."""
    if offset < 0:
        raise EvalError(f"index out of range: {offset}")
    if part == "":
        return min(offset, len(text))
    return text.rfind(part, 0, offset + len(part)) if offset < len(text) else -1


def _changed(text: str, change: Callable[[bytes], bytes]) -> str:
    """The text with its ASCII letters changed: in bytes, where a table of them takes ten times as long."""
    return change(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")


@implements("string_lower_ascii")
def lower_ascii(text: str) -> str:
    """Lower case of A-Z alone."""
    return text.lower() if text.isascii() else readable(_changed(text, bytes.lower))


@implements("string_upper_ascii")
def upper_ascii(text: str) -> str:
    """Upper case of a-z alone."""
    return text.upper() if text.isascii() else readable(_changed(text, bytes.upper))


@implements("string_replace_string_string")
def replace(text: str, old: str, new: str) -> str:
    """All occurrences replaced."""
    return replace_some(text, old, new, -1)


@implements("string_replace_string_string_int")
def replace_some(text: str, old: str, new: str, limit: int) -> str:
    """At most ``limit`` occurrences; all when it is negative.

    Raises:
        EvalAbortError: the result is longer than ``MAX_TEXT``. cel-go makes texts of any length here, since
            the cost follows from the text alone.
    """
    if len(text) * max(1, len(new)) > MAX_TEXT:
        found = len(text) + 1 if old == "" else text.count(old)
        if len(text) + (found if limit < 0 else min(found, limit)) * (len(new) - len(old)) > MAX_TEXT:
            raise EvalAbortError(f"replace() gives a text of more than {MAX_TEXT} characters")
    return text.replace(old, new, limit if limit >= 0 else -1)


@implements("string_split_string")
def split(text: str, separator: str) -> tuple[str, ...]:
    """The parts; single characters for an empty separator."""
    return split_some(text, separator, -1)


@implements("string_split_string_int")
def split_some(text: str, separator: str, limit: int) -> tuple[str, ...]:
    """At most ``limit`` parts, the last one with the rest."""
    if limit == 0:
        return ()
    if separator == "":
        if limit < 0 or limit >= len(text):
            return tuple(text)
        return (*text[: limit - 1], text[limit - 1 :])
    return tuple(text.split(separator, limit - 1 if limit > 0 else -1))


@implements("string_substring_int")
def substring(text: str, start: int) -> str:
    """The rest from ``start`` on."""
    if not 0 <= start <= len(text):
        raise EvalError(f"index out of range: {start}")
    return readable(text[start:])


@implements("string_substring_int_int")
def substring_range(text: str, start: int, end: int) -> str:
    """From ``start`` up to ``end``."""
    if start > end:
        raise EvalError(f"invalid substring range. start: {start}, end: {end}")
    if start < 0 or end > len(text):
        raise EvalError(f"index out of range: {start if start < 0 else end}")
    return readable(text[start:end])


@implements("string_trim")
def trim(text: str) -> str:
    """Without white space at both ends."""
    return text.strip(_SPACE)


@implements("strings_quote")
def quoted(text: str) -> str:
    """A literal that reads back as the text."""
    return f'"{readable(text).translate(_QUOTED)}"'


@implements("string_format")
def format_(text: str, arguments: Any) -> str:
    """text.format(arguments)."""
    return format_text(text, arguments)


@implements("list_join")
def join(parts: Any) -> str:
    """The parts one after another."""
    return join_with(parts, "")


@implements("list_join_string")
def join_with(parts: Any, separator: str) -> str:
    """The parts with a separator between them."""
    found = items(parts)
    for part in paced(found):
        if part.__class__ is not str:
            raise EvalError(f"join: invalid input: {part}")
    return separator.join(found)
