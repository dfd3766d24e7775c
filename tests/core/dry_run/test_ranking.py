"""Pods placed with what nodes said before: the same as if each Pod asked every node anew."""

from itertools import count
from typing import Any

import pytest

from app.core.allocator import Reason
from app.core.diagnosis import summary
from app.core.dry_run.place import place
from app.core.dry_run.ranking import Ranking, Rankings, settle
from app.core.json_object import JsonObject
from app.core.model.parse import InventoryObject, parse
from app.core.model.pod import Pod
from app.core.pauses import on_pause
from app.core.placement.node_result import NodeResult
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.selectors import SelectorCache
from app.core.state.state import State
from tests.objects import claim, claim_spec, device, device_class, node, pod, slice_of, template
from tests.pausing import Meter

NODES = [f"n{number}" for number in range(6)]


def cluster() -> State:
    state = State()
    extended = device_class("extended")
    extended["spec"]["extendedResourceName"] = "example.com/gpu"
    objects = [device_class(), extended, template("one"), template("two", 2), template("many", 9)]
    objects += [claim("shared"), claim("other")]
    objects.append(template("picky") | {"spec": {"spec": claim_spec(2, 'device.driver == "nobody"')}})
    for number, name in enumerate(NODES):
        capacity = {"pods": "4", "cpu": f"{number + 1}"}
        if number == 2:
            capacity["example.com/gpu"] = "3"  # of a device plugin
        objects.append(node(name) | {"status": {"allocatable": capacity}})
        objects.append(slice_of(name, *(device(f"d{index}", size="big") for index in range(1 + number % 4))))
    left = claim("left", 2)
    left["metadata"] |= {
        "annotations": {"resource.kubernetes.io/extended-resource-claim": "true"},
        "ownerReferences": [
            {"apiVersion": "v1", "kind": "Pod", "name": "s3", "uid": "uid-3", "controller": True}
        ],
    }
    objects.append(left)
    for raw in objects:
        item = parse(raw)
        assert isinstance(item, InventoryObject)
        state.upsert(item)
    return state


def make_rules() -> Rules:
    numbers = count()
    return Rules(SelectorCache(), lambda: str(next(numbers)), node_checks=True, generate_claims=True)


def made(raw: JsonObject, **spec: Any) -> Pod:
    raw["spec"] |= spec
    item = parse(raw)
    assert isinstance(item, Pod)
    return item


def replicas(number: int, *templates: str, name: str = "p", **spec: Any) -> list[Pod]:
    return [made(pod(f"{name}{index}", templates=templates, uid=""), **spec) for index in range(number)]


def by_turns(*kinds: list[Pod]) -> list[Pod]:
    return [one for together in zip(*kinds, strict=True) for one in together]


CPU = [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "1"}}}]


def asking(**resources: str) -> list[JsonObject]:
    requests = {name.replace("__", "/").replace("_", "."): amount for name, amount in resources.items()}
    return [{"name": "c", "image": "i", "resources": {"requests": requests}}]


EXTENDED = asking(example_com__gpu="1")
MIXES: dict[str, list[Pod]] = {
    "more replicas than devices": replicas(20, "one"),
    "two kinds by turns": by_turns(replicas(8, "one", name="a"), replicas(8, "two", name="b")),
    "plain Pods between": by_turns(replicas(9, name="plain", containers=CPU), replicas(9, "one", name="q")),
    "Pods that share a claim": [made(pod(f"s{index}", "shared", uid=f"u{index}")) for index in range(4)],
    "two shared claims by turns": [
        made(pod(f"s{index}", ("shared", "other")[index % 2], uid=f"u{index}")) for index in range(8)
    ],
    "a shared claim and one of their own": [
        made(pod(f"s{index}", "shared", templates=("two",), uid="")) for index in range(4)
    ],
    "two claims": replicas(8, "one", "two"),
    "one that fits nowhere": replicas(2, "many"),
    "a selector that nothing matches": replicas(3, "picky"),
    "a template that is not there": replicas(2, "missing"),
    "cores run out before devices": replicas(9, "one", containers=CPU),
    "more replicas with an extended resource than devices": replicas(22, containers=EXTENDED),
    "an extended resource and a claim": replicas(10, "one", containers=EXTENDED),
    "two extended resources, of which nobody has one": replicas(
        3, containers=asking(example_com__gpu="1", example_com__tpu="1")
    ),
    "extended resources by turns": by_turns(
        replicas(6, name="a", containers=EXTENDED),
        replicas(6, name="b", containers=asking(example_com__gpu="2")),
    ),
    "an attempt that has left a claim among replicas": by_turns(
        replicas(5, name="a", containers=EXTENDED),
        [made(pod(f"s{index}", uid=f"uid-{index}"), containers=EXTENDED) for index in range(5)],
    ),
}


def placed_anew(
    state: State, pods: list[Pod], rules: Rules
) -> list[tuple[list[NodeResult], NodeResult | None]]:
    """What ``place`` did before it remembered anything."""
    found = []
    for item in pods:
        evaluation = PodEvaluation(state, item, rules)
        answers = [evaluation.explained(one) for one in evaluation.answers(NODES) if one is not None]
        fitting = [one for one in answers if one.verdict == "fits"]
        chosen = max(fitting, key=lambda one: one.score or 0, default=None)
        if chosen is not None:
            settle(state, evaluation, chosen)
        found.append((answers, chosen))
    return found


