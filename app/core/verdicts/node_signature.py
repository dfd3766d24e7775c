"""The signature of a node: everything that a search can read of it.

Nodes with equal signatures get the same verdict.

Two nodes have equal keys if their devices agree, one by one and in order, in everything that
``node_devices``, ``partial``, ``bounds`` and ``symmetry`` look at: shape (as far as the plan's selectors
and constraints read it), counters, taints, node selection, and what is taken of them. Of devices that
are rejected by their driver only counts whether there are any: a refusal reports it. No key contains
names of nodes, devices or usable pools, so a verdict with such a name belongs to a single node.
"""

from bisect import bisect_left
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

from app.core.allocator.node_devices import NODE_OPERATIONS, PoolView
from app.core.allocator.other_drivers import accepted_of, rejects
from app.core.allocator.plan import Plan
from app.core.model.features import Features
from app.core.model.node import Node
from app.core.model.resource_slice import ResourceSlice
from app.core.pauses import FEW, paced, paced_if_many
from app.core.selectors.accepted_drivers import AcceptedDrivers
from app.core.selectors.attributes_read import AttributesRead
from app.core.state.common_pools import CommonPools, NodePools
from app.core.state.pools import Pool
from app.core.state.taken import Taken
from app.core.verdicts.slice_looks import SliceLooks

_MAX_NAMES = 1_000
"""Attributes by which nodes are distinguished; where more are read, all of them count as read."""
_MAX_DRIVERS = 4096
"""Drivers for which it is kept under which names they may publish attributes."""
_AT_ONCE = 8
"""Requests whose attributes are put together between two pauses: each may have 32 selectors."""
_MANY = 4
"""Slices of a pool from which their look is remembered: pools that many nodes see are of this kind."""


class UniqueNodeError(Exception):
    """The answer for the node may name it, its pools or its devices."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Of some pools of a node: the ``looks`` of those that count, and their ``places``.

    ``rejected``: others are rejected by their driver.
    """

    rejected: bool
    places: tuple[int, ...]
    looks: Hashable


OfCommon = WeakKeyDictionary[CommonPools, dict[bool, _Part | None]]
"""What common pools look like, by whether the node declares ``NODE_OPERATIONS``; None: like no others."""


