"""Knows the nodes that see each pool, so that a change costs the same however many slices the pool has."""

from collections.abc import Iterable

from app.core.model.features import Features
from app.core.model.resource_slice import PoolId, ResourceSlice

MAX_VIEWERS = 64
"""Nodes of one pool that are distinguished from all nodes."""


class PoolViewers:
    """Counts the slices of each pool by the node that they name, as they come and go.

    A pool may have thousands of slices, all of one node. To go through them for each slice that comes would
    be seconds of work for a list of them.
    """

    def __init__(self) -> None:
        self._slices: dict[tuple[PoolId, str], int] = {}
        self._nodes: dict[PoolId, tuple[str, ...]] = {}
        self._shared: dict[PoolId, int] = {}
        self._counting: dict[PoolId, int] = {}

    def fork(self) -> "PoolViewers":
        """An independent copy. Cost: O(pools and their nodes)."""
        other = PoolViewers()
        other._slices = dict(self._slices)
        other._nodes = dict(self._nodes)
        other._shared = dict(self._shared)
        other._counting = dict(self._counting)
        return other

    def put(self, slice_: ResourceSlice) -> None:
        """Counts a slice. O(1), O(nodes of the pool) for the first one of a node."""
        self._add(slice_, 1)

    def drop(self, slice_: ResourceSlice) -> None:
        """Takes back ``put``."""
        self._add(slice_, -1)

    def has_own(self, pool: PoolId) -> bool:
        """Whether one of the slices of a pool belongs to a single node. O(1)."""
        return pool in self._nodes

    def of(self, pool: PoolId, known: Iterable[Features]) -> set[str] | None:
        """The nodes that see a pool with any of these features; None: all of them may. O(MAX_VIEWERS).

        Of a pool of many nodes that is not found out: each of its slices changes it for all of them, and
        8,000 slices that arrive one by one would be 32 million nodes.
        """
        if pool in self._shared or len(self._nodes.get(pool, ())) > MAX_VIEWERS:
            return None
        if pool in self._counting and any(features.channel.counters_everywhere for features in known):
            return None
        return set(self._nodes.get(pool, ()))

    def _add(self, slice_: ResourceSlice, number: int) -> None:
        pool, node = slice_.pool_id, slice_.node_name
        if not node:
            _count(self._shared, pool, number)
            return
        if slice_.shared_counters:
            _count(self._counting, pool, number)
        before = self._slices.get((pool, node), 0)
        after = self._slices[pool, node] = before + number
        nodes = self._nodes.get(pool, ())
        if not before:
            self._nodes[pool] = (*nodes, node)
        elif not after:
            del self._slices[pool, node]
            at = nodes.index(node)
            if rest := nodes[:at] + nodes[at + 1 :]:
                self._nodes[pool] = rest
            else:
                del self._nodes[pool]


def _count(counts: dict[PoolId, int], pool: PoolId, number: int) -> None:
    after = counts[pool] = counts.get(pool, 0) + number
    if not after:
        del counts[pool]
