"""Values of CEL that Python has no type for.

null, bool, int, double, string and bytes are None, bool, int, float, str and bytes. A list is a
tuple. Equality of CEL is not Python's (see ``equality``): these classes compare by identity, but for
the few that must be keys of maps. None is ever changed; frozen dataclasses take three times as long to
make.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import Any, ClassVar

from app.core.cel.common.errors import EvalAbortError
from app.core.pauses import paced

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
UINT_MAX = 2**64 - 1


@dataclass(slots=True, unsafe_hash=True)
class UInt:
    """An unsigned 64-bit number."""

    value: int


@dataclass(slots=True, unsafe_hash=True)
class Duration:
    """A signed number of nanoseconds, within 64 bits."""

    nanos: int


@dataclass(slots=True, unsafe_hash=True)
class Timestamp:
    """Nanoseconds since 1970, UTC, and the zone's offset in seconds that it is printed in."""

    nanos: int
    offset: int = 0


@dataclass(slots=True, unsafe_hash=True)
class TypeValue:
    """What ``type(x)`` gives."""

    name: str


@dataclass(slots=True, eq=False)
class Optional:
    """optional.of(value)."""

    value: Any
    present: bool = True


NONE = Optional(None, present=False)


@dataclass(slots=True, eq=False)
class NamedFormat:
    """A format of format.named(); ``name`` is its printed name, ``key`` its name in the call."""

    key: str
    name: str
    regex_size: int


MAX_LIST = 1_000_000
"""Elements of a sum of lists: reading more than these would exceed the cost limit in cel-go."""


class ConcatList:
    """The sum of two lists that are not empty. Sums cost one unit, so nothing is copied until it is read.

    Its equality differs from that of other lists: see ``equality``.
    """

    __slots__ = ("_flat", "parts", "size")

    def __init__(self, left: Any, right: Any, size: int) -> None:
        self.parts = (left, right)
        self._flat: tuple[Any, ...] | None = None
        self.size = size

    def flat(self) -> tuple[Any, ...]:
        """All elements. O(size), once.

        Raises:
            EvalAbortError: there are more than ``MAX_LIST``.
        """
        if self._flat is None:
            if self.size > MAX_LIST:
                raise EvalAbortError(f"a list of {self.size} elements, more than {MAX_LIST}, cannot be read")
            self._flat = self.part(0, self.size)
        return self._flat

    def __iter__(self) -> Iterator[Any]:
        """The elements, one after the other."""
        stack = [self]
        while stack:
            part = stack.pop()
            if part.__class__ is ConcatList:
                stack += reversed(part.parts)
            else:
                yield from part

    def part(self, start: int, end: int) -> tuple[Any, ...]:
        """The elements from ``start`` up to ``end``. O(end - start + sums in sums)."""
        found: list[Any] = []
        stack: list[tuple[Any, int]] = [(self, 0)]
        for _ in paced(repeat(None)):
            if not stack:
                break
            part, before = stack.pop()
            if before >= end:
                break
            if part.__class__ is not ConcatList:
                found += part[max(0, start - before) : end - before]
                continue
            left, right = part.parts
            middle = before + (left.size if left.__class__ is ConcatList else len(left))
            stack.append((right, middle))
            if start < middle:
                stack.append((left, before))
        return tuple(found)


class GrowingList:
    """The list that ``cel.bind(x, [], ...)`` binds: in cel-go v0.29 ``x + [1]`` changes x itself."""

    __slots__ = ("items",)

    def __init__(self) -> None:
        self.items: list[Any] = []


@dataclass(frozen=True, slots=True)
class Key:
    """A key that is neither a string nor an int, wrapped: Python takes True, 1 and 1.0 for one key."""

    kind: str
    value: Any


class CelMap:
    """A CEL map. ``entries`` maps keys in the form of ``map_key`` to values."""

    __slots__ = ("_mixed", "entries")
    type_name: ClassVar[str] = "map"
    native: ClassVar[bool] = False  # a map of Go strings in cel-go, which takes any key to look for

    def __init__(self, entries: dict[Any, Any]) -> None:
        self.entries = entries
        self._mixed: bool | None = None  # not known yet

    def __len__(self) -> int:
        return len(self.entries)

    def keys(self) -> Iterator[Any]:
        """The keys as CEL values."""
        return (_plain(key) for key in self.entries)

    def pairs(self) -> Iterator[tuple[Any, Any]]:
        """Keys and values."""
        return ((_plain(key), value) for key, value in self.entries.items())

    def find(self, key: Any) -> tuple[Any, bool]:
        """The value and whether there is one; numbers find equal numbers of other types."""
        if key.__class__ is int:
            found = self.entries.get(key, _MISSING)
            if found is not _MISSING:
                return found, True
            if not self.is_mixed():
                return None, False
        return find_entry(self.entries, key)

    def has(self, key: Any) -> bool:
        """Whether the map really has the key, default values aside."""
        return CelMap.find(self, key)[1]

    def is_mixed(self) -> bool:
        """Whether a key is neither text nor int: an int is then looked up as other numbers, too."""
        if self._mixed is None:
            self._mixed = any(key.__class__ is Key for key in self.entries)
        return self._mixed


