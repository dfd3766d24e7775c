"""Scoring policies: small pure functions of what a node's devices would be with the Pod there.

The page and ``/api/v1/policies`` show the first line of each docstring.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from math import log2

from app.core.allocator import Order
from app.core.model.device import DeviceShape
from app.core.scoring.device_demand import FreeDevice
from app.core.scoring.fragmentation import NodeFragments, PoolRoom
from app.core.scoring.places import LEVELS, READS, place_of
from app.core.scoring.prospect import AssignedDevice, Prospect
from app.core.state.taken import NOTHING_TAKEN

GI = 1 << 30
_NANOS = 10**9
_DOUBLINGS = 10
"""From 1 to 1,024: between these a device is the more expensive the larger it is."""
_LOSS_DOUBLINGS = 4
_MAX_PLACES = 6
"""Places of one level that devices are looked for in: each costs a search."""


@dataclass(frozen=True, slots=True)
class Merit:
    """``value`` is from 0 (avoid) to 1 (prefer) and compares nodes.

    ``cost`` compares ways to place the Pod on one node, the least being the best.
    """

    value: float
    why: str
    cost: float


Policy = Callable[[Prospect], Merit]
Orders = Callable[[Prospect], Iterable[Order]]


def binpack(prospect: Prospect) -> Merit:
    """Prefers nodes whose devices are in use already, so that empty nodes stay empty."""
    found = prospect.occupancy
    value = found.taken / found.total if found.total else 0.0
    return Merit(value, f"{found.taken} of {found.total} devices in use with the Pod", 1 - value)


def spread(prospect: Prospect) -> Merit:
    """Prefers nodes whose devices are free, so that load and failures are spread."""
    packed = binpack(prospect)
    return Merit(1.0 - packed.value, packed.why, packed.value)


def first_fit(prospect: Prospect) -> Merit:
    """Likes all nodes alike: the first that fits is taken, as without any scoring."""
    del prospect
    return Merit(1.0, "all nodes alike", 0.0)


def least_fragmentation(prospect: Prospect) -> Merit:
    """Keeps whole nodes, NUMA nodes, large partitions and unshared devices free for those who need them."""
    broken = NodeFragments(prospect).broken(prospect)
    loss, taken = sum(item.loss for item in broken), sum(item.taken for item in broken)
    # A device that is left alone costs 1, one of a whole group of eight 15: on a scale of doublings.
    value = 1.0 - max(0.0, log2(loss / taken)) / _LOSS_DOUBLINGS if taken else 1.0
    most = max(broken, key=lambda item: item.left, default=None)
    why = "breaks nothing that was whole"
    if most is not None and most.left > 1e-9:  # what adding up fractions leaves
        why = f"leaves {most.left:.3g} of {most.total:.3g} free of {most.name}"
    return Merit(max(0.0, value), why, loss)


def expected_use(prospect: Prospect) -> Merit:
    """Keeps free what the claims that come can use: judged by templates, claims, and recent claims."""
    rooms = [PoolRoom(pool, prospect.taken.get(pool.id, NOTHING_TAKEN)) for pool in prospect.pools]
    lost = _lost(prospect, rooms)
    taken = sum(lost.values())
    if prospect.demand is None or not taken:
        return Merit(1.0, "no claims to keep devices for", 0.0)
    before, after = (prospect.demand.worth(_free(rooms, part)) for part in ({}, lost))
    loss = max(0.0, before - after)
    value = 1.0 - log2(1.0 + loss / taken) / _LOSS_DOUBLINGS
    return Merit(max(0.0, value), f"claims that come could use {before:.3g} devices, then {after:.3g}", loss)


def topology(prospect: Prospect) -> Merit:
    """Prefers devices near each other, on one PCIe root or NUMA node: the NIC beside the GPU."""
    values, apart = [], 0
    for one, other in combinations(prospect.given, 2):
        if (one.claim, one.allocated.request) == (other.claim, other.allocated.request):
            continue
        near = _nearness(one, other)
        if near is not None:
            values.append(near)
            apart += near < 1
    if not values:
        return Merit(0.5, "no two requests whose devices say where they are", 0.0)
    value = sum(values) / len(values)
    return Merit(value, f"{len(values) - apart} of {len(values)} pairs of devices side by side", 1 - value)


def cheapest(prospect: Prospect) -> Merit:
    """Spends small devices on small requests: none of 80Gi where one of 10Gi does."""
    excess = [_excess(item) for item in prospect.given]
    sizes = [item for item in excess if item is not None]
    if not sizes:
        return Merit(0.5, "devices without capacity", 0.0)
    mean = sum(sizes) / len(sizes)
    return Merit(1.0 - mean / _DOUBLINGS, f"{mean:.2g} doublings above the request, or 1, on average", mean)


POLICIES: dict[str, Policy] = {
    "binpack": binpack,
    "spread": spread,
    "least-fragmentation": least_fragmentation,
    "expected-use": expected_use,
    "topology": topology,
    "cheapest": cheapest,
    "first-fit": first_fit,
}
DEFAULT_POLICY = "binpack"


def _fragment_orders(prospect: Prospect) -> Iterable[Order]:
    return NodeFragments(prospect).order(len(prospect.new))


def _topology_orders(prospect: Prospect) -> Iterable[Order]:
    """Place by place, what is there first."""
    for level in LEVELS:
        places = {
            item.id: place_of(item.device.shape, level) for pool in prospect.pools for item in pool.devices
        }
        for chosen in islice(
            dict.fromkeys(value for value in places.values() if value is not None), _MAX_PLACES
        ):
            yield {id_: (float(value != chosen),) for id_, value in places.items()}


def _cheapest_orders(prospect: Prospect) -> Iterable[Order]:
    yield {
        item.id: (_size(item.device.shape, {}) or 0.0,) for pool in prospect.pools for item in pool.devices
    }


def _expected_use_orders(prospect: Prospect) -> Iterable[Order]:
    """First by what is lost if the device is given for the Pod's first one; then as least-fragmentation."""
    if prospect.demand is None or not prospect.new:
        return
    rooms = [PoolRoom(pool, prospect.taken.get(pool.id, NOTHING_TAKEN)) for pool in prospect.pools]
    before = prospect.demand.worth(_free(rooms, {}))
    given = prospect.new[0][1]
    yield {
        placed.id: (
            before - prospect.demand.worth(
                _free(rooms, {(number, at): part for at, part in room.lost_as(position, given).items()})
            ),
            room.free[position],
        )
        for number, room in enumerate(rooms)
        for position, placed in enumerate(room.devices)
        if room.free[position]
    }  # fmt: skip
    if len(prospect.new) > 1:
        yield from NodeFragments(prospect).order(len(prospect.new))