class NodeSignature:
    """Keys of nodes for all plans with these features, attributes and drivers.

    Args:
        looks: of the slices, for all signatures.
    """

    def __init__(
        self,
        features: Features,
        attributes_read: AttributesRead,
        drivers: AcceptedDrivers = None,
        looks: SliceLooks | None = None,
    ) -> None:
        self._features = features
        self._drivers = drivers
        # Where one attribute can fail every expression, all of them count as read.
        self._sight = None if features.version.cel.lists_need_gate else attributes_read
        self._looks = SliceLooks() if looks is None else looks  # empty ones are false
        self._read = tuple(sorted(self._sight or ()))
        self._visible: dict[str, tuple[str, ...]] = {}
        self._many: WeakKeyDictionary[Pool, int] = WeakKeyDictionary()

    def key(
        self, node: Node, pools: Sequence[Pool], taken: Taken, of_common: "OfCommon | None" = None
    ) -> Hashable | None:
        """Equal for nodes that get the same verdict, steps, devices by position and reasons by code.

        None: the node is like no other. Cost: O(slices + devices taken) if the slices are known,
        O(devices) if not, with pauses. Of common pools that is so for the first node.

        Args:
            of_common: what is known of common pools, until what is taken of them changes.
        """
        try:
            if not isinstance(pools, NodePools):
                part = self._part(node, list(enumerate(pools)), taken)
                return part.rejected, part.looks
            common = self._common(node, pools.common, taken, OfCommon() if of_common is None else of_common)
            own = self._part(node, pools.own, taken)
        except UniqueNodeError:
            return None
        before = [bisect_left(common.places, place) for place in own.places]
        return common.rejected or own.rejected, common.looks, tuple(before), own.looks

    def _common(self, node: Node, pools: CommonPools, taken: Taken, known: "OfCommon") -> "_Part":
        """Raises: UniqueNodeError."""
        kinds, kind = known.setdefault(pools, {}), NODE_OPERATIONS in node.declared_features
        if kind not in kinds:
            try:
                accepted = accepted_of(pools, self._drivers, self._features)
                part = self._part(node, accepted.pools, taken, rejected=accepted.rejected)
            except UniqueNodeError:
                kinds[kind] = None
            else:
                number = self._looks.numbers.of(part.looks, _values_of(pools, taken))
                kinds[kind] = replace(part, looks=number)
        found = kinds[kind]
        if found is None:
            raise UniqueNodeError
        return found

    def _part(
        self, node: Node, pools: Sequence[tuple[int, Pool]], taken: Taken, *, rejected: bool = False
    ) -> "_Part":
        """Raises: UniqueNodeError."""
        places, looks = list[int](), list[Hashable]()
        for place, pool in paced_if_many(pools):
            if not _is_noticed(pool):
                continue
            if rejects(self._drivers, pool, self._features):
                rejected = True
                continue
            places.append(place)
            looks.append(self._pool(node, pool, taken))
        return _Part(rejected, tuple(places), tuple(looks))

    def _pool(self, node: Node, pool: Pool, taken: Taken) -> Hashable:
        if pool.incomplete or not pool.usable:
            if pool.takes_part:
                raise UniqueNodeError  # reasons name the pool, and it may have devices
            return pool.id, pool.incomplete, pool.invalid_reason  # all that reasons say of it
        held, looks, slices = taken.get(pool.id), self._looks, self._slices(node, pool)
        if held is None:
            if not pool.counter_sets:
                return slices
            return slices, looks.full_counters(pool, groups=self._features.compatibility_groups)
        view = PoolView(pool, held, self._features)
        left = view.ledger.state() if pool.counter_sets else None
        return slices, _held(pool, view), left

    def _slices(self, node: Node, pool: Pool) -> Hashable:
        if len(pool.slices) < _MANY or any(map(_differs_by_node, pool.slices)):
            return tuple([self._slice(node, item) for item in paced_if_many(pool.slices)])
        found = self._many.get(pool)
        if found is None:
            parts = [self._slice(node, item) for item in paced(pool.slices)]
            found = self._many[pool] = self._looks.numbers.of(tuple(parts))
        return found

    def _slice(self, node: Node, item: ResourceSlice) -> int:
        look = self._looks.of(item)
        if look.ambiguous:
            raise UniqueNodeError
        names = self._visible.get(item.driver)
        if names is None and self._sight is not None:
            names = self._visible_of(item.driver, self._sight)
        found = look.shapes.seen(names)
        if look.rest is not None:
            found = self._looks.numbers.of((found, look.rest))
        if _differs_by_node(item):
            unsuited = bool(item.skip_node_operations) and NODE_OPERATIONS not in node.declared_features
            reached = item.reach.of(node).devices if item.per_device_node_selection else ()
            if None in reached:
                raise UniqueNodeError  # the error names the device
            part = (found, unsuited, bool(item.skip_node_operations), reached)
            found = self._looks.numbers.of(part)
        return found

    def _visible_of(self, driver: str, attributes_read: frozenset[str]) -> tuple[str, ...]:
        """The names under which a driver may publish these attributes: its own also without its domain."""
        prefix = f"{driver}/"
        own = {name.removeprefix(prefix) for name in attributes_read if name.startswith(prefix)}
        if len(self._visible) >= _MAX_DRIVERS:
            self._visible.clear()
        found = self._visible[driver] = tuple(sorted(attributes_read | own)) if own else self._read
        return found


def _differs_by_node(item: ResourceSlice) -> bool:
    """Whether two nodes that see the slice may see it differently."""
    return bool(item.per_device_node_selection or item.skip_node_operations)


def _is_noticed(pool: Pool) -> bool:
    """Whether a search or its reasons tell that the pool is there: by its devices, or as it is broken."""
    return bool(pool.devices) or pool.incomplete or not pool.usable


def _values_of(pools: CommonPools, taken: Taken) -> int:
    """How many values their looks have, at most."""
    number = len(pools.pools)
    for pool in paced(pools.pools):
        held = taken.get(pool.id)
        if held is not None:
            number += 2 * len(pool.devices) + 2 * sum(map(len, held.capacity.values()))
    return number


def _held(pool: Pool, view: PoolView) -> Hashable:
    """The allocated devices, by position in the pool."""
    names = [placed.device.name for placed in pool.devices]
    whole = tuple(map(view.whole.__contains__, names))
    if not view.shared and not view.capacity:
        return whole
    amounts = [(view.capacity.get(name) or {}).items() for name in names]
    shared = tuple(map(view.shared.__contains__, names))
    return whole, shared, tuple([tuple(sorted(amount)) for amount in paced_if_many(amounts)])


def attributes_read_by_plan(plan: Plan) -> AttributesRead:
    """The attributes that any selector, derived attribute or constraint of the plan may read.

    None, too, if they are more than ``_MAX_NAMES``. O(selectors and their attributes), with pauses.
    """
    names: set[str] = set()
    for claim in paced(plan.claims, FEW):
        for constraint in claim.constraints:
            names.update(name for name in (constraint.match_attribute, constraint.distinct_attribute) if name)
    for alternative in paced(plan.alternatives, _AT_ONCE):
        sights = [item.selector.attributes_read for item in alternative.matcher.selectors]
        sights += [item.attributes_read for item in alternative.attributes.derived.values()]
        for attributes_read in sights:
            if attributes_read is None:
                return None
            names |= attributes_read
        if len(names) > _MAX_NAMES:
            return None
    return frozenset(names)