class GrowingMap(CelMap):
    """A map that a transformMap() is making: its entries are put in by ``put``."""

    __slots__ = ()

    def __init__(self, entries: dict[Any, Any]) -> None:
        super().__init__(entries)
        self._mixed = None if entries else False

    def put(self, key: Any, value: Any) -> None:
        """Adds an entry under a key in the form of ``entry_key``."""
        if key.__class__ is Key:
            self._mixed = True
        self.entries[key] = value


def _plain(key: Any) -> Any:
    if key.__class__ is not Key:
        return key
    if key.kind == "nan":
        return float("nan")
    return key.value.target if key.kind in ("object", "address") else key.value


_MISSING = object()


def find_entry(entries: dict[Any, Any], key: Any) -> tuple[Any, bool]:
    """Looks up by a CEL value, as cel-go's refValMapAccessor.Find does."""
    if not entries:
        return None, False
    for candidate in _candidates(key):
        found = entries.get(candidate, _MISSING)
        if found is not _MISSING:
            return found, True
    return None, False


def _candidates(key: Any) -> tuple[Any, ...]:
    kind = key.__class__
    if kind is str:
        return (key,)
    if kind is int:
        return (key, Key("uint", UInt(key))) if key >= 0 else (key,)
    if kind is UInt:
        return (Key("uint", key), key.value) if key.value <= INT_MAX else (Key("uint", key),)
    if kind is float:
        return _float_candidates(key)
    return (map_key(key),)


def _float_candidates(key: float) -> tuple[Any, ...]:
    exact: list[Any] = [map_key(key)]
    if key.is_integer():
        # The smallest int is out of doubleToInt64Checked's range in cel-go (common/types/overflow.go).
        if INT_MIN < key < 2.0**63:
            exact.append(int(key))
        if 0 <= key < 2.0**64:
            exact.append(Key("uint", UInt(int(key))))
    return tuple(exact)


class UnhashableKeyError(Exception):
    """A value that Go cannot hold as a key of a map: cel-go panics."""


def map_key(key: Any) -> Any:
    """The form in which maps hold a key.

    Raises:
        UnhashableKeyError: Go cannot hash the value: bytes, and versions.
    """
    kind = key.__class__
    if kind is str or kind is int:
        return key
    if kind is float:
        # NaN is not equal to itself: every one is a separate key, and none is ever found.
        return Key("nan", object()) if key != key else Key("double", key)  # noqa: PLR0124 - the test for NaN
    if kind is bool:
        return Key("bool", key)
    if kind is UInt:
        return Key("uint", key)
    if kind is bytes or kind is NamedFormat or getattr(key, "unhashable", False):
        raise UnhashableKeyError
    if key is None or kind in (Timestamp, Duration, TypeValue):
        return Key("value", key)
    by_value = getattr(key, "key", None)
    # Two empty lists are two pointers in Go, but one object in Python.
    pointer = object() if key == () else key
    return (
        Key("object", _ByIdentity(key, pointer))
        if by_value is None
        else Key("address", _Keyed(key, by_value()))
    )


def entry_key(key: Any) -> Any:
    """The form in which the map that an expression makes holds a key.

    Raises:
        EvalAbortError: cel-go cannot hold it, and panics.
    """
    try:
        return map_key(key)
    except UnhashableKeyError:
        raise EvalAbortError("a value of this type cannot be a key of a map") from None


class _Keyed:
    """Compares objects by what they hold."""

    __slots__ = ("held", "target")

    def __init__(self, target: Any, held: Any) -> None:
        self.target = target
        self.held = held

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Keyed) and self.held == other.held

    def __hash__(self) -> int:
        return hash(self.held)


class _ByIdentity:
    """Compares objects as Go compares pointers; ``pointer`` is the object, or what stands for it."""

    __slots__ = ("pointer", "target")

    def __init__(self, target: Any, pointer: object) -> None:
        self.target = target
        self.pointer = pointer

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByIdentity) and self.pointer is other.pointer

    def __hash__(self) -> int:
        return id(self.pointer)
