"""Pods whose devices take CPU of their node, and the Pods that kube-scheduler places meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import httpx
import pytest

from app.api.webhooks import plain_pods
from app.core.json_object import JsonObject
from app.core.state.state import State
from tests.api.in_cluster import started
from tests.cluster.fake_apiserver import FakeApiServer
from tests.node_allocatable import mapped, taking, using, with_room
from tests.objects import claim, device, device_class, owned, slice_of

HELD = "Insufficient cpu beside Pods that are being bound"
TWO_NODES = (
    ("nodes", with_room("n1")),
    ("nodes", with_room("n2")),
    ("deviceclasses", device_class()),
    ("resourceclaims", claim("c")),
    ("resourceclaims", claim("d")),
)
ONE_TAKES = (*TWO_NODES, ("resourceslices", slice_of("n1", mapped("a", "6"), mapped("b", "1"))))
BOTH_TAKE = (*ONE_TAKES, ("resourceslices", slice_of("n2", mapped("a", "6"))))
NAMES = ["n1", "n2"]


class Asked:
    """A service beside a cluster, asked as kube-scheduler does."""

    def __init__(self, server: FakeApiServer, client: httpx.AsyncClient) -> None:
        self.server = server
        self._client = client

    async def _post(self, verb: str, body: JsonObject) -> JsonObject:
        while (answer := await self._client.post(f"/scheduler/{verb}", json=body)).status_code == 503:  # noqa: ASYNC110 - as kube-scheduler asks
            await asyncio.sleep(0)
        return answer.raise_for_status().json()

    def newest(self, raw: JsonObject) -> JsonObject:
        """The Pod as the API server has it, if it does."""
        name = raw["metadata"]["name"]
        known = (item for item in self.server.store.select(("", "pods")) if item["metadata"]["name"] == name)
        return next(known, raw)

    async def filter(
        self, raw: JsonObject, names: list[str] | None = None
    ) -> tuple[list[str], dict[str, str]]:
        """The nodes that pass, and why others do not."""
        answer = await self._post(
            "filter", {"Pod": self.newest(raw), "Nodes": None, "NodeNames": names or NAMES}
        )
        return answer["NodeNames"], answer["FailedNodes"] | answer["FailedAndUnresolvableNodes"]

    async def bind(self, raw: JsonObject, node: str) -> str:
        name, uid = raw["metadata"]["name"], self.newest(raw)["metadata"]["uid"]
        body = {"PodName": name, "PodNamespace": "default", "PodUID": uid, "Node": node}
        return str((await self._post("bind", body))["Error"])

    @property
    def state(self) -> State:
        found = self._client._transport.app.state.service.state  # type: ignore[attr-defined]
        assert isinstance(found, State)
        return found

    async def until(self, true: Callable[[], bool]) -> None:
        """Until the watches have shown something."""
        async with asyncio.timeout(20):
            while not true():  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0.01)


def run(
    objects: Iterable[tuple[str, JsonObject]],
    pods: Iterable[JsonObject],
    talk: Callable[[Asked], Awaitable[None]],
    **settings: Any,
) -> None:
    async def asked() -> None:
        server = FakeApiServer()
        every = [*objects, *(("pods", item) for item in pods)]
        async with started(server, every, **settings) as client:
            await talk(Asked(server, client))

    asyncio.run(asyncio.wait_for(asked(), 60))


TAKER, SECOND = using("taker", "c"), using("second", "d")
BIG, SMALL = using("big", cpu="5"), using("small", cpu="4")


def test_a_pod_without_devices_counts_the_devices_of_one_that_is_about_to_be_bound() -> None:
    async def talk(asked: Asked) -> None:
        assert await asked.filter(BIG) == (NAMES, {})
        asked.server.frozen = True
        assert (await asked.filter(TAKER))[0] == []  # BIG may be on n1
        assert await asked.bind(BIG, "n2") == ""
        assert (await asked.filter(TAKER))[0] == ["n1"]
        assert await asked.filter(using("next", cpu="5")) == (["n2"], {"n1": HELD})
        assert await asked.bind(TAKER, "n1") == ""
        assert await asked.filter(using("next", cpu="5")) == (["n2"], {"n1": HELD})
        assert await asked.filter(SMALL) == (NAMES, {})

    run(ONE_TAKES, (TAKER, BIG, SMALL), talk)


def test_amounts_that_the_watch_shows_count_while_that_of_kube_scheduler_may_be_behind() -> None:
    async def talk(asked: Asked) -> None:
        assert (await asked.filter(TAKER))[0] == ["n1"]
        assert await asked.bind(TAKER, "n1") == ""
        await asked.until(lambda: not asked.state.pledges)
        assert asked.state.usage.of("n1")["cpu"] == 6 * 10**9
        assert await asked.filter(BIG) == (["n2"], {"n1": "Insufficient cpu"})

    run(ONE_TAKES, (TAKER, BIG), talk)


def test_a_pod_with_devices_counts_pods_without_on_each_node_that_they_may_get() -> None:
    async def talk(asked: Asked) -> None:
        assert await asked.filter(BIG) == (NAMES, {})
        assert await asked.filter(TAKER) == ([], {"n1": HELD, "n2": HELD})
        assert await asked.bind(BIG, "n2") == ""
        await asked.until(lambda: bool(asked.state.usage.of("n2")))
        assert await asked.filter(TAKER) == (["n1"], {"n2": "Insufficient cpu"})

    run(BOTH_TAKE, (TAKER, BIG), talk)


def test_other_devices_are_no_way_around_it() -> None:
    """A Pod whose devices take nothing is placed beside one whose devices do, also with a kept verdict."""
    objects = (*ONE_TAKES, ("resourceslices", slice_of("n2", device("plain"))))
    plain = using("plain", "d", cpu="5")

    async def talk(asked: Asked) -> None:
        assert (await asked.filter(TAKER, ["n1"]))[0] == ["n1"]
        assert await asked.filter(plain, ["n1"]) == ([], {"n1": HELD})
        assert (await asked.filter(plain))[0] == ["n2"]

    run(objects, (TAKER, plain), talk)


def test_bind_refuses_a_pod_that_was_filtered_too_long_ago() -> None:
    async def talk(asked: Asked) -> None:
        assert (await asked.filter(TAKER))[0] == ["n1"]
        assert await asked.bind(BIG, "n1") == HELD
        assert await asked.bind(SMALL, "n1") == ""
        assert await asked.bind(TAKER, "n1") == ""

    run(ONE_TAKES, (TAKER, BIG, SMALL), talk)


def test_bind_refuses_a_pod_beside_amounts_that_kube_scheduler_knew_too_late() -> None:
    async def talk(asked: Asked) -> None:
        assert (await asked.filter(TAKER))[0] == ["n1"]
        assert await asked.bind(TAKER, "n1") == ""
        await asked.until(lambda: not asked.state.pledges)
        assert await asked.bind(BIG, "n1") == "Insufficient cpu"
        assert await asked.bind(BIG, "n2") == ""

    run(ONE_TAKES, (TAKER, BIG), talk)


def test_a_refusal_that_only_a_reservation_caused_ends_with_it() -> None:
    async def talk(asked: Asked) -> None:
        assert (await asked.filter(TAKER))[0] == ["n1"]
        assert await asked.filter(BIG, ["n1"]) == ([], {"n1": HELD})
        asked.server.remove("v1", "pods", "taker", "default")
        await asked.until(lambda: "annotations" in asked.newest(BIG)["metadata"])
        assert await asked.filter(BIG, ["n1"]) == (["n1"], {})

    run(ONE_TAKES, (TAKER, BIG), talk)


def test_a_pod_with_devices_is_requeued_when_the_pods_before_it_have_gone_elsewhere() -> None:
    async def talk(asked: Asked) -> None:
        assert await asked.filter(BIG) == (NAMES, {})
        assert await asked.filter(TAKER) == ([], {"n1": HELD, "n2": HELD})
        assert await asked.bind(BIG, "n2") == ""
        await asked.until(lambda: "annotations" in asked.newest(TAKER)["metadata"])

    run(BOTH_TAKE, (TAKER, BIG), talk)


def test_one_node_is_named_for_a_pod_with_such_devices_however_many_others_get() -> None:
    own = using("own")
    own["spec"]["resourceClaims"] = [{"name": "t", "resourceClaimTemplateName": "t"}]
    own["status"] = {"resourceClaimStatuses": [{"name": "t", "resourceClaimName": "e"}]}
    nodes = [f"n{number}" for number in range(3, 7)]
    takers = [
        ("resourceslices", slice_of(name, taking("a", cpu={"overhead": {"perPod": "1"}}))) for name in nodes
    ]
    objects = (*TWO_NODES, *(("nodes", with_room(name)) for name in nodes), *takers)

    async def talk(asked: Asked) -> None:
        made = owned(claim("e"), "Pod", "own", asked.newest(own)["metadata"]["uid"])
        asked.server.put("resource.k8s.io/v1", "resourceclaims", made)
        assert len((await asked.filter(own, nodes))[0]) == 1

    run(objects, (own,), talk, candidates=4)


def test_where_no_device_takes_of_nodes_pods_without_devices_are_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[str] = []

    async def counted(service: Any, raw: Any) -> Any:
        read.append(raw["metadata"]["name"])
        return await reading(service, raw)

    reading = plain_pods.pod_of
    monkeypatch.setattr(plain_pods, "pod_of", counted)
    objects = (*TWO_NODES, ("resourceslices", slice_of("n1", device("a"))))

    async def talk(asked: Asked) -> None:
        assert await asked.filter(BIG) == (NAMES, {})
        assert (await asked.filter(TAKER))[0] == ["n1"]
        revision = asked.state.revision
        assert await asked.filter(BIG) == (NAMES, {})
        assert (read, len(asked.state.pledges), asked.state.revision) == ([], 0, revision)
        asked.server.put("resource.k8s.io/v1", "resourceslices", slice_of("n2", mapped("a", "1")))
        await asked.until(lambda: asked.state.counts_nodes)
        assert await asked.filter(BIG) == (NAMES, {})
        assert (read, len(asked.state.pledges)) == (["big"], 1)

    run(objects, (TAKER, BIG), talk)


def test_pods_that_wait_for_their_binds_share_the_nodes_that_they_were_filtered_for() -> None:
    """The names of 5,000 nodes in a set of its own for each Pod are half a megabyte."""
    names = [*NAMES, *(f"node-{number}" for number in range(200))]
    pods = [using(f"small-{number}", cpu="1") for number in range(5)]

    async def talk(asked: Asked) -> None:
        for raw in pods:
            assert await asked.filter(raw, names) == (names, {})
        found = [asked.state.pledges.of(asked.newest(raw)["metadata"]["uid"]) for raw in pods]
        assert {len(item.nodes) for item in found if item is not None} == {len(names)}
        # A list is recognized when it has come twice.
        assert len({id(item.nodes) for item in found[2:] if item is not None}) == 1

    run(ONE_TAKES, pods, talk)
