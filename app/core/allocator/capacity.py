"""How much capacity a request takes from a device (KEP-5075, KEP-6002).

The rules of consumable_capacity.go in k8s.io/dynamic-resource-allocation/structured: the
requested amount is rounded up to a value of the device's requestPolicy, and refused if none is valid.
All amounts are exact; the limits of Go's 64-bit arithmetic are kept where they decide the outcome.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.core.model.device import CapacityPolicy, CapacityRange, DeviceCapacity
from app.core.model.quantity import NANOS, Quantity

Requirements = tuple[tuple[str, Quantity], ...]
_MAX_INT64 = 2**63 - 1
_MILLI = NANOS // 1000


class CapacityError(ValueError):
    """The amount cannot be computed; in-tree this ends the whole allocation, not only this device."""


@dataclass(frozen=True, slots=True)
class Charge:
    """The share of each capacity of a device that one allocation consumes; ``amounts`` is in nano units."""

    consumed: tuple[tuple[str, Quantity], ...]
    amounts: tuple[tuple[str, int, int], ...]  # name, taken by one allocation, held by the device

    def fits(self, *taken: Mapping[str, int]) -> bool:
        """Whether the device has room for it beside what is ``taken`` (nano units by name)."""
        for name, amount, value in self.amounts:
            for other in taken:
                amount += other.get(name, 0)  # noqa: PLW2901 - a running sum
            if amount > value:
                return False
        return True


NO_CHARGE = Charge((), ())


def charge(
    request: Requirements | None, capacity: Mapping[str, DeviceCapacity], *, fractional: bool
) -> Charge | None:
    """The share that a request consumes of a device with these capacities; None if it does not fit.

    None means: a requested capacity does not exist, or its policy forbids the amount. Whether the
    amount fits into the rest is decided by ``Charge.fits``.

    Raises:
        CapacityError: an amount is negative, or rounding it leaves 64 bits.
    Cost: O(capacities of the device).
    """
    requested = dict(request or ())
    if not requested.keys() <= capacity.keys():
        return None
    consumed = tuple(
        (name, _checked(name, _amount(requested.get(name), item, fractional=fractional)))
        for name, item in sorted(capacity.items())
    )
    if any(_violates(amount, capacity[name].policy, fractional=fractional) for name, amount in consumed):
        return None
    return Charge(
        consumed, tuple((name, amount.nanos, capacity[name].value.nanos) for name, amount in consumed)
    )


def _checked(name: str, amount: Quantity) -> Quantity:
    if amount.nanos < 0:
        raise CapacityError(f"capacity {name!r}: capacity value is negative")
    return amount


def _amount(request: Quantity | None, item: DeviceCapacity, *, fractional: bool) -> Quantity:
    policy = item.policy
    if request is None:
        return policy.default if policy is not None and policy.default is not None else item.value
    if policy is None:
        return request
    if policy.valid_range is not None and policy.valid_range.min is not None:
        return _round_up(request, policy.valid_range, policy.valid_range.min, fractional=fractional)
    if policy.valid_values is not None:
        return next((value for value in policy.valid_values if request <= value), request)
    return request


def _round_up(request: Quantity, limits: CapacityRange, least: Quantity, *, fractional: bool) -> Quantity:
    """``request`` rounded up to ``least`` plus a multiple of the step."""
    if request < least:
        return least
    if limits.step is None:
        return request
    unit = _unit(limits, fractional=fractional)
    if unit == _MILLI:
        if _exact_milli(request) is None:
            raise CapacityError(f"capacity request {request} is not a representable milli value")
    elif request.nanos > _MAX_INT64 * NANOS:
        raise CapacityError(f"capacity request {request} exceeds the largest 64-bit number")
    step, start = _units(limits.step, unit), _units(least, unit)
    if step <= 0:
        raise CapacityError(f"capacity range with the step {limits.step}")
    steps = -(-(_units(request, unit) - start) // step)
    if start + step * steps > _MAX_INT64:
        raise CapacityError(f"capacity request {request}, rounded up to the next step, leaves 64 bits")
    return Quantity((start + step * steps) * unit, limits.step.format)


def _violates(amount: Quantity, policy: CapacityPolicy | None, *, fractional: bool) -> bool:
    if policy is None or (policy.default is not None and _same(amount, policy.default)):
        return False
    if policy.valid_range is not None:
        return _violates_range(amount, policy.valid_range, fractional=fractional)
    return bool(policy.valid_values) and amount not in (policy.valid_values or ())


def _violates_range(amount: Quantity, limits: CapacityRange, *, fractional: bool) -> bool:
    if limits.max is not None and amount > limits.max:
        return True
    if limits.step is None:
        return False
    unit = _unit(limits, fractional=fractional)
    if unit == _MILLI and _exact_milli(amount) is None:
        return True
    step = _units(limits.step, unit)
    if step <= 0 or limits.min is None:
        raise CapacityError("capacity range with a step but without a usable step or minimum")
    return (_units(amount, unit) - _units(limits.min, unit)) % step != 0


def _same(amount: Quantity, default: Quantity) -> bool:
    """Go compares the two as structs here, so 1 and 1000m are not the same."""
    return amount is default or (amount == default and amount.text == default.text)


def _unit(limits: CapacityRange, *, fractional: bool) -> int:
    """Steps are counted in milli units if the feature is on and all of the range is exact in them."""
    if not fractional:
        return NANOS
    for bound in (limits.min, limits.max, limits.step):
        if bound is not None and _exact_milli(bound) is None:
            return NANOS
    if limits.step is not None and limits.step.nanos < _MILLI:
        return NANOS
    return _MILLI


def _exact_milli(quantity: Quantity) -> int | None:
    milli, rest = divmod(quantity.nanos, _MILLI)
    return milli if rest == 0 and abs(milli) <= _MAX_INT64 else None


def _units(quantity: Quantity, unit: int) -> int:
    """Whole units, rounded away from zero as Quantity.Value does."""
    whole = -(-abs(quantity.nanos) // unit)
    return whole if quantity.nanos >= 0 else -whole
