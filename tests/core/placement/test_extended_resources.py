"""Extended resources that DeviceClasses stand for: which claim a Pod needs, node by node."""

import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.dry_run.place import place
from app.core.model.device_class import DeviceClass
from app.core.model.extended_resources import is_extended
from app.core.model.features import Features
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.placement.decision import Refused, decide
from app.core.placement.extended_resources import ExtendedResources
from app.core.placement.node_result import NodeResult
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.state.state import State
from app.core.verdicts.cache import VerdictCache
from app.core.verdicts.evaluate import verdicts
from app.core.versions import version_named
from tests.core.dry_run.states import rules, state_with
from tests.objects import allocation, claim_spec, device, device_class, node, slice_of
from tests.pausing import CallCounter

GPU = "example.com/gpu"
NIC = "example.com/nic"
IMPLICIT = "deviceclass.resource.kubernetes.io/gpu"


def backed_class(name: str = "gpu", resource: str = GPU, created: str = "") -> dict[str, Any]:
    raw = device_class(name)
    raw["spec"]["extendedResourceName"] = resource
    if created:
        raw["metadata"]["creationTimestamp"] = created
    return raw


def plugin_node(name: str, **amounts: str) -> dict[str, Any]:
    """A node whose device plugins offer resources of example.com."""
    offered = {f"example.com/{key}": amount for key, amount in amounts.items()}
    return node(name) | {"status": {"allocatable": offered | {"pods": "10"}}}


def container(name: str = "c", sidecar: bool = False, **amounts: int | str) -> dict[str, Any]:
    requests = {f"example.com/{key}": str(amount) for key, amount in amounts.items()}
    made: dict[str, Any] = {"name": name, "image": "i", "resources": {"requests": {"cpu": "1"} | requests}}
    return made | ({"restartPolicy": "Always"} if sidecar else {})


def pod_of(*containers: dict[str, Any], init: tuple[dict[str, Any], ...] = (), name: str = "p") -> Pod:
    raw = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}"},
        "spec": {"containers": list(containers), "initContainers": list(init)},
    }
    item = parse(raw)
    assert isinstance(item, Pod)
    return item


def left_claim(spec: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A claim that an earlier attempt for Pod p has left."""
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "uid-p", "controller": True}
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaim",
        "metadata": {
            "name": "p-extended-resources-abcde",
            "namespace": "default",
            "uid": "uid-left",
            "annotations": {"resource.kubernetes.io/extended-resource-claim": "true"},
            "ownerReferences": [owner],
        },
        "spec": spec,
    } | more


def request(name: str, count: int = 1, class_name: str = "gpu") -> dict[str, Any]:
    exactly = {"deviceClassName": class_name, "allocationMode": "ExactCount", "count": count}
    return {"devices": {"requests": [{"name": name, "exactly": exactly}]}}


def needs(state: State, pod: Pod, node_name: str = "n1") -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Request names to counts, and container to request, of the claim that a node needs."""
    found = ExtendedResources(state, pod, by_class=True).on(state.nodes[node_name]).claim
    assert found is not None
    requests = {item.name: item.exactly.count for item in found.claim.spec.requests if item.exactly}
    return requests, [(item.container, item.request) for item in found.mappings]


def answer(state: State, pod: Pod, name: str) -> NodeResult:
    return PodEvaluation(state, pod, rules()).answer(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cpu", False),
        ("hugepages-2Mi", False),
        ("example.com/gpu", True),
        ("kubernetes.io/thing", False),
        ("requests.example.com/gpu", False),
        (IMPLICIT, True),
    ],
)
def test_extended_resources_are_told_by_their_names(name: str, expected: bool) -> None:
    assert is_extended(name) is expected


