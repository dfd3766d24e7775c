"""Pods of a group whose plan is made again while kube-scheduler works on some of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Asked, run
from tests.api.webhooks.gangs import LABEL, bind, gang_of, inventory_of, named
from tests.objects import pod_group

Inventory = Callable[..., Path]


def twice(service: Asked) -> list[str]:
    """Devices that are kept for two claims."""
    taken = service.app.state.service.state.taken
    return [
        f"{pool.pool}/{name}"
        for pool, held in taken.items()
        for name, holdings in held.holdings.items()
        if len(holdings) > 1
    ]


def test_enough_pods_of_a_group_keep_their_nodes_when_another_has_none(inventory: Inventory) -> None:
    """The third one's plan cannot be: it has a volume elsewhere, which kube-scheduler knows only."""
    gang = gang_of("g", 3)

    async def question(service: Asked) -> None:
        (one,) = await named(service, gang[0], ["a", "b", "c"])
        (two,) = await named(service, gang[1], ["a", "b", "c"])
        await named(service, gang[2], [one, two])
        assert twice(service) == []
        for raw, node in zip(gang, (one, two), strict=False):
            assert (await service.post("/scheduler/bind", bind(raw["metadata"]["name"], node)))["Error"] == ""

    objects = inventory_of({"a": 1, "b": 1, "c": 1}, gang)
    run(inventory(*objects, pod_group("g", minimum=2)), question, candidates=1)


def test_no_device_is_kept_for_two_pods_of_a_group_when_it_is_planned_again(inventory: Inventory) -> None:
    gang = gang_of("g", 4)
    nodes = ["a", "b", "c", "d"]

    async def question(service: Asked) -> None:
        (one,) = await named(service, gang[0], nodes)
        place = service.app.state.service.decider.reservations.of("uid-g-1").chosen.node
        await named(service, gang[1], [name for name in nodes if name not in (one, place)])
        assert twice(service) == []

    objects = inventory_of(dict.fromkeys(nodes, 1), gang)
    run(inventory(*objects, pod_group("g", minimum=2)), question, candidates=1)


def pinned(raw: Any, node: str) -> Any:
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    raw["spec"]["affinity"] = {"nodeAffinity": required}
    return raw


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("visible", [True, False])
def test_pods_of_a_group_that_may_run_on_different_nodes(
    inventory: Inventory, labelled: bool, visible: bool
) -> None:
    """A leader and workers of other nodes, by affinity, or by volumes, which only kube-scheduler knows."""
    gang = gang_of("g", 2, labelled=labelled)
    places = {"g-0": "a", "g-1": "b"}
    if visible:
        for raw in gang:
            pinned(raw, places[raw["metadata"]["name"]])

    async def question(service: Asked) -> None:
        for raw in gang:
            place = places[raw["metadata"]["name"]]
            assert await named(service, raw, [place]) == [place]
        assert len(service.app.state.service.decider.reservations) == 2
        for name, place in places.items():
            assert (await service.post("/scheduler/bind", bind(name, place)))["Error"] == ""

    more = [] if labelled else [pod_group("g", minimum=2)]
    run(inventory(*inventory_of({"a": 1, "b": 1}, gang), *more), question, candidates=1, gang_labels=LABEL)


def test_a_pod_of_a_group_that_has_its_node_keeps_it_when_the_next_is_planned(inventory: Inventory) -> None:
    """g-0 has a volume on a, so that the group is not planned with it; g-1 may run anywhere."""
    gang = gang_of("g", 2)

    async def question(service: Asked) -> None:
        assert await named(service, gang[0], ["a"]) == ["a"]
        (two,) = await named(service, gang[1], ["a", "b"])
        assert (await service.post("/scheduler/bind", bind("g-0", "a")))["Error"] == ""
        assert (await service.post("/scheduler/bind", bind("g-1", two)))["Error"] == ""

    run(inventory(*inventory_of({"a": 1, "b": 1}, gang), pod_group("g", minimum=2)), question, candidates=1)


def test_capacity_is_not_given_twice_to_pods_of_a_group(inventory: Inventory) -> None:
    """As above with devices that claims share: the binder cannot notice (double_allocations skips shares)."""
    gang = gang_of("g", 4)
    nodes = ["a", "b", "c", "d"]
    objects = inventory_of(dict.fromkeys(nodes, 1), gang)
    for raw in objects:
        if raw["kind"] == "ResourceSlice":
            raw["spec"]["devices"] = [
                {"name": "d0", "allowMultipleAllocations": True, "capacity": {"memory": {"value": "1"}}}
            ]
        if raw["kind"] == "ResourceClaim":
            raw["spec"]["devices"]["requests"][0]["exactly"]["capacity"] = {"requests": {"memory": "1"}}

    async def question(service: Asked) -> None:
        (one,) = await named(service, gang[0], nodes)
        place = service.app.state.service.decider.reservations.of("uid-g-1").chosen.node
        got = {"g-0": [one]}
        got["g-1"] = await named(service, gang[1], [name for name in nodes if name not in (one, place)])
        for raw in gang[2:]:
            got[raw["metadata"]["name"]] = await named(service, raw, nodes)
        for name, names in got.items():
            for node in names:
                await service.post("/scheduler/bind", bind(name, node))
        for pool, held in service.app.state.service.state.taken.items():
            for amounts in held.capacity.values():
                assert all(nanos <= 10**9 for nanos in amounts.values()), (got, pool, amounts)

    run(inventory(*objects, pod_group("g", minimum=2)), question, candidates=1)
