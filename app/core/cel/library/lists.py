"""Functions on lists and sets: Kubernetes' lists, ext.Lists version 3, ext.Sets."""

from collections.abc import Callable
from functools import cmp_to_key
from itertools import pairwise, repeat
from typing import Any

from app.core.cel.common.errors import EvalAbortError, EvalError
from app.core.cel.library.registry import implements
from app.core.cel.values.arithmetic import add
from app.core.cel.values.equality import matches_element
from app.core.cel.values.kinds import each, is_list, items, length, no_overload, part_of, type_name
from app.core.cel.values.membership import Elements, has_all, is_exact
from app.core.cel.values.ordering import compare
from app.core.cel.values.values import MAX_LIST, Duration, UInt
from app.core.pauses import paced

_COMPARABLE = ("int", "uint", "double", "bool", "duration", "timestamp", "string", "bytes")
_ORDERED = frozenset({
    "int", "uint", "double", "bool", "google.protobuf.Duration", "google.protobuf.Timestamp", "string",
    "bytes",
})  # fmt: skip
_RANGE_MAX = 1_000_000
_AT_ONCE = 65_536  # numbers that are made in one step, in a millisecond
_FEW = 4096  # elements that flatten() opens at once; of more, it is counted first how many they are
# Go sorts up to twelve elements by insertion, which shows where the order is partial (NaN).
_INSERTION_MAX = 12


def _order(left: Any, right: Any) -> int | None:
    try:
        return compare(left, right)
    except EvalError:
        return None


def _comparable(value: Any) -> None:
    if type_name(value) not in _ORDERED:
        raise no_overload()


@implements(*(f"list_{name}_is_sorted_bool" for name in _COMPARABLE))
def is_sorted(values: Any) -> bool:
    """Whether no element is less than the one before it."""
    elements = items(values)
    for element in paced(elements):
        _comparable(element)
    return all(_order(one, other) != 1 for one, other in paced(pairwise(elements)))


def _sum(zero: Any) -> Callable[[Any], Any]:
    def total(values: Any) -> Any:
        result = zero
        for value in paced(items(values)):
            result = add(result, value)
        return result

    return total


implements("list_int_sum_int")(_sum(0))
implements("list_uint_sum_uint")(_sum(UInt(0)))
implements("list_double_sum_double")(_sum(0.0))
implements("list_duration_sum_duration")(_sum(Duration(0)))


def _extreme(values: Any, name: str, unwanted: int) -> Any:
    elements = items(values)
    if not elements:
        raise EvalError(f"{name} called on empty list")
    best = elements[0]
    for element in paced(elements):
        _comparable(element)
        if element is not best and _order(best, element) == unwanted:
            best = element
    return best


@implements(*(f"list_{name}_max_{name}" for name in _COMPARABLE))
def maximum(values: Any) -> Any:
    """The largest element."""
    return _extreme(values, "max", -1)


@implements(*(f"list_{name}_min_{name}" for name in _COMPARABLE))
def minimum(values: Any) -> Any:
    """The smallest element."""
    return _extreme(values, "min", 1)


@implements("list_a_index_of_int")
def list_index_of(values: Any, target: Any) -> int:
    """Where the element is first found, or -1."""
    elements = items(values)
    if is_exact(elements, target):
        try:
            return elements.index(target)
        except ValueError:
            return -1
    return next((at for at, item in enumerate(paced(elements)) if matches_element(item, target)), -1)


@implements("list_a_last_index_of_int")
def list_last_index_of(values: Any, target: Any) -> int:
    """Where the element is last found, or -1."""
    elements = items(values)
    places = paced(range(len(elements) - 1, -1, -1))
    return next((at for at in places if matches_element(elements[at], target)), -1)


@implements("list_includes_dyn_dyn")
def includes(values: Any, target: Any) -> bool:
    """Whether a list has the element, or a value other than a list equals it."""
    if is_list(values):
        if is_exact(values, target):
            return target in each(values)
        return any(matches_element(item, target) for item in paced(items(values)))
    return matches_element(values, target)


@implements("lists_range")
def range_(count: int) -> tuple[int, ...]:
    """0 up to count - 1. Cost: O(count), with pauses."""
    numbers, found = counting(count), list[int]()
    for start in paced(range(0, count, _AT_ONCE), 1):
        found += numbers[start : start + _AT_ONCE]
    return tuple(found)


def counting(count: int) -> range:
    """0 up to count - 1, not as a list yet."""
    if count < 0:
        raise EvalError(f"lists.range: size must be non-negative, got {count}")
    if count > _RANGE_MAX:
        raise EvalError(f"lists.range: size {count} exceeds maximum allowed ({_RANGE_MAX})")
    return range(count)