@pytest.mark.parametrize(
    ("init", "containers", "requests", "mappings"),
    [
        pytest.param(
            (), (container(gpu=2),), {"container-0-request-1": 2}, [("c", "container-0-request-1")], id="one"
        ),
        pytest.param(
            (),
            (container("a", gpu=1), container("b"), container("c", gpu=3)),
            {"container-0-request-1": 1, "container-2-request-1": 3},
            [("a", "container-0-request-1"), ("c", "container-2-request-1")],
            id="containers side by side have their own",
        ),
        pytest.param(
            (container("i", gpu=1),),
            (container("a", gpu=2),),
            {"container-1-request-1": 2},
            [("a", "container-1-request-1"), ("i", "container-1-request-1")],
            id="an init container uses what comes after it",
        ),
        pytest.param(
            (container("i", gpu=5), container("j", gpu=3)),
            (container("a", gpu=2),),
            {"container-0-request-1": 3, "container-2-request-1": 2},
            [
                ("a", "container-2-request-1"),
                ("i", "container-2-request-1"),
                ("i", "container-0-request-1"),
                ("j", "container-2-request-1"),
                ("j", "container-0-request-1"),
            ],
            id="the largest init container's rest serves all of them",
        ),
        pytest.param(
            (container("s", sidecar=True, gpu=1), container("i", gpu=1)),
            (container("a"),),
            {"container-0-request-1": 1, "container-1-request-1": 1},
            [("s", "container-0-request-1"), ("i", "container-1-request-1")],
            id="a sidecar that started before keeps its own",
        ),
    ],
)
def test_which_devices_are_asked_for_and_who_uses_them(
    init: tuple[dict[str, Any], ...],
    containers: tuple[dict[str, Any], ...],
    requests: dict[str, int],
    mappings: list[tuple[str, str]],
) -> None:
    state = state_with(backed_class(), node("n1"))
    assert needs(state, pod_of(*containers, init=init)) == (requests, mappings)


def test_each_resource_has_its_class_and_its_place_among_the_container_s_names() -> None:
    state = state_with(backed_class(), backed_class("nic", NIC), node("n1"))
    resources = ExtendedResources(state, pod_of(container(gpu=1, nic=2)), by_class=True)
    found = resources.on(state.nodes["n1"]).claim
    assert found is not None
    spec = [(item.name, item.exactly.device_class) for item in found.claim.spec.requests if item.exactly]
    assert spec == [("container-0-request-1", "gpu"), ("container-0-request-2", "nic")]
    assert found.claim.meta.name.startswith("p-extended-resources-")
    assert found.claim.meta.generate_name == "p-extended-resources-"
    assert found.claim.meta.controller is not None
    assert found.claim.meta.controller.uid == "uid-p"


def test_every_class_stands_for_a_resource_of_its_own_name() -> None:
    raw = container()
    raw["resources"]["requests"][IMPLICIT] = "1"
    requests, _ = needs(state_with(device_class(), node("n1")), pod_of(raw))
    assert requests == {"container-0-request-1": 1}


OLD, NEW = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        pytest.param([backed_class("a", created=NEW), backed_class("b", created=OLD)], "a", id="the newer"),
        pytest.param([backed_class("b", created=OLD), backed_class("a", created=OLD)], "a", id="by name"),
    ],
)
def test_of_two_classes_for_one_resource_one_has_it(classes: list[dict[str, Any]], expected: str) -> None:
    state = state_with(*classes)
    other = state.fork()
    assert named(state, GPU) == expected
    state.delete("DeviceClass", ("", expected))
    assert named(state, GPU) not in (expected, None)
    assert named(other, GPU) == expected


def named(state: State, resource: str) -> str | None:
    found = state.resource_classes.get(resource)
    return None if found is None else found.meta.name


changes = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "d"]),
        st.sampled_from(["example.com/gpu", "example.com/nic", None]),
        st.sampled_from([OLD, NEW]),
        st.booleans(),
    ),
    max_size=20,
)


@given(changes)
def test_a_resource_has_its_class_after_any_changes(
    steps: list[tuple[str, str | None, str, bool]],
) -> None:
    state = State()
    for name, resource, created, comes in steps:
        if not comes:
            state.delete("DeviceClass", ("", name))
            continue
        raw = backed_class(name, created=created)
        raw["spec"]["extendedResourceName"] = resource
        item = parse(raw)
        assert isinstance(item, DeviceClass)
        state.upsert(item)
    for resource in ("example.com/gpu", "example.com/nic"):
        naming = [item for item in state.classes.values() if item.extended_resource_name == resource]
        newest = max((item.meta.created or "" for item in naming), default="")
        first = min((item.meta.name for item in naming if item.meta.created == newest), default=None)
        assert named(state, resource) == first == named(state.fork(), resource)


