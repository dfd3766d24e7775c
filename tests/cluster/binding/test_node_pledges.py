"""In any order of filters, binds and events no node gets more CPU than it has."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.cluster.binding.node_pledges import BOUND_SECONDS, OPEN_SECONDS
from app.core.json_object import JsonObject
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.state.usage import requests_of
from tests.cluster.binding.cluster import DRA, Cluster, on
from tests.cluster.fake_apiserver import FakeApiServer, Fault
from tests.cluster.virtual_time import in_virtual_time, run
from tests.node_allocatable import mapped, using, with_room
from tests.objects import claim, device, device_class, slice_of

NODES = ("n1", "n2")
PODS = 6
CPU = 10**9


@dataclass
class Scheduler:
    """kube-scheduler, as far as it matters here: at worst it never learns what devices take.

    ``assumed`` are the nodes that it has chosen, and what its own filter counts there.
    """

    made: Cluster
    cpus: dict[str, int]
    assumed: dict[str, str] = field(default_factory=dict)
    answers: dict[str, list[str]] = field(default_factory=dict)

    def fits(self, name: str, node: str) -> bool:
        others = sum(self.cpus[other] for other, place in self.assumed.items() if place == node)
        return others + self.cpus[name] <= 10

    async def filter(self, name: str, turn: int) -> None:
        """Filters a Pod that waits, and chooses one of the nodes in the answer."""
        if name in self.assumed:
            return
        pod = read(self.made, name)
        nodes = [node for node in NODES if self.fits(name, node)]
        if not nodes:
            return
        named = await (self._with_devices(pod, nodes) if pod.claims else self._plain(pod, nodes))
        if named:
            self.assumed[name] = named[turn % len(named)]

    async def _plain(self, pod: Pod, nodes: list[str]) -> list[str]:
        pledges = self.made.pledges
        pledges.filtered(pod, nodes)
        refused = pledges.refusal(pod, nodes)
        named = [node for node in nodes if node not in refused]
        pledges.filtered(pod, named)
        return named

    async def _with_devices(self, pod: Pod, nodes: list[str]) -> list[str]:
        self.made.reservations.release(pod.meta.uid, "filtered")
        self.made.pledges.filtered(pod, nodes)
        named = list((await self.made.reservations.reserve(pod, nodes)).nodes)
        self.made.pledges.filtered(pod, named)
        return named

    async def bind(self, name: str) -> None:
        """Binds a Pod for which a node was chosen; gives up the node if that fails."""
        node = self.assumed.get(name)
        if node and not self.made.pod(name)["spec"].get("nodeName"):
            error = await self.made.bind(name, node)
            if error is not None:
                del self.assumed[name]


def read(made: Cluster, name: str) -> Pod:
    found = parse({"apiVersion": "v1", "kind": "Pod"} | made.pod(name))
    assert isinstance(found, Pod)
    return found


def used(made: Cluster) -> Counter[str]:
    """The CPUs of the Pods that have a node, with their devices, as the API server has them."""
    total: Counter[str] = Counter()
    for number in range(PODS):
        pod = read(made, f"p{number}")
        if pod.node_name:
            total[pod.node_name] += requests_of(pod).get("cpu", 0)
    return total


async def cluster_of(pods: list[JsonObject]) -> Cluster:
    server = FakeApiServer()
    server.put(DRA, "deviceclasses", device_class())
    for node in NODES:
        server.put("v1", "nodes", with_room(node))
        devices = (mapped("a", "6"), mapped("b", "3"), device("plain"))
        server.put(DRA, "resourceslices", slice_of(node, *devices))
    for number, raw in enumerate(pods):
        server.put(DRA, "resourceclaims", claim(f"c{number}"))
        server.put("v1", "pods", raw)
    made = Cluster(server)
    await made.start()
    return made


STEPS = st.one_of(
    st.tuples(st.just("filter"), st.integers(0, PODS - 1), st.integers(0, 1)),
    st.tuples(st.just("bind"), st.integers(0, PODS - 1), st.just(0)),
    st.tuples(st.just("bind together"), st.integers(0, PODS - 1), st.integers(0, PODS - 1)),
    st.tuples(st.just("wait"), st.sampled_from([1, int(OPEN_SECONDS) + 1, 61]), st.just(0)),
    st.tuples(st.just("freeze"), st.booleans(), st.just(0)),
    st.tuples(st.just("fail"), st.sampled_from(["binding", "status"]), st.just(0)),
)


async def carry_out(pods: list[tuple[int, bool]], steps: list[tuple[str, Any, int]]) -> Counter[str]:
    raws = [
        using(f"p{number}", *([f"c{number}"] if with_claim else []), cpu=str(cpu))
        for number, (cpu, with_claim) in enumerate(pods)
    ]
    made = await cluster_of(raws)
    scheduler = Scheduler(made, {f"p{number}": cpu for number, (cpu, _) in enumerate(pods)})
    for what, value, other in steps:
        match what:
            case "filter":
                await scheduler.filter(f"p{value}", other)
            case "bind":
                await scheduler.bind(f"p{value}")
            case "bind together":
                await asyncio.gather(*(scheduler.bind(name) for name in {f"p{value}", f"p{other}"}))
            case "wait":
                await asyncio.sleep(value)
            case "freeze":
                made.server.frozen = value
                made.server.put("v1", "nodes", with_room("n3"))  # wakes the watches
            case "fail":
                made.server.faults.append(
                    Fault(on("POST" if value == "binding" else "PATCH", value), status=500)
                )
        assert all(nanos <= 10 * CPU for nanos in used(made).values()), (pods, what, value, used(made))
    made.server.frozen = False
    made.server.put("v1", "nodes", with_room("n3"))
    await asyncio.sleep(BOUND_SECONDS + 61)
    assert (len(made.state.pledges), dict(made.state.pledges.watched)) == (0, {})
    assert {node: made.state.usage.of(node).get("cpu", 0) for node in used(made)} == used(made)
    await made.stop()
    return made.binder.results


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(1, 6), st.booleans()), min_size=PODS, max_size=PODS),
    st.lists(STEPS, max_size=24),
)
def test_in_any_order_no_node_gets_more_than_it_has(
    pods: list[tuple[int, bool]], steps: list[tuple[str, Any, int]]
) -> None:
    run(carry_out(pods, steps))


@in_virtual_time
async def test_filter_leaves_nothing_for_bind_to_refuse() -> None:
    """Without delays, whoever is named a node is bound to it."""
    pods = [(4, True), (5, False), (3, True), (2, False), (1, True), (6, False)]
    steps = [step for number in range(PODS) for step in (("filter", number, 1), ("bind", number, 0))]
    results = await carry_out(pods, steps)
    assert results == {"bound": 3}
