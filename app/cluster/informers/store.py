"""What an informer tells, and what it has told: a new list is compared with that."""

from dataclasses import dataclass
from typing import Any

from app.core.json_object import JsonObject


@dataclass(frozen=True, slots=True)
class ObjectKey:
    """Which object: `uid` tells one from a later one of the same name."""

    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Replaced:
    """All objects there are, after a list: take them in one step, so that nobody sees half of them.

    `changed` are those of `objects` that are new or not as they were last told; `gone` are those told before
    that no longer exist, deleted while nobody watched. `mark` is what the informer was given before the list.
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
    """The objects that have been told, by name: only uid and resourceVersion are kept of each."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], tuple[str, str]] = {}

    def upsert(self, key: ObjectKey, obj: JsonObject) -> Upserted:
        self._told[key.namespace, key.name] = (key.uid, version_of(obj))
        return Upserted(obj)

    def delete(self, key: ObjectKey, obj: JsonObject) -> Deleted:
        self._told.pop((key.namespace, key.name), None)
        return Deleted(obj)

    def replace(self, objects: list[tuple[ObjectKey, JsonObject]], mark: int = 0) -> Replaced:
        """Compares a full list with what was told. An object remade under its name is changed and gone."""
        before, self._told = self._told, {}
        changed: list[JsonObject] = []
        for key, obj in objects:
            place, state = (key.namespace, key.name), (key.uid, version_of(obj))
            self._told[place] = state
            if before.get(place) != state:
                changed.append(obj)
        gone = tuple(
            ObjectKey(*place, uid)
            for place, (uid, _) in before.items()
            if place not in self._told or self._told[place][0] != uid
        )
        return Replaced(tuple(obj for _, obj in objects), tuple(changed), gone, mark)


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
