"""How much capacity a request takes from a device (KEP-5075, KEP-6002).

The rules of consumable_capacity.go in k8s.io/dynamic-resource-allocation/structured: the
requested amount is rounded up to a value of the device's requestPolicy, and refused if none is valid.
All amounts are exact; the limits of Go's 64-bit arithmetic are kept where they decide the outcome.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.core.model.device import CapacityPolicy, CapacityRange, DeviceCapacity, DeviceShape
from app.core.model.features import Features
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
    amounts: tuple[tuple[str, int, int], ...]  # short name, taken by one allocation, held by the device

    @property
    def is_negative(self) -> bool:
        """Whether it takes less than nothing of a capacity: only by arithmetic that wraps around."""
        return any(amount < 0 for _, amount, _ in self.amounts)

    def fits(self, *taken: Mapping[str, int]) -> bool:
        """Whether the device has room for it beside what is ``taken`` (nano units by name)."""
        for name, amount, value in self.amounts:
            for other in taken:
                amount += other.get(name, 0)  # noqa: PLW2901 - a running sum
            if amount > value:
                return False
        return True


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """How amounts are computed: FractionalCapacityRange, and the switches of the Channel."""

    fractional: bool = True
    exact: bool = True
    checked: bool = False
    qualified: bool = False


def arithmetic_of(features: Features) -> Arithmetic:
    """The rules of a cluster."""
    channel = features.channel
    return Arithmetic(
        fractional=features.fractional_capacity_range,
        exact=channel.exact_amounts,
        checked=channel.checked_requests,
        qualified=channel.qualified_names,
    )


def charge(request: Requirements | None, shape: DeviceShape, arithmetic: Arithmetic) -> Charge | None:
    """The share that a request consumes of a device with these capacities; None if it does not fit.

    None means: a requested capacity does not exist, or its policy forbids the amount. Whether the
    amount fits into the rest is decided by ``Charge.fits``.

    Raises:
        CapacityError: an amount is negative, or rounding it leaves 64 bits; or one capacity is requested
            by two names.
    Cost: O(capacities of the device).
    """
    capacity, requested = shape.capacity, dict(request or ())
    if arithmetic.qualified:
        capacity, requested = _by_short_names(shape, requested)
    if not requested.keys() <= capacity.keys():
        return None
    consumed = tuple(
        (name, _checked(name, requested.get(name), item, arithmetic))
        for name, item in sorted(capacity.items())
    )
    fractional = arithmetic.fractional
    if any(_violates(amount, capacity[name].policy, fractional=fractional) for name, amount in consumed):
        return None
    amounts = tuple((name, amount.nanos, capacity[name].value.nanos) for name, amount in consumed)
    if arithmetic.qualified:
        # The status has the names that the slice has.
        consumed = tuple(sorted((_published(name, shape), amount) for name, amount in consumed))
    return Charge(consumed, amounts)


def _by_short_names(
    shape: DeviceShape, requested: Mapping[str, Quantity]
) -> tuple[Mapping[str, DeviceCapacity], dict[str, Quantity]]:
    """Capacity and requests without the driver's domain. Published by both names, the full one counts."""
    prefix = f"{shape.driver}/"
    capacity = shape.capacity
    if any(name.startswith(prefix) for name in capacity):
        full = {name.removeprefix(prefix): item for name, item in capacity.items() if name.startswith(prefix)}
        capacity = {name: item for name, item in capacity.items() if not name.startswith(prefix)} | full
    short: dict[str, Quantity] = {}
    twice = []
    for name, amount in requested.items():
        key = name.removeprefix(prefix)
        if key in short:
            twice.append(key)
        short[key] = amount
    # In-tree meets the names in the order of a Go map. One that the device lacks ends it as a misfit, and is
    # met before the second name of a capacity more often than after it.
    if twice and short.keys() <= capacity.keys():
        raise CapacityError(
            f"capacity {twice[0]!r} is requested by two names: {twice[0]!r} and '{prefix}{twice[0]}'"
        )
    return capacity, short


def _published(name: str, shape: DeviceShape) -> str:
    full = f"{shape.driver}/{name}"
    return full if full in shape.capacity else name


def _checked(name: str, request: Quantity | None, item: DeviceCapacity, arithmetic: Arithmetic) -> Quantity:
    if arithmetic.checked and request is not None and request.nanos < 0:
        raise CapacityError(f"capacity {name!r}: the request is negative")
    amount = _amount(request, item, arithmetic)
    if amount.nanos < 0 and arithmetic.exact:
        raise CapacityError(f"capacity {name!r}: capacity value is negative")
    return amount


def _amount(request: Quantity | None, item: DeviceCapacity, arithmetic: Arithmetic) -> Quantity:
    policy = item.policy
    if request is None:
        return policy.default if policy is not None and policy.default is not None else item.value
    if policy is None:
        return request
    if policy.valid_range is not None and policy.valid_range.min is not None:
        if not arithmetic.exact:
            return _round_up_wrapping(request, policy.valid_range, policy.valid_range.min)
        fractional = arithmetic.fractional
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


def _round_up_wrapping(request: Quantity, limits: CapacityRange, least: Quantity) -> Quantity:
    """As ``_round_up`` until Kubernetes 1.36: whole numbers of 64 bits that wrap around."""
    if request < least:
        return least
    if limits.step is None:
        return request
    step, start = _value(limits.step), _value(least)
    if step == 0:
        raise CapacityError(f"capacity range with the step {limits.step}")
    added = _wrapped(_value(request) - start)
    steps = abs(added) // abs(step) * (1 if (added < 0) == (step < 0) else -1)
    if steps * step != added:
        steps += 1
    rounded = _wrapped(start + _wrapped(step * steps))
    # Go writes the least number of 64 bits without a suffix: it has no positive counterpart to shorten.
    return Quantity(rounded * NANOS, "DecimalSI" if rounded == -_MAX_INT64 - 1 else "BinarySI")


def _value(quantity: Quantity) -> int:
    """Quantity.Value: wraps around above 64 bits."""
    return _wrapped(_units(quantity, NANOS))


def _wrapped(number: int) -> int:
    return (number + _MAX_INT64 + 1) % 2**64 - _MAX_INT64 - 1


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
