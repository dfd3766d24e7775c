"""A thousand Pods for 800 devices, with reservations that end in every way they can."""

import asyncio
import random

import pytest

from tests.cluster.binding.cluster import DRA, Cluster, names
from tests.cluster.fake_apiserver import FakeApiServer
from tests.cluster.virtual_time import in_virtual_time
from tests.objects import claim, device, device_class, node, owned, pod, slice_of

NODES, DEVICES, PODS = 50, 16, 1000


async def full_cluster() -> Cluster:
    server = FakeApiServer()
    server.put(DRA, "deviceclasses", device_class())
    for number in range(NODES):
        name = f"n{number}"
        server.put("v1", "nodes", node(name))
        devices = (device(f"d{place}") for place in range(DEVICES))
        server.put(DRA, "resourceslices", slice_of(name, *devices))
    for number in range(PODS):
        made_for = server.put("v1", "pods", pod(f"p{number}", f"c{number}"))["metadata"]
        own = owned(claim(f"c{number}"), "Pod", made_for["name"], made_for["uid"])
        server.put(DRA, "resourceclaims", own)
    made = Cluster(server)
    await made.start()
    return made


class Scheduling:
    """kube-scheduler for all Pods at once. What becomes of a filtered Pod is drawn by lot."""

    def __init__(self, made: Cluster, chance: random.Random, number: int) -> None:
        self.made = made
        self.chance = chance
        self.number = number
        self.ends: list[str] = []

    async def schedule(self, name: str) -> None:
        await asyncio.sleep(self.chance.uniform(0, 20))
        while (known := self.made.state.pods.get(("default", name))) is not None and not known.node_name:
            where = await self._filter(name)
            if where is None and self._full():
                return
            if where is not None and await self._goes_on(name, where):
                return
            await asyncio.sleep(self.chance.uniform(1, 10))

    async def _filter(self, name: str) -> str | None:
        reservations, state = self.made.reservations, self.made.state
        found = state.pods["default", name]
        reservations.release(found.meta.uid, "filtered")
        used = {pool.pool: len(held.whole) for pool, held in state.taken.items()}
        free = [item for item in state.nodes if used.get(item, 0) < DEVICES]
        asked = self.chance.sample(free, min(3, len(free)))
        nodes = (await reservations.reserve(found, asked, self.number)).nodes
        return self.chance.choice(nodes) if nodes else None

    async def _goes_on(self, name: str, where: str) -> bool:
        """Whether the Pod is done with."""
        fate = self.chance.choices(("bound", "given up", "deleted", "silent"), (80, 8, 6, 6))[0]
        self.ends.append(fate)
        await asyncio.sleep(self.chance.uniform(0, 5))
        if fate == "bound":
            return await self.made.bind(name, where) is None
        if fate == "deleted":
            self.made.server.remove("v1", "pods", name, "default")
            return True
        if fate == "given up":
            condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
            condition["lastTransitionTime"] = self.made.wall.text()
            self.made.server.put("v1", "pods", self.made.pod(name) | {"status": {"conditions": [condition]}})
        else:
            await asyncio.sleep(70)
        return False

    def _full(self) -> bool:
        held = self.made.state.claims()
        return sum(item.allocation is not None for item in held) == NODES * DEVICES and not len(
            self.made.reservations
        )


@pytest.mark.parametrize("number", [1, 3])
@in_virtual_time
async def test_a_thousand_pods_get_all_devices_and_none_twice(number: int) -> None:
    """``number``: of nodes that a filter names."""
    made = await full_cluster()
    scheduling = Scheduling(made, random.Random(18), number)  # noqa: S311 - a seed that replays
    await asyncio.gather(*(scheduling.schedule(f"p{number}") for number in range(PODS)))
    await asyncio.sleep(90)  # the last reservation ends
    claims = made.server.store.select(("resource.k8s.io", "resourceclaims"))
    pods = made.server.store.select(("", "pods"))
    held = [
        (item["status"]["allocation"]["devices"]["results"][0]["pool"], *names(item))
        for item in claims
        if names(item)
    ]
    bound = [item for item in pods if item["spec"].get("nodeName")]
    assert len(held) == len(set(held)) == len(bound) == min(NODES * DEVICES, len(pods))
    assert {(pool.pool, name) for pool, taken in made.state.taken.items() for name in taken.whole} == set(
        held
    )
    assert (len(made.reservations), made.state.assumed) == (0, {})
    # The case is worth something only if much happened in it.
    assert min(scheduling.ends.count(fate) for fate in ("given up", "deleted", "silent")) > 40
    assert {"bound", "expired", "given_up"} <= set(made.reservations.ended)
    await made.stop()
