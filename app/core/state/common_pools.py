"""The pools that nodes have in common, made once for all nodes that see the same slices of them.

Without that, each node would go through all slices that belong to no single node, after each change of one.
"""

from bisect import bisect
from collections.abc import Hashable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter
from weakref import WeakValueDictionary

from app.core.model.node import Node
from app.core.model.node_selector import NodeSelector, SelectorError
from app.core.model.resource_slice import ResourceSlice
from app.core.pauses import paced
from app.core.state.pools import Pool, search_order

MAX_MADE = 64
"""Sets of common pools: each has a reference to every pool, of which there may be thousands."""
_FEW = 64
"""Selectors that are kept beside twice as many as are in use."""


@dataclass(frozen=True, eq=False)
class CommonPools:
    """Pools in the order of the search. By identity, so that what is derived from them can be kept."""

    pools: tuple[Pool, ...]
    accepted: dict[Hashable, tuple[tuple[int, Pool], ...]] = field(default_factory=dict)
    """What a search reads of them, with their places: see ``without_rejected``."""

    @cached_property
    def order(self) -> Sequence[tuple[bool, str, str]]:
        """The key of each pool in the order of the search. O(pools), once."""
        return [search_order(pool) for pool in self.pools]

    @cached_property
    def by_driver(self) -> Mapping[str, Sequence[tuple[int, Pool]]]:
        """The pools of each driver, with their places. O(pools), with pauses, once."""
        found: dict[str, list[tuple[int, Pool]]] = {}
        for place, pool in enumerate(paced(self.pools)):
            found.setdefault(pool.id.driver, []).append((place, pool))
        return found


class NodePools(tuple[Pool, ...]):
    """All pools of a node, in the order of the search.

    ``own`` are those that are not among the ``common`` ones, each with the number of common ones before it.
    """

    common: CommonPools
    own: tuple[tuple[int, Pool], ...]

    @classmethod
    def joined(cls, common: CommonPools, own: Sequence[Pool]) -> "NodePools":
        """Of pools in order. O(own pools * log(common ones)), and a copy of the references."""
        placed = tuple([(bisect(common.order, search_order(pool)), pool) for pool in own])
        every: list[Pool] = []
        done = 0
        for at, pool in placed:
            every += common.pools[done:at]
            every.append(pool)
            done = at
        every += common.pools[done:]
        found = cls(every)
        found.common, found.own = common, placed
        return found

    def of_drivers(self, drivers: AbstractSet[str]) -> list[Pool]:
        """The pools of these drivers, in order. O(own pools + those found), once O(pools)."""
        own, common = self.own, self.common.by_driver
        return in_places(
            [placed for placed in own if placed[1].id.driver in drivers],
            [placed for driver in drivers for placed in common.get(driver, ())],
        )


def in_places(own: Iterable[tuple[int, Pool]], common: Iterable[tuple[int, Pool]]) -> list[Pool]:
    """Some pools of a node, as they are in ``NodePools``, in order. O(n log n) of those given."""
    # The sort is stable: at one place, those of the node come before the common one.
    return list(map(itemgetter(1), sorted([*own, *common], key=itemgetter(0))))


@dataclass(frozen=True, slots=True, eq=False)
class SharedSlices:
    """The slices that belong to no single node.

    Of ``every`` one, ``common`` are those of pools that are the same for all nodes which match the same
    selectors, ``rest`` the others. ``mask`` has the bits of the selectors of the common ones in ``selected``.
    """

    every: tuple[ResourceSlice, ...]
    common: tuple[ResourceSlice, ...]
    rest: tuple[ResourceSlice, ...]
    selected: "SelectedBy"
    mask: int
    made: WeakValueDictionary[int, CommonPools] = field(default_factory=WeakValueDictionary)
    """By the bits of the selectors that match, as long as a node has them; at most ``MAX_MADE``."""

    def matched(self, node: Node) -> int | None:
        """The bits of the selectors that match the node; None: one is malformed, of some slice."""
        try:
            return self.selected.of(node) & self.mask
        except SelectorError:
            return None

    @property
    def is_full(self) -> bool:
        """Whether pools for other bits are not kept: nodes that have little in common share nothing."""
        return len(self.made) >= MAX_MADE


class SelectedBy:
    """Which node selectors of slices match each node, as bits of a number. Selectors are interned."""

    def __init__(self) -> None:
        self._selectors: list[NodeSelector] = []
        self._numbers: dict[int, int] = {}
        self._nodes: dict[str, tuple[Mapping[str, str], int, int]] = {}

    def has_outgrown(self, selectors: int) -> bool:
        """Whether most of what it keeps is not in use any more."""
        return len(self._selectors) > 2 * selectors + _FEW

    def mask(self, selectors: Iterable[NodeSelector]) -> int:
        """The bits of these selectors. O(selectors), in one step."""
        used = {id(selector): selector for selector in selectors}
        for identity, selector in used.items():
            if identity not in self._numbers:
                self._numbers[identity] = len(self._selectors)
                self._selectors.append(selector)
        bits = bytearray(len(self._selectors) // 8 + 1)
        for identity in used:
            number = self._numbers[identity]
            bits[number // 8] |= 1 << number % 8
        return int.from_bytes(bits, "little")

    def of(self, node: Node) -> int:
        """The bits of the selectors that match the node.

        Raises: SelectorError, if one is malformed. Cost: O(selectors that are new to the node), with pauses.
        """
        selectors, nodes, labels = self._selectors, self._nodes, node.meta.labels
        known = nodes.get(node.name)
        matched, done = (known[1], known[2]) if known is not None and known[0] == labels else (0, 0)
        if done == len(selectors):
            return matched
        new = selectors[done:]
        bits = bytearray(len(new) // 8 + 1)
        for number, selector in enumerate(paced(new, _FEW)):
            if selector.matches(node.name, labels):
                bits[number // 8] |= 1 << number % 8
        matched |= int.from_bytes(bits, "little") << done
        nodes[node.name] = labels, matched, done + len(new)
        return matched

    def drop(self, node: str) -> None:
        """Forgets a node that is gone."""
        self._nodes.pop(node, None)
