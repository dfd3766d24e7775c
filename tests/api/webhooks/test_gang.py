"""Pods of one group, as kube-scheduler filters them: all of them have a place, or nothing is kept."""

import random
from collections.abc import Callable
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Asked, run
from tests.api.webhooks.gangs import LABEL, args, gang_of, inventory_of, member
from tests.objects import claim, pod, pod_group

Inventory = Callable[..., Path]
Json = dict[str, Any]


async def filtered(service: Asked, gang: list[Json], nodes: list[str]) -> list[list[str]]:
    """As a PodGroup cycle goes: until one has no node."""
    named = []
    for raw in gang:
        named.append((await service.post("/scheduler/filter", args(raw, nodes)))["NodeNames"])
        if not named[-1]:
            break
    return named


def kept(service: Asked) -> int:
    return len(service.app.state.service.decider.reservations)


@pytest.mark.parametrize("number", [1, 3])
def test_a_group_that_fits_is_reserved_whole_by_the_filter_of_its_first_pod(
    inventory: Inventory, number: int
) -> None:
    """``number``: of nodes that are named for a Pod without a group."""
    gang = gang_of("g", 3)

    async def question(service: Asked) -> None:
        first = await service.post("/scheduler/filter", args(gang[0], ["a", "b", "c"]))
        assert len(first["NodeNames"]) == 1
        assert kept(service) == 3
        other = await service.post("/scheduler/filter", args(pod("single", "x"), ["a", "b", "c"]))
        assert other["NodeNames"] == []
        named = await filtered(service, gang, ["a", "b", "c"])
        assert sorted(names[0] for names in named) == ["a", "b", "c"]
        assert named[0] == first["NodeNames"]
        for raw, (name,) in zip(gang, named, strict=True):
            meta = raw["metadata"]
            bind = {"PodName": meta["name"], "PodNamespace": "default", "PodUID": meta["uid"], "Node": name}
            assert (await service.post("/scheduler/bind", bind))["Error"] == ""

    objects = inventory_of({"a": 1, "b": 1, "c": 1}, gang)
    run(inventory(*objects, claim("x")), question, candidates=number)


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("labelled", [False, True])
def test_of_a_group_that_does_not_fit_nothing_is_kept(
    inventory: Inventory, labelled: bool, number: int
) -> None:
    gang = gang_of("g", 4, labelled=labelled)

    async def question(service: Asked) -> None:
        for _ in range(3):
            named = await filtered(service, gang, ["a", "b", "c"])
            assert named[-1] == []
            assert len(named) == (1 if labelled else 4)
            assert kept(service) == 0
        single = await service.post("/scheduler/filter", args(pod("single", "x"), ["a", "b", "c"]))
        assert single["NodeNames"]

    objects = inventory_of({"a": 1, "b": 1, "c": 1}, gang)
    run(inventory(*objects, claim("x")), question, candidates=number, gang_labels=LABEL)


def test_a_shared_claim_goes_where_all_of_its_pods_fit(inventory: Inventory) -> None:
    """One after the other, the first would take the shared claim to the node that is best for it alone."""
    gang = [member(f"g-{number}", "g", "shared", f"own-{number}") for number in range(3)]

    async def question(service: Asked) -> None:
        named = await filtered(service, gang, ["small", "large"])
        assert named == [["large"]] * 3

    run(inventory(*inventory_of({"small": 2, "large": 4}, gang)), question, candidates=1)


