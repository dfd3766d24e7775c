"""Which group of nodes to grow: what an option is worth, and which of several are best."""

from dataclasses import dataclass, field

import pytest

from app.core.dry_run.expansion import Expansion, Option, expand
from app.core.dry_run.like_node import INSTANCE_TYPE, like_node
from app.core.json_object import JsonObject
from app.core.model.node import Node
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.pauses import InterruptedWorkError
from app.core.state.state import State
from tests.core.diagnosis.inventory import claim, cls, dev, node, pod, pool, req, template
from tests.core.dry_run.states import rules, state_with
from tests.pausing import interrupted_after

GROUP = "cloud.google.com/gke-nodepool"


def of_group(name: str, group: str, cpu: str = "8", **labels: str) -> JsonObject:
    return node(name, cpu=cpu, **{GROUP: group, "kubernetes.io/hostname": name}, **labels)


def cluster() -> State:
    """Groups with nodes of 1, 4 and 8 GPUs, all in use, one without GPUs, and one with other devices."""
    objects: list[JsonObject] = [
        cls(),
        cls("tpu", driver="tpu.example.com"),
        template("one"),
        template("four", req(count=4)),
        template("tpu", req(of="tpu")),
    ]
    for group, gpus in {"small": 1, "medium": 4, "large": 8}.items():
        names = [f"g{number}" for number in range(gpus)]
        objects += [
            of_group(f"{group}-1", group),
            pool(f"{group}-1", *map(dev, names)),
            claim(f"taken-{group}", req(count=gpus), holds=" ".join(f"{group}-1/{name}" for name in names)),
        ]
    objects += [of_group("plain-1", "plain", cpu="64")]
    objects += [of_group("tpus-1", "tpus"), pool("tpus-1", dev("t0"), driver="tpu.example.com")]
    return state_with(*objects)


def pods(*templates: str, cpu: str = "1") -> tuple[Pod, ...]:
    """Pods with a claim from each template; without a claim for an empty one."""
    found = []
    for number, name in enumerate(templates):
        raw = pod(templates=(name,) if name else ())
        raw["metadata"] = {"name": f"p{number}", "namespace": "default", "uid": f"p{number}"}
        raw["spec"]["containers"] = [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]
        item = parse(raw)
        assert isinstance(item, Pod)
        found.append(item)
    return tuple(found)


def template_of(group: str, **labels: str) -> Node:
    item = parse(of_group(f"template-node-for-{group}-1234", group, **labels))
    assert isinstance(item, Node)
    return item


def option(group: str, count: int, *templates: str, cpu: str = "1") -> Option:
    return Option(group, count, pods(*templates, cpu=cpu), template_of(group))


def expanded(*options: Option, **prices: float) -> Expansion:
    return expand(cluster(), options, rules(node_checks=True), prices)


@dataclass(frozen=True)
class Case:
    options: tuple[Option, ...]
    best: set[str]
    prices: dict[str, float] = field(default_factory=dict)


