"""What filter names by default is kept for the Pod, as kube-scheduler sees it."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.cluster.informers.informer import Upserted
from app.core.allocator import plan_claims
from app.core.json_object import JsonObject
from app.core.placement import pod_evaluation
from app.core.state.state import State
from tests.api.conftest import Asked, run
from tests.api.webhooks.gangs import NAMES, OBJECTS, bind, own
from tests.objects import allocation, claim, device, device_class, node, owned, pod, slice_of, template

Inventory = Callable[..., Path]


def args(raw: JsonObject, names: list[str] | None = None) -> JsonObject:
    return {"Pod": raw, "Nodes": None, "NodeNames": names or NAMES}


def liking(raw: JsonObject, *nodes: str, weight: int = 1) -> JsonObject:
    term = {"matchExpressions": [{"key": "zone", "operator": "In", "values": list(nodes)}]}
    preferred = [{"weight": weight, "preference": term}]
    affinity = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}
    return raw | {"spec": raw["spec"] | {"affinity": affinity}}


def test_one_node_is_named_for_each_pod_and_none_twice(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        named = []
        for number in range(4):
            answer = await service.post("/scheduler/filter", args(pod(f"p{number}", f"c{number}")))
            assert len(answer["NodeNames"]) == 1
            named += answer["NodeNames"]
        assert sorted(named) == NAMES
        last = await service.post("/scheduler/filter", args(pod("p4", "c4")))
        assert last["NodeNames"] == []
        assert set(last["FailedAndUnresolvableNodes"]) == set(NAMES)
        # Whoever was named a node is bound to it, however late.
        for number, name in reversed(list(enumerate(named))):
            assert (await service.post("/scheduler/bind", bind(f"p{number}", name)))["Error"] == ""

    run(inventory(*OBJECTS), evaluation, candidates=1)


def test_the_plan_of_filter_is_that_of_the_reservation_and_of_bind(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned: list[int] = []

    def plan(*given: Any) -> Any:
        planned.append(len(given))
        return plan_claims(*given)

    monkeypatch.setattr(pod_evaluation, "plan_claims", plan)

    async def evaluation(service: Asked) -> None:
        await service.post("/scheduler/filter", args(pod("p0", "c0")))
        planned.clear()
        answer = await service.post("/scheduler/filter", args(pod("p1", "c1")))
        (name,) = answer["NodeNames"]
        assert len(planned) == 1
        assert (await service.post("/scheduler/bind", bind("p1", name)))["Error"] == ""
        assert len(planned) == 1

    run(inventory(*OBJECTS), evaluation, candidates=1)


def test_the_same_pod_asked_about_again_gives_up_what_was_kept(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        for _ in range(5):
            for names in (["n0"], ["n1"], NAMES):
                answer = await service.post("/scheduler/filter", args(pod("p", "c0"), names))
                assert len(answer["NodeNames"]) == 1
        for number in range(1, 4):
            answer = await service.post("/scheduler/filter", args(pod(f"p{number}", f"c{number}")))
            assert answer["NodeNames"]

    run(inventory(*OBJECTS), evaluation, candidates=1)


def test_with_all_nodes_named_nothing_is_kept(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        for number in range(6):
            answer = await service.post("/scheduler/filter", args(pod(f"p{number}", f"c{number}")))
            assert answer["NodeNames"] == NAMES
        assert not service.app.state.service.state.assumed

    run(inventory(*OBJECTS), evaluation, candidates=0)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_with_a_few_nodes_named_each_of_them_is_kept_until_bind_shows_which(
    inventory: Inventory, order: tuple[int, ...]
) -> None:
    claims = [own(number)[1] for number in range(3)]
    pods = [own(number)[0] for number in range(3)]

    async def evaluation(service: Asked) -> None:
        named = [(await service.post("/scheduler/filter", args(raw)))["NodeNames"] for raw in pods]
        # Half of the nodes that fit.
        assert [len(names) for names in named] == [2, 1, 1]
        assert sorted(name for names in named for name in names) == NAMES
        for number in order:
            answer = await service.post("/scheduler/bind", bind(f"own{number}", named[number][-1]))
            assert answer["Error"] == ""
        assert service.app.state.service.state.assumed == {}
        # What was not chosen is free again.
        answer = await service.post("/scheduler/filter", args(pod("p", "c0")))
        assert answer["NodeNames"] == named[0][:1]

    run(inventory(*OBJECTS, *claims, *pods), evaluation, candidates=3)


@pytest.mark.parametrize(("owner", "number"), [("ReplicaSet", 2), ("Job", 1)])
def test_by_default_several_nodes_are_named_where_kube_scheduler_knows_more(
    inventory: Inventory, owner: str, number: int
) -> None:
    raw, made = own(0)
    raw = owned(raw, owner, "o", "uid-o")

    async def evaluation(service: Asked) -> None:
        answer = await service.post("/scheduler/filter", args(raw))
        assert len(answer["NodeNames"]) == number

    run(inventory(*OBJECTS, made), evaluation, candidates="auto")


def test_a_nominated_node_is_named_alone(inventory: Inventory) -> None:
    raw, made = own(0)
    raw["status"] = {"nominatedNodeName": "n2"}

    async def evaluation(service: Asked) -> None:
        assert (await service.post("/scheduler/filter", args(raw)))["NodeNames"] == ["n2"]
        # Where it does not fit, it has no say.
        elsewhere = await service.post("/scheduler/filter", args(raw, ["n0", "n1", "n3", "n9"]))
        assert len(elsewhere["NodeNames"]) == 1

    run(inventory(*OBJECTS, made), evaluation, candidates=4)


@pytest.mark.parametrize(
    ("wish", "wanted"),
    [
        (("n2",), "n2"),
        (("n3", "n9"), "n3"),
    ],
)
def test_the_preferred_node_is_named_and_the_next_best_when_it_is_taken(
    inventory: Inventory, wish: tuple[str, ...], wanted: str
) -> None:
    async def evaluation(service: Asked) -> None:
        first = await service.post("/scheduler/filter", args(liking(pod("p", "c0"), *wish)))
        assert first["NodeNames"] == [wanted]
        second = await service.post("/scheduler/filter", args(liking(pod("q", "c1"), *wish)))
        assert len(second["NodeNames"]) == 1
        assert second["NodeNames"] != [wanted]

    run(inventory(*OBJECTS), evaluation, candidates=1)


def test_pods_that_spread_softly_count_those_that_are_not_bound_yet(inventory: Inventory) -> None:
    """Many are filtered before the first is bound; all nodes have devices for all of them."""
    constraint = {"topologyKey": "zone", "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway"}
    constraint |= {"labelSelector": {"matchLabels": {"app": "web"}}}

    async def evaluation(service: Asked) -> None:
        named = []
        for number in range(4):
            raw = pod(f"p{number}", f"c{number}")
            raw["metadata"]["labels"] = {"app": "web"}
            raw["spec"]["topologySpreadConstraints"] = [constraint]
            named += (await service.post("/scheduler/filter", args(raw)))["NodeNames"]
        assert sorted(named) == NAMES
        # One that gives its node up is not counted there any more.
        await service.post("/scheduler/filter", args(raw, ["n0"]))
        again = pod("p5", "c5") | {"metadata": raw["metadata"] | {"name": "p5", "uid": "uid-p5"}}
        again["spec"]["topologySpreadConstraints"] = [constraint]
        answer = await service.post("/scheduler/filter", args(again))
        assert answer["NodeNames"] == [named[3]]

    roomy = [item for item in OBJECTS if item["kind"] != "ResourceSlice"]
    slices = [slice_of(name, *(device(f"d{number}") for number in range(6))) for name in NAMES]
    run(inventory(*roomy, *slices), evaluation, candidates=1)


def test_a_node_that_would_rather_not_have_pods_comes_last(inventory: Inventory) -> None:
    objects = [dict(item) for item in OBJECTS]
    taint = {"key": "keep", "value": "off", "effect": "PreferNoSchedule"}
    for item in objects:
        if item["kind"] == "Node" and item["metadata"]["name"] != "n3":
            item["spec"] = {"taints": [taint]}
    tolerates = [{"key": "keep", "operator": "Exists"}]

    async def evaluation(service: Asked) -> None:
        shy = pod("shy", "c1")
        named = (await service.post("/scheduler/filter", args(shy)))["NodeNames"]
        assert named == ["n3"]
        bold = pod("bold", "c0")
        bold["spec"]["tolerations"] = tolerates
        assert (await service.post("/scheduler/filter", args(bold)))["NodeNames"] != ["n3"]

    run(inventory(*objects), evaluation, candidates=1)


def test_among_equal_nodes_the_one_that_is_freer_is_named(inventory: Inventory) -> None:
    room = {"cpu": "8", "memory": "8Gi", "pods": "100"}
    objects = [dict(item) for item in OBJECTS]
    for item in objects:
        if item["kind"] == "Node":
            item["status"] = {"allocatable": room}
    busy = []
    for number in (0, 1, 3):
        runs = pod(f"busy{number}")
        runs["spec"] |= {"nodeName": f"n{number}"}
        runs["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "4"}}
        busy.append(runs)

    async def evaluation(service: Asked) -> None:
        answer = await service.post("/scheduler/filter", args(pod("p", "c0")))
        assert answer["NodeNames"] == ["n2"]

    run(inventory(*objects, *busy), evaluation, candidates=1)


@pytest.mark.parametrize("seed", range(3))
def test_a_cluster_is_filled_to_the_last_device_whenever_the_binds_come(
    inventory: Inventory, seed: int
) -> None:
    """420 Pods for 400 devices, binds in any order, up to 40 filters late; some Pods are filtered again."""
    chance = random.Random(seed)  # noqa: S311 - a seed that replays
    names = [f"n{number}" for number in range(100)]
    devices = [device(f"d{number}") for number in range(4)]
    objects = [device_class(), *(node(name) for name in names), *(slice_of(name, *devices) for name in names)]
    objects += [claim(f"c{number}") for number in range(420)]

    async def question(service: Asked) -> None:
        waiting, refused, bound = [], [], 0
        for number in range(420):
            name = f"p{number}"
            answer = await service.post("/scheduler/filter", args(pod(name, f"c{number}"), names))
            if not answer["NodeNames"]:
                refused.append(name)
                continue
            if chance.random() < 0.2:  # kube-scheduler failed after the filter, and tries again
                answer = await service.post("/scheduler/filter", args(pod(name, f"c{number}"), names))
            waiting.append((name, answer["NodeNames"][0]))
            while len(waiting) > chance.randint(0, 40):
                bound += 1
                late = waiting.pop(chance.randrange(len(waiting)))
                assert (await service.post("/scheduler/bind", bind(*late)))["Error"] == ""
        for late in waiting:
            bound += 1
            assert (await service.post("/scheduler/bind", bind(*late)))["Error"] == ""
        assert (bound, len(refused)) == (400, 20)
        made = service.app.state.service
        assert len(made.decider.reservations) == 0
        assert made.state.assumed == {}
        holders = [held for pool in made.state.taken.values() for held in pool.holdings.values()]
        assert len(holders) == 400
        assert all(len(held) == 1 for held in holders)

    run(inventory(*objects), question, candidates=1)


def siblings(number: int, *claims: str) -> list[JsonObject]:
    return [pod(f"s{index}", *claims) for index in range(number)]


@pytest.mark.parametrize(
    ("pods", "wanted"),
    [
        pytest.param(siblings(1, "c0"), "small", id="alone it goes to the fuller node"),
        pytest.param(siblings(3, "c0"), "small", id="the others need nothing but the claim"),
        pytest.param(
            [pod("s0", "c0", "c1"), pod("s1", "c0", "c2")], "large", id="only one node has room for both"
        ),
        pytest.param(
            [pod(f"s{number}", "c0", f"c{number + 1}") for number in range(7)],
            "huge",
            id="no node has room for all, so the one with room for most",
        ),
        pytest.param(
            [pod("s0", "c0", "c1"), {**pod("s1", "c0", "c2"), "status": {"phase": "Succeeded"}}],
            "small",
            id="a Pod that has run to its end needs nothing",
        ),
        pytest.param(
            [pod("s0", "c0", templates=("two",)), pod("s1", "c0", templates=("two",))],
            "huge",
            id="the claim of another Pod's template is not made yet",
        ),
    ],
)
def test_the_first_user_of_a_claim_goes_where_those_that_wait_fit_too(
    inventory: Inventory, pods: list[JsonObject], wanted: str
) -> None:
    sizes = {"small": 2, "large": 4, "huge": 6}
    objects = [device_class(), *(claim(f"c{number}") for number in range(8)), template("two", count=2)]
    for name, devices in sizes.items():
        objects += [node(name), slice_of(name, *(device(f"d{number}") for number in range(devices)))]
    first = pods[0]
    if "resourceClaimTemplateName" in first["spec"]["resourceClaims"][-1]:
        objects.append(owned(claim("made", count=2), "Pod", "s0", "uid-s0"))
        first = first | {"status": {"resourceClaimStatuses": [{"name": "two", "resourceClaimName": "made"}]}}

    async def evaluation(service: Asked) -> None:
        before = service.app.state.service.state.revision
        answer = await service.post("/scheduler/filter", args(first, list(sizes)))
        assert answer["NodeNames"] == [wanted]
        # Nothing but the reservation of the Pod itself.
        assert service.app.state.service.state.revision - before <= len(first["spec"]["resourceClaims"]) + 1

    run(inventory(*objects, *pods[1:]), evaluation, candidates=1 + len(pods) % 2, policy="binpack")


def test_pods_that_wait_for_other_claims_cost_nothing(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No copy of the state is made for a Pod whose claims nobody else names."""
    monkeypatch.setattr(State, "fork", lambda _: pytest.fail("a copy"))

    async def evaluation(service: Asked) -> None:
        answer = await service.post("/scheduler/filter", args(pod("p", "c0")))
        assert len(answer["NodeNames"]) == 1

    run(inventory(*OBJECTS, pod("q", "c1")), evaluation, candidates=1)


