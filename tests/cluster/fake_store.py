"""The API server's objects, in memory: versions, finalizers and subresources as the real one has them.

No I/O and no clock of its own, so that a simulation can drive it. Refusals are exceptions with the status and
reason of the real server; the sources are k8s.io/apiserver (registry/generic) and k8s.io/kubernetes
(registry/core/pod/storage, apis/resource/validation).
"""

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import orjson

from app.core.json_object import JsonObject
from tests.cluster.managed_fields import keep_managers

# The most Pods that may share a claim.
_MAX_RESERVED_FOR = 256
_WITH_STATUS = {"pods", "nodes", "resourceclaims", "devicetaintrules"}


def copied(obj: Any) -> Any:
    """A deep copy of JSON, several times as fast as copy.deepcopy."""
    return orjson.loads(orjson.dumps(obj))


class StatusError(Exception):
    """The answer to a request that is not carried out."""

    def __init__(self, status: int, reason: str, message: str, causes: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.causes = tuple(causes)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object is: its collection (group and plural) and its name."""

    group: str
    plural: str
    namespace: str
    name: str

    @property
    def collection(self) -> tuple[str, str]:
        return self.group, self.plural


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the history; `object` is never modified later."""

    version: int
    type: str
    place: Place
    object: JsonObject


Backup = tuple[dict[Place, JsonObject], int, int]


class Store:
    """Objects and the history of all changes.

    Args:
        now: seconds since the epoch, for timestamps.
    """

    def __init__(self, now: Callable[[], float] = lambda: 0.0) -> None:
        self._now = now
        self._objects: dict[Place, JsonObject] = {}
        self._uids = 0
        self.version = 100
        self.oldest = 0
        self.history: list[Change] = []
        self.listeners: list[Callable[[], None]] = []

    def find(self, place: Place) -> JsonObject:
        """Raises StatusError 404."""
        try:
            return self._objects[place]
        except KeyError:
            raise StatusError(404, "NotFound", f'{place.plural} "{place.name}" not found') from None

    def select(self, collection: tuple[str, str], namespace: str = "") -> list[JsonObject]:
        """By namespace and name, as etcd orders them."""
        found = [
            (place.namespace, place.name, obj)
            for place, obj in self._objects.items()
            if place.collection == collection and namespace in {"", place.namespace}
        ]
        return [obj for _, _, obj in sorted(found, key=lambda entry: entry[:2])]

    def backup(self) -> Backup:
        return dict(self._objects), self.version, len(self.history)

    def restore(self, backup: Backup) -> None:
        """Everything is as it was, versions too: later ones come again, for something else."""
        objects, self.version, changes = backup
        self._objects = dict(objects)
        del self.history[changes:]

    def compact(self) -> None:
        """Forgets how the present came about: older versions can be neither watched nor paged from."""
        self.oldest = self.version

    def create(self, place: Place, body: JsonObject, manager: str = "") -> JsonObject:
        obj = copied(body)
        metadata = obj.setdefault("metadata", {})
        self._uids += 1
        if not place.name and metadata.get("generateName"):
            place = replace(place, name=f"{metadata['generateName']}{self._uids:05d}")
        if not place.name:
            raise StatusError(422, "Invalid", "name or generateName is required")
        if place in self._objects:
            raise StatusError(409, "AlreadyExists", f'{place.plural} "{place.name}" already exists')
        metadata.update(name=place.name, uid=f"uid-{self._uids}", creationTimestamp=self._timestamp())
        metadata.pop("deletionTimestamp", None)
        if place.namespace:
            metadata["namespace"] = place.namespace
        if place.plural == "resourceclaims":
            obj["status"] = {}
        elif place.plural == "pods":
            obj.setdefault("status", {}).setdefault("phase", "Pending")
        metadata.pop("managedFields", None)
        keep_managers({}, obj, manager)
        return self._write("ADDED", place, obj)

    def update(
        self,
        place: Place,
        change: Callable[[JsonObject], JsonObject],
        subresource: str = "",
        manager: str = "",
    ) -> JsonObject:
        """Replaces the object by what `change` makes of it; writes nothing if that is no change.

        A resourceVersion in the result must be the newest. The status has its own subresource.
        """
        old = self.find(place)
        new = change(copied(old))
        _check_preconditions(place, old, new.get("metadata") or {})
        if subresource == "status":
            metadata = copied(old["metadata"])
            if place.plural == "pods":
                # As the API server's podStatusStrategy: owners and spec are kept, annotations are not.
                for field in ("annotations", "labels"):
                    if field in new["metadata"]:
                        metadata[field] = copied(new["metadata"][field])
            new = {**copied(old), "metadata": metadata, "status": copied(new.get("status") or {})}
            if place.plural == "resourceclaims":
                _validate_claim_status(old, new)
        else:
            new = copied(new)
            if place.plural in _WITH_STATUS:
                new["status"] = old.get("status", {})
            for field in ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp"):
                if field in old["metadata"]:
                    new["metadata"][field] = old["metadata"][field]
        new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
        keep_managers(old, new, manager)
        if new == old:
            return old
        if new["metadata"].get("deletionTimestamp") and not new["metadata"].get("finalizers"):
            return self._remove(place, new)
        return self._write("MODIFIED", place, new)

    def delete(self, place: Place, preconditions: JsonObject | None = None) -> JsonObject:
        """Removes the object, or marks it if finalizers hold it."""
        old = self.find(place)
        _check_preconditions(place, old, preconditions or {})
        if not old["metadata"].get("finalizers"):
            return self._remove(place, old)
        if old["metadata"].get("deletionTimestamp"):
            return old
        new = copied(old)
        new["metadata"]["deletionTimestamp"] = self._timestamp()
        return self._write("MODIFIED", place, new)

    def bind(self, place: Place, binding: JsonObject) -> JsonObject:
        """pods/binding: names the Pod's node, once."""
        old = self.find(place)
        _check_preconditions(place, old, binding.get("metadata") or {})
        node = (binding.get("target") or {}).get("name")
        if not node:
            raise StatusError(422, "Invalid", "target.name: Required value")
        if old["metadata"].get("deletionTimestamp"):
            raise StatusError(
                409, "Conflict", f"pod {place.name} is being deleted, cannot be assigned to a host"
            )
        if old.get("spec", {}).get("nodeName"):
            taken = old["spec"]["nodeName"]
            raise StatusError(409, "Conflict", f'pod {place.name} is already assigned to node "{taken}"')
        new = copied(old)
        new.setdefault("spec", {})["nodeName"] = node
        return self._write("MODIFIED", place, new)

    def _write(self, kind: str, place: Place, obj: JsonObject) -> JsonObject:
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        self._objects[place] = obj
        self._tell(Change(self.version, kind, place, obj))
        return obj

    def _remove(self, place: Place, obj: JsonObject) -> JsonObject:
        self.version += 1
        last = copied(obj)
        last["metadata"]["resourceVersion"] = str(self.version)
        del self._objects[place]
        self._tell(Change(self.version, "DELETED", place, last))
        return last

    def _tell(self, change: Change) -> None:
        self.history.append(change)
        for listener in self.listeners:
            listener()

    def _timestamp(self) -> str:
        moment = dt.datetime.fromtimestamp(self._now(), dt.UTC)
        return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _check_preconditions(place: Place, old: JsonObject, wanted: JsonObject) -> None:
    for field in ("uid", "resourceVersion"):
        if wanted.get(field) and wanted[field] != old["metadata"][field]:
            message = f'Operation cannot be fulfilled on {place.plural} "{place.name}": {field} differs'
            raise StatusError(409, "Conflict", message)


def _validate_claim_status(old: JsonObject, new: JsonObject) -> None:
    before, after = old.get("status") or {}, new.get("status") or {}
    reserved = after.get("reservedFor") or []
    if len(reserved) > _MAX_RESERVED_FOR:
        raise StatusError(422, "Invalid", "status.reservedFor: Too many")
    if reserved and not after.get("allocation"):
        raise StatusError(422, "Invalid", "status.reservedFor: Forbidden: `allocated` is not set")
    if before.get("allocation") and after.get("allocation") not in (None, before["allocation"]):
        raise StatusError(422, "Invalid", "status.allocation: Invalid value: field is immutable")
    if old["metadata"].get("deletionTimestamp"):
        known = [entry["uid"] for entry in before.get("reservedFor") or []]
        if any(entry["uid"] not in known for entry in reserved):
            raise StatusError(422, "Invalid", "status.reservedFor: Forbidden: the claim is being deleted")