@pytest.mark.parametrize("pods", MIXES.values(), ids=MIXES.keys())
def test_what_is_remembered_is_what_would_be_found(pods: list[Pod]) -> None:
    expected = placed_anew(cluster(), pods, make_rules())
    found = list(place(cluster(), pods, NODES, make_rules()))
    assert len(found) == len(expected)
    for item, (answers, chosen) in zip(found, expected, strict=True):
        assert list(item.answers) == answers
        assert item.chosen == chosen
        fitting = sum(one.verdict == "fits" for one in answers)
        assert item.summary == summary(fitting, [one.reasons for one in answers if one.verdict != "fits"])


def standings_used(pods: list[Pod]) -> list[Ranking]:
    """Places the Pods one after the other: the ranking that served each."""
    state, rules, rankings = cluster(), make_rules(), Rankings(NODES)
    kept: list[Ranking] = []
    for item in pods:
        evaluation = PodEvaluation(state, item, rules)
        ranking = rankings.of(evaluation)
        ranking.refresh(evaluation)
        chosen = ranking.best(evaluation)
        assert chosen is not None
        settle(state, evaluation, chosen)
        rankings.touch(chosen.node)
        kept.append(ranking)
    return kept


def test_a_replica_costs_the_nodes_changed() -> None:
    kept = standings_used(replicas(6, "one"))
    assert all(ranking is kept[0] for ranking in kept)
    assert kept[0].evaluated == len(NODES) + 5


def test_a_replica_with_an_extended_resource_costs_the_nodes_changed() -> None:
    kept = standings_used(replicas(6, containers=EXTENDED))
    assert all(ranking is kept[0] for ranking in kept)
    assert kept[0].evaluated == len(NODES) + 5


def test_a_replica_with_a_claim_that_is_allocated_costs_the_nodes_changed() -> None:
    kept = standings_used([made(pod(f"s{index}", "shared", uid=f"u{index}")) for index in range(4)])
    # The first one allocates it.
    assert all(ranking is kept[1] for ranking in kept[2:])
    assert kept[1].evaluated == len(NODES) + 2


def test_reasons_name_the_claims_of_the_pod_that_asks() -> None:
    found = list(place(cluster(), replicas(2, "many"), NODES, make_rules()))
    names = [[claim_of(answer.reasons) for answer in item.answers] for item in found]
    assert names == [["default/p0-many"] * len(NODES), ["default/p1-many"] * len(NODES)]


def claim_of(reasons: tuple[Reason, ...]) -> str | None:
    return reasons[0].claim


def test_what_thousands_of_nodes_say_to_a_replica_is_told_with_pauses() -> None:
    state = cluster()
    nodes = [f"empty-{number}" for number in range(200)]
    for name in nodes:
        item = parse(node(name))
        assert isinstance(item, InventoryObject)
        state.upsert(item)
    pauses = [0]

    def hook(_cost: int) -> None:
        pauses[0] += 1

    placements = place(state, replicas(2, "one"), nodes, make_rules())
    next(placements)
    with on_pause(hook):
        next(placements)
    assert pauses[0] >= 200 // 32


def test_only_so_many_answers_are_shown_but_a_new_misfit_always_is() -> None:
    pods = replicas(4, "one") + replicas(2, "many", name="q")
    found = list(place(cluster(), pods, NODES, make_rules(), shown=8))
    assert [len(item.answers) for item in found] == [6, 0, 0, 0, 6, 0]
    assert [item.nodes for item in found] == [6] * 6
    assert found[4].summary == found[5].summary
    assert found[1].summary.startswith("5/6 nodes fit")


def results_kept(rankings: list[Ranking]) -> int:
    return sum(len(ranking._answers) for ranking in rankings)


@pytest.mark.parametrize("end", ["exhausted", "closed"])
def test_results_are_freed_with_pauses_however_the_run_ends(
    end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Ranking] = []
    begin = Ranking.__init__

    def noted(self: Ranking, evaluation: PodEvaluation, nodes: Any) -> None:
        made.append(self)
        begin(self, evaluation, nodes)

    monkeypatch.setattr(Ranking, "__init__", noted)
    kinds = [parse(pod(f"p{number}", templates=("one",)) | {"spec": spec(number)}) for number in range(24)]
    most: list[int] = []
    steps = place(cluster(), kinds, NODES, Rules(SelectorCache(), lambda: "share"))  # type: ignore[arg-type] # they are Pods
    for _ in range(20):
        next(steps)
        most.append(results_kept(made))
    assert max(most) <= 16 * len(NODES), "of kinds that are not kept, nothing is left"
    pauses: list[int] = []
    with on_pause(lambda _cost: pauses.append(results_kept(made))):
        if end == "closed":
            steps.close()  # type: ignore[attr-defined] # it is a generator
        else:
            list(steps)
    assert results_kept(made) == 0


def spec(number: int) -> JsonObject:
    """Of a kind of its own."""
    raw: JsonObject = pod("p", templates=("one",))["spec"]
    return raw | {"priority": number}


def test_many_pods_on_few_nodes_are_placed_with_pauses() -> None:
    kinds = [parse(pod(f"p{number}", templates=("one",))) for number in range(500)]
    meter = Meter()
    rules = Rules(SelectorCache(), lambda: "share", generate_claims=True)
    found: list[Any] = []
    meter.measure(lambda: found.extend(place(cluster(), kinds, NODES[:1], rules)))  # type: ignore[arg-type] # they are Pods
    assert len(found) == 500
    assert meter.most < 5_000, meter.where
