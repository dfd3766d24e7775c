"""What devices take of a node: amounts, checks against the node, and messages, as in-tree."""

from dataclasses import replace
from typing import Any

import pytest

from app.core.diagnosis import node_message
from app.core.json_object import JsonObject
from app.core.model.allocation import read_allocation
from app.core.model.features import Features
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.pauses import on_pause
from app.core.placement.node_amounts import devices_on
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.state.state import State
from app.core.versions import version_named
from tests.node_allocatable import evaluation, mapped, state_of, taking, using, with_room
from tests.objects import DRIVER, allocation, claim, device, slice_of

SHARED = {"allowMultipleAllocations": True, "capacity": {"x/cores": {"value": "8"}}}
BY_CAPACITY = {"capacityKey": "x/cores", "capacityMultiplier": "1500m"}
NEXT = Features(version=version_named("1.38"))


def amounts_of(*objects: JsonObject, name: str = "p", features: Features | None = None) -> list[JsonObject]:
    """What would be written into the Pod's status."""
    answer = evaluation(state_of(*objects), name, features).answer("n1")
    assert answer.verdict == "fits", answer.reasons
    return [item.to_json() for item in answer.amounts]


def containers(*uses: tuple[str, ...], init: bool = False, **more: Any) -> JsonObject:
    """The part of a Pod's spec with a container for each tuple of claims that it uses."""
    items = [
        {
            "name": f"{'i' if init else 'c'}{number}",
            "resources": {"claims": [{"name": name} for name in names]},
        }
        | more
        for number, names in enumerate(uses)
    ]
    return {"initContainers" if init else "containers": items}


def with_spec(name: str, *claims: str, **spec: Any) -> JsonObject:
    raw = using(name, *claims)
    return raw | {"spec": raw["spec"] | spec}


def test_a_mapping_counts_once_for_a_claim_and_names_its_containers() -> None:
    found = amounts_of(
        with_room(),
        slice_of("n1", mapped("a", "2"), mapped("b", "3")),
        claim("c", 2),
        with_spec("p", "c", **containers(("c",), (), ("c",)), **containers(("c",), init=True)),
    )
    assert found == [
        {
            "resourceClaimName": "c",
            "containers": ["i0", "c0", "c2"],
            "mapping": [{"name": "cpu", "quantity": "5"}],
        }
    ]


def test_a_claim_that_no_container_uses_counts_as_well() -> None:
    found = amounts_of(
        with_room(), slice_of("n1", mapped("a", "2")), claim("c"), with_spec("p", "c", **containers(()))
    )
    assert found == [{"resourceClaimName": "c", "mapping": [{"name": "cpu", "quantity": "2"}]}]


def test_a_mapping_by_capacity_multiplies_what_is_consumed() -> None:
    cores = claim("c")
    exactly = cores["spec"]["devices"]["requests"][0]["exactly"]
    exactly["capacity"] = {"requests": {"x/cores": "3"}}
    device_ = taking("a", cpu={"mapping": BY_CAPACITY}) | SHARED
    found = amounts_of(with_room(), slice_of("n1", device_), cores, using("p", "c"))
    assert found[0]["mapping"] == [{"name": "cpu", "quantity": "4500m"}]


def test_overheads_of_several_devices_add_up_in_the_order_of_names() -> None:
    found = amounts_of(
        with_room(),
        slice_of(
            "n1",
            taking("a", memory={"overhead": {"perPod": "100"}}, cpu={"overhead": {"perContainer": "10m"}}),
            taking("b", memory={"overhead": {"perPod": "50", "perContainer": "0"}}),
        ),
        claim("c", 2),
        using("p", "c"),
    )
    assert found == [
        {
            "resourceClaimName": "c",
            "containers": ["c"],
            "overhead": [
                {"name": "cpu", "perContainer": "10m"},
                {"name": "memory", "perPod": "150", "perContainer": "0"},
            ],
        }
    ]


def test_only_claims_with_such_devices_are_named() -> None:
    plain, taker = claim("plain"), claim("taker")
    plain["spec"]["devices"]["requests"][0]["exactly"]["selectors"] = [
        {"cel": {"expression": f'"kind" in device.attributes["{DRIVER}"]'}}
    ]
    found = amounts_of(
        with_room(),
        slice_of("n1", device("d", kind="gpu"), mapped("a", "1")),
        plain,
        taker,
        using("p", "plain", "taker"),
    )
    assert [item["resourceClaimName"] for item in found] == ["taker"]


