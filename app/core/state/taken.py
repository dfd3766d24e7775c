"""The taken devices: whole devices, shares, and the capacity that shares consume.

The counterpart of structured.AllocatedState, kept per pool and immutable: a copy of the state is a copy
of one dictionary, and a changed claim touches its own pools only. It also contains the holders of a
device, so that a double allocation is detected, and the device stays taken when one of the claims
releases it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from app.core.model.allocation import AllocatedDevice
from app.core.model.resource_slice import PoolId
from app.core.pauses import paced, paced_if_many

ClaimKey = tuple[str, str]
"""Namespace and name of a claim."""


_AT_ONCE = 16
"""Devices with shares between two pauses: each may have dozens of capacities."""
_NO_AMOUNTS: Mapping[str, int] = {}


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
    whole: frozenset[str] = field(default=frozenset(), compare=False)
    shared: frozenset[str] = field(default=frozenset(), compare=False)
    capacity: Mapping[str, Mapping[str, int]] = field(default_factory=dict, compare=False)

    def by_short_names(self, driver: str) -> Mapping[str, Mapping[str, int]]:
        """``capacity`` by names without the driver's domain.

        O(devices with shares), and O(shares) of those where a name has it, with pauses.
        """
        found = {device: self.amounts_of(device, driver) for device in paced(self.capacity, _AT_ONCE)}
        changed = any(found[device] is not amounts for device, amounts in self.capacity.items())
        return found if changed else self.capacity

    def amounts_of(self, device: str, driver: str) -> Mapping[str, int]:
        """The same of one device: empty if no share consumes any. O(shares) if a name has the domain."""
        prefix, known = f"{driver}/", self.capacity.get(device, _NO_AMOUNTS)
        if not any(name.startswith(prefix) for name in known):
            return known
        amounts: dict[str, int] = {}
        for holding in paced_if_many(self.holdings[device]):
            if holding.share_id is None or holding.admin:
                continue
            full = {name for name, _ in holding.consumed if name.startswith(prefix)}
            for name, nanos in holding.consumed:
                # One claim that has both names counts by the full one.
                if prefix + name not in full:
                    short = name.removeprefix(prefix)
                    amounts[short] = amounts.get(short, 0) + nanos
        return amounts

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
    """Adds what ``claim`` holds to ``taken``.

    Cost: a copy of the maps of each pool it touches, however many of its devices the claim holds.
    """
    for pool_id, found in _by_pool(devices).items():
        change = _Change(taken.get(pool_id, NOTHING_TAKEN))
        for device in found:
            change.add(device.device.device, _holding(claim, device, nominated=nominated))
        taken[pool_id] = change.made()


def release(
    taken: dict[PoolId, PoolTaken],
    claim: ClaimKey,
    devices: Iterable[AllocatedDevice],
    *,
    nominated: bool = False,
) -> None:
    """Removes it again: the exact reverse of ``take``, whatever was taken in between. Cost: as ``take``, and
    O(holders) of each device.
    """
    for pool_id, found in _by_pool(devices).items():
        change = _Change(taken[pool_id])
        gone: dict[str, list[Holding]] = {}
        for device in found:
            gone.setdefault(device.device.device, []).append(_holding(claim, device, nominated=nominated))
        for name, holdings in gone.items():
            change.remove(name, claim, holdings)
        rest = change.made()
        if rest.holdings:
            taken[pool_id] = rest
        else:
            del taken[pool_id]


def _by_pool(devices: Iterable[AllocatedDevice]) -> dict[PoolId, list[AllocatedDevice]]:
    found: dict[PoolId, list[AllocatedDevice]] = {}
    for device in devices:
        found.setdefault(device.device.pool_id, []).append(device)
    return found


class _Change:
    """What one claim changes in a pool. It reads its own devices only: thousands may be taken."""

    def __init__(self, before: PoolTaken) -> None:
        self._before = before
        self._holdings = dict(before.holdings)
        self._capacity = dict(before.capacity)
        self._whole: dict[str, bool] = {}
        self._shared: dict[str, bool] = {}

    def add(self, device: str, holding: Holding) -> None:
        self._holdings[device] = (*self._holdings.get(device, ()), holding)
        if _is_share(holding):
            self._shared[device] = True
            self._consume(device, holding)
        elif not holding.admin:
            self._whole[device] = True

    def remove(self, device: str, claim: ClaimKey, gone: Sequence[Holding]) -> None:
        """Of one claim, which may have dozens of shares among the thousands of a device. O(holders), once.

        Raises: KeyError if one is not there.
        """
        left, rest = Counter(gone), list[Holding]()
        for item in self._holdings[device]:
            if item.claim == claim and left[item]:
                left[item] -= 1
            else:
                rest.append(item)
        if left.total():
            raise KeyError(*+left)
        if rest:
            self._holdings[device] = tuple(rest)
        else:
            del self._holdings[device]
        shares = [item for item in gone if _is_share(item)]
        if shares:
            self._shared[device] = any(map(_is_share, rest))
            self._give_back(device, shares, rest)
        if any(map(_is_whole, gone)):
            self._whole[device] = any(map(_is_whole, rest))

    def made(self) -> PoolTaken:
        """The pool after the change."""
        whole, shared = _with(self._before.whole, self._whole), _with(self._before.shared, self._shared)
        return PoolTaken(self._holdings, whole, shared, self._capacity)

    def _consume(self, device: str, holding: Holding) -> None:
        if not holding.consumed:
            return
        amounts = dict(self._capacity.get(device, ()))
        for name, nanos in holding.consumed:
            amounts[name] = amounts.get(name, 0) + nanos
        self._capacity[device] = amounts

    def _give_back(self, device: str, shares: Iterable[Holding], rest: Iterable[Holding]) -> None:
        """The reverse for some shares of a device, of which ``rest`` are left."""
        amounts = dict(self._capacity.get(device, ()))
        for name, nanos in chain.from_iterable(share.consumed for share in shares):
            amounts[name] -= nanos
        if not all(amounts.values()):
            # A share may consume 0 of a capacity.
            names = {name for item in rest if _is_share(item) for name, _ in item.consumed}
            amounts = {name: nanos for name, nanos in amounts.items() if nanos or name in names}
        if amounts:
            self._capacity[device] = amounts
        else:
            self._capacity.pop(device, None)


def _is_share(holding: Holding) -> bool:
    return holding.share_id is not None and not holding.admin


def _is_whole(holding: Holding) -> bool:
    return holding.share_id is None and not holding.admin


def _with(names: frozenset[str], changed: Mapping[str, bool]) -> frozenset[str]:
    """The same set if nothing in it changes: a copy is O(devices taken)."""
    if all((name in names) is there for name, there in changed.items()):
        return names
    return names.difference(changed) | {name for name, there in changed.items() if there}


def _holding(claim: ClaimKey, device: AllocatedDevice, *, nominated: bool) -> Holding:
    return Holding(
        claim=claim,
        share_id=device.share_id,
        admin=bool(device.admin_access),
        consumed=tuple((name, amount.nanos) for name, amount in device.consumed_capacity),
        nominated=nominated,
    )
