"""The pools that a node has for itself, kept while those change that it has in common with others.

Without that, one changed slice for all nodes would mean to put together all pools of each of them again.
"""

from collections.abc import Mapping
from typing import NamedTuple

from app.core.model.resource_slice import PoolId
from app.core.state.pools import Pool

SliceNames = tuple[str, ...]
"""The slices that name a node. Another object after each change of one of them."""


class OwnPools(NamedTuple):
    """All pools of the slices that name a node, in order. The node sees no other slices of these pools.

    ``made`` is when, on the clock of ``changed`` below.
    """

    names: SliceNames
    pools: tuple[Pool, ...]
    made: int

    def are_of(self, names: SliceNames, changed: Mapping[PoolId, int]) -> bool:
        """Whether they are the pools of these slices as they are now. O(pools).

        Args:
            changed: when a pool that many nodes see has changed last. Of other pools, what is kept for their
                nodes is removed.
        """
        if self.names is not names:
            return False
        return max([changed.get(pool.id, 0) for pool in self.pools], default=0) <= self.made
