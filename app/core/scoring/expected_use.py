"""How much of what is free on a node the Pods that come can use.

The *mix* is what Pods request and how often. A node is worth the devices that the next Pods of the mix
would get there, the sooner the more. What a Pod takes off that worth beside its own devices is the loss
of placing it there: a remainder that no Pod of the mix fits, CPU without which devices stay idle, a model
or a whole node that only some Pods can use.

Pods that need the same devices (the same selector, the same number) are a group: each group values the node
by itself, so that what only one group can use is kept for it as far as that group comes.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

WHOLE = 1000
"""A device, in thousandths: the unit of shares and of worth."""
_DRAWS_PER_DEVICE = 4
"""Pods that are drawn for each device that is not taken: more are seldom served before the node is full."""
_MAX_DEVICES = 32
"""Free devices beyond these are worth what they request: no expected Pod fills them."""
_DISCOUNT = 0.7
"""The worth of a device that is used one round of draws later."""
_MIN_SAMPLES, _MAX_SAMPLES = 2, 16
"""Sequences of draws for a group; a group that seldom comes needs fewer."""


@dataclass(frozen=True, slots=True)
class PodDemand:
    """What Pods of one kind ask of a node.

    Args:
        cpu: in thousandths of a core.
        memory: in the unit of the rooms that it is compared with.
        devices: how many; 0: none.
        share: of each device, in thousandths; ``WHOLE`` where a device must not be shared.
        selector: which devices match, as a key; "" matches all.
        weight: how often such a Pod comes, beside the others.
    """

    cpu: int
    memory: int
    devices: int
    share: int
    selector: str
    weight: float


@dataclass(frozen=True, slots=True)
class NodeRoom:
    """The free devices of a node: ``shares`` of the devices that are not taken, in ascending order."""

    cpu: int
    memory: int
    shares: tuple[int, ...]


class DemandGroup:
    """Demands for the same devices. ``weight`` is the share of the mix's Pods with devices, from 0 to 1."""

    def __init__(self, devices: int, selector: str, demands: Sequence[PodDemand], total: float) -> None:
        self.devices = devices
        self.selector = selector
        self._own = sum(item.weight for item in demands)
        self.weight = self._own / total if total else 0.0
        self._demands = sorted(demands, key=lambda item: (item.share, item.cpu, item.memory))
        self._worth: dict[tuple[int, int, tuple[int, ...]], float] = {}
        self._sequences = self._draw() if devices == 1 else []
        self._least_cpu = min(item.cpu for item in demands)
        self._least_share = min(item.share for item in demands)
        self._by_free: dict[int, _Rounds] = {}

    def worth(self, cpu: int, memory: int, shares: tuple[int, ...]) -> float:
        """Thousandths of devices that Pods of the group are expected to use.

        Cost: kept for equal rooms; else O(samples x draws), 1 division per kind where Pods take several.

        Args:
            shares: of the devices that match the group's selector, in ascending order, none 0.
        """
        if not shares or cpu < self._least_cpu or shares[-1] < self._least_share:
            return 0.0
        if self.devices == 1:
            # More than any sequence requests makes no difference: rooms differ by less.
            rounds = self._rounds(min(len(shares), _MAX_DEVICES))
            cpu, memory = min(cpu, rounds.cpu), min(memory, rounds.memory)
        key = (cpu, memory, shares)
        found = self._worth.get(key)
        if found is None:
            fill = self._filled if self.devices == 1 else self._copies
            found = self._worth[key] = fill(cpu, memory, shares)
        return found

    def _copies(self, cpu: int, memory: int, shares: tuple[int, ...]) -> float:
        """Pods of several devices: as many of one kind as fit, the mean over the kinds."""
        sum_ = 0.0
        for item in self._demands:
            fitting = len(shares) - bisect_left(shares, item.share)
            copies = fitting // item.devices
            if item.cpu:
                copies = min(copies, cpu // item.cpu)
            if item.memory:
                copies = min(copies, memory // item.memory)
            sum_ += item.weight * copies * item.devices * item.share
        return sum_ / self._own

    def _filled(self, cpu: int, memory: int, shares: tuple[int, ...]) -> float:
        """Pods of one device: those drawn, one after another, each where it leaves the least."""
        least_cpu = self._least_cpu
        sum_ = 0.0
        for draws in self._rounds(min(len(shares), _MAX_DEVICES)).up_to(shares[-1]):
            left_cpu, left_memory, left = cpu, memory, list(shares)
            largest = left[-1]
            for need_cpu, need_memory, share, value in draws:
                if share > largest or need_cpu > left_cpu or need_memory > left_memory:
                    continue
                rest = left.pop(bisect_left(left, share)) - share
                sum_ += value
                left_cpu -= need_cpu
                left_memory -= need_memory
                if rest:
                    insort(left, rest)
                if not left or left_cpu < least_cpu:
                    break
                largest = left[-1]
        return sum_ / len(self._sequences)

    def _rounds(self, free: int) -> "_Rounds":
        found = self._by_free.get(free)
        if found is None:
            found = self._by_free[free] = _rounds(self._sequences, free)
        return found

    def _draw(self) -> list[list[tuple[int, int, int]]]:
        """Sequences that together hold each kind as often as it comes, at each position (a Latin square)."""
        samples = max(_MIN_SAMPLES, min(_MAX_SAMPLES, ceil(2 * _MAX_SAMPLES * self.weight)))
        ends, sum_ = [], 0.0
        for item in self._demands:
            sum_ += item.weight
            ends.append(sum_)
        found: list[list[tuple[int, int, int]]] = [[] for _ in range(samples)]
        chance = _Chance()
        for _ in range(_DRAWS_PER_DEVICE * _MAX_DEVICES):
            for sequence, stratum in zip(found, chance.permuted(samples), strict=True):
                point = (stratum + chance.next()) / samples * sum_
                item = self._demands[min(bisect_left(ends, point), len(ends) - 1)]
                sequence.append((item.cpu, item.memory, item.share))
        return found


class ExpectedUse:
    """The worth of rooms under one mix.

    Args:
        demands: the mix. Pods without devices are left out: they find room beside devices in use.
    """

    def __init__(self, demands: Iterable[PodDemand]) -> None:
        by_group: dict[tuple[int, str], list[PodDemand]] = {}
        for item in demands:
            if item.devices and item.weight > 0:
                by_group.setdefault((item.devices, item.selector), []).append(item)
        total = sum(item.weight for items in by_group.values() for item in items)
        self.groups = [
            DemandGroup(devices, selector, items, total) for (devices, selector), items in by_group.items()
        ]

    def worth(self, room: NodeRoom, matching: Mapping[str, bool]) -> float:
        """The worth of the room, in thousandths of devices.

        Args:
            matching: by selector, whether the room's devices match it; one that is missing does not.
        """
        return sum(
            group.weight * group.worth(room.cpu, room.memory, room.shares)
            for group in self.groups
            if not group.selector or matching.get(group.selector)
        )


_Draws = list[list[tuple[int, int, int, float]]]
"""By sequence: cpu, memory, share, and what serving it then is worth."""


@dataclass(frozen=True, slots=True)
class _Rounds:
    """Draws for a number of free devices. ``cpu`` and ``memory`` are the most that one sequence requests."""

    draws: _Draws
    cpu: int
    memory: int
    small: dict[int, _Draws] = field(default_factory=dict)

    def up_to(self, share: int) -> _Draws:
        """Those that a device with so much left may serve; kept, as remainders are much alike."""
        if share >= WHOLE:
            return self.draws
        found = self.small.get(share)
        if found is None:
            found = [[draw for draw in draws if draw[2] <= share] for draws in self.draws]
            self.small[share] = found
        return found


def _rounds(sequences: Sequence[Sequence[tuple[int, int, int]]], free: int) -> _Rounds:
    worths = [_DISCOUNT ** (at / free) for at in range(_DRAWS_PER_DEVICE * free)]
    drawn = [
        [(*draw, draw[2] * worth) for draw, worth in zip(sequence, worths, strict=False)]
        for sequence in sequences
    ]
    return _Rounds(
        drawn,
        max(sum(draw[0] for draw in draws) for draws in drawn),
        max(sum(draw[1] for draw in draws) for draws in drawn),
    )


class _Chance:
    """Numbers without a pattern, the same each time: a linear congruential generator (Knuth's MMIX)."""

    def __init__(self) -> None:
        self._state = 7

    def next(self) -> float:
        """From 0 to below 1."""
        self._state = (self._state * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
        return (self._state >> 11) / (1 << 53)

    def permuted(self, count: int) -> list[int]:
        """0 to count - 1 in some order (Fisher and Yates)."""
        found = list(range(count))
        for at in range(count - 1, 0, -1):
            other = int(self.next() * (at + 1))
            found[at], found[other] = found[other], found[at]
        return found
