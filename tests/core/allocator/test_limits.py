"""Claims made to explode: each gets an answer within the work limit, and others are served meanwhile."""

import pytest
from fuzz import inventory

from app.core.allocator import (
    Fits,
    Invalid,
    Limits,
    Misfit,
    Outcome,
    Plan,
    allocate_planned,
    plan_claims,
)
from app.core.allocator import plan as plan_module
from app.core.allocator.node_devices import NodeDevices
from app.core.allocator.plan import Alternative
from app.core.allocator.search import PAUSE_STEPS
from app.core.json_object import JsonObject
from app.core.model.features import Features
from app.core.model.node import Node
from app.core.pauses import InterruptedWorkError, on_pause, received_by
from app.core.selectors import SelectorCache
from app.core.state.pools import Pool, gather_pools
from tests.pausing import interrupted_after

MAX_STEPS = 20_000
_LAST = {"cel": {"expression": "device.attributes['gpu.example.com'].value == 63"}}
DRIVER = "gpu.example.com"


def _device(number: int, **attributes: int) -> JsonObject:
    return {
        "name": f"dev-{number:02}",
        "attributes": {name: {"int": value} for name, value in attributes.items()},
    }


def _request(name: str, count: int = 1) -> JsonObject:
    return {
        "name": name,
        "exactly": {"deviceClassName": "gpu", "allocationMode": "ExactCount", "count": count},
    }


def _requests(number: int) -> list[JsonObject]:
    return [_request(f"r{index}") for index in range(number)]


def _too_few_values(size: int) -> tuple[list[JsonObject], JsonObject]:
    """Requests that all want another value, and one value too few."""
    devices = [_device(number, value=number % (size - 1)) for number in range(2 * size)]
    return devices, {
        "requests": _requests(size),
        "constraints": [{"distinctAttribute": f"{DRIVER}/value"}],
    }


