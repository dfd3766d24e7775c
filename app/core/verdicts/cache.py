"""Caches verdicts from one Pod to the next.

A template creates a thousand Pods with equal claims. Their claims are planned once, and a node is
evaluated again only if something that it sees has changed: a slice, a taint, a device taken or freed.
Nodes that look the same to the claims are one class, and a class is searched once. So a filter costs a
search for each class not met before, a key for each node changed since the last filter, and a dictionary
look-up for each other node.

The cache contains what depends neither on the Pod nor on names: the verdict, the score, and a text
without the names of claim, node, pool or device. Everything that a score or a text depends on must be in
``NodeSignature.key``. Allocations are not kept: they hold new share ids, and a bind decides again anyway.
"""

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from app.core.allocator import Invalid, Plan, plan_claims
from app.core.model.device_class import DeviceClass
from app.core.model.features import Features
from app.core.model.meta import Meta
from app.core.model.resource_claim import ClaimSpec, ResourceClaim
from app.core.pauses import paced
from app.core.placement.mix_of_claims import device_demand
from app.core.placement.node_result import Tried
from app.core.placement.rules import Rules
from app.core.scoring import DeviceDemand, policy_named
from app.core.selectors.accepted_drivers import AcceptedDrivers
from app.core.selectors.attributes_read import AttributesRead
from app.core.state.pools import PoolError
from app.core.state.state import State
from app.core.verdicts.equivalence import EquivalenceClasses
from app.core.verdicts.index import VerdictIndex
from app.core.verdicts.node_signature import attributes_read_by_plan
from app.core.verdicts.node_verdict import NodeVerdict
from app.core.verdicts.slice_looks import SliceLooks

_MAX_ENTRIES = 256
_MAX_SIGHTS = 32
"""Sets of attributes and drivers that distinguish nodes; keys for 5,000 nodes take about 1 MB each."""
_MAX_CLASSES = 20_000
_MAX_TOGETHER = 1_500_000
"""Answers in all entries, some 250 MB: a tenant may have many kinds of claims, and all nodes may differ."""
_MAX_CHARACTERS = 16 << 20
"""Characters of the kinds of claims in all entries: a tenant may create and delete large ones without end."""
_ALIKE = 4096
_EXPECTED = 4
"""Kinds of claims that nodes are prepared for: those that most templates and claims request."""
_PREPARED = 8
"""Nodes that are prepared between two pauses: half a millisecond."""


