"""Regular expressions, matched by RE2, which takes time linear in the text.

RE2 compiles a pattern and searches a text in one call each, which cannot pause. So both are bounded before
the call: seven characters (``\\pL{990}``) compiled for a second, 4,000 parentheses searched for 0.3 s.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import re2

from app.core.cel.common.errors import EvalAbortError, EvalError
from app.core.pauses import paced, pause

MAX_SEARCHED = 32_768
"""Code points of a text that a pattern is looked for in; texts this long are made by adding literals up, no
device has one."""

_MAX_STEPS = 1_000_000
"""Code points times instructions of the program: RE2 may go through all instructions at each, in 10 ns."""

_MAX_WORK = 12_000
"""Microseconds, roughly, that a pattern may take to compile."""
_UNICODE, _FOLDED, _LOOP = 1_000, 12, 5
"""Work for a class of Unicode, for a class that ignores case, and for an operator of repetition: many of
them in a row take RE2 quadratic time."""
_DEAR_WORK, _COST = 1_000, 5
"""Work from which it counts as evaluation, and units of CEL's cost model that take as long."""
_TOO_LARGE = "the regular expression is too large: it would take more than some 10 ms to compile"

_KEPT, _KEPT_INSTRUCTIONS = 256, 500_000
"""Compiled patterns that are kept: an instruction takes 10 to 30 bytes."""

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.never_capture = True  # CEL has no groups, and a search that reports them takes 100 times as long
_OPTIONS.max_mem = 1 << 20

# Quoted text as a whole, or one escape.
_ESCAPES = re.compile(r"\\Q.*?(?:\\E|\Z)|\\(.)", re.DOTALL)
_TOKENS = re.compile(
    r"\\[pP](?:\{\^?\w{0,40}\}|.)?|\\Q.*?(?:\\E|\Z)|\\x\{\w{0,8}\}|\\.|\[:\^?\w{1,10}:\]|\{\d{1,4}(?:,\d{0,4})?\}|.",
    re.DOTALL,
)
_IGNORES_CASE = re.compile(r"\(\?[a-zA-Z]*i")
_NO_UTF8 = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class _Compiled:
    pattern: Any
    instructions: int


_kept: dict[str, _Compiled] = {}


def check_pattern(pattern: str) -> None:
    """Compiles a pattern, which is kept.

    Raises:
        EvalError: RE2 does not take it.
        EvalAbortError: it takes too long to compile. In-tree takes it, as Go compiles classes as they are.
    """
    _compiled(pattern)


def is_found(pattern: str, text: str) -> bool:
    """Whether the pattern is found anywhere. Raises: as ``check_pattern``; EvalAbortError for a long text."""
    compiled = _compiled(pattern)
    _check_length(compiled, text)
    # RE2's binding is twice as fast where it need not tell positions in characters.
    return compiled.pattern.search(readable(text).encode()) is not None


def first_match(pattern: str, text: str) -> str:
    """The first match, or an empty string. Raises: as ``is_found``."""
    compiled = _compiled(pattern)
    _check_length(compiled, text)
    match = compiled.pattern.search(_searched(text))
    if match is None:
        return ""
    start, end = match.span()
    return text[start:end]


def spans(pattern: str, text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each match, with a pause before each. Raises: as ``is_found``."""
    compiled = _compiled(pattern)
    _check_length(compiled, text)
    # One pass: searching again from each place would encode the whole text each time.
    for match in paced(compiled.pattern.finditer(_searched(text)), 1):
        yield match.span()


def readable(text: str) -> str:
    """The text as Go's runes are: a byte that is not UTF-8 (from url()) is a replacement character."""
    return text if text.isascii() else _NO_UTF8.sub("\ufffd", text)


def _searched(text: str) -> str | bytes:
    """The text to look for matches in, whose places are those in the text.

    In bytes it is faster, but an empty match is followed by one in the middle of a character, if that has
    several.
    """
    return text.encode() if text.isascii() else readable(text)


def _check_length(compiled: _Compiled, text: str) -> None:
    if len(text) > MAX_SEARCHED:
        raise EvalAbortError(f"a text of more than {MAX_SEARCHED} characters cannot be matched")
    if len(text) * compiled.instructions > _MAX_STEPS:
        most = _MAX_STEPS // compiled.instructions
        raise EvalAbortError(
            f"the regular expression is so large that it can be matched with at most {most} characters"
        )


def _compiled(pattern: str) -> _Compiled:
    found = _kept.get(pattern)
    if found is None:
        found = _compile(pattern)
        if len(_kept) >= _KEPT or sum([item.instructions for item in _kept.values()]) > _KEPT_INSTRUCTIONS:
            _kept.clear()
        _kept[pattern] = found
    return found


def _compile(pattern: str) -> _Compiled:
    work = _work(pattern) if len(pattern) <= _MAX_WORK else len(pattern)
    if work > _MAX_WORK:
        raise EvalAbortError(_TOO_LARGE)
    if "\\C" in pattern and any(found[1] == "C" for found in _ESCAPES.finditer(pattern)):
        # One byte, whatever it is: RE2 takes it, Go does not.
        raise EvalError("error parsing regexp: invalid escape sequence: `\\C`")
    pause(work * _COST if work >= _DEAR_WORK else 0)
    try:
        made = re2.compile(pattern, _OPTIONS)
    except (re2.error, UnicodeEncodeError) as error:
        if "pattern too large" in str(error):
            raise EvalAbortError(_TOO_LARGE) from None
        raise EvalError(f"error parsing regexp: {error}") from None
    return _Compiled(made, max(1, made.programsize))


def _work(pattern: str) -> int:
    """An estimate of how long RE2 compiles, in microseconds. Cost: O(length), with pauses."""
    in_class = 2 if _IGNORES_CASE.search(pattern) is None else _FOLDED
    groups, last = [0], 0
    tokens = paced(_TOKENS.finditer(pattern))
    for match in tokens:
        part = match[0]
        if part == "[":
            last = in_class + _work_of_class(tokens)
        elif part == "(":
            groups.append(1)
            continue
        elif part == ")" and len(groups) > 1:
            last = groups.pop()
        elif part in ("?", "*", "+") or (part[0] == "{" and len(part) > 1):
            more = last * (_most(part) - 1) + _LOOP
            last += more
            groups[-1] += more
            continue
        else:
            last = _UNICODE if part[:2] in ("\\p", "\\P") else len(part)
        groups[-1] += last
    return sum(groups)


def _work_of_class(tokens: Iterator[re.Match[str]]) -> int:
    """The work for what is inside of brackets; reads up to the end of them."""
    work, first = 0, True
    for match in tokens:
        part = match[0]
        if part == "]" and not first:
            break
        first = first and part == "^"
        work += _UNICODE if part[:2] in ("\\p", "\\P") else 1
    return work


def _most(repeat: str) -> int:
    """How many copies RE2 makes for ``{n}``, ``{n,}`` or ``{n,m}``; one for the other operators."""
    if repeat[0] != "{":
        return 1
    least, _, most = repeat[1:-1].partition(",")
    return max(1, int(least), int(most or 0))
