"""Each policy in scenes where it must prefer one node, or one device, to another; reversed it must not."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

import pytest

from app.core.json_object import JsonObject
from app.core.model.parse import InventoryObject, parse
from app.core.model.pod import Pod
from app.core.placement.node_result import NodeResult
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.scoring import policies
from app.core.scoring.policies import Merit, Policy
from app.core.scoring.prospect import Prospect
from app.core.selectors import SelectorCache
from app.core.state.state import State
from tests.objects import allocation, claim, device, device_class, node, pod, slice_of

ROOT, NUMA = "resource.kubernetes.io/pcieRoot", "resource.kubernetes.io/numaNode"
GPU = 'device.attributes["gpu.example.com"].kind == "gpu"'
NIC = 'device.attributes["gpu.example.com"].kind == "nic"'


def at(name: str, *, root: str = "", numa: int | None = None, **attributes: str) -> JsonObject:
    found = device(name, **attributes)
    if root:
        found["attributes"][ROOT] = {"string": root}
    if numa is not None:
        found["attributes"][NUMA] = {"int": numa}
    return found


def of_size(name: str, memory: str) -> JsonObject:
    return device(name) | {"capacity": {"memory": {"value": memory}}}


def held(node_name: str, *devices: str) -> JsonObject:
    return claim(f"held-{node_name}") | {"status": {"allocation": allocation(node_name, *devices)}}


def both() -> JsonObject:
    """A claim for a GPU and a NIC."""
    requests = [
        {"name": name, "exactly": {"deviceClassName": "gpu", "selectors": [{"cel": {"expression": text}}]}}
        for name, text in (("gpu", GPU), ("nic", NIC))
    ]
    made = claim("wanted")
    made["spec"] = {"devices": {"requests": requests}}
    return made


SLOTS = {"1g": (1, range(7)), "3g": (4, (0, 4)), "7g": (8, (0,))}


def partitions(gpu: str) -> list[JsonObject]:
    """A GPU of eight memory slices in partitions at fixed places, as MIG has them."""
    found = []
    for profile, (width, starts) in SLOTS.items():
        for start in starts:
            slots = {f"slot-{number}": {"value": "1"} for number in range(start, start + width)}
            made = device(f"{gpu}-{profile}-{start}", profile=profile)
            found.append(made | {"consumesCounters": [{"counterSet": gpu, "counters": slots}]})
    return found


def partitioned(name: str, *gpus: str) -> list[JsonObject]:
    sets = [
        {"name": gpu, "counters": {f"slot-{number}": {"value": "1"} for number in range(8)}} for gpu in gpus
    ]
    counters = slice_of(name, count=2, suffix="-counters")
    counters["spec"]["sharedCounters"] = sets
    return [slice_of(name, *(item for gpu in gpus for item in partitions(gpu)), count=2), counters]


LINK = "gpu.example.com/link"


def matching(count: int, attribute: str) -> JsonObject:
    """A claim for so many devices that agree in an attribute."""
    made = claim("wanted", count)
    made["spec"]["devices"]["constraints"] = [{"matchAttribute": attribute}]
    return made


def shared(name: str) -> JsonObject:
    """A device that several claims may use."""
    return of_size(name, "10Gi") | {"allowMultipleAllocations": True}


def part(name: str, memory: str, on: str = "") -> JsonObject:
    """A claim for so much of a device; ``on`` is the one of node a that it has."""
    made = claim(name)
    made["spec"]["devices"]["requests"][0]["exactly"]["capacity"] = {"requests": {"memory": memory}}
    if on:
        held_part = allocation("a", on)
        held_part["devices"]["results"][0] |= {"shareID": "s", "consumedCapacity": {"memory": memory}}
        made["status"] = {"allocation": held_part}
    return made


def template(attribute: str, *, count: int = 1, expression: str = "", memory: str = "") -> JsonObject:
    """One of which nothing has been made yet; with an attribute for two that agree in it."""
    wanted = matching(2, attribute) if attribute else claim("later", count, expression=expression)
    if memory:
        wanted = part("later", memory)
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaimTemplate",
        "metadata": {"name": "later", "namespace": "default"},
        "spec": {"spec": wanted["spec"]},
    }


ONE_G = 'device.attributes["gpu.example.com"].profile == "1g"'


@dataclass(frozen=True)
class Scene:
    """``liked`` before ``other``: nodes by name, or devices of the one node there is."""

    policy: str
    objects: list[JsonObject]
    liked: tuple[str, ...]
    other: str = ""


FULLER = [
    node("a"),
    node("b"),
    slice_of("a", *(device(f"d{number}") for number in range(4))),
    slice_of("b", *(device(f"d{number}") for number in range(4))),
    held("a", "d0", "d1", "d2"),
    claim("wanted"),
]
NODES = {
    "binpack: the fuller node": Scene("binpack", FULLER, ("a",), "b"),
    "spread: the emptier node": Scene("spread", FULLER, ("b",), "a"),
    "least-fragmentation: the node that is broken already": Scene("least-fragmentation", FULLER, ("a",), "b"),
    "least-fragmentation: the broken NUMA node, among nodes equally full": Scene(
        "least-fragmentation",
        [
            node("a"),
            node("b"),
            *(
                slice_of(name, *(at(f"d{number}", numa=number // 2) for number in range(4)))
                for name in ("a", "b")
            ),
            held("a", "d0", "d2"),
            held("b", "d0", "d1"),
            claim("wanted"),
        ],
        ("a",),
        "b",
    ),
    "expected-use: the node where a pair that is waited for would not fit either": Scene(
        "expected-use",
        [
            node("a"),
            node("b"),
            slice_of("a", *(device(f"d{number}") for number in range(3))),
            slice_of("b", *(device(f"d{number}") for number in range(2))),
            template("", count=2),
            claim("wanted"),
        ],
        ("a",),
        "b",
    ),
    "topology: GPU and NIC on one root": Scene(
        "topology",
        [
            node("a"),
            node("b"),
            slice_of("a", at("g", kind="gpu", root="r0"), at("n", kind="nic", root="r0")),
            slice_of("b", at("g", kind="gpu", root="r0"), at("n", kind="nic", root="r1")),
            both(),
        ],
        ("a",),
        "b",
    ),
    "cheapest: the node with the small device": Scene(
        "cheapest",
        [
            node("a"),
            node("b"),
            slice_of("a", of_size("d", "10Gi")),
            slice_of("b", of_size("d", "80Gi")),
            claim("wanted"),
        ],
        ("a",),
        "b",
    ),
}
DEVICES = {
    "least-fragmentation: the rest of a broken NUMA node": Scene(
        "least-fragmentation",
        [
            node("a"),
            slice_of("a", *(at(f"d{number}", numa=number // 2) for number in range(4))),
            held("a", "d2"),
            claim("wanted"),
        ],
        ("d3",),
    ),
    "least-fragmentation: two of one NUMA node, with a third one broken": Scene(
        "least-fragmentation",
        [
            node("a"),
            slice_of("a", *(at(f"d{number}", numa=number % 3) for number in range(9))),
            held("a", "d0"),
            claim("wanted", 2),
        ],
        ("d3", "d6"),
    ),
    "least-fragmentation: the rest of a broken group that a template wants whole": Scene(
        "least-fragmentation",
        [
            node("a"),
            slice_of("a", *(device(f"d{number}", link=f"l{number // 2}") for number in range(4))),
            held("a", "d2"),
            template(LINK),
            claim("wanted"),
        ],
        ("d3",),
    ),
    "least-fragmentation: of groups that the Pod itself matches by, the one that it uses up": Scene(
        "least-fragmentation",
        [
            node("a"),
            slice_of("a", *(device(f"d{number}", link=f"l{number // 3}") for number in range(5))),
            matching(2, LINK),
        ],
        ("d3", "d4"),
    ),
    "least-fragmentation: the partition that leaves the largest ones": Scene(
        "least-fragmentation",
        [
            node("a"),
            *partitioned("a", "g0"),
            held("a", "g0-1g-4"),
            claim("wanted", expression=ONE_G),
        ],
        ("g0-1g-5",),
    ),
    "least-fragmentation: the GPU in parts before the whole one": Scene(
        "least-fragmentation",
        [
            node("a"),
            *partitioned("a", "g0", "g1"),
            held("a", "g1-1g-0"),
            claim("wanted", expression=ONE_G),
        ],
        ("g1-1g-1",),
    ),
    "expected-use: the device that no template asks for": Scene(
        "expected-use",
        [
            node("a"),
            slice_of("a", device("d0", kind="gpu"), device("d1", kind="nic")),
            template("", expression=GPU),
            claim("wanted"),
        ],
        ("d1",),
    ),
    "expected-use: the device in parts, where others want a whole one": Scene(
        "expected-use",
        [
            node("a"),
            slice_of("a", shared("d0"), shared("d1")),
            part("held", "6Gi", "d1"),
            template("", memory="10Gi"),
            part("wanted", "4Gi"),
        ],
        ("d1",),
    ),
    "topology: the GPU beside the only NIC": Scene(
        "topology",
        [
            node("a"),
            slice_of(
                "a",
                at("g0", kind="gpu", root="r0"),
                at("g1", kind="gpu", root="r1"),
                at("n", kind="nic", root="r1"),
            ),
            both(),
        ],
        ("g1", "n"),
    ),
    "topology: one NUMA node, where roots differ": Scene(
        "topology",
        [
            node("a"),
            slice_of(
                "a",
                at("g0", kind="gpu", root="r0", numa=0),
                at("g1", kind="gpu", root="r1", numa=1),
                at("n", kind="nic", root="r2", numa=1),
            ),
            both(),
        ],
        ("g1", "n"),
    ),
    "cheapest: the small device, published last": Scene(
        "cheapest",
        [node("a"), slice_of("a", of_size("big", "80Gi"), of_size("small", "10Gi")), claim("wanted")],
        ("small",),
    ),
}


def asked(scene: Scene, policy: str) -> dict[str, NodeResult]:
    state = State()
    for raw in [device_class(), *scene.objects]:
        item = parse(raw)
        assert isinstance(item, InventoryObject)
        state.upsert(item)
    wanting = parse(pod("p", "wanted"))
    assert isinstance(wanting, Pod)
    numbers = count()
    evaluation = PodEvaluation(
        state, wanting, Rules(SelectorCache(), lambda: str(next(numbers)), policy=policy, policy_fixed=True)
    )
    return {name: evaluation.answer(name) for name in state.nodes}


def chosen(answer: NodeResult) -> tuple[str, ...]:
    return tuple(item.device.device for allocated in answer.allocations for item in allocated.devices)


def reversed_(policy: Policy) -> Policy:
    def turned(prospect: Prospect) -> Merit:
        merit = policy(prospect)
        return Merit(1.0 - merit.value, merit.why, 1000.0 - merit.cost)

    return turned


Reverse = Callable[[str], None]


@pytest.fixture
def reverse(monkeypatch: pytest.MonkeyPatch) -> Reverse:
    return lambda name: monkeypatch.setitem(policies.POLICIES, name, reversed_(policies.POLICIES[name]))


def likes(scene: Scene) -> bool:
    answers = asked(scene, scene.policy)
    first, second = answers[scene.liked[0]].score, answers[scene.other].score
    assert first is not None
    assert second is not None
    return first > second


@pytest.mark.parametrize("scene", NODES.values(), ids=NODES.keys())
def test_prefers_the_node_and_reversed_the_other(scene: Scene, reverse: Reverse) -> None:
    assert likes(scene)
    reverse(scene.policy)
    assert not likes(scene)


@pytest.mark.parametrize("scene", DEVICES.values(), ids=DEVICES.keys())
def test_takes_the_devices_and_reversed_others(scene: Scene, reverse: Reverse) -> None:
    first_fit = chosen(asked(scene, "binpack")["a"])
    assert first_fit != scene.liked, "the scene shows nothing"
    assert chosen(asked(scene, scene.policy)["a"]) == scene.liked
    reverse(scene.policy)
    assert chosen(asked(scene, scene.policy)["a"]) != scene.liked


def test_every_policy_but_the_one_that_prefers_nothing_has_a_scene() -> None:
    assert {scene.policy for scene in NODES.values()} == policies.POLICIES.keys() - {"first-fit"}
    assert {scene.policy for scene in DEVICES.values()} == policies.ORDERS.keys()


def test_weights_decide_between_policies() -> None:
    objects = [
        node("a"),
        node("b"),
        slice_of("a", of_size("d0", "80Gi"), of_size("d1", "80Gi")),
        slice_of("b", *(of_size(f"d{number}", "10Gi") for number in range(8))),
        held("a", "d0"),
        claim("wanted"),
    ]
    scene = Scene("", objects, ())
    packed, cheap = asked(scene, "binpack=9,cheapest=1"), asked(scene, "binpack=1,cheapest=9")
    assert (packed["a"].score or 0) > (packed["b"].score or 0)
    assert (cheap["a"].score or 0) < (cheap["b"].score or 0)
    parts = packed["a"].score_parts
    assert [(part.policy, part.weight) for part in parts] == [("binpack", 9.0), ("cheapest", 1.0)]
    assert all(part.why for part in parts)


@pytest.mark.parametrize("amount", ["9" * 900, "0", "1n"], ids=["900 digits", "nothing", "next to nothing"])
@pytest.mark.parametrize("policy", policies.POLICIES)
def test_amounts_of_any_size_are_scored(policy: str, amount: str) -> None:
    """A quantity may have more digits than a float can hold, and a device draw more than there is."""
    devices = []
    for number, size in enumerate((amount, "1", "1Gi")):
        draws = [{"counterSet": "set", "counters": {"slots": {"value": size}}}]
        shared = of_size(f"d{number}", size) | {"allowMultipleAllocations": True}
        devices.append(shared if number else of_size("d0", size) | {"consumesCounters": draws})
    sets = [{"name": "set", "counters": {"slots": {"value": "1"}}}]
    counters = slice_of("a", count=2, suffix="-counters")
    counters["spec"]["sharedCounters"] = sets
    share = held("a", "d1")
    share["status"]["allocation"]["devices"]["results"][0] |= {
        "shareID": "s",
        "consumedCapacity": {"memory": amount},
    }
    scene = Scene(policy, [node("a"), slice_of("a", *devices, count=2), counters, share, claim("wanted")], ())
    assert asked(scene, policy)["a"].verdict == "fits"
