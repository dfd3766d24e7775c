"""Who else acts on the cluster: users, kube-scheduler, kube-controller-manager."""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from app.core.json_object import JsonObject
from app.core.model.resource_claim import FINALIZER
from tests.cluster.fake_store import Place
from tests.cluster.simulation.invariants import CLAIMS, FOREIGN, PODS, find
from tests.objects import allocation, owned
from tests.objects import claim as new_claim
from tests.objects import pod as new_pod

if TYPE_CHECKING:
    from tests.cluster.simulation.world import World

GRACE = "simulation/grace"
"""A finalizer that stands for a Pod's time to end."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A Pod that somebody wants: with which claims, from when to when (None: for good)."""

    name: str
    claims: tuple[str, ...]
    at: float
    until: float | None
    graceful: bool


async def user(world: "World", wish: Wish) -> None:
    """Makes the Pod, after its claims, and takes it away again."""
    await asyncio.sleep(wish.at)
    for name in wish.claims:
        if find(world.server.store, CLAIMS, name) is None:
            claim = new_claim(name)
            if world.protects:
                claim["metadata"]["finalizers"] = [FINALIZER]
            world.server.put("resource.k8s.io/v1", "resourceclaims", claim)
    body = new_pod(wish.name, *wish.claims)
    if wish.graceful:
        body["metadata"]["finalizers"] = [GRACE]
    made = world.server.put("v1", "pods", body)
    if world.reserves:  # the seeds that show a broken rule are those of runs without it
        _own(world, made)
    world.keep(world.loop.create_task(schedule(world, wish.name)))
    if wish.until is None:
        return
    await asyncio.sleep(wish.until - wish.at)
    world.server.remove("v1", "pods", wish.name, "default")
    if wish.graceful:
        await asyncio.sleep(world.random.uniform(0, 1))
        end(world, wish.name)


def end(world: "World", name: str) -> None:
    """A Pod's time to end is over."""
    world.server.store.update(Place(*PODS, "default", name), _without(GRACE))


async def schedule(world: "World", name: str) -> None:
    """kube-scheduler for one Pod: filter, then bind, and again after a failure, until etcd is restored."""
    restored = world.restored
    while restored == world.restored:
        raw = find(world.server.store, PODS, name)
        if raw is None or raw["metadata"].get("deletionTimestamp") or raw["spec"].get("nodeName"):
            return
        offered = world.offered()
        nodes = await world.ask(lambda replica, raw=raw, offered=offered: replica.filter(raw, offered))
        if nodes:
            node = world.random.choice(nodes)
            await world.pause()
            if (seconds := world.volumes()) > 0:
                # Kubernetes 1.35 and later show the choice meanwhile.
                nominate(world, name, node if world.foreign.random() < 0.5 else "")
                await asyncio.sleep(seconds)
            await world.ask(lambda replica, raw=raw, node=node: replica.bind(raw, node))
            if seconds > 0:
                nominate(world, name, "")
        await asyncio.sleep(world.random.uniform(0.05, 0.6) + world.backoff())


def _own(world: "World", pod: JsonObject) -> None:
    """The Pod owns its claims, as if kube-controller-manager had made them from its template."""
    for entry in pod["spec"].get("resourceClaims", ()):
        if (name := entry["resourceClaimName"]).startswith("own-"):
            owned_claim = partial(owned, kind="Pod", name=pod["metadata"]["name"], uid=pod["metadata"]["uid"])
            world.server.store.update(Place(*CLAIMS, "default", name), owned_claim)


def nominate(world: "World", name: str, node: str) -> None:
    """kube-scheduler shows that it waits with the Pod on this node, or no longer on any."""
    place = Place(*PODS, "default", name)
    if find(world.server.store, PODS, name) is not None:
        status = {"nominatedNodeName": node} if node else {}
        world.server.store.update(place, lambda old: {**old, "status": status}, "status")


async def foreigner(world: "World", number: int) -> None:
    """Another allocator, the in-tree plugin left on, say: gives its own claim a device that looks free.

    Its Pod is bound, and goes after a while or never. Between its look and its write some time passes.
    """
    rng, store, name = world.foreign, world.server.store, f"{FOREIGN}{number}"
    await asyncio.sleep(rng.uniform(0, 5))
    free = [key for key in world.devices if key not in world.watchdog.taken()]
    if not free:
        return
    node, device = rng.choice(free)
    await asyncio.sleep(rng.choice((0.0, 0.2, 1.0)) * rng.random())
    # Its Pod is there before the claim is reserved for it, or the controller would free the claim.
    holder = world.server.put("v1", "pods", new_pod(name, name))
    user = {"resource": "pods", "name": name, "uid": holder["metadata"]["uid"]}
    given = new_claim(name) | {"status": {"allocation": allocation(node, device), "reservedFor": [user]}}
    world.server.put("resource.k8s.io/v1", "resourceclaims", given)
    place = Place(*PODS, "default", name)
    store.update(place, lambda old: {**old, "spec": {**old["spec"], "nodeName": node}})
    if rng.random() < 0.6:
        await asyncio.sleep(rng.uniform(0.2, 4))
        if find(store, PODS, name) is not None:  # or etcd was restored meanwhile
            store.delete(place)


async def controller(world: "World") -> None:
    """The resourceclaim-controller: syncClaim of pkg/controller/resourceclaim/controller.go.

    Claims whose names begin with `own-` are their Pod's own, and go with it.
    """
    changed = asyncio.Event()
    world.server.store.listeners.append(changed.set)
    while True:
        await changed.wait()
        changed.clear()
        await asyncio.sleep(world.random.uniform(0, 0.4))
        for claim in world.server.store.select(CLAIMS):
            _sync(world, claim)


def _sync(world: "World", claim: dict[str, Any]) -> None:
    store, name = world.server.store, claim["metadata"]["name"]
    place = Place(*CLAIMS, "default", name)
    pods = {pod["metadata"]["uid"]: pod for pod in store.select(PODS)}
    users = (claim.get("status") or {}).get("reservedFor", [])
    remaining = [entry for entry in users if entry["uid"] in pods]
    deleted = claim["metadata"].get("deletionTimestamp")
    if len(remaining) < len(users) or (deleted and not remaining):
        status = {**claim["status"], "reservedFor": remaining}
        if not remaining:
            status.pop("allocation", None)
            del status["reservedFor"]
        store.update(place, lambda old: {**old, "status": status}, "status")
        if not remaining:
            store.update(place, _without(FINALIZER))
    owner = name.removeprefix("own-").rsplit("-", 1)[0]
    gone = name.startswith("own-") and find(store, PODS, owner) is None
    if gone and not deleted and not remaining and find(store, CLAIMS, name) is not None:
        store.delete(place)


def _without(finalizer: str) -> Any:
    def change(old: dict[str, Any]) -> dict[str, Any]:
        kept = [entry for entry in old["metadata"].get("finalizers", []) if entry != finalizer]
        old["metadata"]["finalizers"] = kept
        return old

    return change