@dataclass(slots=True, eq=False)
class CacheEntry:
    """The results for one kind of claims. ``position`` is up to where changes were processed; ``stale`` are
    nodes that had an answer and have changed since. ``tried`` are, by class, the allocations whose devices
    take CPU or memory of the node: which of them fits is found out for each node.

    ``device_classes`` are those requested; ``characters`` are those of what is requested. The plan is not
    kept: it would keep compiled selectors that the selector cache has dropped, up to 750 kB for each.
    """

    device_classes: tuple[DeviceClass | None, ...]
    characters: int
    position: int
    classes: EquivalenceClasses
    answers: VerdictIndex = field(default_factory=VerdictIndex)
    stale: set[str] = field(default_factory=set)
    by_class: dict[Hashable, NodeVerdict] = field(default_factory=dict)
    tried: dict[Hashable, tuple[Tried, ...]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """The number of answers that it keeps, by node and by class."""
        return len(self.answers) + len(self.by_class) + len(self.tried)

    def keep(self, key: Hashable, found: NodeVerdict) -> None:
        """Keeps the answer for a class; too many classes, and all are forgotten."""
        if len(self.by_class) >= _MAX_CLASSES:
            self.by_class.clear()
        self.by_class[key] = found

    def keep_tried(self, key: Hashable, tried: tuple[Tried, ...]) -> None:
        """Keeps the allocations for a class, as ``keep``."""
        if len(self.tried) >= _MAX_CLASSES:
            self.tried.clear()
        self.tried[key] = tried


class VerdictCache:
    """Entries by what claims request, for one state; the least recently used one goes first.

    ``searches`` counts the nodes that had to be searched, ``shared`` those that got the answer of
    their class, ``reused`` those that have not changed.
    """

    def __init__(self, state: State, size: int = _MAX_ENTRIES) -> None:
        self._state = state
        self._size = size
        self._entries: OrderedDict[object, CacheEntry] = OrderedDict()
        self._classes: OrderedDict[tuple[Features, AttributesRead, AcceptedDrivers], EquivalenceClasses] = (
            OrderedDict()
        )
        self.looks = SliceLooks()
        self._alike: dict[tuple[str, int, str, bool, str], NodeVerdict] = {}
        self.searches = 0
        self.shared = 0
        self.reused = 0

    def entry(self, claims: Sequence[ResourceClaim], rules: Rules) -> CacheEntry | Invalid:
        """The entry for these claims, without what has changed. Invalid: see ``plan_claims``.

        Cost: O(claims), plus O(nodes changed since its last use).
        """
        specs = tuple(claim.spec for claim in claims)
        policy = policy_named(rules.policy)
        groups = self._state.matched_attributes if policy.groups else frozenset()
        demand = device_demand(policy, self._state, rules)
        # After that, which may pause.
        device_classes = tuple(self._state.classes.get(name) for name in _class_names(specs))
        key = (specs, tuple(map(id, device_classes)), rules.features, rules.policy, groups, demand)
        entry = self._entries.get(key)
        if entry is None:
            plan = plan_claims(claims, self._state.classes, rules.features, rules.selectors)
            if isinstance(plan, Invalid):
                return plan
            read = attributes_read(plan, rules.policy, groups, demand)
            classes_of_nodes = self._classes_for(rules.features, read, plan.drivers)
            # It holds on to the DeviceClasses, so that their ids in the key stay their own.
            characters = sum(spec.size for spec in specs)
            entry = CacheEntry(
                device_classes, characters, self._state.inventory.changes.position, classes_of_nodes
            )
            self._entries[key] = entry
            if len(self._entries) > self._size:
                self._entries.popitem(last=False)
        self._entries.move_to_end(key)
        self._catch_up(entry)
        self._drop_oldest()
        return entry

    def _drop_oldest(self) -> None:
        """Drops entries until all together are small enough, but not the last. O(entries)."""
        entries = list(self._entries.values())
        answers = sum([entry.size for entry in entries])
        characters = sum([entry.characters for entry in entries])
        for entry in entries[:-1]:
            if answers <= _MAX_TOGETHER and characters <= _MAX_CHARACTERS:
                return
            self._entries.popitem(last=False)
            answers -= entry.size
            characters -= entry.characters

    def prepare(self, rules: Rules) -> None:
        """Makes what filters need of the nodes, before the first one.

        Whatever the Pod, these are the pools of each node and what they look like. For the kinds of claims
        that are expected it is also the key. Cost: O(devices), and O(slices) for each kind, with pauses.
        """
        expected = self._expected(rules)
        inventory = self._state.inventory
        for name in paced(list(inventory.nodes), _PREPARED):
            if name in inventory.nodes:  # it may have been deleted since
                self._prepare(name, rules.features)
                for classes in expected:
                    classes.key(name)

    def _expected(self, rules: Rules) -> list[EquivalenceClasses]:
        kinds = self._state.request_mix.kinds[:_EXPECTED]
        entries = [self.entry([ResourceClaim(Meta("expected"), spec)], rules) for spec, _ in kinds]
        return [entry.classes for entry in entries if isinstance(entry, CacheEntry)]

    def _prepare(self, node: str, features: Features) -> None:
        try:
            pools = self._state.inventory.pools(node, features)
        except PoolError:
            return  # kept; evaluating the node reports it
        for pool in pools:
            for item in pool.slices:
                self.looks.of(item)
            if pool.counter_sets:
                self.looks.full_counters(pool, groups=features.compatibility_groups)

    @property
    def kept(self) -> int:
        """Classes of nodes whose answers are kept, over all kinds of claims. O(entries)."""
        return sum(len(entry.by_class) for entry in self._entries.values())

    @property
    def classes(self) -> tuple[EquivalenceClasses, ...]:
        """The ways in which nodes are distinguished, the latest last."""
        return tuple(self._classes.values())

    def _classes_for(
        self, features: Features, attributes_read: AttributesRead, drivers: AcceptedDrivers
    ) -> EquivalenceClasses:
        key = (features, attributes_read, drivers)
        found = self._classes.get(key)
        if found is None:
            found = self._classes[key] = EquivalenceClasses(
                self._state, features, attributes_read, drivers, self.looks
            )
            if len(self._classes) > _MAX_SIGHTS:
                self._classes.popitem(last=False)
        self._classes.move_to_end(key)
        return found

    def interned(self, verdict: NodeVerdict) -> NodeVerdict:
        """The one object for all answers that say the same: see ``FilterResult``. Keeps a bounded number."""
        if len(self._alike) >= _ALIKE:
            self._alike.clear()
        return self._alike.setdefault(verdict.content, verdict)

    def _catch_up(self, entry: CacheEntry) -> None:
        changes = self._state.inventory.changes
        changed = changes.since(entry.position)
        if entry.position != changes.position:
            self.looks.trim(self._state.inventory.slices)
        entry.position = changes.position
        if changed is None:
            entry.answers.clear()
            entry.stale.clear()
            return
        for node in changed:
            if entry.answers.drop(node):
                entry.stale.add(node)


def attributes_read(
    plan: Plan, policy: str, groups: frozenset[str] = frozenset(), demand: DeviceDemand | None = None
) -> AttributesRead:
    """The attributes that the search and the policy read."""
    attributes_read = attributes_read_by_plan(plan)
    if attributes_read is None:
        return None
    demanded = demand.attributes_read if demand is not None else frozenset()
    return attributes_read | policy_named(policy).reads | groups | demanded


def _class_names(specs: Sequence[ClaimSpec]) -> list[str]:
    names = []
    for spec in specs:
        for request in spec.requests:
            names += [option.device_class for option in request.first_available]
            if request.exactly is not None:
                names.append(request.exactly.device_class)
    return names
