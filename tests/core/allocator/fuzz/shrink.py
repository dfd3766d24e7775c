"""Makes a case smaller while it still shows what it showed."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

from app.core.json_object import JsonObject

Path = tuple[str | int, ...]
_NEEDED = frozenset({"apiVersion", "kind", "metadata", "name", "driver", "pool", "pods", "objects", "spec"})
_OF_VERSION = frozenset({"kubernetesVersion", "features"})
"""Left as they are in cases of another version: both sides have their own defaults for what is not named."""
_MAX_TRIES = 3000


def shrink(case: JsonObject, still_shows: Callable[[JsonObject], bool]) -> JsonObject:
    """The smallest case that greedy deletion finds: no single part can be left out of it any more.

    ``still_shows`` may raise for a case that has become senseless; that counts as no.
    """
    tries = 0
    again = True
    while again:
        again = False
        for path in _parts(case):
            if path[0] in _OF_VERSION and "kubernetesVersion" in case:
                continue
            tries += 1
            if tries > _MAX_TRIES:
                return case
            smaller = _without(case, path)
            if smaller is not None and _shows(still_shows, smaller):
                case, again = smaller, True
    return case


def _shows(still_shows: Callable[[JsonObject], bool], case: JsonObject) -> bool:
    try:
        return still_shows(case)
    except Exception:  # noqa: BLE001 - any complaint about a mutilated case is a no
        return False


def _parts(value: Any, path: Path = ()) -> Iterator[Path]:
    """What may be left out, large parts first, the last of a list first so that indices stay right."""
    if isinstance(value, list):
        for index in reversed(range(len(value))):
            yield (*path, index)
        for index in reversed(range(len(value))):
            if index < len(value):
                yield from _parts(value[index], (*path, index))
    elif isinstance(value, dict):
        for key in list(value):
            if key not in _NEEDED:
                yield (*path, key)
        for key in list(value):
            yield from _parts(value[key], (*path, key))


def _without(case: JsonObject, path: Path) -> JsonObject | None:
    """A copy without that part, or None if the part has gone already."""
    copied = copy.deepcopy(case)
    holder: Any = copied
    try:
        for key in path[:-1]:
            holder = holder[key]
        del holder[path[-1]]
    except (KeyError, IndexError, TypeError):
        return None
    return copied