def test_an_allocated_claim_counts() -> None:
    held = claim("c") | {"status": {"allocation": allocation("n1", "a")}}
    found = amounts_of(with_room(), slice_of("n1", mapped("a", "2")), held, using("p", "c"))
    assert found[0]["mapping"] == [{"name": "cpu", "quantity": "2"}]


def test_without_the_gate_nothing_is_counted() -> None:
    off = Features(node_allocatable_resources=False)
    objects = (with_room(), slice_of("n1", mapped("a", "11")), claim("c"), using("p", "c"))
    assert amounts_of(*objects, features=off) == []


DEMANDS = {
    "the requests and the mapping": ({"cpu": "7"}, mapped("a", "3"), "fits", ""),
    "one more than that": ({"cpu": "7"}, mapped("a", "4"), "misfit", "Insufficient cpu"),
    "an overhead for the Pod and for its container": (
        {"memory": "850"},
        taking("a", memory={"overhead": {"perPod": "100", "perContainer": "50"}}),
        "fits",
        "",
    ),
    "one more unit of memory": (
        {"memory": "851"},
        taking("a", memory={"overhead": {"perPod": "100", "perContainer": "50"}}),
        "misfit",
        "Insufficient memory",
    ),
    "fractions are rounded up": (
        {"cpu": "7"},
        taking("a", cpu={"overhead": {"perPod": "2999100u"}}),
        "fits",
        "",
    ),
    "a fraction too much": (
        {"cpu": "7"},
        taking("a", cpu={"overhead": {"perPod": "3000001u"}}),
        "misfit",
        "Insufficient cpu",
    ),
    "huge pages that the node has not": (
        {},
        mapped("a", "2", "hugepages-2Mi"),
        "misfit",
        "Insufficient hugepages-2Mi",
    ),
    "two resources": (
        {"cpu": "8", "memory": "1000"},
        taking("a", cpu={"overhead": {"perPod": "3"}}, memory={"overhead": {"perPod": "1"}}),
        "misfit",
        "Insufficient cpu; Insufficient memory",
    ),
}


@pytest.mark.parametrize(("requests", "device_", "verdict", "message"), DEMANDS.values(), ids=DEMANDS)
def test_the_sum_has_to_fit_on_the_node(
    requests: dict[str, str], device_: JsonObject, verdict: str, message: str
) -> None:
    found = evaluation(
        state_of(with_room(), slice_of("n1", device_), claim("c"), using("p", "c", **requests))
    )
    answer = found.answer("n1")
    assert answer.verdict == verdict
    assert not message or node_message(answer.reasons) == message


def running(name: str, amounts: list[JsonObject] | None = None, **requests: str) -> JsonObject:
    raw = using(name, **requests)
    status = {"nodeAllocatableResourceClaimStatuses": amounts} if amounts is not None else {}
    return raw | {"spec": raw["spec"] | {"nodeName": "n1"}, "status": status}


def test_what_other_pods_use_is_not_there_and_evicting_them_would_help() -> None:
    objects = (with_room(), slice_of("n1", mapped("a", "6")), claim("c"), using("p", "c"))
    assert evaluation(state_of(*objects, running("o", cpu="4"))).answer("n1").verdict == "fits"
    answer = evaluation(state_of(*objects, running("o", cpu="5"))).answer("n1")
    assert (answer.verdict, answer.curable) == ("misfit", True)
    assert "5 left" in answer.reasons[0].message


@pytest.mark.parametrize(("priority", "verdict"), [(0, "misfit"), (-1, "fits")])
def test_pods_that_the_node_is_nominated_for_come_first_unless_their_priority_is_lower(
    priority: int, verdict: str
) -> None:
    other = using("other", cpu="5")
    other = other | {"spec": other["spec"] | {"priority": priority}, "status": {"nominatedNodeName": "n1"}}
    state = state_of(with_room(), slice_of("n1", mapped("a", "6")), claim("c"), using("p", "c"), other)
    assert evaluation(state).answer("n1").verdict == verdict
    state.delete("Pod", ("default", "other"))
    assert evaluation(state).answer("n1").verdict == "fits"


