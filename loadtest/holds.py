"""Which claims hold which devices, and whether two ever held one."""

from collections import Counter

from app.core.json_object import JsonObject


class Holds:
    """Sees every state of every claim, in the order of the writes, and counts.

    ``given`` counts devices that a claim began to hold, ``twice`` those that another claim held then.
    """

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], frozenset[str]] = {}
        self._holders: Counter[str] = Counter()
        self.given = 0
        self.twice = 0

    @property
    def held(self) -> int:
        """The devices that claims hold now."""
        return sum(number > 0 for number in self._holders.values())

    def take(self, claim: JsonObject, *, gone: bool = False) -> None:
        """A claim as it is from now on. O(devices of the claim)."""
        metadata = claim["metadata"]
        key = (metadata.get("namespace", ""), metadata["name"])
        now = frozenset() if gone else held_devices(claim)
        before = self._held.pop(key, frozenset())
        self._holders.subtract(before - now)
        for device in now - before:
            self._holders[device] += 1
            self.given += 1
            self.twice += self._holders[device] > 1
        if now:
            self._held[key] = now


def held_devices(claim: JsonObject) -> frozenset[str]:
    """The devices in a claim's allocation."""
    allocation = (claim.get("status") or {}).get("allocation") or {}
    results = (allocation.get("devices") or {}).get("results") or ()
    return frozenset(f"{item['driver']}/{item['pool']}/{item['device']}" for item in results)
