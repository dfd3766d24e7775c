"""The webhooks, as kube-scheduler calls them."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.model.node import Node
from app.core.model.resource_claim import ResourceClaim
from app.core.state import inventory as state_inventory
from app.core.state.pools import Pool, gather_pools
from tests.api.conftest import Asked, run, serving
from tests.objects import allocation, claim, device, device_class, node, pod, slice_of

Inventory = Callable[..., Path]

OBJECTS = (
    node("n1"),
    node("n2"),
    node("bare"),
    device_class(),
    slice_of("n1", device("d0")),
    slice_of("n2", device("d0"), device("d1")),
    claim("c"),
    claim("d"),
)
NAMES = ["n1", "n2", "bare"]


def args(raw: dict[str, Any], names: list[str] | None = None) -> dict[str, Any]:
    return {"Pod": raw, "Nodes": None, "NodeNames": names or NAMES}


def test_filter_splits_the_nodes_and_says_why(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        answer = await service.post("/scheduler/filter", args(pod("p", "c")))
        assert answer["NodeNames"] == ["n1", "n2"]
        assert answer["Nodes"] is None
        assert answer["FailedNodes"] == {"bare": "node(s) had no devices for request r"}
        assert answer["Error"] == ""

    run(inventory(*OBJECTS), evaluation)


def test_the_first_filter_finds_the_pools_of_all_nodes_put_together(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    gathered: list[str] = []

    def gather(node: Node, *given: Any, **more: Any) -> tuple[Pool, ...]:
        gathered.append(node.name)
        return gather_pools(node, *given, **more)

    monkeypatch.setattr(state_inventory, "gather_pools", gather)

    async def evaluation(service: Asked) -> None:
        assert sorted(gathered) == sorted(NAMES)
        answer = await service.post("/scheduler/filter", args(pod("p", "c")))
        assert answer["NodeNames"] == ["n1", "n2"]
        assert len(gathered) == len(NAMES)

    run(inventory(*OBJECTS), evaluation)


def test_whole_nodes_come_back_as_they_were_sent(inventory: Inventory) -> None:
    whole = [node("n1") | {"status": {"kept": True}}, node("bare")]

    async def evaluation(service: Asked) -> None:
        body = {"Pod": pod("p", "c"), "Nodes": {"items": whole}, "NodeNames": None}
        answer = await service.post("/scheduler/filter", body)
        assert answer["Nodes"]["items"] == whole[:1]
        assert answer["NodeNames"] is None
        assert list(answer["FailedNodes"]) == ["bare"]

    run(inventory(*OBJECTS), evaluation)


def test_a_node_that_no_event_has_told_of_is_read_from_the_request(inventory: Inventory) -> None:
    everywhere = slice_of("n1", device("net"), suffix="-net")
    del everywhere["spec"]["nodeName"]
    everywhere["spec"] |= {
        "allNodes": True,
        "pool": {"name": "net", "generation": 1, "resourceSliceCount": 1},
    }

    async def evaluation(service: Asked) -> None:
        body = {
            "pod": pod("p", "c"),
            "nodes": {"items": [node("brand-new"), {"metadata": {"name": "odd"}, "spec": 1}]},
        }
        answer = await service.post("/scheduler/filter", body)
        assert [item["metadata"]["name"] for item in answer["Nodes"]["items"]] == ["brand-new"]
        assert "spec" in answer["FailedAndUnresolvableNodes"]["odd"]
        assert "brand-new" not in service.app.state.service.state.nodes

    run(inventory(node("n1"), device_class(), claim("c"), everywhere), evaluation)


def test_a_plain_pod_passes_everywhere_at_once(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        answer = await service.post("/scheduler/filter", args(pod("plain"), [*NAMES, "unheard-of"]))
        assert answer["NodeNames"] == [*NAMES, "unheard-of"]
        assert service.app.state.service.verdict_cache.searches == 0
        assert await service.post("/scheduler/prioritize", args(pod("plain"))) == [
            {"Host": name, "Score": 0} for name in NAMES
        ]

    run(inventory(*OBJECTS), evaluation)


def test_prioritize_reuses_what_filter_found(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        await service.post("/scheduler/filter", args(pod("p", "c")))
        verdict_cache = service.app.state.service.verdict_cache
        searches = verdict_cache.searches
        scores = await service.post("/scheduler/prioritize", args(pod("p", "c"), ["n1", "n2"]))
        assert scores == [{"Host": "n1", "Score": 10}, {"Host": "n2", "Score": 5}]
        assert verdict_cache.searches == searches

    run(inventory(*OBJECTS), evaluation)


def test_a_bound_device_is_gone_for_the_next_filter(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        await service.post("/scheduler/filter", args(pod("p", "c")))
        binding = {"PodName": "p", "PodNamespace": "default", "PodUID": "uid-p", "Node": "n1"}
        assert await service.post("/scheduler/bind", binding) == {"Error": ""}
        answer = await service.post("/scheduler/filter", args(pod("q", "d")))
        assert answer["NodeNames"] == ["n2"]
        assert answer["FailedNodes"]["n1"] == "node(s) had all matching devices in use for request r"

    run(inventory(*OBJECTS), evaluation)


def test_a_claim_held_elsewhere_is_not_to_be_cured_by_eviction(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        await service.post("/scheduler/filter", args(pod("p", "c")))
        binding = {"PodName": "p", "PodNamespace": "default", "PodUID": "uid-p", "Node": "n1"}
        await service.post("/scheduler/bind", binding)
        answer = await service.post("/scheduler/filter", args(pod("q", "c")))
        assert answer["NodeNames"] == ["n1"]
        assert set(answer["FailedAndUnresolvableNodes"]) == {"n2", "bare"}

    run(inventory(*OBJECTS), evaluation)


class FreedClaims:
    """Stands in for the deallocator."""

    def __init__(self) -> None:
        self.names: list[str] = []

    async def deallocate(self, held: ResourceClaim) -> bool:
        self.names.append(held.meta.name)
        return True


@pytest.mark.parametrize(("count", "freed"), [(1, ["held"]), (2, [])])
def test_a_claim_that_keeps_its_pod_from_a_node_with_room_is_deallocated(
    inventory: Inventory, count: int, freed: list[str]
) -> None:
    """The other claim requests as many devices as n1 has, or more."""
    held = claim("held") | {"status": {"allocation": allocation("n2", "d0")}}
    objects = [
        device_class(),
        node("n1"),
        node("n2"),
        slice_of("n1", device("d0")),
        slice_of("n2", device("d0")),
        held,
        claim("other", count),
    ]

    async def evaluation(service: Asked) -> None:
        claims = service.app.state.service.decider.deallocator = FreedClaims()
        answer = await service.post("/scheduler/filter", args(pod("p", "held", "other"), ["n1"]))
        assert set(answer["FailedAndUnresolvableNodes"]) == {"n1"}
        await asyncio.sleep(0)
        assert claims.names == freed

    run(inventory(*objects), evaluation)


def test_a_broken_selector_fails_its_pod_with_the_reason_and_is_no_500(inventory: Inventory) -> None:
    broken = claim("broken", expression="device.attributes[")

    async def evaluation(service: Asked) -> None:
        answer = await service.post("/scheduler/filter", args(pod("p", "broken")))
        assert answer["NodeNames"] == []
        assert "CEL compile error" in answer["FailedAndUnresolvableNodes"]["n1"]

    run(inventory(*OBJECTS, broken), evaluation)


MALFORMED: list[tuple[str, str, Any, str]] = [
    ("no Pod", "/scheduler/filter", {"NodeNames": []}, "Pod"),
    ("no nodes", "/scheduler/filter", {"Pod": pod("p")}, "NodeNames"),
    ("names that are none", "/scheduler/filter", {"Pod": pod("p"), "NodeNames": [1]}, "NodeNames"),
    (
        "nodes without names",
        "/scheduler/filter",
        {"Pod": pod("p"), "Nodes": {"items": [{}]}},
        "Nodes.items[0]",
    ),
    ("a list", "/scheduler/filter", [], ""),
    ("no Pod name", "/scheduler/bind", {"PodNamespace": "a", "Node": "n1"}, "PodName"),
    ("a number for a node", "/scheduler/bind", {"PodName": "p", "PodNamespace": "a", "Node": 3}, "Node"),
]


@pytest.mark.parametrize(("name", "path", "body", "field"), MALFORMED, ids=[case[0] for case in MALFORMED])
def test_malformed_arguments_are_told_by_field(
    inventory: Inventory, name: str, path: str, body: Any, field: str
) -> None:
    async def evaluation(service: Asked) -> None:
        answer = await service.post(path, body, 400)
        assert answer["error"]["path"] == field, name

    run(inventory(*OBJECTS), evaluation)


NONE_TO_JUDGE: dict[str, dict[str, Any]] = {"by name": {"NodeNames": []}, "whole": {"Nodes": {"items": []}}}


@pytest.mark.parametrize("nodes", NONE_TO_JUDGE.values(), ids=NONE_TO_JUDGE)
@pytest.mark.parametrize("claim_name", ["c", "missing", "held"])
def test_no_nodes_at_all_are_no_failure(inventory: Inventory, nodes: dict[str, Any], claim_name: str) -> None:
    held = claim("held") | {"status": {"allocation": allocation("n1", "d0")}}

    async def evaluation(service: Asked) -> None:
        body = {"Pod": pod("p", claim_name)} | nodes
        answer = await service.post("/scheduler/filter", body)
        assert (answer["FailedNodes"], answer["Error"]) == ({}, "")
        assert await service.post("/scheduler/prioritize", body) == []

    run(inventory(*OBJECTS, held), evaluation)


def test_a_pod_that_cannot_be_read_is_told_node_by_node(inventory: Inventory) -> None:
    raw = pod("p", "c")
    raw["spec"]["resourceClaims"] = [{"name": "x"}]

    async def evaluation(service: Asked) -> None:
        answer = await service.post("/scheduler/filter", args(raw))
        assert answer["NodeNames"] == []
        assert "resourceClaims[0]" in answer["FailedAndUnresolvableNodes"]["n1"]

    run(inventory(*OBJECTS), evaluation)


def test_others_are_answered_while_one_search_explodes(inventory: Inventory) -> None:
    """Partitions of 32 sizes, and counters for one less than 16 of them need: only trying tells."""
    size = 32
    exploding = claim("boom")
    exploding["spec"]["devices"] = {
        "requests": [{"name": f"r{i}", "exactly": {"deviceClassName": "gpu"}} for i in range(size // 2)]
    }
    devices = []
    for index in range(size):
        draw = {"counterSet": "set", "counters": {"mem": {"value": str(1000 + 37 * index)}}}
        devices.append(device(f"d{index:02}", own=str(index)) | {"consumesCounters": [draw]})
    partitions = slice_of("n1", *devices, count=2)
    counters = slice_of("n1", count=2, suffix="-counters")
    counters["spec"]["sharedCounters"] = [{"name": "set", "counters": {"mem": {"value": "15999"}}}]
    order: list[str] = []

    async def ask(service: Asked, name: str, raw: dict[str, Any]) -> None:
        answer = await service.post("/scheduler/filter", args(raw, ["n1"]))
        order.append(name)
        if name == "exploding":
            assert "search limit" in answer["FailedAndUnresolvableNodes"]["n1"], answer

    async def evaluation(service: Asked) -> None:
        slow = asyncio.create_task(ask(service, "exploding", pod("p", "boom")))
        await asyncio.sleep(0)
        for index in range(5):
            await ask(service, f"plain {index}", pod("q", "c"))
        await slow

    objects = (node("n1"), device_class(), partitions, counters, exploding, claim("c"))
    run(inventory(*objects), evaluation, search_steps=20_000)
    assert order == [*(f"plain {index}" for index in range(5)), "exploding"]


leaves = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=8)


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)


wild = st.recursive(leaves, nested, max_leaves=8)
fields = st.sampled_from(["metadata", "name", "uid", "resourceClaims", "containers", "nodeSelector"])
specs = st.dictionaries(fields, wild, max_size=4) | wild
pods = st.fixed_dictionaries({}, optional={"metadata": wild, "spec": specs, "status": wild})
bodies = st.fixed_dictionaries(
    {},
    optional={
        "Pod": pods | wild,
        "Nodes": wild,
        "NodeNames": st.lists(st.sampled_from(NAMES)) | wild,
        "PodName": wild,
        "Node": wild,
    },
)


def test_whatever_is_sent_there_is_no_500(inventory: Inventory) -> None:
    path = inventory(*OBJECTS)

    async def all_of(body: Any) -> list[int]:
        async with serving(path) as service:
            verbs = ("filter", "prioritize", "bind")
            answers = [await service.send(f"/scheduler/{verb}", body) for verb in verbs]
            return [answer.status_code for answer in answers]

    @settings(max_examples=60)
    @given(bodies | wild)
    def check(body: Any) -> None:
        assert all(status in (200, 400) for status in asyncio.run(all_of(body)))

    check()


def test_only_the_candidates_are_passed_on_and_the_rest_is_not_called_failed(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        answer = await service.post("/scheduler/filter", args(pod("p", "c")))
        assert len(answer["NodeNames"]) == 1
        assert list(answer["FailedNodes"]) == ["bare"]
        assert answer["FailedAndUnresolvableNodes"] == {}
        other = await service.post("/scheduler/filter", args(pod("q", "d")))
        assert other["NodeNames"] != answer["NodeNames"]
        metrics = (await service.client.get("/metrics")).text
        # What the first filter has named is kept for its Pod.
        assert 'dra_extender_filter_nodes_total{result="fits"} 3.0' in metrics

    run(inventory(*OBJECTS), evaluation, candidates=1)


def test_the_shortcut_past_the_router_answers_refusals_in_the_same_form(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        wrong = await service.post("/scheduler/bind", {"PodName": 1}, 400)
        assert wrong["error"]["path"] == "PodName"
        assert (await service.client.get("/scheduler/filter")).status_code == 405
        reference = await service.get("/openapi.json")
        assert {"/scheduler/filter", "/scheduler/prioritize", "/scheduler/bind"} <= set(reference["paths"])

    run(inventory(*OBJECTS), evaluation)