def test_a_node_that_is_too_small_is_not_cured_by_evictions() -> None:
    objects = (with_room(), slice_of("n1", mapped("a", "11")), claim("c"), using("p", "c"))
    answer = evaluation(state_of(*objects)).answer("n1")
    assert (answer.verdict, answer.curable) == ("misfit", False)


def test_the_amounts_in_the_status_of_others_count() -> None:
    entry = {
        "resourceClaimName": "other",
        "containers": ["c"],
        "mapping": [{"name": "cpu", "quantity": "3"}],
        "overhead": [{"name": "cpu", "perPod": "1", "perContainer": "1"}],
    }
    state = state_of(running("o", [entry], cpu="2"))
    assert state.usage.of("n1")["cpu"] == 7 * 10**9
    assert state.usage.with_amounts == {"n1": 1}
    state.delete("Pod", ("default", "o"))
    assert (state.usage.of("n1"), state.usage.with_amounts) == ({}, {})


def test_devices_that_take_too_much_are_not_chosen_over_those_that_in_tree_tries_first() -> None:
    """A policy may like another device better than the first one, and that one may take more."""
    capacity = {"memory": {"value": "80Gi"}}
    first, liked = mapped("a", "1") | {"capacity": capacity}, mapped("b", "4")
    objects = (with_room(), slice_of("n1", first, liked), claim("c"))
    for cpu, name in (("6", "b"), ("7", "a"), ("10", None)):
        answer = evaluation(state_of(*objects, using("p", "c", cpu=cpu)), policy="cheapest").answer("n1")
        given = (
            [item.device.device for item in answer.allocations[0].devices] if answer.allocations else [None]
        )
        assert given == [name]


def whole(level: JsonObject, requests: JsonObject, limits: JsonObject | None = None) -> JsonObject:
    """A Pod with resources as a whole, and one container."""
    resources = {"claims": [{"name": "c"}], "requests": requests, "limits": limits or {}}
    return with_spec("p", "c", resources=level, containers=[{"name": "c", "resources": resources}])


LEVELS = {
    "the whole covers both": (whole({"requests": {"cpu": "6"}}, {"cpu": "2"}), "fits", ""),
    "the whole is too small": (
        whole({"requests": {"cpu": "5"}}, {"cpu": "2"}),
        "misfit",
        "pod level request for cpu is insufficient to cover the aggregated container and node-allocatable "
        "DRA requests",
    ),
    "the whole is more than the node": (whole({"requests": {"cpu": "11"}}, {}), "misfit", "Insufficient cpu"),
    "the limit covers both": (
        whole({"requests": {"cpu": "6"}, "limits": {"cpu": "7"}}, {"cpu": "2"}, {"cpu": "3"}),
        "fits",
        "",
    ),
    "the limit is too small": (
        whole({"requests": {"cpu": "6"}, "limits": {"cpu": "6"}}, {"cpu": "2"}, {"cpu": "3"}),
        "misfit",
        "pod level limit for cpu is insufficient to cover the limit and DRA overhead for container c",
    ),
    "another resource is limited": (
        whole({"limits": {"memory": "10"}}, {"cpu": "2"}, {"memory": "10"}),
        "fits",
        "",
    ),
}


@pytest.mark.parametrize(("raw", "verdict", "message"), LEVELS.values(), ids=LEVELS)
def test_requests_and_limits_of_the_whole_cover_the_devices(
    raw: JsonObject, verdict: str, message: str
) -> None:
    found = evaluation(state_of(with_room(), slice_of("n1", mapped("a", "4")), claim("c"), raw))
    answer = found.answer("n1")
    assert answer.verdict == verdict
    assert not message or message.startswith(node_message(answer.reasons).rstrip("…"))
    assert not message.startswith("pod level") or not answer.curable


def test_huge_pages_of_the_devices_are_within_the_limit_of_the_whole() -> None:
    size = "hugepages-2Mi"
    raw = whole({"limits": {size: "3"}, "requests": {size: "3"}}, {size: "2"}, {size: "2"})
    for number, verdict in (("1", "fits"), ("2", "misfit")):
        objects = (with_room(**{size: "9"}), slice_of("n1", mapped("a", number, size)), claim("c"), raw)
        assert evaluation(state_of(*objects)).answer("n1").verdict == verdict


