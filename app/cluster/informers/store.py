"""The events of an informer, and the delivered objects, which a new list is compared with."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from app.core.json_object import JsonObject
from app.core.pauses import PACE, emptied, paced


@dataclass(frozen=True, slots=True)
class ObjectKey:
    """The key of an object: ``uid`` distinguishes it from a later one with the same name."""

    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Replaced:
    """All existing objects, after a list: apply them in one step, so that no reader sees half of them.

    ``changed`` are the new and changed ones of ``objects``; ``gone`` are those that ceased to exist,
    deleted between watches. ``mark`` is what the informer was given before the list.
    """

    objects: tuple[JsonObject, ...]
    changed: tuple[JsonObject, ...]
    gone: tuple[ObjectKey, ...]
    mark: int = 0


@dataclass(frozen=True, slots=True)
class Upserted:
    """One object was added or changed."""

    object: JsonObject


@dataclass(frozen=True, slots=True)
class Deleted:
    """One object was deleted; this is its last state."""

    object: JsonObject


Event = Replaced | Upserted | Deleted


class Store:
    """The delivered objects by name: contains only uid and resourceVersion of each."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[str, str]] = {}

    def upsert(self, key: ObjectKey, obj: JsonObject) -> Upserted:
        self._known[key.namespace, key.name] = (key.uid, version_of(obj))
        return Upserted(obj)

    def delete(self, key: ObjectKey, obj: JsonObject) -> Deleted:
        self._known.pop((key.namespace, key.name), None)
        return Deleted(obj)

    def replace(self, objects: Iterable[tuple[ObjectKey, JsonObject]], mark: int = 0) -> Replaced:
        """Compares a full list with the delivered objects.

        An object that was replaced under its name is both changed and gone. Cost: O(objects), with pauses.
        """
        before, known = self._known, dict[tuple[str, str], tuple[str, str]]()
        found: list[JsonObject] = []
        changed: list[JsonObject] = []
        for key, obj in paced(objects):
            place, state = (key.namespace, key.name), (key.uid, version_of(obj))
            known[place] = state
            found.append(obj)
            if before.get(place) != state:
                changed.append(obj)
        gone = tuple(
            ObjectKey(*place, uid)
            for place, (uid, _) in paced(before.items())
            if place not in known or known[place][0] != uid
        )
        self._known = known
        emptied(before, every=PACE)
        return Replaced(tuple(found), tuple(changed), gone, mark)


def version_of(obj: JsonObject) -> str:
    """An object's or a list's resourceVersion; "" if it has none."""
    metadata = obj.get("metadata")
    version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
    return version if isinstance(version, str) else ""


def usable_key(obj: Any) -> ObjectKey | None:
    """The key of an object; None for one without the fields that the API server always sets."""
    metadata = obj.get("metadata") if isinstance(obj, dict) else None
    if not isinstance(metadata, dict):
        return None
    namespace, name = metadata.get("namespace") or "", metadata.get("name")
    uid = metadata.get("uid") or ""
    if not (isinstance(namespace, str) and isinstance(name, str) and isinstance(uid, str)):
        return None
    return ObjectKey(namespace, name, uid) if name and version_of(obj) else None