def test_the_successor_of_an_evicted_pod_is_sent_where_the_plan_has_it(inventory: Inventory) -> None:
    def of_set(name: str) -> JsonObject:
        return owned(pod(name, f"c{name[-1]}"), "ReplicaSet", "w", "w", "apps/v1")

    moving = of_set("old0")
    moving["metadata"]["annotations"] = {"dra-extender/move-to": "n2"}

    async def evaluation(service: Asked) -> None:
        service.app.state.service.decider.planned_moves.changed("Pod", Upserted(moving))
        # Not a node that kube-scheduler has ruled out.
        for names, expected in ((["n0", "n1"], ["n0"]), (NAMES, ["n2"]), (NAMES, ["n2"])):
            answer = await service.post("/scheduler/filter", args(liking(of_set("new1"), "n0"), names))
            assert answer["NodeNames"] == expected
        other = await service.post("/scheduler/filter", args(liking(of_set("more2"), "n0")))
        assert other["NodeNames"] == ["n0"]

    run(inventory(*OBJECTS), evaluation, candidates=2)


def test_a_planned_node_that_is_full_is_passed_over(inventory: Inventory) -> None:
    moving = owned(pod("old", "c0"), "ReplicaSet", "w", "w", "apps/v1")
    moving["metadata"]["annotations"] = {"dra-extender/move-to": "n2"}

    async def evaluation(service: Asked) -> None:
        service.app.state.service.decider.planned_moves.changed("Pod", Upserted(moving))
        taker = await service.post("/scheduler/filter", args(pod("p", "c1"), ["n2"]))
        assert taker["NodeNames"] == ["n2"]
        answer = await service.post(
            "/scheduler/filter", args(owned(pod("new", "c0"), "ReplicaSet", "w", "w", "apps/v1"))
        )
        assert len(answer["NodeNames"]) == 1
        assert answer["NodeNames"] != ["n2"]

    run(inventory(*OBJECTS), evaluation, candidates=1)