INIT = with_spec(
    "p",
    "c",
    initContainers=[{"name": "i", "resources": {"claims": [{"name": "c"}], "requests": {"cpu": "5"}}}],
    containers=[{"name": "c", "resources": {"claims": [{"name": "c"}], "requests": {"cpu": "5"}}}],
)


def test_since_1_38_the_overhead_of_an_init_container_ends_with_it() -> None:
    objects = (
        with_room(),
        slice_of("n1", taking("a", cpu={"overhead": {"perContainer": "3"}})),
        claim("c"),
        INIT,
    )
    assert evaluation(state_of(*objects)).answer("n1").verdict == "misfit"  # 5 + 3 + 3
    assert evaluation(state_of(*objects), features=NEXT).answer("n1").verdict == "fits"  # 5 + 3


def test_since_1_38_a_capacity_is_found_without_the_domain_of_its_driver() -> None:
    device_ = taking("a", cpu={"mapping": {"capacityKey": f"{DRIVER}/cores", "capacityMultiplier": "1"}})
    device_ |= {"allowMultipleAllocations": True, "capacity": {"cores": {"value": "4"}}}
    objects = (with_room(), slice_of("n1", device_), claim("c"), using("p", "c"))
    assert amounts_of(*objects) == []
    assert amounts_of(*objects, features=NEXT)[0]["mapping"] == [{"name": "cpu", "quantity": "4"}]


def invalid(*objects: JsonObject) -> str:
    answer = evaluation(state_of(*objects)).answer("n1")
    assert answer.verdict == "invalid"
    return answer.reasons[0].message


def test_capacity_that_a_device_alone_cannot_consume_is_wrong_input() -> None:
    device_ = taking("a", cpu={"mapping": BY_CAPACITY}) | {"capacity": SHARED["capacity"]}
    text = invalid(with_room(), slice_of("n1", device_), claim("c"), using("p", "c"))
    assert "consumes no capacity" in text


def test_a_device_that_is_gone_is_wrong_input_beside_one_that_takes_of_the_node() -> None:
    held = claim("c", 2) | {"status": {"allocation": allocation("n1", "a", "gone")}}
    text = invalid(with_room(), slice_of("n1", mapped("a", "1")), held, using("p", "c"))
    assert f"{DRIVER}/n1/gone is not known on node n1" in text


def test_a_device_that_is_gone_does_not_matter_alone() -> None:
    held = claim("c") | {"status": {"allocation": allocation("n1", "gone")}}
    assert amounts_of(with_room(), slice_of("n1", mapped("a", "1")), held, using("p", "c")) == []


def shared_claim(user: str) -> JsonObject:
    entry = {"resource": "pods", "name": user, "uid": f"uid-{user}"}
    return claim("c") | {"status": {"allocation": allocation("n1", "a"), "reservedFor": [entry]}}


def test_a_mapped_claim_is_for_one_pod() -> None:
    objects = (with_room(), slice_of("n1", mapped("a", "1")), using("p", "c"))
    answer = evaluation(state_of(*objects, shared_claim("other"))).answer("n1")
    assert (answer.verdict, answer.curable) == ("misfit", False)
    text = "node allocatable resource claim c has a mapped device and cannot be shared across pods"
    assert node_message(answer.reasons) == text
    assert evaluation(state_of(*objects, shared_claim("p"))).answer("n1").verdict == "fits"


def test_a_claim_with_an_overhead_alone_is_for_several_pods() -> None:
    taker = taking("a", cpu={"overhead": {"perPod": "1"}})
    found = amounts_of(with_room(), slice_of("n1", taker), using("p", "c"), shared_claim("other"))
    assert found[0]["overhead"] == [{"name": "cpu", "perPod": "1"}]


def test_since_1_38_the_use_of_a_node_counts_overheads_by_container_as_well() -> None:
    entry = {
        "resourceClaimName": "c",
        "containers": ["i", "c"],
        "overhead": [{"name": "cpu", "perContainer": "3"}],
    }
    raw = INIT | {"status": {"nodeAllocatableResourceClaimStatuses": [entry]}}
    raw = raw | {"spec": raw["spec"] | {"nodeName": "n1"}}
    for by_container, cpus in ((False, 11), (True, 8)):
        state = State()
        state.usage.count_overhead(by_container=by_container)
        state.upsert(parse(raw))  # type: ignore[arg-type] # a Pod
        assert state.fork().usage.of("n1")["cpu"] == cpus * 10**9


