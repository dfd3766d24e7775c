"""A cluster with a binder, on a fake API server."""

import asyncio
import datetime as dt
from collections.abc import Callable
from itertools import count
from typing import Any

from app.cluster.binding.binder import ClusterBinder
from app.cluster.binding.node_pledges import NodePledges
from app.cluster.binding.reservations import Reservations
from app.cluster.client.client import ApiClient
from app.cluster.client.discovery import NODE, POD, discover
from app.cluster.client.fence import Fence
from app.cluster.informers.feed import Feed
from app.cluster.informers.group import InformerGroup
from app.cluster.informers.informer import Event
from app.core.placement.rules import Rules
from app.core.selectors import SelectorCache
from app.core.state.state import State
from tests.cluster.fake_apiserver import Call, FakeApiServer, InMemoryTransport
from tests.objects import DRIVER, device, device_class, node, slice_of

DRA = "resource.k8s.io/v1"
SCHEDULING = "scheduling.k8s.io/v1beta1"


GROUPS = {"pods": "", "resourceclaims": "resource.k8s.io"}


class WallClock:
    """The time of day: goes with the loop's clock, until somebody sets it."""

    def __init__(self) -> None:
        self.off = dt.timedelta()

    def now(self) -> dt.datetime:
        passed = dt.timedelta(seconds=asyncio.get_running_loop().time())
        return dt.datetime(2026, 11, 23, 10, tzinfo=dt.UTC) + passed + self.off

    def text(self) -> str:
        return self.now().isoformat(timespec="seconds").replace("+00:00", "Z")


class Cluster:
    """A fake API server, and a binder with informers on it."""

    def __init__(
        self,
        server: FakeApiServer,
        transport: InMemoryTransport | None = None,
        wait_seconds: float = 20,
    ) -> None:
        self.server = server
        self._wait_seconds = wait_seconds
        self._transport = transport or InMemoryTransport(server)
        self.state = State()
        self.wall = WallClock()
        self.listeners: list[Callable[[str, Event], None]] = []

    async def start(self) -> None:
        self.client = client = ApiClient("http://fake", self._transport)
        self.served = served = await discover(client)
        self.feed = feed = Feed(self.state, self._changed)
        self.group = InformerGroup(
            client, (NODE, POD, *served.resources()), feed.handle, mark=lambda: self.state.writes
        )
        self.task = asyncio.create_task(self.group.run())
        numbers = count()
        rules = Rules(
            SelectorCache(),
            lambda: f"share-{next(numbers)}",
            now=self.wall.now,
            groups_known=served.pod_group is not None,
        )
        self.reservations = Reservations(self.state, rules, now=self.wall.now)
        self.pledges = NodePledges(self.state, rules.features)
        self.listeners += [self.pledges.changed, self.reservations.changed]
        self.binder = ClusterBinder(
            client,
            served.resource_claim,
            self.state,
            rules,
            now=self.wall.text,
            fence=Fence.always_open(),
            wait_seconds=self._wait_seconds,
            reservations=self.reservations,
            pledges=self.pledges,
        )
        await self.group.wait_synced()

    def _changed(self, kind: str, event: Event) -> None:
        for listener in self.listeners:
            listener(kind, event)

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def bind(self, name: str, node_name: str = "n1") -> str | None:
        return await self.binder.bind("default", name, self.pod(name)["metadata"]["uid"], node_name)

    def claim(self, name: str) -> dict[str, Any]:
        return self._find("resourceclaims", name)

    def pod(self, name: str) -> dict[str, Any]:
        return self._find("pods", name)

    def _find(self, plural: str, name: str) -> dict[str, Any]:
        matches = [
            item
            for item in self.server.store.select((GROUPS[plural], plural))
            if item["metadata"]["name"] == name
        ]
        return matches[0]

    def taken(self) -> set[str]:
        return {name for pool in self.state.taken.values() for name in pool.whole}

    def writes(self) -> list[str]:
        return [
            f"{call.method} {call.path.rsplit('/', 2)[-1]}"
            for call in self.server.calls
            if call.method != "GET"
        ]


async def cluster(
    *claims: dict[str, Any],
    devices: int = 2,
    pods: tuple[dict[str, Any], ...] = (),
    groups: tuple[dict[str, Any], ...] = (),
    wait_seconds: float = 20,
) -> Cluster:
    server = FakeApiServer()
    server.put("v1", "nodes", node("n1"))
    server.put(DRA, "deviceclasses", device_class())
    server.put(DRA, "resourceslices", slice_of("n1", *(device(f"d{i}") for i in range(devices))))
    for item in claims:
        server.put(DRA, "resourceclaims", item)
    for item in pods:
        server.put("v1", "pods", item)
    for item in groups:
        server.put(SCHEDULING, "podgroups", item)
    made = Cluster(server, wait_seconds=wait_seconds)
    await made.start()
    return made


def names(claim_object: dict[str, Any]) -> list[str]:
    held = (claim_object.get("status") or {}).get("allocation") or {"devices": {"results": []}}
    return [result["device"] for result in held["devices"]["results"]]


def reserved(claim_object: dict[str, Any]) -> list[str]:
    return [entry["name"] for entry in (claim_object.get("status") or {}).get("reservedFor") or []]


def on(method: str, end: str) -> Any:
    return lambda call: _is(call, method, end)


def _is(call: Call, method: str, end: str) -> bool:
    return call.method == method and call.path.endswith(end)


def conditional() -> dict[str, Any]:
    """A slice whose one device is bound to only after its driver has attached it."""
    raw = device("d0") | {"bindingConditions": ["attached"], "bindingFailureConditions": ["broken"]}
    return slice_of("n1", raw)


def tell(made: Cluster, name: str, status: str) -> None:
    """The driver's part: a condition on the claim's device."""
    raw = made.claim("c")
    said = {"driver": DRIVER, "pool": "n1", "device": "d0", "conditions": [{"type": name, "status": status}]}
    made.server.put(DRA, "resourceclaims", raw | {"status": raw["status"] | {"devices": [said]}})
