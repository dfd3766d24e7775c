"""kube-scheduler asks about the nominated node alone first: only the answer for all of them is final."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Asked, run
from tests.api.webhooks.gangs import (
    LABEL,
    NAMES,
    OBJECTS,
    Deallocations,
    bind,
    gang_of,
    inventory_of,
    named,
    own,
)
from tests.objects import allocation, claim, pod, pod_group

Inventory = Callable[..., Path]


@pytest.mark.parametrize("labelled", [True, False])
def test_a_group_keeps_its_nodes_when_one_is_asked_about_its_nominated_node_first(
    inventory: Inventory, labelled: bool
) -> None:
    """kube-scheduler filters status.nominatedNodeName alone, then all nodes (findNodesThatFitPod)."""
    gang = gang_of("g", 3, labelled=labelled)
    nodes = ["a", "b", "c"]

    async def question(service: Asked) -> None:
        (one,) = await named(service, gang[0], nodes)
        nominated = service.app.state.service.decider.reservations.of("uid-g-2").chosen.node
        gang[1]["status"] = {"nominatedNodeName": nominated}
        two = await named(service, gang[1], [nominated]) or await named(service, gang[1], nodes)
        three = await named(service, gang[2], nodes)
        for raw, node in zip(gang, (one, two[0], three[0]), strict=True):
            assert (await service.post("/scheduler/bind", bind(raw["metadata"]["name"], node)))["Error"] == ""

    more = [] if labelled else [pod_group("g", minimum=3)]
    objects = inventory_of({"a": 1, "b": 1, "c": 1}, gang)
    run(inventory(*objects, *more), question, candidates=1, gang_labels=LABEL)


class Recorder:
    def __init__(self) -> None:
        self.pods: list[tuple[str, list[str]]] = []

    def refused(self, item: Any, nodes: list[str]) -> None:
        self.pods.append((item.meta.name, list(nodes)))


def test_nobody_is_evicted_for_a_pod_that_fits_beside_its_nominated_node(inventory: Inventory) -> None:
    raw, made = own(0)
    raw["spec"]["priority"] = 1000
    raw["status"] = {"nominatedNodeName": "n1"}
    low = pod("low", "held")
    low["spec"] |= {"nodeName": "n1", "priority": 1}
    user = {"resource": "pods", "name": "low", "uid": "uid-low"}
    held = claim("held") | {"status": {"allocation": allocation("n1", "d0"), "reservedFor": [user]}}

    async def question(service: Asked) -> None:
        service.app.state.service.decider.preemptor = recorder = Recorder()
        assert await named(service, raw, ["n1"]) == []
        assert await named(service, raw, NAMES) != []
        assert recorder.pods == []

    run(inventory(*OBJECTS, raw, made, low, held), question, candidates=1)


def test_a_claim_that_the_pod_can_use_beside_its_nominated_node_stays_allocated(inventory: Inventory) -> None:
    raw = pod("p", "there")
    raw["status"] = {"nominatedNodeName": "n1"}
    there = claim("there") | {"status": {"allocation": allocation("n2", "d0")}}

    async def question(service: Asked) -> None:
        service.app.state.service.decider.deallocator = recorder = Deallocations()
        assert await named(service, raw, ["n1"]) == []
        assert await named(service, raw, NAMES) == ["n2"]
        assert recorder.claims == []

    run(inventory(*OBJECTS, raw, there), question, candidates=1)


def test_a_pod_whose_nominated_node_is_the_only_one_is_refused_at_the_second_question(
    inventory: Inventory,
) -> None:
    """All other nodes are refused by kube-scheduler itself: it asks about the same one again."""
    raw = pod("p", "there")
    raw["status"] = {"nominatedNodeName": "n1"}
    there = claim("there") | {"status": {"allocation": allocation("n2", "d0")}}

    async def question(service: Asked) -> None:
        service.app.state.service.decider.deallocator = recorder = Deallocations()
        for expected in ([], ["there"], ["there"], ["there"] * 2):
            assert await named(service, raw, ["n1"]) == []
            await asyncio.sleep(0)  # it is deallocated in the background
            assert recorder.claims == expected

    run(inventory(*OBJECTS, raw, there), question, candidates=1)
