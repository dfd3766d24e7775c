"""The pools that nodes have in common, made once for all nodes that see the same slices of them.

Without that, each node would go through all slices that belong to no single node, after each change of one.
"""

from bisect import bisect, insort
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter
from typing import NamedTuple, overload
from weakref import WeakValueDictionary

from app.core.model.node import Node
from app.core.model.node_selector import NodeSelector, SelectorError
from app.core.model.resource_slice import PoolId, ResourceSlice
from app.core.pauses import paced
from app.core.state.pools import Pool, search_order

MAX_MADE = 64
"""Sets of common pools: each has a reference to every pool, of which there may be thousands."""
MAX_CHANGED = 64
"""Pools that are put in place of others one by one."""
_FEW = 64
"""Selectors that are kept beside twice as many as are in use."""


class Accepted(NamedTuple):
    """The common pools that a search reads, with their places, and whether it leaves out any with devices."""

    pools: Sequence[tuple[int, Pool]]
    rejected: bool


@dataclass(frozen=True, eq=False)
class CommonPools:
    """Pools in the order of the search. By identity, so that what is derived from them can be kept."""

    pools: tuple[Pool, ...]
    accepted: dict[Hashable, Accepted] = field(default_factory=dict)
    """What a search reads of them: see ``app/core/allocator/other_drivers.py``."""

    def changed(self, ids: AbstractSet[PoolId], pools: Sequence[Pool]) -> "CommonPools":
        """With other pools in place of those with these ids; itself if it has none of them.

        O(pools) look-ups, in one step.
        """
        kept = [pool for pool in self.pools if pool.id not in ids]
        if not pools and len(kept) == len(self.pools):
            return self
        for pool in pools:
            insort(kept, pool, key=search_order)
        return CommonPools(tuple(kept))

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


class NodePools(Sequence[Pool]):
    """All pools of a node, in the order of the search.

    ``own`` are those that are not among the ``common`` ones, each with the number of common ones before it.
    They are put in one order each time that they are gone through: a reference to each of 3,000 pools for
    each of 5,000 nodes would be 120 MB.
    """

    def __init__(self, common: CommonPools, own: Sequence[Pool]) -> None:
        """Of pools in order. O(own pools * log(common ones))."""
        self.common = common
        self.own = tuple([(bisect(common.order, search_order(pool)), pool) for pool in own])

    def __len__(self) -> int:
        return len(self.common.pools) + len(self.own)

    def __iter__(self) -> Iterator[Pool]:
        return iter(self._every())

    @overload
    def __getitem__(self, at: int) -> Pool: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Pool]: ...

    def __getitem__(self, at: int | slice) -> Pool | Sequence[Pool]:
        return self._every()[at]

    def of_drivers(self, drivers: AbstractSet[str]) -> list[Pool]:
        """The pools of these drivers, in order. O(own pools + those found), once O(pools)."""
        own, common = self.own, self.common.by_driver
        return in_places(
            [placed for placed in own if placed[1].id.driver in drivers],
            [placed for driver in drivers for placed in common.get(driver, ())],
        )

    def _every(self) -> list[Pool]:
        """O(pools) references."""
        common, every, done = self.common.pools, list[Pool](), 0
        for at, pool in self.own:
            every += common[done:at]
            every.append(pool)
            done = at
        every += common[done:]
        return every


def in_places(own: Iterable[tuple[int, Pool]], common: Iterable[tuple[int, Pool]]) -> list[Pool]:
    """Some pools of a node, as they are in ``NodePools``, in order. O(n log n) of those given."""
    # The sort is stable: at one place, those of the node come before the common one.
    return list(map(itemgetter(1), sorted([*own, *common], key=itemgetter(0))))


@dataclass(frozen=True, slots=True, eq=False)
class SharedSlices:
    """The slices that belong to no single node.

    ``common`` are those of pools that are the same for all nodes which match the same selectors, ``rest`` the
    others. ``mask`` has the bits of the selectors of the common ones in ``selected``.
    """

    common: Mapping[PoolId, Sequence[ResourceSlice]]
    rest: Sequence[ResourceSlice]
    selected: "SelectedBy"
    mask: int
    made: WeakValueDictionary[int, CommonPools] = field(default_factory=WeakValueDictionary)
    """By the bits of the selectors that match, as long as a node has them; at most ``MAX_MADE``."""
    former: Mapping[int, "Former"] = field(default_factory=dict)
    """What was made of the slices before they changed, by the bits of ``former_mask`` that matched."""
    former_mask: int = 0

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

    def former_for(self, node: Node) -> "Former | None":
        """What was made for the node before the slices changed, if it is kept.

        Raises: SelectorError.
        """
        return self.former.get(self.selected.of(node) & self.former_mask) if self.former else None

    def until_now(self) -> "FormerSlices":
        """With what was made of them, which is used again where it does not change: at most ``MAX_MADE``."""
        made = {bits: Former(pools, frozenset()) for bits, pools in self.made.items()}
        before = self.former.items() if self.former_mask == self.mask else ()
        older = [item for item in before if item[0] not in made]
        return FormerSlices(self, made | dict(older[: max(0, MAX_MADE - len(made))]), set())


def selectors_of(
    pools: Iterable[PoolId], common: Mapping[PoolId, Sequence[ResourceSlice]]
) -> AbstractSet[int]:
    """Which selectors these pools have among the common ones, by identity: selectors are interned."""
    return {id(item.node_selector) for pool in pools for item in common.get(pool, ())}


class Former(NamedTuple):
    """Common pools, and those of them that have changed since."""

    pools: CommonPools
    changed: AbstractSet[PoolId]


@dataclass(frozen=True, slots=True, eq=False)
class FormerSlices:
    """The slices that belonged to no single node before these pools changed."""

    slices: SharedSlices
    made: Mapping[int, Former]
    changed: set[PoolId]

    def note(self, pool: PoolId) -> bool:
        """Notes that a pool has changed. Returns whether those are still few."""
        self.changed.add(pool)
        return len(self.changed) <= MAX_CHANGED

    def still_of_use(self) -> dict[int, Former]:
        """What was made, with all changes until now, except where there are too many."""
        now = {
            bits: Former(former.pools, former.changed | self.changed) for bits, former in self.made.items()
        }
        return {bits: former for bits, former in now.items() if len(former.changed) <= MAX_CHANGED}


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
