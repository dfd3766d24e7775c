"""Counts the slices of each generation of a pool as they come, so that an incomplete pool costs nothing."""

from bisect import bisect_left
from dataclasses import dataclass

from app.core.model.features import Features
from app.core.model.resource_slice import PoolId, ResourceSlice


@dataclass(frozen=True, slots=True)
class GenerationSize:
    """How many slices a generation has, and how many of them have compatibility groups."""

    number: int
    slices: int = 0
    with_groups: int = 0

    def counted(self, features: Features) -> int:
        """The slices that count: without the feature, those with compatibility groups are ignored."""
        return self.slices if features.compatibility_groups else self.slices - self.with_groups


class PoolGenerations:
    """The sizes of all generations of each pool.

    A pool may have as many slices as there are nodes. While they come one by one, each evaluation would
    otherwise go through all of them to find that one is missing.
    """

    def __init__(self) -> None:
        self._sizes: dict[PoolId, tuple[GenerationSize, ...]] = {}

    def fork(self) -> "PoolGenerations":
        """An independent copy. Cost: O(pools)."""
        other = PoolGenerations()
        other._sizes = dict(self._sizes)
        return other

    def newest(self, pool: PoolId) -> GenerationSize:
        """Of all slices of the pool. Raises: KeyError, if it has none. Cost: O(1)."""
        return self._sizes[pool][-1]

    def put(self, slice_: ResourceSlice) -> None:
        """Counts a slice. Cost: O(generations of its pool)."""
        self._add(slice_, 1)

    def drop(self, slice_: ResourceSlice) -> None:
        """Takes back ``put``."""
        self._add(slice_, -1)

    def _add(self, slice_: ResourceSlice, number: int) -> None:
        sizes = self._sizes.get(slice_.pool_id, ())
        at = bisect_left(sizes, slice_.generation, key=lambda size: size.number)
        known = at < len(sizes) and sizes[at].number == slice_.generation
        old = sizes[at] if known else GenerationSize(slice_.generation)
        groups = number if slice_.has_groups else 0
        new = GenerationSize(old.number, old.slices + number, old.with_groups + groups)
        rest = sizes[:at] + ((new,) if new.slices else ()) + sizes[at + known :]
        if rest:
            self._sizes[slice_.pool_id] = rest
        else:
            del self._sizes[slice_.pool_id]