@pytest.mark.parametrize("seed", range(5))
def test_twenty_gangs_of_eight_on_devices_for_fifteen(inventory: Inventory, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a seed that replays
    gangs = [gang_of(f"g{number}", 8, labelled=True) for number in range(20)]
    nodes = {f"n{number}": 4 for number in range(30)}
    pods = [raw for gang in gangs for raw in gang]
    chance.shuffle(pods)

    async def question(service: Asked) -> None:
        placed = []
        for raw in pods:
            named = (await service.post("/scheduler/filter", args(raw, list(nodes))))["NodeNames"]
            placed += [(raw["metadata"]["labels"][LABEL], name) for name in named]
        groups = [group for group, _ in placed]
        assert sorted(groups.count(group) for group in set(groups)) == [8] * 15
        where = [name for _, name in placed]
        assert all(where.count(name) == 4 for name in nodes)

    objects = inventory_of(nodes, *gangs)
    # On a busy machine 160 filters may take longer than a reservation lasts.
    run(inventory(*objects), question, candidates=1, gang_labels=LABEL, reservation_seconds=600.0)


async def cycle(service: Asked, gang: list[Json], nodes: list[str], minimum: int) -> int:
    """A PodGroup cycle of kube-scheduler, for Pods without a node: binds them if enough have one.

    Returns: the number of bound Pods.
    """
    named = []
    for number, raw in enumerate(gang):
        names = (await service.post("/scheduler/filter", args(raw, nodes)))["NodeNames"] or []
        named += [(raw, name) for name in names]
        if len(named) + len(gang) - number - 1 < minimum:
            return 0
    for raw, name in named:
        meta = raw["metadata"]
        bind = {"PodName": meta["name"], "PodNamespace": "default", "PodUID": meta["uid"], "Node": name}
        assert (await service.post("/scheduler/bind", bind))["Error"] == ""
    return len(named)


def test_enough_of_a_group_are_reserved_and_the_others_wait(inventory: Inventory) -> None:
    gang = gang_of("g", 5)

    async def question(service: Asked) -> None:
        nodes = ["a", "b", "c"]
        assert await cycle(service, gang, nodes, 3) == 3
        assert kept(service) == 0

    objects = [*inventory_of({"a": 1, "b": 1, "c": 1}, gang), pod_group("g", minimum=3)]
    run(inventory(*objects), question, candidates=1)


def test_a_group_that_lost_a_pod_needs_one_more(inventory: Inventory) -> None:
    """Those that run count; the rest of a gang with enough Pods is placed as far as it fits."""
    gang = gang_of("g", 4)
    for raw in gang[:2]:
        raw["spec"]["nodeName"] = "far"

    async def question(service: Asked) -> None:
        assert await cycle(service, gang[2:], ["a"], 1) == 1

    run(inventory(*inventory_of({"a": 1}, gang), pod_group("g", minimum=3)), question, candidates=1)


def test_pods_of_a_group_without_a_minimum_are_placed_one_by_one(inventory: Inventory) -> None:
    gang = gang_of("g", 3)

    async def question(service: Asked) -> None:
        assert await cycle(service, gang, ["a", "b"], 0) == 2

    run(inventory(*inventory_of({"a": 1, "b": 1}, gang), pod_group("g")), question, candidates=1)


def some_fit(needs: tuple[int, ...], free: list[int], minimum: int) -> bool:
    """By brute force: whether so many Pods fit, that need so many devices each on one node."""
    return any(
        all(
            sum(need for need, place in zip(some, places, strict=True) if place == node_) <= room
            for node_, room in enumerate(free)
        )
        for some in combinations(needs, minimum)
        for places in product(range(len(free)), repeat=minimum)
    )


@pytest.mark.parametrize("seed", range(12))
def test_never_fewer_than_the_minimum_are_bound_and_a_gang_that_fits_is(
    inventory: Inventory, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a seed that replays
    free = [chance.randint(0, 3) for _ in range(3)]
    nodes = {f"n{number}": devices for number, devices in enumerate(free)}
    gangs, objects = [], list[Json]()
    for number in range(5):
        needs = tuple(chance.randint(1, 2) for _ in range(chance.randint(2, 4)))
        minimum = chance.randint(1, len(needs))
        gang = gang_of(f"g{number}", len(needs))
        objects += [pod_group(f"g{number}", minimum=minimum), *gang]
        objects += [claim(f"g{number}-c{index}", need) for index, need in enumerate(needs)]
        gangs.append((gang, needs, minimum))

    async def question(service: Asked) -> None:
        waiting = list(gangs)
        for _ in range(2):  # those that were refused are tried again
            for item in list(waiting):
                gang, needs, minimum = item
                left = [
                    sum(device_["state"] == "free" for device_ in await devices_of(service, name))
                    for name in nodes
                ]
                bound = await cycle(service, gang, list(nodes), minimum)
                assert kept(service) == 0
                assert bound == 0 or bound >= minimum
                assert bool(bound) == some_fit(needs, left, minimum)
                if bound:
                    waiting.remove(item)

    run(inventory(*inventory_of(nodes), *objects), question, candidates=1)


async def devices_of(service: Asked, name: str) -> list[Json]:
    found = await service.get("/api/v1/devices")
    items: list[Json] = found["items"]
    return [item for item in items if item["pool"] == name]