def test_prioritize_does_not_take_what_is_kept_for_the_pod_from_it(inventory: Inventory) -> None:
    raw, made = own(0)

    async def question(service: Asked) -> None:
        nodes = (await service.post("/scheduler/filter", args(raw)))["NodeNames"]
        scores = await service.post("/scheduler/prioritize", args(raw, nodes))
        assert [item["Score"] for item in scores] == [10, 10]

    run(inventory(*OBJECTS, raw, made), question, candidates=2)


def test_preempt_does_not_take_what_is_kept_for_the_pod_from_it(inventory: Inventory) -> None:
    """Filter named n0, and another extender refused it."""
    raw, made = own(0)
    raw["spec"]["priority"] = 1000
    low = pod("low", "held")
    low["spec"] |= {"nodeName": "n1", "priority": 1}
    user = {"resource": "pods", "name": "low", "uid": "uid-low"}
    held = claim("held") | {"status": {"allocation": allocation("n1", "d0"), "reservedFor": [user]}}
    victims = {"n1": {"Pods": [{"UID": "uid-low"}], "NumPDBViolations": 0}}

    async def question(service: Asked) -> None:
        answer = await service.post("/scheduler/filter", args(raw, ["n0", "n1"]))
        assert answer["NodeNames"] == ["n0"]
        answer = await service.post("/scheduler/preempt", {"Pod": raw, "NodeNameToMetaVictims": victims})
        assert list(answer["NodeNameToMetaVictims"]) == ["n1"]

    run(inventory(*OBJECTS, raw, made, low, held), question, candidates=1)
