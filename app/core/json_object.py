"""What JSON or YAML decodes to before it is read into values."""

from typing import Any

from app.core.pauses import paced_if_many

JsonObject = dict[str, Any]

MAX_DEPTH = 200
"""Levels of objects and arrays in one document. orjson writes 254; Kubernetes objects have about twenty."""


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
