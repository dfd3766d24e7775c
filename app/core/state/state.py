"""The cluster as this process knows it.

One writer: the event loop applies watch events and assumptions, no locks are needed. Simulations use a
``fork``.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from itertools import islice

from app.core.model.allocation import Allocation
from app.core.model.claim_amounts import ClaimAmounts
from app.core.model.device_class import DeviceClass
from app.core.model.device_taint_rule import DeviceTaintRule
from app.core.model.disruption_budget import DisruptionBudget
from app.core.model.node import Node
from app.core.model.parse import InventoryObject
from app.core.model.pod import Pod
from app.core.model.pod_group import PodGroup
from app.core.model.resource_claim import ConsumerReference, ResourceClaim, ResourceClaimTemplate
from app.core.model.resource_slice import PoolId, ResourceSlice
from app.core.pauses import emptied, paced
from app.core.state.assume_cache import AssumeCache, Assumed
from app.core.state.extended_resources import ResourceClasses
from app.core.state.group_members import GroupMembers
from app.core.state.inventory import Inventory
from app.core.state.nominations import Nomination
from app.core.state.nominees import Nominees
from app.core.state.pending_users import PendingUsers
from app.core.state.pledges import Pledge, Pledges
from app.core.state.request_mix import RequestLog, RequestMix
from app.core.state.residents import Residents
from app.core.state.taken import ClaimKey, Taken, release, take
from app.core.state.usage import Usage

Key = tuple[str, str]
"""Namespace (empty if the kind has none) and name."""

_SETTLED = 8
"""Claims of a Pod that are settled between two pauses: each may have 32 devices with shares."""
_KINDS = {
    Node: "Node",
    ResourceSlice: "ResourceSlice",
    DeviceClass: "DeviceClass",
    DeviceTaintRule: "DeviceTaintRule",
    ResourceClaim: "ResourceClaim",
    ResourceClaimTemplate: "ResourceClaimTemplate",
    Pod: "Pod",
    DisruptionBudget: "PodDisruptionBudget",
    PodGroup: "PodGroup",
}


MAX_MATCHED = 64
"""Attributes of templates that count: a tenant may name any number."""


class State:
    """Everything a decision depends on; ``revision`` grows with every change."""

    def __init__(self) -> None:
        self.revision = 0
        self.usage = Usage()
        self.pledges = Pledges()
        self.residents = Residents()
        self.pending_users = PendingUsers()
        self.nominees = Nominees()
        self.classes: dict[str, DeviceClass] = {}
        self.inventory = Inventory(self.classes)
        self.resource_classes = ResourceClasses(self.classes)
        self.templates: dict[Key, ResourceClaimTemplate] = {}
        self.pods: dict[Key, Pod] = {}
        self.budgets: dict[Key, DisruptionBudget] = {}
        self.groups: dict[Key, PodGroup] = {}
        self.group_members = GroupMembers()
        self._nominations: dict[Key, Nomination] = {}
        self._matched: frozenset[str] | None = None
        self._matching: Counter[str] = Counter()
        self._requests = RequestLog()
        self._ledger = AssumeCache()

    def fork(self) -> "State":
        """An independent copy. Cost: O(objects), no deep copy."""
        other = State()
        other.revision = self.revision
        other.usage = self.usage.fork()
        other.pledges = self.pledges.fork()
        other.nominees = self.nominees.fork()
        # Not residents, pending_users and group_members: only filter reads other Pods, on the state itself.
        other.classes = dict(self.classes)
        other.inventory = self.inventory.fork(other.classes)
        other.resource_classes = self.resource_classes.fork(other.classes)
        other.templates = dict(self.templates)
        other.pods = dict(self.pods)
        other.budgets = dict(self.budgets)
        other.groups = dict(self.groups)
        other._nominations = dict(self._nominations)
        other._matched = self._matched
        other._matching = self._matching.copy()
        other._requests = self._requests.fork()
        other._ledger = self._ledger.fork()
        return other

    def let_go(self) -> None:
        """Frees what only this copy has, with pauses. It is empty then."""
        emptied(self.pods, self.templates, self.budgets, self.groups)
        self._ledger.let_go()
        self.inventory.let_go()

    @property
    def taken(self) -> Taken:
        """Taken devices, assumed allocations included."""
        return self._ledger.taken

    @property
    def nodes(self) -> Mapping[str, Node]:
        """All nodes by name."""
        return self.inventory.nodes

    @property
    def assumed(self) -> Mapping[ClaimKey, Assumed]:
        """Allocations that the API server has not confirmed yet."""
        return self._ledger.assumed

    def claim(self, key: ClaimKey) -> ResourceClaim | None:
        """A claim, with what is assumed of it."""
        return self._ledger.claim(key)

    def stored_claim(self, key: ClaimKey) -> ResourceClaim | None:
        """A claim as last received from the API server, without assumed allocations."""
        return self._ledger.claims.get(key)

    @property
    def matched_attributes(self) -> frozenset[str]:
        """Attributes by which templates keep devices together: groups that future Pods need whole.

        The first ``MAX_MATCHED`` of them, as nodes are compared by each of them for all Pods. O(1).
        """
        if self._matched is None:
            self._matched = frozenset(islice(self._matching, MAX_MATCHED))
        return self._matched

    @property
    def request_mix(self) -> RequestMix:
        """The expected requests of future Pods, as far as templates and claims show them."""
        return self._requests.mix()

    def extended_claim(self, pod: Pod) -> ResourceClaim | None:
        """The claim created for a Pod's extended resources, with its assumed allocation."""
        key = self._ledger.extended.get((pod.meta.namespace, pod.meta.uid))
        return None if key is None else self.claim(key)

    def claims(self) -> Iterable[ResourceClaim]:
        """All claims, with what is assumed of them."""
        return self._ledger.all()

    def taint(self, rules: Iterable[DeviceTaintRule]) -> None:
        """Adds or replaces several DeviceTaintRules at once."""
        self.revision += 1
        self.inventory.put_rules(rules)

    def upsert(self, item: InventoryObject) -> None:
        """Adds or replaces an object."""
        self.revision += 1
        match item:
            case Node():
                self.inventory.put_node(item)
            case ResourceSlice():
                self.inventory.put_slice(item)
            case DeviceTaintRule():
                self.inventory.put_rules((item,))
            case DeviceClass():
                self.resource_classes.changed(self.classes.get(item.meta.name), item)
                self.classes[item.meta.name] = item
                self.inventory.note_class(item.meta.name)
            case ResourceClaimTemplate():
                self._change_template(item.meta.key, item)
            case ResourceClaim():
                if item.meta.key not in self._ledger.claims:
                    self._requests.come(item.spec)
                self._touched(self._ledger.put(item))
            case Pod():
                self._put_pod(item)
            case DisruptionBudget():
                self.budgets[item.meta.key] = item
            case PodGroup():
                self.groups[item.meta.key] = item

    def delete(self, kind: str, key: Key) -> None:
        """Removes an object; an unknown one is not an error (a deletion may arrive twice)."""
        self.revision += 1
        match kind:
            case "Node":
                self.inventory.drop_node(key[1])
            case "ResourceSlice":
                self.inventory.drop_slice(key[1])
            case "DeviceTaintRule":
                self.inventory.drop_rule(key[1])
            case "DeviceClass":
                self.resource_classes.changed(self.classes.pop(key[1], None), None)
                self.inventory.note_class(key[1])
            case "ResourceClaimTemplate":
                self._change_template(key, None)
            case "ResourceClaim":
                if (known := self._ledger.claims.get(key)) is not None:
                    self._requests.go(known.spec)
                self._touched(self._ledger.drop(key))
            case "Pod":
                self.pods.pop(key, None)
                self._use(key, None)
                self.group_members.drop(key)
                self.residents.drop(key)
                self.pending_users.drop(key)
                self.clear_nomination(key)
            case "PodDisruptionBudget":
                self.budgets.pop(key, None)
            case "PodGroup":
                self.groups.pop(key, None)
            case _:
                raise ValueError(f"{kind} is not part of the state")

    def keys(self, kind: str) -> set[Key]:
        """The keys of all objects of a kind, to compare with a new list. Cost: O(objects of the kind)."""
        if (names := self._by_name(kind)) is not None:
            return {("", name) for name in names}
        return set(self.pods) | self.usage.keys() if kind == "Pod" else set(self._by_key(kind))

    def has(self, kind: str, key: Key) -> bool:
        """Whether there is such an object. Cost: O(1)."""
        if (names := self._by_name(kind)) is not None:
            return key[1] in names and not key[0]
        return key in self._by_key(kind) or (kind == "Pod" and key in self.usage)

    def _by_name(self, kind: str) -> Mapping[str, object] | None:
        match kind:
            case "Node":
                return self.inventory.nodes
            case "ResourceSlice":
                return self.inventory.slices
            case "DeviceTaintRule":
                return self.inventory.rules
            case "DeviceClass":
                return self.classes
        return None

    def _by_key(self, kind: str) -> Mapping[Key, object]:
        """Raises: KeyError, for an unknown kind."""
        known: dict[str, Mapping[Key, object]] = {
            "ResourceClaimTemplate": self.templates,
            "ResourceClaim": self._ledger.claims,
            "Pod": self.pods,
            "PodDisruptionBudget": self.budgets,
            "PodGroup": self.groups,
        }
        return known[kind]

    def assume(
        self, key: ClaimKey, allocation: Allocation, consumers: Mapping[str, ConsumerReference] | None = None
    ) -> None:
        """Counts devices as taken, and consumers, before the API server has them.

        Called before the first await of a bind, so that no other decision can take the devices.
        Only for a claim without an allocation, or to add consumers to one.

        Args:
            consumers: by the uid of the Pod: the Pod itself, or its PodGroup.
        """
        self.revision += 1
        self._touched(self._ledger.assume(key, allocation, consumers or {}))

    def put_written(self, claim: ResourceClaim) -> None:
        """Applies the API server's response to a write of ours, before the watch event.

        Until an event with this version or a later one arrives, older events are ignored: they predate
        the write. A claim that is deleted or replaced by now is not changed: its deletion event arrived
        before the response.
        """
        if self._ledger.is_news(claim):
            self.upsert(claim)
            self._ledger.wrote(claim)

    def is_echo(self, key: ClaimKey, uid: str, version: str) -> bool:
        """Whether an event repeats what an earlier write of this process set in a claim: it need not be read.

        After the last such event, the next one is processed again whatever its version.
        """
        return self._ledger.is_echo(key, uid, version)

    @property
    def writes(self) -> int:
        """The number of processed responses to our writes: see ``relisted``."""
        return self._ledger.writes

    def relisted(self, writes: int) -> set[ClaimKey]:
        """Claims that a list shows right whatever their versions: it began after ``writes`` of our writes.

        What else is known of them, by these writes, does not count any more.
        """
        return self._ledger.relisted(writes)

    def put_created(self, claim: ResourceClaim) -> None:
        """Processes the API server's response to the creation of a claim.

        If its deletion was processed already, the entry is a ghost without devices until the
        next list, or until a write finds it gone.
        """
        if self._ledger.is_news(claim) or claim.meta.key not in self._ledger.claims:
            self.upsert(claim)
            self._ledger.wrote(claim)

    def drop_removed(self, claim: ResourceClaim) -> None:
        """Forgets a claim of ours that was deleted, ahead of the watch event."""
        known = self.stored_claim(claim.meta.key)
        if known is not None and known.meta.uid == claim.meta.uid:
            self.delete("ResourceClaim", claim.meta.key)

    def forget(self, key: ClaimKey, pod_uid: str | None = None) -> None:
        """Reverts an assumed allocation after a failed bind.

        With a Pod, the allocation stays assumed as long as it is for other Pods.
        """
        if key in self._ledger.assumed:
            self.revision += 1
            self._touched(self._ledger.forget(key, pod_uid))

    def reserve(self, allocations: Iterable[tuple[ClaimKey, Allocation]]) -> None:
        """Counts devices as taken for claims that stay unallocated: each may get these or others.

        Several allocations of one claim may contain the same device.
        """
        for key, allocation in allocations:
            take(self._ledger.taken, key, allocation.devices, nominated=True)
            self._note_reserved(allocation)

    def unreserve(self, allocations: Iterable[tuple[ClaimKey, Allocation]]) -> None:
        """Reverts ``reserve``."""
        for key, allocation in allocations:
            release(self._ledger.taken, key, allocation.devices, nominated=True)
            self._note_reserved(allocation)

    @property
    def counts_nodes(self) -> bool:
        """Whether devices take CPU or memory of nodes, so that Pods without devices matter as well."""
        return bool(self.inventory.taking or self.usage.with_amounts or self.pledges.watched)

    def pledge(self, uid: str, pledge: Pledge) -> bool:
        """Counts what a Pod takes of a node before an event shows it there; in place of its pledge before.

        Returns whether nodes that were refused because of that may fit now.
        """
        self.revision += 1
        before = self.pledges.of(uid)
        self.pledges.put(uid, pledge)
        freed = self.pledges.ended(uid, before, pledge.nodes) if before is not None else frozenset()
        changed = freed | pledge.nodes if pledge.by_devices else freed
        if changed:
            self.inventory.changes.note(changed)
        return bool(freed)

    def redeem(self, uid: str) -> bool:
        """Ends the pledge of a Pod. Returns whether nodes that were refused because of it may fit now."""
        ended = self.pledges.drop(uid)
        if ended is None:
            return False
        self.revision += 1
        changed = self.pledges.ended(uid, ended) | (ended.nodes if ended.by_devices else frozenset())
        if changed:
            self.inventory.changes.note(changed)
        return bool(changed)

    @property
    def nominations(self) -> Mapping[Key, Nomination]:
        """The devices reserved after preemptions, by Pod."""
        return self._nominations

    def hold(self, hold: Nomination) -> None:
        """Counts devices as taken for a Pod until it is bound or gone, or until they are ``lift``ed."""
        self.clear_nomination(hold.pod)
        self._nominations[hold.pod] = hold
        self.reserve(hold.allocations)

    def clear_nomination(self, pod: Key) -> None:
        """Holds nothing for a Pod any more, if anything was held."""
        hold = self._nominations.pop(pod, None)
        if hold is None:
            return
        self.unreserve(hold.allocations)

    def clear_nominations(self, pods: AbstractSet[Key]) -> None:
        """The same for each of these Pods. O(holds of them), and a step over the smaller of both sets."""
        for key in self._nominations.keys() & pods:
            self.clear_nomination(key)

    def as_seen_by(self, pod: Pod) -> "State":
        """This state, or a fork without the holds that the Pod may pass over. O(holds) if there are none."""
        passed = [
            key for key, hold in self._nominations.items() if hold.yields_to(pod.meta.uid, pod.priority)
        ]
        if not passed:
            return self
        seen = self.fork()
        for key in passed:
            seen.clear_nomination(key)
        return seen

    def fork_seen_by(self, pod: Pod) -> "State":
        """A copy to change, without the holds that the Pod may pass over."""
        seen = self.as_seen_by(pod)
        return seen.fork() if seen is self else seen

    def _note_reserved(self, allocation: Allocation) -> None:
        self.revision += 1
        self._touched({item.device.pool_id for item in allocation.devices})

    def _touched(self, pools: Collection[PoolId]) -> None:
        for pool in pools:
            self.inventory.note_taken(pool)

    def settle(
        self,
        pod: Pod,
        node: str,
        allocations: Iterable[tuple[ResourceClaim, Allocation, ConsumerReference | None]],
        amounts: tuple[ClaimAmounts, ...] = (),
    ) -> None:
        """Makes the state as if the Pod ran on the node, with these allocations for its claims.

        A claim is reserved for the given consumer, or for the Pod. ``amounts`` is what its devices take of
        the node. For states that stand for themselves: a dry run's fork, an inventory from files.
        Cost: that of an event for each claim, with pauses. An interruption leaves a state of no use.
        """
        meta = pod.meta
        itself = ConsumerReference("", "pods", meta.name, meta.uid or f"{meta.namespace}/{meta.name}")
        for claim, allocation, consumer in paced(allocations, _SETTLED):
            user = consumer or itself
            others = tuple(known for known in claim.reserved_for if known.uid != user.uid)
            self.upsert(replace(claim, allocation=allocation, reserved_for=(*others, user)))
        self.upsert(replace(pod, node_name=node, amounts=amounts))

    def _change_template(self, key: Key, template: ResourceClaimTemplate | None) -> None:
        """What templates have in common is counted as they come and go: there may be thousands."""
        known = self.templates.get(key)
        before = known.spec if known is not None else None
        after = template.spec if template is not None else None
        if template is None:
            self.templates.pop(key, None)
        else:
            self.templates[key] = template
        self._requests.template(before, after)
        counts, attributes = self._matching, len(self._matching)
        counts.update(after.matched if after is not None else ())
        for name in before.matched if before is not None else ():
            counts[name] -= 1
            if not counts[name]:
                del counts[name]
                self._matched = None
        if len(counts) != attributes:
            self._matched = None

    def _use(self, key: Key, pod: Pod | None) -> None:
        """Counts what a Pod takes of its node, or will take, and logs the node if it has more room then.

        A Pod that was refused for that may fit. kube-scheduler retries it when its own watch shows the
        change, which may be before this one does.
        """
        nominated = self.nominees.node_of(key)
        # Before the change: it may be the last Pod with such devices.
        counts = {node for node in (self.usage.node_of(key), nominated) if self._counts_on(node)}
        if pod is None:
            freed = self.usage.drop(key)
            self.nominees.drop(key)
        else:
            freed = self.usage.put(pod)
            self.nominees.put(pod)
            if nominated in (pod.node_name, self.nominees.node_of(key)):
                nominated = ""
        if counts and (changed := counts & {freed, nominated}):
            self.inventory.changes.note(changed)

    def _counts_on(self, node: str) -> bool:
        """Whether Pods may be refused on a node for what devices take there. O(1)."""
        if not node:
            return False
        taken = self.inventory.may_take_of(node) or node in self.usage.with_amounts
        return taken or node in self.pledges.watched

    def _put_pod(self, pod: Pod) -> None:
        self._use(pod.meta.key, pod)
        self.group_members.put(pod)
        self.pending_users.put(pod)
        # A pending Pod stays on the node that filter has named for it.
        if pod.node_name or pod.finished or pod.meta.deleted is not None:
            self.residents.put(pod)
        held = self._nominations.get(pod.meta.key)
        if held is not None and (pod.node_name or pod.finished or pod.meta.uid != held.uid):
            self.clear_nomination(pod.meta.key)
        # Pods that neither hold claims nor wait for a node matter by what they take of a node only.
        if pod.claims or pod.extended_claim or not pod.node_name:
            self.pods[pod.meta.key] = pod
        else:
            self.pods.pop(pod.meta.key, None)


def kind_of(item: InventoryObject) -> str:
    """The Kubernetes kind of an object."""
    return _KINDS[type(item)]
