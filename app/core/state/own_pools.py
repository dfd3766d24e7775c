"""The pools that a node has for itself, kept while those change that it has in common with others.

Without that, one changed slice for all nodes would mean to put together all pools of each of them again.
"""

from typing import NamedTuple

from app.core.model.features import Features
from app.core.model.resource_slice import PoolId
from app.core.state.pools import Pool

SliceNames = tuple[str, ...]
"""The slices that name a node. Another object after each change of one of them."""


class OwnPoolsOfNode(NamedTuple):
    """All pools of the slices that name a node, in order, and when they were put together."""

    names: SliceNames
    pools: tuple[Pool, ...]
    made: int


class OwnPools:
    """Of nodes that see no other slices of these pools.

    What is kept for a node is dropped with each change of a pool that few nodes see. Of a pool that many
    nodes see, it is noted when it has changed last, so that each of its slices costs the same.

    ``now`` counts these changes.
    """

    def __init__(self) -> None:
        self._by_features: dict[Features, dict[str, OwnPoolsOfNode]] = {}
        self._changed: dict[PoolId, int] = {}
        self.now = 0

    def of(self, features: Features, node: str, names: SliceNames) -> tuple[Pool, ...] | None:
        """The pools of these slices, or None if they are not kept or have changed. O(pools)."""
        known = self._by_features.get(features, {}).get(node)
        if known is None or known.names is not names:
            return None
        changed = max([self._changed.get(pool.id, 0) for pool in known.pools], default=0)
        return known.pools if changed <= known.made else None

    def put(self, features: Features, node: str, known: OwnPoolsOfNode) -> None:
        """Keeps the pools of a node."""
        self._by_features.setdefault(features, {})[node] = known

    def drop(self, node: str) -> None:
        """Drops what is kept for a node, if anything is."""
        for kept in self._by_features.values():
            kept.pop(node, None)

    def change(self, pool: PoolId) -> None:
        """A pool that many nodes see has changed."""
        self.now += 1
        self._changed[pool] = self.now

    def forget(self, pool: PoolId) -> None:
        """A pool has no slices any more, so that the slices of its nodes have changed, too."""
        self._changed.pop(pool, None)

    def taken_out(self) -> list[dict[str, OwnPoolsOfNode]]:
        """Everything that was kept, for the caller to free with pauses."""
        found = list(self._by_features.values())
        self._by_features = {}
        return found