def test_a_class_changes_without_a_look_at_the_others() -> None:
    calls: list[int] = []
    for number in (100, 1000):
        state = State()
        for index in range(number):
            item = parse(backed_class(f"class-{index:04}", created=OLD))
            assert isinstance(item, DeviceClass)
            state.upsert(item)
        last = parse(backed_class("later", created=NEW))
        assert isinstance(last, DeviceClass)
        counter = CallCounter()
        sys.setprofile(counter)
        state.upsert(last)
        named(state, GPU)
        sys.setprofile(None)
        calls.append(counter.calls)
    assert calls[1] <= calls[0] + 20


def test_a_pod_whose_resources_no_class_stands_for_has_nothing_to_do_with_devices() -> None:
    state = state_with(device_class(), plugin_node("n1", gpu="1"))
    evaluation = PodEvaluation(state, pod_of(container(gpu=1)), rules())
    assert not evaluation.varies
    assert decide(state, evaluation.pod, "n1", rules(), None) == ()


def test_nodes_give_devices_or_a_device_plugin_s_resource_or_neither() -> None:
    state = state_with(
        backed_class(),
        backed_class("nic", NIC),
        node("devices"),
        slice_of("devices", device("d0"), device("d1")),
        node("none"),
        plugin_node("plugin", gpu="4"),
        plugin_node("unknown-only"),
    )
    pod = pod_of(container(gpu=2))
    fits = answer(state, pod, "devices")
    assert [item.device.device for item in fits.allocations[0].devices] == ["d0", "d1"]
    assert [held.generated for held in fits.claims] == [True]
    by_plugin = answer(state, pod, "plugin")
    assert (by_plugin.verdict, by_plugin.claims) == ("fits", ())
    assert answer(state, pod, "none").verdict == "misfit"
    other = answer(state, pod_of(container(gpu=1, other=1)), "unknown-only")
    assert [reason.code for reason in other.reasons] == ["ResourceNotOffered"]


def test_short_answers_are_those_of_each_node_and_kept_for_alike_pods() -> None:
    state = state_with(
        backed_class(), node("a"), slice_of("a", device("d0")), plugin_node("b", gpu="1"), node("c")
    )
    verdict_cache = VerdictCache(state)
    expected = [("a", "fits"), ("b", "fits"), ("c", "misfit"), ("unknown", "misfit")]
    for name in ("p", "q"):
        evaluation = PodEvaluation(state, pod_of(container(gpu=1), name=name), rules())
        found = [
            item
            for item in verdicts(evaluation, ["a", "b", "c", "unknown"], verdict_cache)
            if item is not None
        ]
        assert [(node_name, verdict.verdict) for node_name, verdict in found] == expected
    assert verdict_cache.searches == 2
    assert verdict_cache.reused == 2


def test_a_dry_run_counts_devices_and_not_the_node_s_resources() -> None:
    roomy = node("n1") | {"status": {"allocatable": {"cpu": "8", "pods": "10"}}}
    state = state_with(backed_class(), roomy, slice_of("n1", device("d0")))
    wanted = [pod_of(container(gpu=1), name=name) for name in ("p", "q")]
    placed = [item for item in place(state, wanted, ["n1"], rules(node_checks=True)) if item is not None]
    assert [item.chosen.node if item.chosen else None for item in placed] == ["n1", None]
    assert placed[0].claims[0].claim.meta.name.startswith("p-extended-resources-")
    assert placed[1].answers[0].reasons[0].code == "DevicesInUse"


def test_a_claim_left_by_an_earlier_attempt_is_used_again_where_it_is_what_the_node_needs() -> None:
    status = {"status": {"allocation": allocation("n1", "d1")}}
    state = state_with(
        backed_class(),
        node("n1"),
        node("n2"),
        slice_of("n1", device("d0"), device("d1")),
        slice_of("n2", device("d0")),
        left_claim(request("container-0-request-1"), **status),
    )
    evaluation = PodEvaluation(state, pod_of(container(gpu=1)), rules())
    fits = evaluation.answer("n1")
    assert [held.claim.meta.uid for held in fits.claims] == ["uid-left"]
    assert fits.allocations[0].devices[0].device.device == "d1"
    assert fits.claims[0].mappings
    assert evaluation.answer("n2").reasons[0].code == "ClaimOnOtherNode"


