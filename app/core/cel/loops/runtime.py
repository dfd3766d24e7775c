"""What written loops call."""

from typing import Any, NoReturn

from app.core.cel.common.errors import EvalError, located
from app.core.cel.library.lists import counting
from app.core.cel.values.kinds import each, is_list, length, no_overload
from app.core.cel.values.objects import Cidr, Ip, Quantity, Semver
from app.core.cel.values.values import CelMap, Duration, GrowingList, GrowingMap, NamedFormat, Timestamp, UInt

END = object()
_SCALARS = frozenset({
    bool, int, float, str, bytes, UInt, Duration, Timestamp, Ip, Cidr, Semver, NamedFormat,
})  # fmt: skip


def overflow(pos: int) -> NoReturn:
    """Raises the error of a sum."""
    raise located(EvalError("integer overflow"), pos)


def unsigned_overflow(pos: int) -> NoReturn:
    """Raises the error of a sum of uints."""
    raise located(EvalError("unsigned integer overflow"), pos)


def fail(pos: int) -> NoReturn:
    """Raises "no such overload"."""
    raise located(no_overload(), pos)


def counted(count: Any, two: Any) -> Any:
    """What lists.range() gives, without the list."""
    if count.__class__ is not int:
        raise no_overload()
    numbers = counting(count)
    return enumerate(numbers) if two else numbers


def is_scalar(value: Any) -> bool:
    """Whether nothing but its value tells it from another; sums of quantities are pointers in Go."""
    return value.__class__ in _SCALARS or (value.__class__ is Quantity and not value.pointer)


def elements(over: Any, pos: int) -> Any:
    """What a comprehension with one variable goes through."""
    if is_list(over):
        return each(over)
    if isinstance(over, CelMap):
        return over.keys()
    raise _no_range(pos)


def pairs(over: Any, pos: int) -> Any:
    """What a comprehension with two variables goes through."""
    if is_list(over):
        return enumerate(each(over))
    if isinstance(over, CelMap):
        return over.pairs()
    raise _no_range(pos)


def _no_range(pos: int) -> EvalError:
    return located(EvalError("the range of a comprehension must be a list or a map"), pos)


def grown(value: Any) -> Any:
    """A name's value: what is empty is made anew, see ``values.GrowingList``."""
    if is_list(value) and not length(value):
        return GrowingList()
    if isinstance(value, CelMap) and not len(value):
        return GrowingMap({})
    return value


def settled(value: Any, bound: Any) -> Any:
    """The result of a name's scope: what was made to grow no longer does."""
    if bound.__class__ is GrowingList and value.__class__ is GrowingList:
        return tuple(value.items)
    if bound.__class__ is GrowingMap and value.__class__ is GrowingMap:
        return CelMap(value.entries)
    return value


def new_map() -> GrowingMap:
    """What transformMap() puts its entries in."""
    return GrowingMap({})
