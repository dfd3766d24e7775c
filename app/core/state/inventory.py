"""Indexes the slices, and so the pools, that each node can use.

An index fed by events: a changed slice costs O(1) and discards derived
data only for the nodes that see the pool. Values in the index are immutable, so a copy for a dry run
copies only a few dictionaries.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any, TypeVar

from app.core import kept_error
from app.core.model.device_class import DeviceClass
from app.core.model.device_taint_rule import DeviceTaintRule
from app.core.model.features import Features
from app.core.model.node import Node
from app.core.model.resource_slice import PoolId, ResourceSlice
from app.core.pauses import emptied, paced, paced_if_many
from app.core.selectors import SelectorCache
from app.core.state.changes import ChangeLog
from app.core.state.common_pools import (
    CommonPools,
    FormerSlices,
    NodePools,
    SelectedBy,
    SharedSlices,
    selectors_of,
)
from app.core.state.own_pools import OwnPools, OwnPoolsOfNode
from app.core.state.pool_generations import GenerationSize, PoolGenerations
from app.core.state.pool_viewers import PoolViewers
from app.core.state.pools import (
    Generation,
    Pool,
    PoolError,
    SharedPools,
    concerns_every_node,
    gather_pools,
    newest_generation,
    search_order,
)
from app.core.state.taint_rules import TaintRules, apply_taint_rules, compiled

Key = TypeVar("Key")


class _Gathering:
    """Stands for a node's pools while they are put together, with pauses.

    What changes them meanwhile removes it, as it removes the pools.
    """


class _OutdatedError(Exception):
    """What is being put together has changed in a pause."""


@dataclass(frozen=True, slots=True)
class _Gatherer:
    """Puts pools of one node together from slices: see ``gather_pools``.

    Raises: PoolError; _OutdatedError, if it would read something that is not ``is_current`` any more.
    """

    node: Node
    features: Features
    is_current: Callable[[], bool]
    gather: Callable[[Iterable[ResourceSlice]], tuple[Pool, ...]]


_PoolsOrError = Sequence[Pool] | PoolError
_Kept = dict[str, _PoolsOrError | _Gathering]
_Outdated = dict[str, Any] | dict[PoolId, Any] | list[Pool]

_Foreseen = tuple[tuple[DeviceTaintRule, ...], dict[str, tuple[ResourceSlice, ResourceSlice]]]
"""Rules, and by name what a slice is under them."""

_FEW_POOLS = 256
"""Pools that a change of rules discards one by one; if more change, all nodes are evaluated again."""
_RULE_SELECTORS = 256
"""Compiled selectors of rules that are kept."""


class Inventory:
    """Nodes and the devices that they can use.

    ``slices`` are as published, the pools include DeviceTaintRules. ``touched`` counts the nodes whose pools
    were discarded since the start: the work that events have caused. ``reluctant`` are nodes with a taint
    PreferNoSchedule. ``changes`` logs the changed nodes, taken devices included. ``taking`` counts the
    slices with devices that take CPU, memory or huge pages of nodes, by node, "" for those of several nodes.
    """

    def __init__(self, classes: Mapping[str, DeviceClass] | None = None) -> None:
        self._classes = {} if classes is None else classes
        self._compiled = TaintRules()
        self._rules_wait = False
        self._foreseen: _Foreseen = ((), {})
        self._selectors = SelectorCache(_RULE_SELECTORS)
        self.nodes: dict[str, Node] = {}
        self.slices: dict[str, ResourceSlice] = {}
        self.rules: dict[str, DeviceTaintRule] = {}
        self.reluctant: set[str] = set()
        self.taking: Counter[str] = Counter()
        self.changes = ChangeLog()
        self.touched = 0
        self._tainted: dict[str, ResourceSlice] = {}
        self._by_node: dict[str, tuple[str, ...]] = {}
        self._shared: dict[str, None] = {}
        self._counting: dict[str, None] = {}
        self._by_pool: dict[PoolId, tuple[str, ...]] = {}
        self._pools: dict[Features, _Kept] = {}
        self._generations: dict[Features, dict[PoolId, Generation]] = {}
        self._alike: dict[Features, dict[PoolId, SharedPools]] = {}
        # Pools as a node had them: when one of a node's pools has changed, the others are as they were.
        self._own: dict[Features, dict[PoolId, Pool]] = {}
        self._own_of_nodes = OwnPools()
        self._sizes = PoolGenerations()
        self._seeing = PoolViewers()
        self._divided: dict[Features, SharedSlices] = {}
        # Those before the last changes, and the pools that have changed: all others are used again.
        self._former: dict[Features, FormerSlices] = {}
        self._selected = SelectedBy()
        self._last: tuple[Features, _Kept] | None = None
        self._outdated: list[_Outdated] = []

    def fork(self, classes: Mapping[str, DeviceClass] | None = None) -> "Inventory":
        """An independent copy. Cost: O(nodes + slices), no deep copy."""
        other = Inventory(self._classes if classes is None else classes)
        other._compiled = self._compiled
        other._selectors = self._selectors
        other.nodes = dict(self.nodes)
        other.slices = dict(self.slices)
        other.rules = dict(self.rules)
        other.reluctant = set(self.reluctant)
        other.taking = self.taking.copy()
        other.changes = self.changes.fork()
        other._tainted = dict(self._tainted)
        other._by_node = dict(self._by_node)
        other._shared = dict(self._shared)
        other._counting = dict(self._counting)
        other._by_pool = dict(self._by_pool)
        other._pools = {features: dict(pools) for features, pools in self._pools.items()}
        other._generations = {features: dict(found) for features, found in self._generations.items()}
        other._alike = {features: dict(found) for features, found in self._alike.items()}
        other._own = {features: dict(pools) for features, pools in self._own.items()}
        other._sizes = self._sizes.fork()
        other._seeing = self._seeing.fork()
        other._divided = {
            features: replace(found, made=found.made.copy(), former={})
            for features, found in self._divided.items()
        }
        other._selected = self._selected
        return other

    def let_go(self) -> None:
        """See ``State.let_go``."""
        emptied(self.nodes, self._tainted, self.slices, self._by_pool, self._by_node)
        emptied(*self._of_pools(), *self._pools.values(), *self._own_of_nodes.taken_out())
        self.free_outdated()

    def free_outdated(self) -> None:
        """Frees the pools of all nodes after they have changed at once, with pauses: at 5,000 nodes 30 ms."""
        while self._outdated:
            emptied(self._outdated.pop())

    def put_node(self, node: Node) -> None:
        """Adds a node or replaces it."""
        old = self.nodes.get(node.name)
        self.nodes[node.name] = node
        if any(taint.is_soft for taint in node.taints):
            self.reluctant.add(node.name)
        else:
            self.reluctant.discard(node.name)
        if old is None or (old.meta.labels, old.declared_features) != (
            node.meta.labels,
            node.declared_features,
        ):
            self._forget([node.name])
        elif (old.unschedulable, old.allocatable) != (node.unschedulable, node.allocatable):
            self.changes.note([node.name])

    def drop_node(self, name: str) -> None:
        """Removes a node; its slices stay until their own deletion event."""
        self.reluctant.discard(name)
        self._selected.drop(name)
        if self.nodes.pop(name, None) is not None:
            self._forget([name])

    def put_slice(self, slice_: ResourceSlice) -> None:
        """Adds a slice or replaces it."""
        tainted = apply_taint_rules(slice_, self._compiled)
        self.drop_slice(slice_.meta.name)
        name = slice_.meta.name
        self.slices[name] = slice_
        if slice_.takes_of_nodes:
            self.taking[slice_.node_name or ""] += 1
        self._sizes.put(slice_)
        self._seeing.put(slice_)
        self._tainted[name] = tainted
        self._by_pool[slice_.pool_id] = (*self._by_pool.get(slice_.pool_id, ()), name)
        if slice_.node_name:
            self._by_node[slice_.node_name] = (*self._by_node.get(slice_.node_name, ()), name)
        else:
            self._shared[name] = None
        if slice_.shared_counters:
            self._counting[name] = None
        self._forget_pool(slice_.pool_id)

    def drop_slice(self, name: str) -> None:
        """Removes a slice, if it is there."""
        old = self.slices.get(name)
        if old is None:
            return
        self._forget_pool(old.pool_id)
        del self.slices[name], self._tainted[name]
        if old.takes_of_nodes:
            node = old.node_name or ""
            self.taking[node] -= 1
            if not self.taking[node]:
                del self.taking[node]
        self._sizes.drop(old)
        self._seeing.drop(old)
        _remove(self._by_pool, old.pool_id, name)
        if old.pool_id not in self._by_pool:
            self._own_of_nodes.forget(old.pool_id)
        if old.node_name:
            _remove(self._by_node, old.node_name, name)
        else:
            self._shared.pop(name, None)
        self._counting.pop(name, None)

    def put_rules(self, rules: Iterable[DeviceTaintRule]) -> None:
        """Adds DeviceTaintRules or replaces them. O(devices), once for all; see ``foresee_rules``."""
        self.rules.update((rule.meta.name, rule) for rule in rules)
        self._taint_again()

    def drop_rule(self, name: str) -> None:
        """Removes a DeviceTaintRule, if it is there."""
        if self.rules.pop(name, None) is not None:
            self._taint_again()

    @contextmanager
    def rules_together(self) -> Iterator[None]:
        """Applies all rules that are put and dropped inside at once, at the end."""
        self._rules_wait = True
        try:
            yield
        finally:
            self._rules_wait = False
            self._taint_again()

    def foresee_rules(self, rules: Iterable[DeviceTaintRule], gone: Iterable[str] = ()) -> None:
        """Finds out, with pauses, what slices will be once these rules are put and those names are dropped.

        Changes nothing. The change itself then takes what is known of slices that have not changed meanwhile:
        O(slices), without their devices.
        """
        coming = self.rules | {rule.meta.name: rule for rule in rules}
        for name in gone:
            coming.pop(name, None)
        values = tuple(coming.values())
        compiled_rules = compiled(values, self._classes, self._selectors)
        found = {}
        for name, slice_ in paced(tuple(self.slices.items()), 4):
            before, after = self._tainted.get(name), apply_taint_rules(slice_, compiled_rules)
            found[name] = (slice_, before if before and before.devices == after.devices else after)
        self._foreseen = (values, found)

    def may_take_of(self, node: str) -> bool:
        """Whether there may be devices that take something of the node. O(1)."""
        return node in self.taking or "" in self.taking

    def note_class(self, name: str) -> None:
        """A DeviceClass has changed: rules of Kubernetes 1.33 and 1.34 may select devices by it."""
        if any(rule.selector and rule.selector.device_class == name for rule in self.rules.values()):
            self._taint_again()

    def pools(self, node_name: str, features: Features) -> Sequence[Pool]:
        """The pools of a node, kept until something that they depend on changes.

        What they depend on may change in a pause here. Then the pools are those before the change or after
        it, and are not kept; those of a node that is gone then are none.

        Raises:
            PoolError: see ``gather_pools``; kept as well.
            KeyError: there is no such node.
        """
        last = self._last
        if last is None or last[0] is not features:  # their hash takes longer than all the rest
            last = self._last = (features, self._pools.setdefault(features, {}))
        kept = last[1]
        pools = kept.get(node_name)
        if pools is None or isinstance(pools, _Gathering):
            pools = self._gathered(node_name, features)
        if isinstance(pools, PoolError):
            raise PoolError(*pools.args)
        return pools

    def kept_pools(self, node_name: str, features: Features) -> Sequence[Pool] | None:
        """The pools of a node if they are known; None: they have changed since they were. O(1)."""
        pools = self._pools.get(features, {}).get(node_name)
        return None if isinstance(pools, _Gathering | PoolError) else pools

    def effective_slices(self) -> Iterable[ResourceSlice]:
        """All slices, with DeviceTaintRules applied."""
        return self._tainted.values()

    def pool_ids(self) -> Iterable[PoolId]:
        """The pools that have slices."""
        return self._by_pool.keys()

    def shared_pool_names(self) -> frozenset[str]:
        """Names of pools that several drivers have, often that of the node. O(pools)."""
        names = Counter(pool.pool for pool in paced(self._by_pool))
        return frozenset(name for name, drivers in names.items() if drivers > 1)

    def nodes_with_slices(self) -> Iterable[str]:
        """The nodes that slices name, whether they are known or not."""
        return self._by_node.keys()

    def node_slices(self, node: str) -> tuple[ResourceSlice, ...]:
        """The slices that belong to one node, with DeviceTaintRules applied."""
        return tuple(self._tainted[name] for name in self._by_node.get(node, ()))

    def shared_slices(self, features: Features | None = None) -> tuple[ResourceSlice, ...]:
        """The slices that belong to no single node, with DeviceTaintRules unless the features have none."""
        published = self._tainted if features is None else self._published(features)
        return tuple(map(published.__getitem__, self._shared))

    def pool_slices(self, pool: PoolId) -> tuple[ResourceSlice, ...]:
        """All slices of a pool, of any generation, with DeviceTaintRules applied."""
        return tuple(self._tainted[name] for name in self._by_pool.get(pool, ()))

    def _gathered(self, node_name: str, features: Features) -> _PoolsOrError:
        """Puts a node's pools together, and keeps them if they are still the same then."""
        node = self.nodes[node_name]
        while True:
            kept = self._pools.setdefault(features, {})
            begun = kept.get(node_name)
            if begun is not None and not isinstance(begun, _Gathering):
                return begun  # by another evaluation, in a pause of this one
            if begun is None:
                begun = kept[node_name] = _Gathering()
            try:
                pools = self._gather(node, features, partial(self._is_kept, features, node_name, begun))
            except _OutdatedError:
                if node_name not in self.nodes:
                    return ()
                node = self.nodes[node_name]
                continue
            if self._is_kept(features, node_name, begun):
                kept[node_name] = pools
            return pools

    def _is_kept(self, features: Features, node_name: str, begun: _Gathering) -> bool:
        return self._pools.get(features, {}).get(node_name) is begun

    def _gather(self, node: Node, features: Features, is_current: Callable[[], bool]) -> _PoolsOrError:
        """The pools of a node: those that it has in common with others, and those of all other slices.

        Raises: _OutdatedError, if it would read something that is not ``is_current`` any more.
        """
        gatherer = self._gatherer(node, features, is_current)
        published = self._published(features)
        slices = [published[name] for name in self._by_node.get(node.name, ())]
        more = self._counting_elsewhere(node.name, features)
        shared = self._shared_slices(features, is_current)
        try:
            bits = shared.matched(node)
            if not is_current():
                raise _OutdatedError
            common = None if bits is None else shared.made.get(bits)
            if bits is None or (common is None and shared.is_full):
                return gatherer.gather((*slices, *self.shared_slices(features), *more))
            own = self._own_pools(gatherer, slices, (*shared.rest, *more))
            if common is None:
                common = shared.made.setdefault(bits, self._common_pools(gatherer, shared))
            return NodePools(common, own)
        except PoolError as error:
            return kept_error.kept(error)

    def _published(self, features: Features) -> Mapping[str, ResourceSlice]:
        return self._tainted if features.device_taint_rules else self.slices

    def _counting_elsewhere(self, node_name: str, features: Features) -> list[ResourceSlice]:
        """Slices of other nodes that concern this one, since they publish counters."""
        if not features.channel.counters_everywhere:
            return []
        published = self._published(features)
        return [
            published[name]
            for name in self._counting
            if self.slices[name].node_name not in (None, "", node_name)
            and concerns_every_node(self.slices[name], features)
        ]

    def _gatherer(self, node: Node, features: Features, is_current: Callable[[], bool]) -> _Gatherer:
        published = self._published(features)
        own = self._own.setdefault(features, {})

        def size(pool: PoolId) -> GenerationSize:
            if not is_current():
                raise _OutdatedError
            return self._sizes.newest(pool)

        def newest(pool: PoolId) -> Generation:
            if not is_current():
                raise _OutdatedError
            known = self._generations.setdefault(features, {})
            found = known.get(pool)
            if found is None:
                found = newest_generation((published[name] for name in self._by_pool[pool]), features)
                if is_current():
                    known[pool] = found
            return found

        def alike(pool: PoolId) -> SharedPools:
            if not is_current():
                raise _OutdatedError
            known = self._alike.setdefault(features, {})
            found = known.get(pool)
            if found is None:
                found = known[pool] = SharedPools()
            return found

        def gather(slices: Iterable[ResourceSlice]) -> tuple[Pool, ...]:
            found = gather_pools(node, slices, newest, features, size, alike=alike, before=own.get)
            if is_current():
                own.update((pool.id, pool) for pool in found if pool.seen and pool.seen[0].node_name)
            return found

        return _Gatherer(node, features, is_current, gather)

    def _own_pools(
        self, of: _Gatherer, slices: Sequence[ResourceSlice], others: Sequence[ResourceSlice]
    ) -> tuple[Pool, ...]:
        """The pools of the slices that name a node, and of ``others``, in order.

        Raises: PoolError, _OutdatedError. Cost: if nothing about the former has changed, a look-up for each.
        """
        node, features = of.node.name, of.features
        kept, names = self._own_of_nodes, self._by_node.get(node, ())
        # Another evaluation may have kept what the node has since a change in a pause.
        found = kept.of(features, node, names) if of.is_current() else None
        if found is None:
            ids = {slice_.pool_id for slice_ in slices}
            if not ids.isdisjoint([slice_.pool_id for slice_ in others]):
                return of.gather((*slices, *others))
            made = kept.now
            found = of.gather(slices)
            # Or the newest generation of one has nothing for this node.
            if of.is_current() and len(found) == len(ids):
                kept.put(features, node, OwnPoolsOfNode(names, found, made))
        more = of.gather(others) if others else ()
        return tuple(sorted((*found, *more), key=search_order)) if more else found

    def _common_pools(self, of: _Gatherer, shared: SharedSlices) -> CommonPools:
        """The pools of the common slices. O(those that have changed) if they were made before.

        Raises: PoolError, _OutdatedError.
        """
        former = shared.former_for(of.node)
        ids = shared.common.keys() if former is None else former.changed
        slices = [slice_ for id_ in paced(ids) for slice_ in shared.common.get(id_, ())]
        made = of.gather(slices) if slices else ()
        if of.is_current():
            self._own.setdefault(of.features, {}).update((pool.id, pool) for pool in made if pool.seen)
        return CommonPools(made) if former is None else former.pools.changed(former.changed, made)

    def _shared_slices(self, features: Features, is_current: Callable[[], bool]) -> SharedSlices:
        """The slices of no single node. O(such slices) once after each change of them, with pauses.

        Raises: _OutdatedError.
        """
        found = self._divided.get(features)
        if found is None:
            former = self._former.get(features)
            found = self._divide(features) if former is None else self._divide_again(features, former)
            if not is_current():
                raise _OutdatedError
            found = self._divided.setdefault(features, found)  # or by another evaluation, in a pause
            self._let_former_go(features, found)
        return found

    def _divide(self, features: Features) -> SharedSlices:
        by_pool: dict[PoolId, list[ResourceSlice]] = {}
        for slice_ in paced(every := self.shared_slices(features)):
            by_pool.setdefault(slice_.pool_id, []).append(slice_)
        common = {pool: slices for pool, slices in paced(by_pool.items()) if self._is_common(pool, slices)}
        rest = [slice_ for slice_ in paced(every) if slice_.pool_id not in common]
        return SharedSlices(common, rest, *self._selecting(common))

    def _divide_again(self, features: Features, former: FormerSlices) -> SharedSlices:
        """O(slices of the changed pools) where only those have changed, and a copy of the references."""
        before, changed, published = former.slices, frozenset(former.changed), self._published(features)
        common, rest = dict(before.common), before.rest
        rest_changed = any(slice_.pool_id in changed for slice_ in paced(rest))
        for pool in paced(changed, 1):
            common.pop(pool, None)
            slices = [published[name] for name in self._by_pool.get(pool, ()) if name in self._shared]
            if slices and self._is_common(pool, slices):
                common[pool] = slices
            elif slices:
                rest_changed = True
        if rest_changed:
            rest = [item for item in paced(self.shared_slices(features)) if item.pool_id not in common]
        selected, mask = before.selected, before.mask
        if selectors_of(changed, common) != selectors_of(changed, before.common):
            selected, mask = self._selecting(common)
        made = former.still_of_use() if selected is before.selected else {}
        return SharedSlices(common, rest, selected, mask, former=made, former_mask=before.mask)

    def _is_common(self, pool: PoolId, slices: Collection[ResourceSlice]) -> bool:
        """Whether a pool of no single node is the same for all nodes that match the same selectors."""
        return not self._seeing.has_own(pool) and not any(
            slice_.per_device_node_selection for slice_ in paced_if_many(slices)
        )

    def _selecting(self, common: Mapping[PoolId, Iterable[ResourceSlice]]) -> tuple[SelectedBy, int]:
        """The selectors of these slices, as bits."""
        every = [slice_.node_selector for slices in paced(common.values()) for slice_ in slices]
        selectors = {id(selector): selector for selector in every if selector is not None}
        if self._selected.has_outgrown(len(selectors)):
            self._selected = SelectedBy()
        return self._selected, self._selected.mask(selectors.values())

    def _let_former_go(self, features: Features, now: SharedSlices | None = None) -> None:
        """Frees the common pools from before the last changes, except those that are used again."""
        former = self._former.pop(features, None)
        if former is not None:
            used = () if now is None else now.former
            self._outdated += [
                list(made.pools.pools) for bits, made in former.made.items() if bits not in used
            ]

    def is_seen_by_all(self, pool: PoolId) -> bool:
        """Whether all nodes may see a pool, or more than are distinguished. O(1)."""
        return self._viewers(pool) is None

    def note_taken(self, pool: PoolId) -> None:
        """Logs that the taken devices of a pool have changed."""
        self.changes.note(self._viewers(pool))

    def _viewers(self, pool: PoolId) -> set[str] | None:
        """The nodes that see a pool; None: all of them may. See ``PoolViewers.of``."""
        return self._seeing.of(pool, self._pools)

    def _forget_pool(self, pool: PoolId) -> None:
        """Discards derived data of a pool, and of the nodes that see it."""
        for known in self._of_pools():
            known.pop(pool, None)
        viewers = self._viewers(pool)
        if viewers is None:
            self._own_of_nodes.change(pool)
            self._note_common(pool)
        self._forget(viewers)

    def _of_pools(self) -> Iterator[dict[PoolId, Any]]:
        """What is kept of each pool."""
        return chain(self._own.values(), self._generations.values(), self._alike.values())

    def _note_common(self, pool: PoolId) -> None:
        """A pool that may be in common has changed: what was made of the others is used again."""
        self._outdate_divided()
        for features, former in list(self._former.items()):
            if not former.note(pool):
                self._let_former_go(features)

    def _outdate_divided(self) -> None:
        self._former.update((features, shared.until_now()) for features, shared in self._divided.items())
        self._divided.clear()

    def _forget(self, nodes: Iterable[str] | None) -> None:
        self.changes.note(nodes)
        if nodes is None:
            self.touched += len(self.nodes)
            self._outdated += filter(None, self._pools.values())
            self._pools = {features: {} for features in self._pools}
            self._last = None
            return
        for node in nodes:
            self.touched += 1
            for kept in self._pools.values():
                kept.pop(node, None)
            self._own_of_nodes.drop(node)

    def _taint_again(self) -> None:
        if self._rules_wait:
            return
        # Rules are few and change seldom; a slice that comes out equal keeps its pools.
        values = tuple(self.rules.values())
        foreseen = self._foreseen[1] if self._foreseen[0] == values else {}
        self._foreseen = ((), {})
        self._compiled = compiled(values, self._classes, self._selectors)
        changed = dict[PoolId, None]()
        for name, slice_ in paced(self.slices.items(), 4):
            source, tainted = foreseen.get(name, (None, slice_))
            if source is not slice_:
                tainted = apply_taint_rules(slice_, self._compiled)
            before = self._tainted[name]
            if tainted is not before and tainted.devices != before.devices:
                self._tainted[name] = tainted
                changed[slice_.pool_id] = None
        self._forget_pools(changed)

    def _forget_pools(self, pools: Collection[PoolId]) -> None:
        if len(pools) <= _FEW_POOLS:
            for pool in paced(pools):
                self._forget_pool(pool)
            return
        self._outdated += filter(None, (*self._of_pools(), *self._own_of_nodes.taken_out()))
        self._own, self._generations, self._alike = {}, {}, {}
        self._outdate_divided()
        for features in list(self._former):
            self._let_former_go(features)
        self._forget(None)


def _remove(index: dict[Key, tuple[str, ...]], key: Key, name: str) -> None:
    names = index[key]
    at = names.index(name)
    rest = names[:at] + names[at + 1 :]
    if rest:
        index[key] = rest
    else:
        del index[key]
