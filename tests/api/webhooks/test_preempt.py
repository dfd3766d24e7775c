"""The preempt verb, as kube-scheduler calls it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.api.webhooks.wire import PreemptionArgs, preemption_answer, read_preemption_args
from tests.api.conftest import Asked, run
from tests.objects import allocation, claim, device, device_class, node, owned, pod, slice_of
from tests.pausing import Meter

Inventory = Callable[..., Path]
Json = dict[str, Any]


def running(name: str, on: str, *claims: str, priority: int = 0) -> Json:
    raw = pod(name, *claims)
    raw["spec"] |= {"nodeName": on, "priority": priority}
    return raw | {"status": {"phase": "Running"}}


def held(name: str, on: str, user: str) -> Json:
    consumer = {"resource": "pods", "name": user, "uid": f"uid-{user}"}
    return claim(name) | {"status": {"allocation": allocation(on, "d0"), "reservedFor": [consumer]}}


def important(name: str, *claims: str) -> Json:
    raw = pod(name, *claims)
    raw["spec"]["priority"] = 1000
    return raw


OBJECTS = (
    *(node(name) for name in ("free", "low", "equal", "bare")),
    *(slice_of(name, device("d0")) for name in ("free", "low", "equal")),
    device_class(),
    claim("c"),
    held("of-low", "low", "low"),
    held("of-equal", "equal", "equal"),
    running("low", "low", "of-low"),
    running("equal", "equal", "of-equal", priority=1000),
)


def filtered(raw: Json, nodes: list[str]) -> Json:
    return {"Pod": raw, "Nodes": None, "NodeNames": nodes}


def by_uid(**nodes: tuple[str, ...]) -> Json:
    return {
        name: {"Pods": [{"UID": f"uid-{victim}"} for victim in victims], "NumPDBViolations": 1}
        for name, victims in nodes.items()
    }


def test_nodes_where_the_claims_would_not_fit_are_left_out(inventory: Inventory) -> None:
    asked = by_uid(free=("x",), low=("x", "low"), equal=("x",), bare=("x",))

    async def question(service: Asked) -> None:
        body = {"Pod": important("p", "c"), "NodeNameToMetaVictims": asked, "NodeNameToVictims": None}
        answer = await service.post("/scheduler/preempt", body)
        assert answer == {"NodeNameToMetaVictims": {name: asked[name] for name in ("free", "low")}}

    run(inventory(*OBJECTS), question)


def test_whole_pods_are_answered_by_their_uids(inventory: Inventory) -> None:
    asked = {"free": {"Pods": [running("x", "free")], "NumPDBViolations": 0}, "bare": {"Pods": None}}

    async def question(service: Asked) -> None:
        body = {"Pod": important("p", "c"), "NodeNameToVictims": asked}
        answer = await service.post("/scheduler/preempt", body)
        one = {"Pods": [{"UID": "uid-x"}], "NumPDBViolations": 0}
        assert answer == {"NodeNameToMetaVictims": {"free": one}}

    run(inventory(*OBJECTS), question)


@pytest.mark.parametrize(("preemption", "added"), [("off", {}), ("answer", {"low": ("low",)})])
def test_victims_are_added_only_where_that_is_wanted(
    inventory: Inventory, preemption: str, added: dict[str, tuple[str, ...]]
) -> None:
    async def question(service: Asked) -> None:
        asked = {name: {"Pods": [], "NumPDBViolations": 0} for name in ("free", "low", "equal", "bare")}
        body = {"Pod": important("p", "c"), "NodeNameToMetaVictims": asked}
        answer = await service.post("/scheduler/preempt", body)
        found = answer["NodeNameToMetaVictims"]
        assert {name: [victim["UID"] for victim in item["Pods"]] for name, item in found.items()} == {
            name: [f"uid-{victim}" for victim in victims] for name, victims in added.items()
        }

    run(inventory(*OBJECTS), question, preemption=preemption)


def test_no_victims_are_added_while_others_have_yet_to_choose_one_of_their_nodes(
    inventory: Inventory,
) -> None:
    """The Pod fits on a node that another one is reserved on, which needs one of two."""
    other, own = important("other", "own"), owned(claim("own"), "Pod", "other", "uid-other")
    nodes = ["free", "more", "less", "least"]
    room = [item for name in nodes[1:] for item in (node(name), slice_of(name, device("d0")))]

    async def question(service: Asked) -> None:
        first = (await service.post("/scheduler/filter", filtered(other, nodes)))["NodeNames"]
        assert len(first) == 2
        asked = [first[0], "low"]
        high = important("p", "c")
        assert (await service.post("/scheduler/filter", filtered(high, asked)))["NodeNames"] == []
        candidates = {name: {"Pods": [], "NumPDBViolations": 0} for name in asked}
        body = {"Pod": high, "NodeNameToMetaVictims": candidates}
        assert (await service.post("/scheduler/preempt", body))["NodeNameToMetaVictims"] == {}
        binding = {"PodName": "other", "PodNamespace": "default", "PodUID": "uid-other", "Node": first[0]}
        assert (await service.post("/scheduler/bind", binding))["Error"] == ""
        answer = await service.post("/scheduler/preempt", body)
        assert list(answer["NodeNameToMetaVictims"]) == ["low"]

    run(inventory(*OBJECTS, *room, other, own), question, preemption="answer", candidates=2)


def test_plain_pods_keep_the_candidates_that_have_victims(inventory: Inventory) -> None:
    asked = by_uid(free=("x",), bare=())

    async def question(service: Asked) -> None:
        answer = await service.post("/scheduler/preempt", {"Pod": pod("p"), "NodeNameToMetaVictims": asked})
        assert answer == {"NodeNameToMetaVictims": {"free": asked["free"]}}

    run(inventory(*OBJECTS), question)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "Pod"),
        ({"Pod": pod("p"), "NodeNameToMetaVictims": []}, "NodeNameToMetaVictims"),
        ({"Pod": pod("p"), "NodeNameToMetaVictims": {"a": 1}}, "NodeNameToMetaVictims[a]"),
        (
            {"Pod": pod("p"), "NodeNameToMetaVictims": {"a": {"Pods": [{}]}}},
            "NodeNameToMetaVictims[a].Pods[0]",
        ),
        (
            {"Pod": pod("p"), "NodeNameToVictims": {"a": {"NumPDBViolations": "many"}}},
            "NodeNameToVictims[a].NumPDBViolations",
        ),
    ],
)
def test_what_is_no_question_is_refused_with_its_place(inventory: Inventory, body: Json, path: str) -> None:
    async def question(service: Asked) -> None:
        answer = await service.post("/scheduler/preempt", body, 400)
        assert answer["error"]["path"] == path

    run(inventory(*OBJECTS), question)


def test_misfits_that_no_eviction_on_the_node_cures_are_called_unresolvable(inventory: Inventory) -> None:
    async def question(service: Asked) -> None:
        nodes = ["low", "equal", "bare"]
        args = {"Pod": important("p", "c"), "Nodes": None, "NodeNames": nodes}
        answer = await service.post("/scheduler/filter", args)
        assert answer["NodeNames"] == []
        assert set(answer["FailedNodes"]) == {"low"}
        assert set(answer["FailedAndUnresolvableNodes"]) == {"equal", "bare"}
        assert "in use" in answer["FailedAndUnresolvableNodes"]["equal"]

    run(inventory(*OBJECTS), question)


def test_many_victims_are_read_and_answered_with_pauses() -> None:
    victims = {"Pods": [{"UID": f"uid-{number}"} for number in range(100)], "NumPDBViolations": 0}
    body = {"Pod": {}, "NodeNameToMetaVictims": {f"n{number}": victims for number in range(100)}}
    meter = Meter()
    args = meter.measure(lambda: read_preemption_args(body))
    assert isinstance(args, PreemptionArgs), args
    assert len(args.candidates["n99"].victims) == 100
    answer = meter.measure(lambda: preemption_answer(args.candidates))
    assert answer == {"NodeNameToMetaVictims": body["NodeNameToMetaVictims"]}
    assert meter.most < 1_000, meter.where