ORDERS: dict[str, Orders] = {
    "expected-use": _expected_use_orders,
    "least-fragmentation": _fragment_orders,
    "topology": _topology_orders,
    "cheapest": _cheapest_orders,
}
"""In which orders devices are tried on one node, beside the published one: see ``Mix.orders``."""

SEES: dict[str, frozenset[str]] = {"expected-use": READS, "least-fragmentation": READS, "topology": READS}
"""Attributes that a policy uses."""

GROUPS = frozenset({"least-fragmentation", "expected-use"})
"""Policies that also use those by which claims keep devices together."""


DEMANDS = frozenset({"expected-use"})
"""Policies that use the requests of other claims."""


def _lost(prospect: Prospect, rooms: Sequence[PoolRoom]) -> dict[tuple[int, int], float]:
    """The share that the Pod takes of each device, by room and position."""
    found: dict[tuple[int, int], float] = {}
    for number, (room, pool) in enumerate(zip(rooms, prospect.pools, strict=True)):
        new = [item for _, item in prospect.new if item.device.pool_id == pool.id]
        if new:
            found |= {(number, at): part for at, part in room.lost(new).items()}
    return found


def _free(rooms: Sequence[PoolRoom], lost: Mapping[tuple[int, int], float]) -> list[FreeDevice]:
    return [
        FreeDevice(placed.device.shape, weight, max(0.0, free - lost.get((number, at), 0.0)))
        for number, room in enumerate(rooms)
        for at, (placed, weight, free) in enumerate(zip(room.devices, room.weights, room.free, strict=True))
    ]


def _nearness(one: AssignedDevice, other: AssignedDevice) -> float | None:
    """1 on the nearest level that both tell of, a half for the next, 0 for none; None: nothing is known."""
    known, near = False, 0.0
    for number, level in enumerate(LEVELS):
        places = [place_of(item.placed.device.shape, level) for item in (one, other)]
        if None not in places:
            if places[0] == places[1]:
                near = max(near, 1.0 if not known else 1.0 / (number + 1))
            known = True
    return near if known else None


def _excess(item: AssignedDevice) -> float | None:
    """Doublings from the request, or 1 (1Gi of what is counted in bytes), to what the device has."""
    requested = dict(item.spec.capacity or ()) if item.spec is not None else {}
    if item.allocated.share_id is not None:
        return 0.0  # only the requested amount is taken
    return _size(item.placed.device.shape, {name: amount.nanos for name, amount in requested.items()})


def _size(shape: DeviceShape, requested: Mapping[str, int]) -> float | None:
    sizes = []
    for name, item in shape.capacity.items():
        amount = item.value.nanos
        base = requested.get(name, 0)
        if base <= 0:
            base = _NANOS * (GI if amount >= GI * _NANOS else 1)
        if amount > 0:
            sizes.append(_doublings(amount, base))
    return sum(sizes) / len(sizes) if sizes else None


def _doublings(amount: int, base: int) -> float:
    """From 0 to ``_DOUBLINGS``. A quantity may have more digits than a float can hold."""
    if amount <= base:
        return 0.0
    return float(_DOUBLINGS) if amount >= base << _DOUBLINGS else log2(amount / base)