CASES = {
    "without claims all options stay": Case(
        (option("small", 1, ""), option("plain", 1, "")), {"small", "plain"}
    ),
    "most Pods with claims fit": Case(
        (option("small", 1, "one", "one"), option("medium", 1, "one", "one")), {"medium"}
    ),
    "a group without the devices loses, however many Pods it is said to help": Case(
        (option("plain", 3, "one", "one", ""), option("small", 1, "one")), {"small"}
    ),
    "devices of another kind do not count": Case(
        (option("tpus", 1, "one"), option("small", 1, "one")), {"small"}
    ),
    "each claim counts with its own devices": Case(
        (option("tpus", 1, "tpu"), option("large", 1, "one")), {"tpus"}
    ),
    "a claim for four needs them on one node": Case(
        (option("small", 4, "four"), option("medium", 1, "four")), {"medium"}
    ),
    "fewest devices left": Case((option("large", 1, "four"), option("medium", 1, "four")), {"medium"}),
    "as many Pods by more nodes, with fewer devices left": Case(
        (option("small", 2, "one", "one"), option("large", 1, "one", "one")), {"small"}
    ),
    "equal ones stay for the next expander": Case(
        (option("small", 4, *["one"] * 4), option("medium", 1, *["one"] * 4)), {"small", "medium"}
    ),
    "the cheapest, if all have a price": Case(
        (option("small", 2, "one", "one"), option("large", 1, "one", "one")),
        {"large"},
        {"small": 2.0, "large": 3.0},
    ),
    "prices do not count if one is missing": Case(
        (option("small", 2, "one", "one"), option("large", 1, "one", "one")), {"small"}, {"large": 0.1}
    ),
    "a price does not outweigh a Pod": Case(
        (option("small", 1, "one", "one"), option("large", 1, "one", "one")),
        {"large"},
        {"small": 1.0, "large": 100.0},
    ),
    "CPU counts too": Case(
        (option("small", 1, "one", cpu="16"), option("plain", 1, "", cpu="16")), {"small", "plain"}
    ),
    "of as many Pods with claims, the most Pods without": Case(
        (option("small", 1, "one"), option("large", 1, "one", "", "")), {"large"}
    ),
    "no number of nodes that is given helps": Case(
        (option("small", 0, "one"), option("plain", 2, "one")), {"small", "plain"}
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_best_options(case: Case) -> None:
    found = expanded(*case.options, **case.prices)
    assert {case.options[number].group for number in found.best} == case.best


def test_devices_that_are_not_known_count_only_for_more_pods() -> None:
    unknown = Option("new", 1, pods("one", "one"), None)
    assert expanded(option("small", 1, "one"), unknown).best == (0, 1)
    assert expanded(option("large", 1, "one", "one"), unknown).best == (0,)
    assert expanded(unknown).best == (0,)


def test_what_was_judged_is_told() -> None:
    found = expanded(option("large", 1, "one", "four", ""), Option("new", 1, pods("one"), None), large=2.5)
    assert [item.text for item in found.judged] == [
        "large: 2 of 2 Pod(s) with claims fit, 3 in all, 3 of 8 device(s) left, price 2.5",
        "new: 1 Pod(s) with claims, devices not known",
    ]


def test_no_options_no_best() -> None:
    assert expanded() == Expansion(())


def test_the_state_stays_as_it_is() -> None:
    state = cluster()
    before = state.revision
    expand(state, [option("large", 3, "one")], rules(node_checks=True))
    assert (state.revision, len(state.nodes), len(state.pods)) == (before, 5, 0)


def test_it_can_be_interrupted() -> None:
    with pytest.raises(InterruptedWorkError), interrupted_after(3):
        expanded(option("large", 3, *["one"] * 20))


def named(name: str, gpus: int = 0, **labels: str) -> list[JsonObject]:
    cpu = labels.pop("cpu", "8")
    return [node(name, cpu=cpu, **labels), *([pool(name, *map(dev, map(str, range(gpus))))] if gpus else [])]


LIKE = {
    "the same group": ([*named("a", 1, **{GROUP: "x"}), *named("b", 1, **{GROUP: "y"})], {GROUP: "y"}, "b"),
    "the group, not the instance type": (
        [*named("a", 1, **{GROUP: "x", INSTANCE_TYPE: "big"}), *named("b", 1, **{GROUP: "y"})],
        {GROUP: "y", INSTANCE_TYPE: "big"},
        "b",
    ),
    "the instance type, if the group has no node": (
        [*named("a", 1, **{GROUP: "x", INSTANCE_TYPE: "big"}), *named("b", 1, **{GROUP: "y"})],
        {GROUP: "z", INSTANCE_TYPE: "big"},
        "a",
    ),
    "neither group nor type": (named("a", 1, **{GROUP: "x", INSTANCE_TYPE: "big"}), {GROUP: "z"}, None),
    "the most devices, since others may not have published yet": (
        [*named("a", **{GROUP: "x"}), *named("b", 2, **{GROUP: "x"}), *named("c", 2, **{GROUP: "x"})],
        {GROUP: "x"},
        "b",
    ),
    "a group that has no devices": (named("a", **{GROUP: "x"}), {GROUP: "x"}, "a"),
    "all other labels, without a group": (
        [*named("a", 1, disk="ssd"), *named("b", 1, disk="hdd", **{"kubernetes.io/hostname": "b"})],
        {"disk": "hdd", "kubernetes.io/hostname": "new"},
        "b",
    ),
    "other zones of the group": (
        named("a", 1, disk="ssd", **{"topology.kubernetes.io/zone": "a"}),
        {"disk": "ssd", "topology.kubernetes.io/zone": "b"},
        "a",
    ),
    "another size": (named("a", 1, disk="ssd", cpu="16"), {"disk": "ssd"}, None),
    "other labels": (named("a", 1, disk="ssd"), {}, None),
}


@pytest.mark.parametrize(("objects", "labels", "expected"), LIKE.values(), ids=LIKE)
def test_whose_devices_a_new_node_has(
    objects: list[JsonObject], labels: dict[str, str], expected: str | None
) -> None:
    model = parse(node("new", cpu="8", **labels))
    assert isinstance(model, Node)
    assert like_node(state_with(*objects), model) == expected


def test_the_node_of_that_name_itself() -> None:
    model = parse(node("a", disk="other"))
    assert isinstance(model, Node)
    assert like_node(state_with(*named("a", 1), *named("b", 8)), model) == "a"


def test_a_pool_in_trouble_shows_no_devices() -> None:
    halved = [node("a", **{GROUP: "x"}), pool("a", *map(dev, "pqr"), of=2)]
    model = parse(node("new", **{GROUP: "x"}))
    assert isinstance(model, Node)
    assert like_node(state_with(*halved, *named("b", 1, **{GROUP: "x"})), model) == "b"