@implements("list_reverse")
def reverse(values: Any) -> tuple[Any, ...]:
    """The elements from the last to the first."""
    return tuple(reversed(items(values)))


@implements("list_slice")
def slice_(values: Any, start: int, end: int) -> tuple[Any, ...]:
    """The elements from ``start`` up to ``end``."""
    if start < 0 or end < 0 or start > end or end > length(values):
        raise EvalError(f"cannot slice({start}, {end}), list is length {length(values)}")
    return part_of(values, start, end)


def flatten(values: Any) -> tuple[Any, ...]:
    """Nested lists opened, one level."""
    return flatten_levels(values, 1)


def flatten_levels(values: Any, depth: Any) -> tuple[Any, ...]:
    """Nested lists flattened by ``depth`` levels.

    Raises:
        EvalAbortError: more than ``MAX_LIST`` elements are read. cel-go exhausts the memory here:
            the cost follows from the outer list alone.
    """
    if not is_list(values) or depth.__class__ is not int:
        raise no_overload()
    if depth < 0:
        raise EvalError("level must be non-negative")
    found: list[Any] = []
    if _open(values, depth, found, _FEW) < 0:
        if _count(values, depth, {}) > MAX_LIST:
            raise EvalAbortError(f"flatten() goes through more than {MAX_LIST} elements")
        found.clear()
        _open(values, depth, found, MAX_LIST)
    return tuple(found)


def _count(values: Any, depth: int, known: dict[tuple[int, int], int]) -> int:
    """How many elements are gone through. Lists that are one object are counted once."""
    inner = [value for value in items(values) if is_list(value)] if depth > 0 else []
    count = length(values)
    for value in paced(inner):
        key = id(value), depth
        found = known.get(key)
        if found is None:
            found = known[key] = _count(value, depth - 1, known)
        count += found
    return count


def _open(values: Any, depth: int, found: list[Any], left: int) -> int:
    """Appends to ``found``. How many more elements may be gone through; below 0: there were too many."""
    for value in paced(items(values)):
        left -= 1
        if left >= 0 and is_list(value) and depth > 0:
            left = _open(value, depth - 1, found, left)
        else:
            found.append(value)
        if left < 0:
            break
    return left


implements("list_flatten")(flatten)
implements("list_flatten_int")(flatten_levels)


def sort(values: Any) -> Any:
    """The elements in ascending order."""
    return sort_by_keys(values, values)


def sort_by_keys(values: Any, keys: Any) -> Any:
    """The elements in ascending order of their keys."""
    if not is_list(values) or not is_list(keys):
        raise no_overload()
    elements, order = items(values), items(keys)
    if len(elements) != len(order):
        raise EvalError("@sortByAssociatedKeys() expected as many elements as associated keys")
    if not elements:
        return values
    kind = type_name(order[0])
    if kind not in _ORDERED:
        raise EvalError("list elements must be comparable")
    if any(type_name(key) != kind for key in paced(order)):
        raise EvalError("list elements must have the same type")
    return tuple(elements[at] for at in _sorted_indices(order))


def _sorted_indices(keys: tuple[Any, ...]) -> list[int]:
    indices: list[int] = list(range(len(keys)))
    if len(keys) > _INSERTION_MAX:

        def by_key(one: int, other: int) -> int:
            next(steps)
            return _order(keys[one], keys[other]) or 0

        steps = paced(repeat(None))
        return sorted(indices, key=cmp_to_key(by_key))
    for end in range(1, len(indices)):
        at = end
        while at > 0 and _order(keys[indices[at]], keys[indices[at - 1]]) == -1:
            indices[at - 1], indices[at] = indices[at], indices[at - 1]
            at -= 1
    return indices


@implements("list_distinct")
def distinct(values: Any) -> Any:
    """The elements without those that equal an earlier one."""
    elements = items(values)
    if not elements:
        return values
    unique: list[Any] = []
    seen = Elements()
    for element in paced(elements):
        if not seen.has(element):
            seen.add(element)
            unique.append(element)
    return tuple(unique)


@implements("list_sets_contains_list")
def sets_contains(values: Any, target: Any) -> bool:
    """Whether the first list has every element of the second."""
    return has_all(values, target)


@implements("list_sets_equivalent_list")
def sets_equivalent(left: Any, right: Any) -> bool:
    """Whether each list has every element of the other."""
    return sets_contains(left, right) and sets_contains(right, left)


@implements("list_sets_intersects_list")
def sets_intersects(left: Any, right: Any) -> bool:
    """Whether the lists have an element in common."""
    if not length(left) or not length(right):
        return False
    elements = Elements(items(right))
    return any(elements.has(item) for item in paced(items(left)))