def test_pods_that_are_placed_one_after_another_take_their_amounts() -> None:
    state = state_of(
        with_room(),
        slice_of("n1", mapped("a", "6"), mapped("b", "6")),
        *(claim(name) for name in ("c1", "c2")),
        using("p1", "c1"),
        using("p2", "c2"),
    )
    first = evaluation(state, "p1").answer("n1")
    state.settle(state.pods["default", "p1"], "n1", first.settled, first.amounts)
    assert evaluation(state, "p2").answer("n1").verdict == "misfit"


def test_a_pod_read_again_keeps_its_containers_and_gets_its_amounts() -> None:
    raw = using("p", "c") | {"status": {"nodeAllocatableResourceClaimStatuses": [{"resourceClaimName": "c"}]}}
    raw["metadata"] |= {"generation": 1}
    found = parse(raw)
    assert isinstance(found, Pod)
    assert (found.claim_users, [item.claim for item in found.amounts]) == ({"c": ("c",)}, ["c"])
    assert replace(found, amounts=()).amounts == ()


def test_amounts_of_an_attempt_before_are_not_counted_for_a_pod_that_waits() -> None:
    entry = {"resourceClaimName": "c", "mapping": [{"name": "cpu", "quantity": "6"}]}
    raw = using("p", "c", cpu="5") | {"status": {"nodeAllocatableResourceClaimStatuses": [entry]}}
    state = state_of(with_room(), slice_of("n1", mapped("a", "5")), claim("c"), raw)
    dry = replace(evaluation(state).rules, node_checks=True)
    assert PodEvaluation(state, state.pods["default", "p"], dry).answer("n1").verdict == "fits"


def test_a_cluster_without_such_devices_counts_nothing() -> None:
    state = State()
    assert not state.counts_nodes
    state = state_of(with_room(), slice_of("n1", device("a")))
    assert not state.counts_nodes
    state = state_of(slice_of("n1", mapped("a", "1")))
    assert state.counts_nodes
    state.delete("ResourceSlice", ("", "n1-slice"))
    assert not state.counts_nodes


@pytest.mark.parametrize("complete", [True, False])
def test_the_devices_of_a_claim_are_looked_for_together_and_with_pauses(complete: bool) -> None:
    slices, last = 160, [f"d159-{number}" for number in range(16)]
    published = [
        slice_of(
            "n1",
            *(device(f"d{number}-{index}") for index in range(16)),
            count=slices + (not complete),
            suffix=f"{number:03}",
        )
        for number in range(slices)
    ]
    state = state_of(with_room(), *published)
    node, features = state.nodes["n1"], Features()
    state.inventory.pools("n1", features)
    pauses = []
    for names in (last[:1], last):
        pauses.append(0)

        def count(_cost: int) -> None:
            pauses[-1] += 1

        with on_pause(count):
            found = devices_on(node, read_allocation(allocation("n1", *names)), state.inventory, features)
        assert [item.device for item in found] == names
    assert pauses[0] == pauses[1], "one search, however many devices"
    assert pauses[0] >= slices / 16


def test_a_device_of_other_nodes_takes_nothing_of_this_one() -> None:
    """As getDeviceFromSlices: the claim may be for both, and the labels of the node have changed since."""
    shared = mapped("a", "6") | {
        "nodeSelector": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "Exists"}]}]}
    }
    published = slice_of("n1", shared, device("b") | {"allNodes": True})
    del published["spec"]["nodeName"]
    published["spec"]["perDeviceNodeSelection"] = True
    held = allocation("n1", "a")
    del held["nodeSelector"]
    objects = (published, claim("c") | {"status": {"allocation": held}}, using("p", "c"))
    here, elsewhere = with_room(), with_room()
    here["metadata"]["labels"] = {"zone": "a"}
    assert [item["resourceClaimName"] for item in amounts_of(here, *objects)] == ["c"]
    assert amounts_of(elsewhere, *objects) == []
