"""The share of the processor that each tenant may use."""

from collections import OrderedDict

from app.event_loop.time_slice import Clock

_KEPT = 4096


class Shares:
    """A bucket of CPU seconds for each tenant, which fills up with time.

    Args:
        share: CPU seconds that a tenant gets in a second.
        most: CPU seconds that a tenant can save up.
    """

    def __init__(self, clock: Clock, share: float, most: float) -> None:
        self._clock = clock
        self._share = share
        self._most = most
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def left(self, tenant: str) -> float:
        """CPU seconds; below 0 if the tenant has overdrawn."""
        now = self._clock()
        left, at = self._buckets.get(tenant, (self._most, now))
        return min(self._most, left + (now - at) * self._share)

    def spend(self, tenant: str, seconds: float) -> None:
        """Takes what the tenant has used."""
        self._buckets[tenant] = (self.left(tenant) - seconds, self._clock())
        self._buckets.move_to_end(tenant)
        if len(self._buckets) > _KEPT:
            self._buckets.popitem(last=False)
