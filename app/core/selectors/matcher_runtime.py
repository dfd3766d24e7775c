"""What compiled selectors call: operators that do not pay for being written out."""

from collections.abc import Callable
from typing import Any, NoReturn

from app.core.cel.common.errors import EvalError
from app.core.cel.library.regular_expressions import is_found
from app.core.cel.values.kinds import each, is_list, no_overload
from app.core.cel.values.values import CelMap

# An attribute that a device does not have is a KeyError in compiled code.
ABSORBED = (KeyError, EvalError)
Term = Callable[[], Any]


def fail() -> NoReturn:
    """For use in expressions, and in place of a failure that was absorbed."""
    raise no_overload()


def decide(decisive: Any, *terms: Term) -> Any:
    """``||`` for True, ``&&`` for False, where terms may fail."""
    failed = False
    for term in terms:
        try:
            value = term()
        except ABSORBED:
            failed = True
            continue
        if value is decisive:
            return decisive
        if value is not (not decisive):
            failed = True
    if failed:
        raise no_overload()
    return not decisive


def _elements(over: Any) -> Any:
    if is_list(over):
        return each(over)
    if isinstance(over, CelMap):
        return over.keys()
    raise no_overload()


def _pairs(over: Any) -> Any:
    if is_list(over):
        return enumerate(each(over))
    if isinstance(over, CelMap):
        return over.pairs()
    raise no_overload()


def quantify(decisive: Any, over: Any, predicate: Callable[[Any], Any]) -> Any:
    """exists() for True, all() for False."""
    failed = False
    for element in _elements(over):
        try:
            value = predicate(element)
        except ABSORBED:
            failed = True
            continue
        if value is decisive:
            return decisive
        if value is not (not decisive):
            failed = True
    if failed:
        raise no_overload()
    return not decisive


def quantify_pairs(decisive: Any, over: Any, predicate: Callable[[Any, Any], Any]) -> Any:
    """exists() and all() with two variables."""
    pairs = tuple(_pairs(over))
    return quantify(decisive, pairs, lambda pair: predicate(*pair))


def exactly_one(over: Any, predicate: Callable[[Any], Any]) -> bool:
    """exists_one()."""
    count = 0
    for element in _elements(over):
        value = predicate(element)
        if value is True:
            count += 1
        elif value is not False:
            raise no_overload()
    return count == 1


class PatternMatches(dict[str, bool]):
    """Whether texts match a pattern. Devices of a cluster share few texts, so the answers are kept.

    They are few, too, since a tenant's claims may have 20,000 patterns.
    """

    _LIMIT = 64

    def __init__(self, pattern: str) -> None:
        super().__init__()
        self._pattern = pattern

    def __missing__(self, text: str) -> bool:
        if len(self) >= self._LIMIT:
            self.clear()
        found = self[text] = is_found(self._pattern, text)
        return found
