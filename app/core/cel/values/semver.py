"""Semantic versions, as github.com/blang/semver/v4 reads and orders them."""

import re
from typing import ClassVar

from app.core.cel.common.errors import EvalError
from app.core.cel.common.kept import kept_if_short
from app.core.cel.values.values import UINT_MAX

_DIGITS = re.compile(r"[0-9]+\Z", re.ASCII)
_IDENTIFIER = re.compile(r"[0-9A-Za-z-]+\Z", re.ASCII)
# Three numbers alone, that fit 64 bits whatever their digits.
_PLAIN = re.compile(r"(0|[1-9][0-9]{0,18})\.(0|[1-9][0-9]{0,18})\.(0|[1-9][0-9]{0,18})\Z", re.ASCII)
_Part = tuple[int, int, str]


class Semver:
    """A version; ``order`` compares as versions do, build metadata aside."""

    __slots__ = ("major", "minor", "order", "patch", "text")
    type_name: ClassVar[str] = "kubernetes.Semver"
    unhashable: ClassVar[bool] = True  # a Go struct with slices

    def __init__(self, numbers: tuple[int, int, int], pre: tuple[_Part, ...], text: str) -> None:
        self.major, self.minor, self.patch = numbers
        # A version without prerelease comes after all of its prereleases.
        self.order = (*numbers, not pre, pre)
        self.text = text

    def equals(self, other: "Semver") -> bool:
        """Same version, whatever the build metadata."""
        return self.order == other.order

    def compare(self, other: "Semver") -> int:
        """-1, 0 or 1."""
        return -1 if self.order < other.order else int(self.order > other.order)


def parse_semver(text: str) -> Semver:
    """Reads a version. One with a prerelease or metadata is read once.

    Raises:
        EvalError: the text is none.
    """
    match = _PLAIN.match(text)
    if match is None:
        return _parsed(text)
    first, second, third = match.groups()
    return Semver((int(first), int(second), int(third)), (), text)


def is_version(text: str) -> bool:
    """Whether ``parse_semver`` reads the text."""
    if _PLAIN.match(text) is not None:
        return True
    try:
        _parsed(text)
    except EvalError:
        return False
    return True


@kept_if_short(4096)
def _parsed(text: str) -> Semver:
    parts = text.split(".", 2)
    if text == "":
        raise EvalError("Version string empty")
    if len(parts) != 3:
        raise EvalError("No Major.Minor.Patch elements found")
    rest, plus, build = parts[2].partition("+")
    patch, dash, prerelease = rest.partition("-")
    numbers = (_number(parts[0], "major"), _number(parts[1], "minor"), _number(patch, "patch"))
    pre = tuple(_identifier(part) for part in prerelease.split(".")) if dash else ()
    if plus and not all(_IDENTIFIER.match(part) for part in build.split(".")):
        raise EvalError(f"Invalid character(s) found in build meta data {build!r}")
    return Semver(numbers, pre, text)


def normalized(text: str) -> str:
    """What semver(text, true) reads: without a leading v, with all three numbers, without leading zeros.

    Raises:
        EvalError: a shortened version with prerelease or build metadata.
    """
    parts = text.removeprefix("v").split(".", 2)
    for at, part in enumerate(parts):
        if len(part) > 1:
            stripped = part.lstrip("0")
            parts[at] = stripped if stripped and stripped[0] in "0123456789" else "0" + stripped
    if len(parts) < 3:
        if any(char in parts[-1] for char in "+-"):
            raise EvalError("short version cannot contain PreRelease/Build meta data")
        parts += ["0"] * (3 - len(parts))
    return ".".join(parts)


def _number(text: str, what: str) -> int:
    if not _DIGITS.match(text):
        raise EvalError(f"Invalid character(s) found in {what} number {text!r}")
    if len(text) > 1 and text[0] == "0":
        raise EvalError(f"{what} number must not contain leading zeroes {text!r}")
    return _unsigned(text)


def _unsigned(text: str) -> int:
    value = int(text) if len(text) <= 20 else UINT_MAX + 1
    if value > UINT_MAX:
        raise EvalError(f"{text} is out of range")
    return value


def _identifier(text: str) -> _Part:
    """A part of the prerelease, so that numbers come first, by value, then texts."""
    if _DIGITS.match(text):
        if len(text) > 1 and text[0] == "0":
            raise EvalError(f"Numeric PreRelease version must not contain leading zeroes {text!r}")
        return (0, _unsigned(text), "")
    if not _IDENTIFIER.match(text):
        raise EvalError(f"Invalid character(s) found in prerelease {text!r}")
    return (1, 0, text)
