"""Whether a list has an element: looked up where Python's equality is CEL's, else compared one by one."""

from collections.abc import Iterable
from typing import Any

from app.core.cel.values.equality import matches_element
from app.core.cel.values.kinds import are_all, each, items
from app.core.cel.values.values import Duration, TypeValue, UInt
from app.core.pauses import paced

# Among these alone, two values are equal in Python if and only if they are in CEL.
_EXACT = frozenset({int, str})
# Equal only to values of the same class, and hashed by value.
_HASHED = frozenset({str, bytes, bool, Duration, TypeValue})
_FEW = 8
_PLAIN_PARTS = 1_000


def has_element(values: Any, element: Any) -> bool:
    """``wanted in values``; what cannot be compared is different. O(length)."""
    if is_exact(values, element):
        return element in each(values)
    return any(matches_element(element, item) for item in paced(each(values)))


def is_exact(values: Any, element: Any) -> bool:
    """Whether Python finds the same elements equal to ``element`` as CEL does. O(length)."""
    kind = element.__class__
    if kind is str:
        return True  # texts equal texts alone
    if kind is not int or values.__class__ is not tuple:
        return False
    return len(values) > _FEW and are_all(values, _EXACT)


class Elements:
    """Values to be looked up many times. Numbers, texts and lists of them are found in O(1)."""

    def __init__(self, values: Iterable[Any] = ()) -> None:
        self._plain: set[Any] = set()  # _HASHED, and lists of texts and ints
        self._whole: set[int] = set()  # int and uint, by value
        self._doubles: set[float] = set()
        self._rounded: set[float] = set()  # ints as doubles: these are compared rounded
        self._lists: list[Any] = []  # those in _plain
        self._others: list[Any] = []
        for value in paced(values):
            self.add(value)

    def add(self, value: Any) -> None:
        """One more."""
        kind = value.__class__
        if kind is int or kind is UInt:
            whole = value if kind is int else value.value
            self._whole.add(whole)
            self._rounded.add(float(whole))
        elif kind in _HASHED:
            self._plain.add(value)
        elif kind is float:
            self._doubles.add(value)
        elif kind is tuple and _is_plain(value):
            self._plain.add(value)
            self._lists.append(value)
        else:
            self._others.append(value)

    def has(self, value: Any) -> bool:
        """Whether one of them equals the value; what cannot be compared is different."""
        kind = value.__class__
        if kind in _HASHED:
            return value in self._plain
        if kind is int or kind is UInt:
            whole = value if kind is int else value.value
            return whole in self._whole or float(whole) in self._doubles
        if kind is float:
            return value == value and (value in self._doubles or value in self._rounded)  # noqa: PLR0124 - NaN
        if kind is tuple and _is_plain(value):
            if value in self._plain:
                return True
        elif any(matches_element(value, other) for other in paced(self._lists)):
            return True
        return any(matches_element(value, other) for other in paced(self._others))


def _is_plain(value: tuple[Any, ...]) -> bool:
    """Whether Python can hash and compare it: texts and ints in few lists.

    Python goes through a list as often as it occurs, in one go: [a, a] of [b, b] of [c, c] is long work.
    """
    stack, left = [value], _PLAIN_PARTS
    while stack:
        list_ = stack.pop()
        left -= len(list_) + 1
        if left < 0:
            return False
        for part in list_:
            if part.__class__ is tuple:
                stack.append(part)
            elif part.__class__ not in _EXACT:
                return False
    return True


def has_all(values: Any, element: Any) -> bool:
    """Whether a list has every element of another one."""
    found = items(element)
    if len(found) <= 1:
        return all(has_element(values, item) for item in paced(found))
    elements = Elements(items(values))
    return all(elements.has(item) for item in paced(found))
