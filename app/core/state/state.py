"""The cluster as this process knows it.

One writer: the event loop applies watch events and assumptions, no locks are needed. Whoever wants
to try something out works on a ``fork``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from app.core.model.allocation import Allocation
from app.core.model.device_class import DeviceClass
from app.core.model.device_taint_rule import DeviceTaintRule
from app.core.model.disruption_budget import DisruptionBudget
from app.core.model.node import Node
from app.core.model.parse import InventoryObject
from app.core.model.pod import Pod
from app.core.model.resource_claim import EXTENDED_ANNOTATION, Consumer, ResourceClaim, ResourceClaimTemplate
from app.core.model.resource_slice import PoolId, ResourceSlice
from app.core.state.extended_resources import classes_by_resource
from app.core.state.holds import Hold
from app.core.state.inventory import Inventory
from app.core.state.taken import ClaimKey, PoolTaken, Taken, release, take
from app.core.state.usage import Usage

Key = tuple[str, str]
"""Namespace (empty if the kind has none) and name."""

_KINDS = {
    Node: "Node",
    ResourceSlice: "ResourceSlice",
    DeviceClass: "DeviceClass",
    DeviceTaintRule: "DeviceTaintRule",
    ResourceClaim: "ResourceClaim",
    ResourceClaimTemplate: "ResourceClaimTemplate",
    Pod: "Pod",
    DisruptionBudget: "PodDisruptionBudget",
}


@dataclass(frozen=True, slots=True)
class Assumption:
    """What a claim will hold, and for which Pods, once the API server has it."""

    allocation: Allocation
    consumers: tuple[Consumer, ...] = ()


class State:
    """Everything a decision depends on; ``revision`` grows with every change."""

    def __init__(self) -> None:
        self.revision = 0
        self.inventory = Inventory()
        self.usage = Usage()
        self.classes: dict[str, DeviceClass] = {}
        self.templates: dict[Key, ResourceClaimTemplate] = {}
        self.pods: dict[Key, Pod] = {}
        self.budgets: dict[Key, DisruptionBudget] = {}
        self._holds: dict[Key, Hold] = {}
        self._resource_classes: Mapping[str, DeviceClass] | None = None
        self._claims: dict[ClaimKey, ResourceClaim] = {}
        self._extended: dict[str, ClaimKey] = {}
        self._assumed: dict[ClaimKey, Assumption] = {}
        self._floor: dict[ClaimKey, int] = {}
        self._taken: dict[PoolId, PoolTaken] = {}

    def fork(self) -> "State":
        """A copy that can be changed without this one noticing. O(objects), no deep copy."""
        other = State()
        other.revision = self.revision
        other.inventory = self.inventory.fork()
        other.usage = self.usage.fork()
        other.classes = dict(self.classes)
        other.templates = dict(self.templates)
        other.pods = dict(self.pods)
        other.budgets = dict(self.budgets)
        other._holds = dict(self._holds)
        other._resource_classes = self._resource_classes
        other._claims = dict(self._claims)
        other._extended = dict(self._extended)
        other._assumed = dict(self._assumed)
        other._floor = dict(self._floor)
        other._taken = dict(self._taken)
        return other

    @property
    def taken(self) -> Taken:
        """What claims hold, assumed allocations included."""
        return self._taken

    @property
    def nodes(self) -> Mapping[str, Node]:
        """All nodes by name."""
        return self.inventory.nodes

    @property
    def assumed(self) -> Mapping[ClaimKey, Assumption]:
        """Allocations that the API server has not confirmed yet."""
        return self._assumed

    def claim(self, key: ClaimKey) -> ResourceClaim | None:
        """A claim, with what is assumed of it."""
        claim = self._claims.get(key)
        assumption = self._assumed.get(key)
        if claim is None or assumption is None:
            return claim
        known = {consumer.uid for consumer in claim.reserved_for}
        more = tuple(consumer for consumer in assumption.consumers if consumer.uid not in known)
        return replace(
            claim,
            allocation=claim.allocation or assumption.allocation,
            reserved_for=claim.reserved_for + more,
        )

    def stored_claim(self, key: ClaimKey) -> ResourceClaim | None:
        """A claim as the API server has it, as far as is known: without what is assumed."""
        return self._claims.get(key)

    @property
    def resource_classes(self) -> Mapping[str, DeviceClass]:
        """The class that stands for each extended resource; made anew when a class has changed."""
        if self._resource_classes is None:
            self._resource_classes = classes_by_resource(self.classes.values())
        return self._resource_classes

    def extended_claim(self, pod_uid: str) -> ResourceClaim | None:
        """The claim that was made for a Pod's extended resources, with what is assumed of it."""
        key = self._extended.get(pod_uid)
        return None if key is None else self.claim(key)

    def claims(self) -> Iterable[ResourceClaim]:
        """All claims, with what is assumed of them."""
        for key in self._claims:
            claim = self.claim(key)
            if claim is not None:
                yield claim

    def upsert(self, item: InventoryObject) -> None:
        """Takes in an object that is new or has changed."""
        self.revision += 1
        match item:
            case Node():
                self.inventory.put_node(item)
            case ResourceSlice():
                self.inventory.put_slice(item)
            case DeviceTaintRule():
                self.inventory.put_rule(item)
            case DeviceClass():
                self.classes[item.meta.name] = item
                self._resource_classes = None
            case ResourceClaimTemplate():
                self.templates[item.meta.key] = item
            case ResourceClaim():
                self._put_claim(item)
            case Pod():
                self._put_pod(item)
            case DisruptionBudget():
                self.budgets[item.meta.key] = item

    def delete(self, kind: str, key: Key) -> None:
        """Forgets an object; one that is not known is no error (deletes may be heard of twice)."""
        self.revision += 1
        match kind:
            case "Node":
                self.inventory.drop_node(key[1])
            case "ResourceSlice":
                self.inventory.drop_slice(key[1])
            case "DeviceTaintRule":
                self.inventory.drop_rule(key[1])
            case "DeviceClass":
                self.classes.pop(key[1], None)
                self._resource_classes = None
            case "ResourceClaimTemplate":
                self.templates.pop(key, None)
            case "ResourceClaim":
                self._drop_claim(key)
            case "Pod":
                self.pods.pop(key, None)
                self.usage.drop(key)
                self.lift(key)
            case "PodDisruptionBudget":
                self.budgets.pop(key, None)
            case _:
                raise ValueError(f"{kind} is not kept")

    def keys(self, kind: str) -> set[Key]:
        """The keys of all objects of a kind: what a new list is compared with."""
        by_name: dict[str, Mapping[str, object]] = {
            "Node": self.inventory.nodes,
            "ResourceSlice": self.inventory.slices,
            "DeviceTaintRule": self.inventory.rules,
            "DeviceClass": self.classes,
        }
        if kind in by_name:
            return {("", name) for name in by_name[kind]}
        by_key: dict[str, set[Key]] = {
            "ResourceClaimTemplate": set(self.templates),
            "ResourceClaim": set(self._claims),
            "Pod": set(self.pods) | self.usage.keys(),
            "PodDisruptionBudget": set(self.budgets),
        }
        return by_key[kind]

    def assume(self, key: ClaimKey, allocation: Allocation, consumers: tuple[Consumer, ...] = ()) -> None:
        """Counts devices as taken, and Pods as consumers, before the API server has them.

        Called before the first await of a bind, so that no other decision can take the devices.
        Only for a claim without an allocation of its own, or to add consumers to one.
        """
        self.revision += 1
        before = self._held(key)
        old = self._assumed.get(key)
        kept = old.consumers if old is not None else ()
        self._assumed[key] = Assumption(allocation, kept + tuple(c for c in consumers if c not in kept))
        self._exchange(key, before)

    def put_written(self, claim: ResourceClaim) -> None:
        """Takes in the API server's answer to a write of ours, ahead of the watch event.

        Until an event with this version or a later one has come, older events are not heard: they
        are from before the write. A claim that is gone, or another one by now, stays as it is: its
        deletion was heard of before the answer to the write.
        """
        known = self._claims.get(claim.meta.key)
        if known is None or known.meta.uid != claim.meta.uid or _older(claim, known):
            return
        self.upsert(claim)
        self._floor[claim.meta.key] = _version(claim)

    def is_echo(self, key: ClaimKey, uid: str, version: str) -> bool:
        """Whether an event tells of a claim what a write of ours has told before: it need not be read.

        With the last such event, the next one is heard again whatever its version.
        """
        known, floor = self._claims.get(key), self._floor.get(key)
        if known is None or floor is None or known.meta.uid != uid or not version.isdecimal():
            return False
        if int(version) == floor:
            del self._floor[key]
        return int(version) <= floor

    def put_created(self, claim: ResourceClaim) -> None:
        """Takes in the API server's answer to a claim of ours that was created.

        Should its deletion have been heard of already, the entry is a ghost without devices until the
        next list, or until a write finds it gone.
        """
        if claim.meta.key not in self._claims:
            self.upsert(claim)
            self._floor[claim.meta.key] = _version(claim)
        else:
            self.put_written(claim)

    def drop_removed(self, claim: ResourceClaim) -> None:
        """Forgets a claim of ours that was deleted, ahead of the watch event."""
        known = self._claims.get(claim.meta.key)
        if known is not None and known.meta.uid == claim.meta.uid:
            self.delete("ResourceClaim", claim.meta.key)

    def forget(self, key: ClaimKey, consumer_uid: str | None = None) -> None:
        """Takes an assumption back after a failed bind.

        With a consumer named, the allocation stays assumed as long as other consumers are.
        """
        assumption = self._assumed.get(key)
        if assumption is None:
            return
        self.revision += 1
        before = self._held(key)
        rest = tuple(c for c in assumption.consumers if consumer_uid is not None and c.uid != consumer_uid)
        if rest:
            self._assumed[key] = replace(assumption, consumers=rest)
        else:
            del self._assumed[key]
        self._exchange(key, before)

    @property
    def holds(self) -> Mapping[Key, Hold]:
        """What is held for Pods that others were evicted for, by Pod."""
        return self._holds

    def hold(self, hold: Hold) -> None:
        """Counts devices as taken for a Pod until it is bound or gone, or until they are ``lift``ed."""
        self.lift(hold.pod)
        self._holds[hold.pod] = hold
        for key, allocation in hold.allocations:
            take(self._taken, key, allocation.devices, nominated=True)
        self._note_held(hold)

    def lift(self, pod: Key) -> None:
        """Holds nothing for a Pod any more, if anything was held."""
        hold = self._holds.pop(pod, None)
        if hold is None:
            return
        for key, allocation in hold.allocations:
            release(self._taken, key, allocation.devices, nominated=True)
        self._note_held(hold)

    def as_seen_by(self, pod: Pod) -> "State":
        """This state, or a fork without the holds that the Pod may pass over. O(holds) if there are none."""
        passed = [key for key, hold in self._holds.items() if hold.yields_to(pod.meta.uid, pod.priority)]
        if not passed:
            return self
        seen = self.fork()
        for key in passed:
            seen.lift(key)
        return seen

    def _note_held(self, hold: Hold) -> None:
        self.revision += 1
        for pool in {item.device.pool_id for _, held in hold.allocations for item in held.devices}:
            self.inventory.note_taken(pool)

    def settle(self, pod: Pod, node: str, allocations: Iterable[tuple[ResourceClaim, Allocation]]) -> None:
        """Makes the state as if the Pod ran on the node, with these allocations for its claims.

        For states that stand for themselves: a dry run's fork, an inventory from files.
        """
        meta = pod.meta
        consumer = Consumer("", "pods", meta.name, meta.uid or f"{meta.namespace}/{meta.name}")
        for claim, allocation in allocations:
            others = tuple(known for known in claim.reserved_for if known.uid != consumer.uid)
            self.upsert(replace(claim, allocation=allocation, reserved_for=(*others, consumer)))
        self.upsert(replace(pod, node_name=node))

    def _put_pod(self, pod: Pod) -> None:
        self.usage.put(pod)
        held = self._holds.get(pod.meta.key)
        if held is not None and (pod.node_name or pod.finished or pod.meta.uid != held.uid):
            self.lift(pod.meta.key)
        # Pods that neither hold claims nor wait for a node matter by what they take of a node only.
        if pod.claims or pod.extended_claim or not pod.node_name:
            self.pods[pod.meta.key] = pod
        else:
            self.pods.pop(pod.meta.key, None)

    def _put_claim(self, claim: ResourceClaim) -> None:
        key = claim.meta.key
        old = self._claims.get(key)
        if old is not None and old.meta.uid != claim.meta.uid:
            if _version(claim) < self._floor.get(key, 0):
                return  # a late event of one that was removed before ours was created
            # Deleted and made anew under the same name: nothing said of the old one holds.
            self._drop_claim(key)
            self.forget(key)
        elif _version(claim) < self._floor.get(key, 0):
            return
        before = self._held(key)
        self._floor.pop(key, None)
        self._claims[key] = claim
        if (owner := _owner_of_extended(claim)) is not None:
            self._extended[owner] = key
        self._exchange(key, before)

    def _drop_claim(self, key: ClaimKey) -> None:
        before = self._held(key)
        claim = self._claims.pop(key, None)
        owner = None if claim is None else _owner_of_extended(claim)
        if owner is not None and self._extended.get(owner) == key:
            del self._extended[owner]
        # A bind that is under way keeps what it has assumed: it ends with the bind.
        self._floor.pop(key, None)
        self._exchange(key, before)

    def _held(self, key: ClaimKey) -> Allocation | None:
        claim = self._claims.get(key)
        if claim is not None and claim.allocation is not None:
            return claim.allocation
        assumption = self._assumed.get(key)
        return assumption.allocation if assumption is not None else None

    def _exchange(self, key: ClaimKey, before: Allocation | None) -> None:
        after = self._held(key)
        if after is before:
            return
        if before is not None:
            release(self._taken, key, before.devices)
        if after is not None:
            take(self._taken, key, after.devices)
        for pool in {item.device.pool_id for held in (before, after) if held for item in held.devices}:
            self.inventory.note_taken(pool)


def _version(claim: ResourceClaim) -> int:
    """A resourceVersion as a number: the API server's are, and may be compared (KEP-5504).

    An object from a file may come without one, and is older than any write.
    """
    return int(claim.meta.resource_version or "0")


def _owner_of_extended(claim: ResourceClaim) -> str | None:
    """The uid of the Pod whose extended resources a claim was made for (findExtendedResourceClaim)."""
    if claim.meta.annotations.get(EXTENDED_ANNOTATION) != "true":
        return None
    owner = claim.meta.controller
    return owner.uid if owner is not None and owner.kind == "Pod" else None


def _older(claim: ResourceClaim, than: ResourceClaim) -> bool:
    return _version(claim) < _version(than)


def kind_of(item: InventoryObject) -> str:
    """The Kubernetes kind of an object."""
    return _KINDS[type(item)]