def _pairs_only(size: int) -> tuple[list[JsonObject], JsonObject]:
    """Requests that all want the same value, which only pairs of devices have."""
    devices = [_device(number, value=number // 2) for number in range(2 * size)]
    return devices, {"requests": _requests(size), "constraints": [{"matchAttribute": f"{DRIVER}/value"}]}


def _crossed(size: int) -> tuple[list[JsonObject], JsonObject]:
    """Two attributes that have to be distinct at once, which no bound sees through."""
    devices = [
        _device(number, row=row, column=(row * 2 + shift * (size // 2)) % size)
        for number, (row, shift) in enumerate((row, shift) for row in range(size) for shift in range(2))
    ]
    constraints = [{"distinctAttribute": f"{DRIVER}/{name}"} for name in ("row", "column")]
    return devices, {"requests": _requests(size), "constraints": constraints}


def _knapsack(size: int) -> tuple[list[JsonObject], JsonObject]:
    """Partitions of all sizes, none alike, and counters for one less than what is wanted."""
    devices = []
    for number in range(size):
        draw = {"counterSet": "set", "counters": {"mem": {"value": str(1000 + 37 * number)}}}
        devices.append(_device(number, index=number) | {"consumesCounters": [draw]})
    return devices, {"requests": _requests(size // 2)}


def _alternatives(size: int) -> tuple[list[JsonObject], JsonObject]:
    """Every request has eight ways to be met, and the last one none."""
    devices = [_device(number, value=number) for number in range(16)]
    lists = [
        {
            "name": f"r{index}",
            "firstAvailable": [
                {
                    "name": f"s{way}",
                    "deviceClassName": "gpu",
                    "allocationMode": "ExactCount",
                    "count": 1 + way % 2,
                }
                for way in range(8)
            ],
        }
        for index in range(min(size, 8))
    ]
    last = _request("last", count=2)
    constraint = {"requests": ["last"], "matchAttribute": f"{DRIVER}/value"}
    return devices, {"requests": [*lists, last], "constraints": [constraint]}


def _shares(size: int) -> tuple[list[JsonObject], JsonObject]:
    """Shares of several sizes that are more, all together, than the devices have."""
    devices = [
        _device(number, index=number)
        | {"allowMultipleAllocations": True, "capacity": {"memory": {"value": str(9 + number % 3)}}}
        for number in range(size // 2)
    ]
    requests = _requests(size)
    for index, request in enumerate(requests):
        request["exactly"]["capacity"] = {"requests": {"memory": str(4 + index % 4)}}
    return devices, {"requests": requests}


ADVERSARIES = {
    f"{make.__name__.lstrip('_').replace('_', '-')}-{size}": (make, size)
    for make in (_too_few_values, _pairs_only, _crossed, _knapsack, _alternatives, _shares)
    for size in (8, 12, 16, 24, 32)
}


def _scene(devices: list[JsonObject], claim: JsonObject) -> tuple[Node, tuple[Pool, ...], Plan]:
    counters = {"name": "set", "counters": {"mem": {"value": str(1000 * (len(devices) // 2) - 1)}}}
    bodies: list[JsonObject] = [{"devices": devices}]
    if any("consumesCounters" in device for device in devices):
        bodies.append({"sharedCounters": [counters]})
    pool = {"name": "p", "generation": 1, "resourceSliceCount": len(bodies)}
    objects = [
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}},
        {
            "apiVersion": "resource.k8s.io/v1",
            "kind": "DeviceClass",
            "metadata": {"name": "gpu"},
            "spec": {"selectors": [{"cel": {"expression": f'device.driver == "{DRIVER}"'}}]},
        },
        {
            "apiVersion": "resource.k8s.io/v1",
            "kind": "ResourceClaim",
            "metadata": {"name": "c", "namespace": "default"},
            "spec": {"devices": claim},
        },
    ]
    objects += [
        {
            "apiVersion": "resource.k8s.io/v1",
            "kind": "ResourceSlice",
            "metadata": {"name": f"s{number}"},
            "spec": {"driver": DRIVER, "pool": pool, "nodeName": "n1"} | body,
        }
        for number, body in enumerate(bodies)
    ]
    read = inventory.read({"objects": objects})
    (node,), features = read.nodes, Features()
    plan = plan_claims(list(read.claims.values()), read.classes, features, SelectorCache())
    assert isinstance(plan, Plan)
    return node, gather_pools(node, read.slices, read.newest(features), features), plan


@pytest.mark.parametrize("name", ADVERSARIES)
def test_adversarial_claim_is_answered_within_the_work_limit(name: str) -> None:
    make, size = ADVERSARIES[name]
    node, pools, plan = _scene(*make(size))
    limits = Limits(max_steps=MAX_STEPS)
    outcome = allocate_planned(node, pools, plan, {}, limits=limits, new_share_id=lambda: "id")
    assert outcome.steps <= MAX_STEPS + 1
    assert not isinstance(outcome, Fits)
    if isinstance(outcome, Invalid):
        assert [reason.code for reason in outcome.reasons] == ["SearchLimit"]


def test_what_counting_can_refute_is_refuted_at_once() -> None:
    for make in (_too_few_values, _pairs_only):
        node, pools, plan = _scene(*make(32))
        outcome = allocate_planned(node, pools, plan, {}, new_share_id=lambda: "id")
        assert isinstance(outcome, Misfit)
        assert outcome.steps < 100


def test_what_selectors_reject_for_one_node_is_not_judged_again_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A pool that all nodes can use may have thousands of devices that the claim is not for."""
    node, pools, plan = _scene(
        [_device(number, value=number) for number in range(64)],
        {"requests": [_request("r") | {"exactly": {"deviceClassName": "gpu", "selectors": [_LAST]}}]},
    )
    judged: list[int] = []
    status = NodeDevices._status

    def noted(self: NodeDevices, alternative: Alternative, position: int) -> object:
        judged.append(position)
        return status(self, alternative, position)

    monkeypatch.setattr(NodeDevices, "_status", noted)
    for expected in ([*range(64)], [63]):
        judged.clear()
        outcome = allocate_planned(node, pools, plan, {}, new_share_id=lambda: "id")
        assert isinstance(outcome, Fits)
        assert sorted(set(judged)) == expected


def test_other_pods_are_answered_while_a_search_goes_on() -> None:
    node, pools, hopeless = _scene(*_knapsack(32))
    simple = _scene([_device(0)], {"requests": _requests(1)})
    limits = Limits(max_steps=MAX_STEPS)
    served: list[Outcome] = []

    def serve(_cost: int) -> None:
        with on_pause(lambda _cost: None):
            served.append(allocate_planned(*simple, {}, new_share_id=lambda: "id"))

    with on_pause(serve):
        outcome = allocate_planned(node, pools, hopeless, {}, limits=limits, new_share_id=lambda: "id")
    assert isinstance(outcome, Invalid)
    assert len(served) >= MAX_STEPS // PAUSE_STEPS - 1
    assert all(isinstance(item, Fits) for item in served)


def test_an_interruption_ends_the_search_and_leaves_no_trace() -> None:
    node, pools, plan = _scene(*_knapsack(32))
    with interrupted_after(300), pytest.raises(InterruptedWorkError):
        allocate_planned(node, pools, plan, {}, new_share_id=lambda: "id")
    outcome = allocate_planned(node, pools, plan, {}, limits=Limits(MAX_STEPS), new_share_id=lambda: "id")
    assert isinstance(outcome, Invalid)


def test_devices_looked_at_are_bounded_too() -> None:
    node, pools, plan = _scene(*_knapsack(32))
    limits = Limits(max_probes=500)
    outcome = allocate_planned(node, pools, plan, {}, limits=limits, new_share_id=lambda: "id")
    assert isinstance(outcome, Invalid)
    assert outcome.reasons[0].code == "SearchLimit"


def test_identical_devices_are_not_tried_again() -> None:
    """Any two of 24 alike fit, but nothing is left that the last request could match."""
    devices = [_device(number) for number in range(24)] + [_device(24, special=1)]
    requests = [_request("special", 1), _request("many", 3), _request("also-special", 1)]
    for request in (requests[0], requests[2]):
        request["exactly"]["selectors"] = [
            {"cel": {"expression": f'has(device.attributes["{DRIVER}"].special) || true'}}
        ]
    constraint = {"requests": ["special", "also-special"], "matchAttribute": f"{DRIVER}/special"}
    node, pools, plan = _scene(devices, {"requests": requests, "constraints": [constraint]})
    outcome = allocate_planned(node, pools, plan, {}, new_share_id=lambda: "id")
    assert isinstance(outcome, Misfit)
    assert outcome.steps < 40


@pytest.mark.parametrize(("claims", "left"), [(64, []), (65, [130])])
def test_a_plan_of_many_requests_leaves_its_parts_when_it_ends(claims: int, left: list[int]) -> None:
    objects: list[JsonObject] = [
        {
            "apiVersion": "resource.k8s.io/v1",
            "kind": "ResourceClaim",
            "metadata": {"name": f"c{number}", "namespace": "default"},
            "spec": {"devices": {"requests": [_request("r")]}},
        }
        for number in range(claims)
    ]
    objects.append({"apiVersion": "resource.k8s.io/v1", "kind": "DeviceClass", "metadata": {"name": "gpu"}})
    read = inventory.read({"objects": objects})
    plan = plan_claims(list(read.claims.values()), read.classes, Features(), SelectorCache())
    assert isinstance(plan, Plan)
    received: list[int] = []
    with received_by(lambda parts: received.append(len(parts))):
        del plan
    assert received == left


@pytest.mark.parametrize(
    ("different", "fits"), [(3, True), (4, False)], ids=["as large as may be", "one selector more"]
)
def test_selectors_of_one_plan_have_a_bounded_number_of_characters(
    different: int, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan keeps them compiled. The same text counts once, however many requests have it."""
    monkeypatch.setattr(plan_module, "_MAX_CHARACTERS", 3 * 40)
    texts = [f"device.driver != 'x{number}'".ljust(40) for number in range(different)]
    requests = [_request(f"r{number}") for number in range(8)]
    for number, request in enumerate(requests):
        text = texts[number % different]
        request["exactly"]["selectors"] = [{"cel": {"expression": text}}] * 2
    read = inventory.read(
        {
            "objects": [
                {"apiVersion": "resource.k8s.io/v1", "kind": "DeviceClass", "metadata": {"name": "gpu"}},
                {
                    "apiVersion": "resource.k8s.io/v1",
                    "kind": "ResourceClaim",
                    "metadata": {"name": "c", "namespace": "default"},
                    "spec": {"devices": {"requests": requests}},
                },
            ]
        }
    )
    plan = plan_claims(list(read.claims.values()), read.classes, Features(), SelectorCache())
    if fits:
        assert isinstance(plan, Plan)
    else:
        assert isinstance(plan, Invalid)
        (reason,) = plan.reasons
        assert (reason.code, reason.claim, reason.request) == ("SelectorsTooDear", "default/c", "r3")
        assert reason.message == "the selectors of the Pod's claims have more than 120 characters together"
