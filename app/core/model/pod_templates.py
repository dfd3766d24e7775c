"""Pod specs in objects of any kind, found by their shape."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from app.core.pauses import FEW, paced_if_many, pause

Path = tuple[str | int, ...]

MAX_TEMPLATES = 100
"""Pod templates in one object: the largest kinds hold a few dozen."""
MAX_SEARCHED = 20_000
"""Values of one object that are searched: about 10 ms. The largest real objects have a few thousand."""
_NOT_SEARCHED = frozenset({"apiVersion", "kind", "metadata", "status"})
_REFERENCES = ("resourceClaimName", "resourceClaimTemplateName", "source")


def pod_spec_paths(raw: Any) -> Iterator[Path]:
    """The paths of the Pod specs in an object, in the order in which they stand.

    A Pod spec is an object with a list of ``containers``, or with ``resourceClaims`` that name claims
    or templates: the API group does not matter. Nothing is searched inside a Pod spec, in metadata and
    in the status. Cost: O(values of the object), at most ``MAX_SEARCHED``.
    """
    if not isinstance(raw, Mapping):
        return
    # The last of the stack comes next, so children are put on it in reverse.
    stack: list[tuple[Path, Any]] = [
        ((name,), value) for name, value in reversed(list(raw.items())) if name not in _NOT_SEARCHED
    ]
    searched = 0
    while stack and searched < MAX_SEARCHED:
        searched += 1
        if not searched % FEW:
            pause()
        path, value = stack.pop()
        if isinstance(value, Mapping):
            if is_pod_spec(value):
                yield path
            else:
                entries = list(islice(value.items(), MAX_SEARCHED))
                stack += [((*path, name), inner) for name, inner in reversed(entries)]
        elif isinstance(value, list):
            first = range(min(len(value), MAX_SEARCHED))
            stack += [((*path, index), value[index]) for index in reversed(first)]


def is_pod_spec(value: Mapping[str, Any]) -> bool:
    """Whether an object has the shape of a Pod spec. O(containers and claims in it)."""
    containers, claims = value.get("containers"), value.get("resourceClaims")
    if isinstance(containers, list) and containers and all(map(_is_container, paced_if_many(containers))):
        return True
    return isinstance(claims, list) and any(map(_is_reference, paced_if_many(claims)))


def _is_container(value: Any) -> bool:
    return isinstance(value, Mapping) and ("name" in value or "image" in value or "resources" in value)


def _is_reference(value: Any) -> bool:
    return isinstance(value, Mapping) and any(name in value for name in _REFERENCES)


def value_at(value: Any, path: Path) -> Any:
    """The value at a path; None if there is none. O(length of the path)."""
    for part in path:
        if isinstance(value, Mapping) and isinstance(part, str):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def matches(raw: Any, pattern: str) -> Iterator[Path]:
    """The paths that a pattern like ``spec.podSets.*.template`` stands for; ``*`` is any key or index."""
    found: list[Path] = [()]
    for part in pattern.split(".") if pattern else ():
        found = [(*path, step) for path in paced_if_many(found) for step in _steps(value_at(raw, path), part)]
    yield from paced_if_many(found)


def _steps(value: Any, part: str) -> Iterator[str | int]:
    if part != "*":
        if isinstance(value, Mapping) and value.get(part) is not None:
            yield part
    elif isinstance(value, Mapping):
        yield from paced_if_many(value)
    elif isinstance(value, list):
        yield from paced_if_many(range(len(value)))
