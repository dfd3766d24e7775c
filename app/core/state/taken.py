"""The taken devices: whole devices, shares, and the capacity that shares consume.

The counterpart of structured.AllocatedState, kept per pool and immutable: a copy of the state is a copy
of one dictionary, and a changed claim touches its own pools only. It also contains the holders of a
device, so that a double allocation is detected, and the device stays taken when one of the claims
releases it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from app.core.model.allocation import AllocatedDevice
from app.core.model.resource_slice import PoolId

ClaimKey = tuple[str, str]
"""Namespace and name of a claim."""


@dataclass(frozen=True, slots=True)
class Holding:
    """That a claim holds a device: whole, a share of it (``share_id``), or with admin access.

    ``consumed`` is what the share takes of each capacity, in nano units. ``nominated``: the claim does not
    have it, but may get it: it is reserved after a preemption, or on one of several nodes.
    """

    claim: ClaimKey
    share_id: str | None = None
    admin: bool = False
    consumed: tuple[tuple[str, int], ...] = ()
    nominated: bool = False


@dataclass(frozen=True, slots=True)
class PoolTaken:
    """The taken devices of one pool: ``holdings`` by device, and the three views the search needs.

    ``whole`` are devices held by one claim alone, ``shared`` those with shares, ``capacity`` what the
    shares of a device consume together (nano units by capacity name; only where a share consumes some).
    Devices used with admin access alone are in none of the three, as in foreachAllocatedDevice of
    the in-tree plugin.
    """

    holdings: Mapping[str, tuple[Holding, ...]]
    whole: frozenset[str] = field(init=False, compare=False)
    shared: frozenset[str] = field(init=False, compare=False)
    capacity: Mapping[str, Mapping[str, int]] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        whole, shared = set[str](), set[str]()
        capacity: dict[str, dict[str, int]] = {}
        for device, holdings in self.holdings.items():
            for holding in holdings:
                if holding.share_id is not None and not holding.admin:
                    shared.add(device)
                    for name, nanos in holding.consumed:
                        amounts = capacity.setdefault(device, {})
                        amounts[name] = amounts.get(name, 0) + nanos
                elif not holding.admin:
                    whole.add(device)
        object.__setattr__(self, "whole", frozenset(whole))
        object.__setattr__(self, "shared", frozenset(shared))
        object.__setattr__(self, "capacity", capacity)

    def by_short_names(self, driver: str) -> Mapping[str, Mapping[str, int]]:
        """``capacity`` by names without the driver's domain. O(shares), only if a name has it."""
        prefix = f"{driver}/"
        if not any(name.startswith(prefix) for amounts in self.capacity.values() for name in amounts):
            return self.capacity
        capacity: dict[str, dict[str, int]] = {}
        for device in self.capacity:
            amounts = capacity.setdefault(device, {})
            for holding in self.holdings[device]:
                if holding.share_id is None or holding.admin:
                    continue
                full = {name for name, _ in holding.consumed if name.startswith(prefix)}
                for name, nanos in holding.consumed:
                    # One claim that has both names counts by the full one.
                    if prefix + name not in full:
                        short = name.removeprefix(prefix)
                        amounts[short] = amounts.get(short, 0) + nanos
        return capacity

    def is_allocated(self, device: str) -> bool:
        """Whether a claim holds the device or a share of it (internal.IsDeviceAllocated)."""
        return device in self.whole or device in self.shared


NOTHING_TAKEN = PoolTaken({})

Taken = Mapping[PoolId, PoolTaken]
"""What is taken in the cluster; a pool that is not in it is free."""


def take(
    taken: dict[PoolId, PoolTaken],
    claim: ClaimKey,
    devices: Iterable[AllocatedDevice],
    *,
    nominated: bool = False,
) -> None:
    """Adds what ``claim`` holds to ``taken``. O(devices taken in the pools it touches)."""
    for device in devices:
        pool = taken.get(device.device.pool_id, NOTHING_TAKEN)
        name = device.device.device
        holdings = (*pool.holdings.get(name, ()), _holding(claim, device, nominated=nominated))
        taken[device.device.pool_id] = PoolTaken({**pool.holdings, name: holdings})


def release(
    taken: dict[PoolId, PoolTaken],
    claim: ClaimKey,
    devices: Iterable[AllocatedDevice],
    *,
    nominated: bool = False,
) -> None:
    """Removes it again: the exact reverse of ``take``, whatever was taken in between."""
    for device in devices:
        pool_id, name = device.device.pool_id, device.device.device
        holdings = list(taken[pool_id].holdings[name])
        holdings.remove(_holding(claim, device, nominated=nominated))
        rest = dict(taken[pool_id].holdings)
        if holdings:
            rest[name] = tuple(holdings)
        else:
            del rest[name]
        if rest:
            taken[pool_id] = PoolTaken(rest)
        else:
            del taken[pool_id]


def _holding(claim: ClaimKey, device: AllocatedDevice, *, nominated: bool) -> Holding:
    return Holding(
        claim=claim,
        share_id=device.share_id,
        admin=bool(device.admin_access),
        consumed=tuple((name, amount.nanos) for name, amount in device.consumed_capacity),
        nominated=nominated,
    )
