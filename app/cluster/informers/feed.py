"""Applies informer events to the state: the only place that parses objects of the cluster.

A malformed object never affects other objects. Its own effect:

* a slice is removed, so that its pool is incomplete and has no usable devices until it is fixed;
* a claim must not be left out, since its devices would be allocated again: only its allocation is parsed,
and if that fails too, the previous version stays;
* for any other kind, the previous version stays.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from app.cluster.informers.informer import Deleted, Event, Replaced, Upserted
from app.core.kept_error import kept
from app.core.model.allocation import Allocation, read_allocation
from app.core.model.device_taint_rule import DeviceTaintRule
from app.core.model.errors import FieldError, ObjectError
from app.core.model.meta import read_meta
from app.core.model.parse import InventoryObject, parse, reread_claim, reread_pod
from app.core.model.resource_claim import ClaimSpec, ResourceClaim
from app.core.model.resource_slice import PoolId
from app.core.model.workload import Workload
from app.core.pauses import leave, on_pause, paced, pause
from app.core.state.state import Key, State

log = logging.getLogger(__name__)

_TOGETHER = 256
"""Changes of a list that are applied in one step: some 10 ms."""
_AT_ONCE = 16
"""Changes between two pauses, where they are more."""


class Feed:
    """Parses objects and puts them into a state.

    ``broken`` contains malformed objects; each is logged at each event.

    Args:
        state: the target; this is its only writer of events.
        changed: called with each applied event and the kind of its object.
        claim_changed: called with the key of each changed or deleted claim.
        pod_gone: called with the key and UID of each deleted Pod.
        released: called with the allocation of each claim that no longer has it.
    """

    def __init__(
        self,
        state: State,
        changed: Callable[[str, Event], None] = lambda _kind, _event: None,
        claim_changed: Callable[[Key], None] = lambda _key: None,
        pod_gone: Callable[[Key, str], None] = lambda _key, _uid: None,
        released: Callable[[Allocation], None] = lambda _allocation: None,
    ) -> None:
        self._state = state
        self._changed = changed
        self._claim_changed = claim_changed
        self._pod_gone = pod_gone
        self._released = released
        self.broken: dict[tuple[str, Key], ObjectError] = {}
        self._ahead: dict[str, dict[int, InventoryObject | ObjectError]] = {}
        self._lists: dict[str, _ReadList] = {}

    def read_ahead(self, kind: str, event: Event) -> None:
        """Parses the objects of an event, with pauses, so that ``handle`` need not: call it right before.

        Changes nothing in the state, but applies a list with many changes; see ``_replace_in_parts``. Known
        claims are left out: of those, only the status is read again. Of a list, it also finds out what is
        gone, and of DeviceTaintRules what they change. And it frees what earlier events have left.
        """
        self._state.inventory.free_outdated()
        if isinstance(event, Replaced):
            self._lists[kind] = self._read_list(kind, event)
        if kind == "DeviceTaintRule" and isinstance(event, Deleted):
            self._state.inventory.foresee_rules((), (_key(event.object)[1],))
        if isinstance(event, Deleted):
            return
        changed = event.changed if isinstance(event, Replaced) else (event.object,)
        read: dict[int, InventoryObject | ObjectError] = {}
        for raw in changed:
            pause()
            if kind == "ResourceClaim" and self._known(_key(raw), raw) is not None:
                continue
            try:
                read[id(raw)] = self._read(kind, _key(raw), raw)
            except ObjectError as error:
                read[id(raw)] = kept(error)
        self._ahead[kind] = read
        if kind == "DeviceTaintRule":
            rules = [item for item in read.values() if isinstance(item, DeviceTaintRule)]
            gone = self._lists[kind].gone if isinstance(event, Replaced) else ()
            self._state.inventory.foresee_rules(rules, (name for _, name in gone))
        # Rules change slices together.
        if isinstance(event, Replaced) and kind != "DeviceTaintRule":
            self._replace_in_parts(kind, event, self._lists[kind])

    def is_wide(self, kind: str, event: Event) -> bool:
        """Whether an event of a slice changes what all nodes have. A list is applied in parts. O(1)."""
        if kind != "ResourceSlice" or isinstance(event, Replaced):
            return False
        spec, pool = event.object.get("spec"), _pool(event.object)
        if pool is None or not isinstance(spec, Mapping):
            return False
        return not spec.get("nodeName") or self._state.inventory.is_seen_by_all(pool)

    def handle(self, kind: str, event: Event) -> None:
        """Applies one event, in one step, unless ``read_ahead`` has.

        Cost: O(objects in it); of a list, O(changed and gone ones).
        """
        is_applied = isinstance(event, Replaced) and kind in self._lists and self._lists[kind].is_applied
        gone: Collection[Key] = ()
        match event:
            case Upserted(item):
                self._put(kind, item)
            case Deleted(item):
                if not self._is_another(kind, item):
                    self._drop(kind, _key(item))
            case Replaced() if kind == "DeviceTaintRule":
                with self._state.inventory.rules_together():
                    self._replace(kind, event)
            case Replaced():
                gone = self._replace(kind, event)
        if kind == "ResourceClaim" and not is_applied:
            # Only after a whole list: half of it may seem to allocate a device twice.
            changed = event.changed if isinstance(event, Replaced) else (event.object,)
            for key in (*map(_key, changed), *gone):
                self._claim_changed(key)
        self._ahead.pop(kind, None)
        self._changed(kind, event)

    def _held(self, key: Key) -> Allocation | None:
        claim = self._state.stored_claim(key)
        return None if claim is None else claim.allocation

    def _replace(self, kind: str, event: Replaced) -> Collection[Key]:
        """Returns what is gone."""
        ahead = self._lists.pop(kind, None) or self._read_list(kind, event)
        if not ahead.is_applied:
            for key in ahead.gone:
                self._drop(kind, key)
            for item in self._to_put(kind, event, ahead):
                self._put(kind, item)
        # The keys, which nothing else has: the mapping would free all of them in one step.
        leave(list(ahead.objects))
        return ahead.gone

    def _to_put(self, kind: str, event: Replaced, ahead: "_ReadList") -> Iterator[Mapping[str, Any]]:
        """The objects of a list that change the state. Knowledge from our own writes is forgotten first.

        It may be lost, and older events may be delivered again.
        """
        anew = self._state.relisted(event.mark) if kind == "ResourceClaim" else ()
        yield from event.changed
        for key in anew:
            if key in ahead.objects:
                yield ahead.objects[key]

    def _replace_in_parts(self, kind: str, event: Replaced, ahead: "_ReadList") -> None:
        """Applies a list with pauses if much has changed. In one step, 30,000 claims would take a second.

        A reader in between sees a part of the changes. Those of a pool are one step, so that it is never
        incomplete in between, unless they are many.
        """
        if len(event.changed) + len(ahead.gone) <= _TOGETHER:
            return
        if kind == "ResourceSlice":
            self._replace_pools(event, ahead)
        else:
            self._replace_objects(kind, event, ahead)
        self._lists[kind] = replace(ahead, is_applied=True)

    def _replace_pools(self, event: Replaced, ahead: "_ReadList") -> None:
        slices, pools = self._state.inventory.slices, dict[object, _PoolChanges]()
        for raw in paced(event.changed, _AT_ONCE):
            pools.setdefault(_pool(raw), _PoolChanges()).changed.append(raw)
        for key in paced(ahead.gone, _AT_ONCE):
            gone = slices.get(key[1])
            pools.setdefault(gone and gone.pool_id, _PoolChanges()).gone.append(key)
        for changes in paced(pools.values(), 1):
            # Readers pause.
            with on_pause(_go_on) if changes.number <= _TOGETHER else nullcontext():
                for item in paced(changes.changed, 1):
                    self._put("ResourceSlice", item)
                for key in paced(changes.gone, 1):
                    self._drop("ResourceSlice", key)

    def _replace_objects(self, kind: str, event: Replaced, ahead: "_ReadList") -> None:
        """What takes devices first, then what moves from one to others, in one step, then what frees devices.

        So no device is free in between that a claim of the list has.
        """
        moves, frees = list[Mapping[str, Any]](), list[Mapping[str, Any]]()
        going = [(key, self._state.stored_claim(key)) for key in paced(ahead.gone)]
        for item in paced(self._to_put(kind, event, ahead), _AT_ONCE):
            held = self._held(_key(item)) if kind == "ResourceClaim" else None
            if held is None:
                self._put(kind, item)
            elif not (status := _status(item)).get("allocation"):
                frees.append(item)
            elif _has_same(status, held):
                self._put(kind, item)
            else:
                moves.append(item)
        with on_pause(_go_on):  # readers pause
            for item in moves:
                self._put(kind, item)
        for item in paced(frees, _AT_ONCE):
            self._put(kind, item)
        for key, known in paced(going, _AT_ONCE):
            # Otherwise it was created again in a pause.
            if self._state.stored_claim(key) is known:
                self._drop(kind, key)
        if kind == "ResourceClaim":
            for key in paced((*map(_key, event.changed), *ahead.gone), _AT_ONCE):
                self._claim_changed(key)

    def _read_list(self, kind: str, event: Replaced) -> "_ReadList":
        """Cost: O(objects), with pauses. What is created meanwhile is newer than the list, and not gone."""
        known = self._state.keys(kind)
        listed = {_key(item): item for item in paced(event.objects)}
        return _ReadList(listed, tuple(key for key in paced(known) if key not in listed))

    def _put(self, kind: str, raw: Mapping[str, Any]) -> None:
        key = _key(raw)
        if kind == "ResourceClaim" and self._is_echo(key, raw):
            return
        try:
            item = self._read(kind, key, raw)
        except ObjectError as error:
            self.broken[kind, key] = kept(error)
            log.warning("object ignored: %s", error)
            self._make_do(kind, key, raw)
            return
        self.broken.pop((kind, key), None)
        held = self._held(key) if kind == "ResourceClaim" else None
        self._state.upsert(item)
        if held is not None and self._held(key) is None:
            self._released(held)

    def _is_echo(self, key: Key, raw: Mapping[str, Any]) -> bool:
        """Each bind writes a claim twice, and receives an event for each write."""
        metadata = raw.get("metadata") or {}
        uid, version = metadata.get("uid"), metadata.get("resourceVersion")
        if not isinstance(uid, str) or not isinstance(version, str):
            return False
        return ("ResourceClaim", key) not in self.broken and self._state.is_echo(key, uid, version)

    def _read(self, kind: str, key: Key, raw: Mapping[str, Any]) -> InventoryObject:
        """Raises: ObjectError."""
        if kind == "ResourceClaim" and (known := self._known(key, raw)) is not None:
            return reread_claim(raw, known)
        ahead = self._ahead.get(kind, {}).get(id(raw))
        if isinstance(ahead, ObjectError):
            raise ObjectError(ahead.ref, ahead.path, ahead.reason)
        if ahead is not None:
            return ahead
        before = self._state.pods.get(key) if kind == "Pod" else None
        item = parse(raw) if before is None else reread_pod(raw, before)
        if isinstance(item, Workload):
            raise TypeError(f"workloads are not watched: {item.kind}")
        return item

    def _known(self, key: Key, raw: Mapping[str, Any]) -> ResourceClaim | None:
        """The claim in the state of which the object is another version: its spec cannot change."""
        known = self._state.stored_claim(key)
        # The readable part of a malformed claim has no requests.
        if (
            known is None
            or not known.spec.requests
            or known.meta.uid != (raw.get("metadata") or {}).get("uid")
        ):
            return None
        return known

    def _make_do(self, kind: str, key: Key, raw: Mapping[str, Any]) -> None:
        if kind == "ResourceSlice":
            self._state.delete(kind, key)
        elif kind == "ResourceClaim":
            claim = _held_alone(raw)
            if claim is not None:
                self._state.upsert(claim)

    def _is_another(self, kind: str, item: Mapping[str, Any]) -> bool:
        """Whether the claim in the state with this name is a later one, which this process has created."""
        known = self._state.stored_claim(_key(item)) if kind == "ResourceClaim" else None
        return known is not None and known.meta.uid != (item.get("metadata") or {}).get("uid")

    def _drop(self, kind: str, key: Key) -> None:
        self.broken.pop((kind, key), None)
        pod = self._state.pods.get(key) if kind == "Pod" else None
        held = self._held(key) if kind == "ResourceClaim" else None
        self._state.delete(kind, key)
        if held is not None:
            self._released(held)
        if pod is not None:
            self._pod_gone(key, pod.meta.uid)


@dataclass(frozen=True, slots=True)
class _ReadList:
    """The objects of a list, what is in the state and not in the list, and whether it is applied by now."""

    objects: Mapping[Key, Mapping[str, Any]]
    gone: tuple[Key, ...]
    is_applied: bool = False


@dataclass(slots=True)
class _PoolChanges:
    """The slices of a pool that a list changes, and the keys of those that are gone from it."""

    changed: list[Mapping[str, Any]] = field(default_factory=list)
    gone: list[Key] = field(default_factory=list)

    @property
    def number(self) -> int:
        return len(self.changed) + len(self.gone)


def _go_on(_cost: int) -> None:
    """At a pause in what must be one step."""


def _pool(raw: Mapping[str, Any]) -> PoolId | None:
    """The pool that a slice is of; None if it is malformed."""
    spec = raw.get("spec")
    pool = spec.get("pool") if isinstance(spec, Mapping) else None
    if not isinstance(spec, Mapping) or not isinstance(pool, Mapping):
        return None
    return PoolId(str(spec.get("driver")), str(pool.get("name")))


def _status(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    status = raw.get("status")
    return status if isinstance(status, Mapping) else {}


def _has_same(status: Mapping[str, Any], held: Allocation) -> bool:
    """Whether a claim with this status has the devices that it had."""
    try:
        return read_allocation(status["allocation"]).devices == held.devices
    except FieldError:
        return False


def _held_alone(raw: Mapping[str, Any]) -> ResourceClaim | None:
    """A claim with only its allocation; None if that is malformed too."""
    status = raw.get("status")
    held = status.get("allocation") if isinstance(status, Mapping) else None
    if held is None:
        return None
    try:
        return ResourceClaim(read_meta(raw, namespaced=True), ClaimSpec(), read_allocation(held))
    except FieldError:
        return None  # already logged by the caller, with the first error


def _key(raw: Mapping[str, Any]) -> Key:
    metadata = raw.get("metadata") or {}
    return (str(metadata.get("namespace") or ""), str(metadata.get("name") or ""))
