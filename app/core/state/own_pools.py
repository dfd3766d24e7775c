"""The pools that a node has for itself, kept while those change that it has in common with others.

Without that, one changed slice for all nodes would mean to put together all pools of each of them again.
"""

from collections.abc import Callable
from operator import is_
from typing import NamedTuple

from app.core.model.resource_slice import PoolId
from app.core.state.pools import Pool

SliceNames = tuple[str, ...]
"""The slices that name a node. Another object after each change of one of them."""


class OwnPools(NamedTuple):
    """All pools of the slices that name a node, in order. The node sees no other slices of these pools."""

    names: SliceNames
    pools: tuple[Pool, ...]

    def are_of(self, names: SliceNames, current: Callable[[PoolId], Pool | None]) -> bool:
        """Whether they are the pools of these slices as they are now. O(pools).

        Args:
            current: the pool of an id as it was made last, if nothing about it has changed since.
        """
        return self.names is names and all(map(is_, [current(pool.id) for pool in self.pools], self.pools))
