"""Readers of JSON fields: a value of the right type, or a FieldError with the path.

An absent field and ``null`` are the same, as in Go's JSON decoder; unknown fields are left alone.
A path is only put together when something is wrong, so that reading thousands of slices is cheap.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from app.core.json_object import JsonObject
from app.core.model.errors import FieldError, json_kind
from app.core.model.quantity import Quantity, QuantityError, parse_quantity
from app.core.pauses import FEW, paced, paced_if_many

T = TypeVar("T")
U = TypeVar("U")

MAX_DEPTH = 200
"""Levels of objects and arrays in one document; a Kubernetes object has about twenty, orjson writes 254."""

_INT64 = 2**63
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z", re.ASCII)


def mapping(value: Any) -> JsonObject:
    """The value itself if it is a JSON object."""
    if not isinstance(value, dict):
        raise FieldError(f"must be an object, not {json_kind(value)}")
    return value


def text(value: Any) -> str:
    """The value itself if it is a string."""
    if not isinstance(value, str):
        raise FieldError(f"must be a string, not {json_kind(value)}")
    return value


def boolean(value: Any) -> bool:
    """The value itself if it is true or false."""
    if not isinstance(value, bool):
        raise FieldError(f"must be true or false, not {json_kind(value)}")
    return value


def integer(value: Any) -> int:
    """The value itself if it is a whole number that 64 bits can hold."""
    if isinstance(value, float) and abs(value) >= _INT64:
        raise FieldError("does not fit into 64 bits")  # a number of that many digits is read as a float
    if isinstance(value, bool) or not isinstance(value, int):
        raise FieldError(f"must be a whole number, not {json_kind(value)}")
    if not -_INT64 <= value < _INT64:
        raise FieldError("does not fit into 64 bits")
    return value


def time(value: Any) -> str:
    """A time as metav1.Time is written: RFC 3339, with or without fractions of a second. The text itself."""
    found = text(value)
    if not _TIME.match(found) or not _exists(found):
        raise FieldError("must be a time like 2026-01-31T23:59:59Z")
    return found


def _exists(time_text: str) -> bool:
    try:
        datetime.fromisoformat(time_text)
    except ValueError:
        return False
    return True


def quantity(value: Any) -> Quantity:
    """A Kubernetes quantity. Space around it does not count in JSON, as in Quantity.UnmarshalJSON."""
    try:
        return parse_quantity(value.strip() if isinstance(value, str) else value)
    except QuantityError as error:
        raise FieldError(str(error)) from None


def required(source: JsonObject, name: str, read: Callable[[Any], T]) -> T:
    """A field that must be there."""
    value = source.get(name)
    if value is None:
        raise FieldError("is missing", name)
    try:
        return read(value)
    except FieldError as error:
        raise error.under(name) from None


def optional(source: JsonObject, name: str, read: Callable[[Any], T]) -> T | None:
    """A field that may be absent."""
    return default(source, name, read, None)


def default(source: JsonObject, name: str, read: Callable[[Any], T], otherwise: U) -> T | U:
    """A field with a value for when it is absent."""
    value = source.get(name)
    if value is None:
        return otherwise
    try:
        return read(value)
    except FieldError as error:
        raise error.under(name) from None


def child(source: JsonObject, name: str) -> JsonObject:
    """An object field, empty if absent."""
    value = source.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise FieldError(f"must be an object, not {json_kind(value)}", name)
    return value


def listed(source: JsonObject, name: str, read: Callable[[Any], T]) -> tuple[T, ...]:
    """A list field, empty if absent."""
    value = source.get(name)
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise FieldError(f"must be a list, not {json_kind(value)}", name)
    items: list[T] = []
    try:
        for item in value if len(value) <= FEW else paced(value, FEW):
            items.append(read(item))  # noqa: PERF401 - their number tells where an error is
    except FieldError as error:
        raise error.under(name, len(items)) from None
    return tuple(items)


def mapped(source: JsonObject, name: str, read: Callable[[Any], T]) -> dict[str, T]:
    """An object field with values of one type, empty if absent."""
    result: dict[str, T] = {}
    for key, item in paced_if_many(child(source, name).items()):
        if not isinstance(key, str):
            raise FieldError(f"the key {key!r} must be a string", name)
        try:
            result[key] = read(item)
        except FieldError as error:
            raise error.under(name, key) from None
    return result


def is_too_deep(value: Any) -> bool:
    """Whether objects and arrays are nested deeper than ``MAX_DEPTH``. Cost: O(values), with pauses."""
    level = _collections([value])
    for _ in range(MAX_DEPTH):
        level = [inner for outer in paced_if_many(level) for inner in _collections(outer)]
        if not level:
            return False
    return True


def _collections(outer: Any) -> list[Any]:
    """The objects and arrays directly in an object or array."""
    values = outer.values() if type(outer) is dict else outer
    return [inner for inner in paced_if_many(values) if type(inner) is dict or type(inner) is list]
