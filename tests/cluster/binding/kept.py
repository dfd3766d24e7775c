"""A state, and what is reserved of it."""

import datetime as dt
from typing import Any

from app.cluster.binding.reservations import Reservations, Reserved
from app.cluster.informers.informer import Upserted
from app.core.json_object import JsonObject
from app.core.model.features import Features
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.placement.rules import Rules
from app.core.selectors import SelectorCache
from app.core.state.state import State
from app.core.versions import DEFAULT, version_named
from tests.objects import claim, device, device_class, node, owned, pod, slice_of


class Kept:
    """A state of nodes with devices, and what is kept of them for Pods. ``lifted`` counts.

    Args:
        devices: of each node n1, n2 and so on.
        version: of Kubernetes.
    """

    def __init__(
        self, *more: JsonObject, devices: tuple[int, ...] = (1, 1), version: str = DEFAULT.name
    ) -> None:
        self.state = State()
        self.lifted = 0
        self.put(device_class())
        for number, count in enumerate(devices, 1):
            name = f"n{number}"
            self.put(node(name), slice_of(name, *(device(f"d{place}") for place in range(count))))
        self.put(*(claim(name) for name in "cd"), pod("p", "c"), pod("q", "d"), *more)
        self.reservations = Reservations(
            self.state,
            Rules(SelectorCache(), lambda: "s", features=Features(version=version_named(version))),
            lifted=self._lifted,
            now=lambda: dt.datetime(2026, 1, 1, 0, 1, 0, 500_000, tzinfo=dt.UTC),
        )

    def put(self, *objects: JsonObject) -> None:
        for raw in objects:
            self.state.upsert(parse(raw))  # type: ignore[arg-type]  # no workloads

    async def reserve(self, name: str, *on: str, number: int = 1) -> Reserved:
        return await self.reservations.reserve(self.pod(name), on or ("n1",), number)

    def pod(self, name: str) -> Pod:
        return self.state.pods["default", name]

    def takes(self, name: str, on: str = "n1") -> list[tuple[str, str]] | None:
        """What a bind takes over: claims and devices."""
        grants = self.reservations.take(self.pod(name), on)
        if grants is None:
            return None
        return [
            (grant.held.key[1], item.device.device) for grant in grants for item in grant.allocation.devices
        ]

    def notify(self, name: str, *, meta: JsonObject | None = None, **status: Any) -> None:
        """What an informer tells of a Pod."""
        raw = pod(name)
        raw["metadata"] |= meta or {}
        self.reservations.changed("Pod", Upserted(raw | {"status": status}))

    def taken(self) -> set[str]:
        return {f"{pool.pool}/{name}" for pool, held in self.state.taken.items() for name in held.whole}

    def _lifted(self) -> None:
        self.lifted += 1


def own_claim(name: str, count: int = 1) -> tuple[JsonObject, JsonObject]:
    """A Pod with a claim that was made for it alone."""
    return owned(claim(f"{name}-claim", count), "Pod", name, f"uid-{name}"), pod(name, f"{name}-claim")