@pytest.mark.parametrize(
    ("node_object", "reserved_by", "freed"),
    [
        pytest.param(node("n1"), None, True, id="it asks for something else"),
        pytest.param(plugin_node("n1", gpu="1"), None, True, id="the node needs none"),
        pytest.param(node("n1"), "uid-other", False, id="somebody else uses it"),
    ],
)
def test_a_claim_left_by_an_earlier_attempt_is_freed_where_it_is_in_the_way(
    node_object: dict[str, Any], reserved_by: str | None, freed: bool
) -> None:
    users = [{"resource": "pods", "name": "o", "uid": reserved_by}] if reserved_by else []
    status = {"status": {"allocation": allocation("n1", "d0"), "reservedFor": users}}
    state = state_with(
        backed_class(), node_object, slice_of("n1", device("d0")), left_claim(claim_spec(3), **status)
    )
    evaluation = PodEvaluation(state, pod_of(container(gpu=1)), rules())
    assert evaluation.answer("n1").reasons[0].code == "ExtendedClaimStale"
    held = evaluation.releasable()
    assert (held is not None and held.claim.meta.uid == "uid-left") is freed


def test_a_left_claim_that_is_being_deleted_is_waited_for() -> None:
    left = left_claim(request("container-0-request-1"))
    left["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    state = state_with(backed_class(), node("n1"), slice_of("n1", device("d0")), left)
    evaluation = PodEvaluation(state, pod_of(container(gpu=1)), rules())
    assert evaluation.answer("n1").reasons[0].code == "ClaimDeleted"
    assert evaluation.releasable() is None
    state.delete("ResourceClaim", ("default", "p-extended-resources-abcde"))
    assert answer(state, evaluation.pod, "n1").verdict == "fits"


def test_the_last_word_before_a_bind_names_the_claim_to_be_made() -> None:
    state = state_with(backed_class(), node("n1"), slice_of("n1", device("d0")), node("n2"))
    claim_allocations = decide(state, pod_of(container(gpu=1)), "n1", rules(), None)
    assert not isinstance(claim_allocations, Refused)
    assert [
        (claim_allocation.fresh, claim_allocation.held.generated) for claim_allocation in claim_allocations
    ] == [(True, True)]
    assert isinstance(decide(state, pod_of(container(gpu=1)), "n2", rules(), None), Refused)


def test_a_claim_of_another_namespace_that_names_the_pod_is_not_the_pod_s() -> None:
    """Whoever may create claims in one namespace could have the Pod bound, and keep its devices."""
    foreign = left_claim(request("container-0-request-1"))
    foreign["metadata"]["namespace"] = "team-a"
    state = state_with(node("n1"), slice_of("n1", device("d0")), backed_class(), foreign)
    asking = pod_of(container(gpu=1))
    assert state.extended_claim(asking) is None
    fits = PodEvaluation(state, asking, rules()).answer("n1")
    assert fits.verdict == "fits", fits.reasons
    assert [held.generated for held in fits.claims] == [True]


@pytest.mark.parametrize("version", ["1.33", "1.34", "1.35"])
@pytest.mark.parametrize("resource", [GPU, IMPLICIT])
@pytest.mark.parametrize("checks", [True, False])
def test_no_class_provides_a_resource_while_the_feature_is_off(
    version: str, resource: str, checks: bool
) -> None:
    state = state_with(backed_class(), node("n1"), slice_of("n1", device("gpu-0")))
    made = container() | {"resources": {"requests": {resource: "1"}}}
    old = replace(rules(), features=Features.of(version_named(version)), node_checks=checks)
    answer = PodEvaluation(state, pod_of(made), old).answer("n1")
    assert (answer.verdict, [reason.code for reason in answer.reasons]) == ("misfit", ["ResourceNotOffered"])


def test_a_device_plugin_provides_the_resource_while_the_feature_is_off() -> None:
    state = state_with(backed_class(), plugin_node("n1", gpu="1"), slice_of("n1", device("gpu-0")))
    old = replace(rules(), features=Features.of(version_named("1.34")))
    answer = PodEvaluation(state, pod_of(container(gpu=1)), old).answer("n1")
    assert (answer.verdict, answer.allocations) == ("fits", ())
