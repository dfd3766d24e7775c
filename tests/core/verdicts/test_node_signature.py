"""Nodes with equal keys must get equal answers, whatever the features and the claims."""

import copy
import itertools
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import pytest
from fuzz import inventory, recorded
from fuzz.versions import features_of

from app.core.allocator import (
    Fits,
    Invalid,
    Limits,
    Misfit,
    Plan,
    allocate_planned,
    plan_claims,
)
from app.core.allocator.node_devices import NODE_OPERATIONS
from app.core.diagnosis import node_message
from app.core.diagnosis.misfit import explain_misfit
from app.core.json_object import JsonObject
from app.core.model.device import Device
from app.core.model.device_class import DeviceClass
from app.core.model.features import Features
from app.core.model.meta import Meta
from app.core.model.node import Node
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.model.resource_claim import ResourceClaim
from app.core.placement.device_choice import pick, prospect_of
from app.core.scoring import DeviceDemand, policy_named, score
from app.core.selectors import SelectorCache
from app.core.state.pools import Pool, PoolError
from app.core.state.request_mix import RequestMix
from app.core.state.state import State
from app.core.state.taken import Taken
from app.core.verdicts import node_signature
from app.core.verdicts.cache import attributes_read
from app.core.verdicts.node_signature import NodeSignature, attributes_read_by_plan
from tests.objects import DRIVER, claim, device, device_class, node, slice_of

Change = Callable[[JsonObject], None]
_SELECTORS = SelectorCache()


@dataclass
class Scene:
    """A case's nodes with copies of them, and the plan of its Pod."""

    inventory: inventory.Inventory
    features: Features
    plan: Plan

    def demand(self) -> DeviceDemand:
        """What all claims of the case ask for, as if it came again."""
        kinds = tuple((item.spec, 1.0) for item in itertools.islice(self.inventory.claims.values(), 16))
        return DeviceDemand(RequestMix(kinds), self.inventory.classes, self.features, _SELECTORS)

    def pools(self, target: Node) -> tuple[Pool, ...]:
        """As the service has them: with those in common that nodes have in common."""
        return self._state.inventory.pools(target.name, self.features)

    @cached_property
    def _state(self) -> State:
        state = State()
        for item in (*self.inventory.nodes, *self.inventory.slices):
            state.upsert(item)
        return state


def scene(request: JsonObject) -> Scene | None:
    found = inventory.read(request)
    features = features_of(request)
    the_pod = parse(request["pods"][0])
    assert isinstance(the_pod, Pod)
    claims = [found.claims[the_pod.meta.namespace, str(item.claim_name)] for item in the_pod.claims]
    missing = [item for item in claims if item.allocation is None]
    plan = plan_claims(missing, found.classes, features, _SELECTORS)
    return None if isinstance(plan, Invalid) or not missing else Scene(found, features, plan)


def with_twins(request: JsonObject) -> JsonObject:
    """The request with copies of each node: the same, with what nobody reads, and changed."""
    objects = copy.deepcopy(request["objects"])
    for name in [item["metadata"]["name"] for item in objects if item["kind"] == "Node"]:
        for suffix, change in CHANGES.items():
            objects += twin(request["objects"], name, suffix, change)
        for suffix, devices in STRANGERS.items():
            objects += twin(request["objects"], name, suffix, same)
            objects.append(stranger(f"{name}-{suffix}", devices))
    return request | {"objects": objects, "nodes": None}


def twin(objects: list[JsonObject], name: str, suffix: str, change: Change) -> Iterator[JsonObject]:
    own = [
        item for item in objects if item["kind"] == "ResourceSlice" and item["spec"].get("nodeName") == name
    ]
    pools = {(item["spec"]["driver"], item["spec"]["pool"]["name"]) for item in own}
    for item in objects:
        other = copy.deepcopy(item)
        other["metadata"]["name"] += f"-{suffix}-{name}"
        if item["kind"] == "Node" and item["metadata"]["name"] == name:
            other["metadata"]["name"] = f"{name}-{suffix}"
        elif item in own:
            other["spec"]["nodeName"] = f"{name}-{suffix}"
            other["spec"]["pool"]["name"] += f"-{suffix}"
        elif item["kind"] == "ResourceClaim" and (held := results_of(item)):
            if any((result["driver"], result["pool"]) not in pools for result in held):
                continue
            for result in results_of(other):
                result["pool"] += f"-{suffix}"
        else:
            continue
        change(other)
        yield other


def results_of(item: JsonObject) -> list[JsonObject]:
    found: list[JsonObject] = (
        (item.get("status") or {}).get("allocation", {}).get("devices", {}).get("results", [])
    )
    return found


def devices_of(item: JsonObject) -> list[JsonObject]:
    return (item["spec"].get("devices") or []) if item["kind"] == "ResourceSlice" else []


def same(item: JsonObject) -> None:
    del item


def serials(item: JsonObject) -> None:
    for number, found in enumerate(devices_of(item)):
        if len(found.get("attributes") or {}) < 30:
            found.setdefault("attributes", {})["serial"] = {"string": f"{item['spec']['nodeName']}-{number}"}


def fewer(item: JsonObject) -> None:
    if devices_of(item):
        item["spec"]["devices"].pop()


def hungry(item: JsonObject) -> None:
    for found in devices_of(item):
        for draw in found.get("consumesCounters") or ():
            for counter in draw.get("counters", {}).values():
                counter["value"] = "1000"


def scarce(item: JsonObject) -> None:
    for counters in item.get("spec", {}).get("sharedCounters") or ():
        for counter in counters.get("counters", {}).values():
            counter["value"] = "1"


def able(item: JsonObject) -> None:
    if item["kind"] == "Node":
        had = (item.get("status") or {}).get("declaredFeatures")
        item["status"] = {"declaredFeatures": [] if had else [NODE_OPERATIONS]}


def filled(item: JsonObject) -> None:
    for result in results_of(item):
        for name in result.get("consumedCapacity") or ():
            result["consumedCapacity"][name] = "1"


def freed(item: JsonObject) -> None:
    if results_of(item):
        results_of(item).pop()


CHANGES: dict[str, Change] = {
    change.__name__: change for change in (same, serials, fewer, hungry, scarce, able, filled, freed)
}


def stranger(node_name: str, devices: list[JsonObject]) -> JsonObject:
    """A slice of a driver that most classes reject."""
    found = slice_of(node_name, *devices, suffix="-zz")
    return found | {"spec": found["spec"] | {"driver": STRANGE}}


STRANGE = "zz.example.com"
_CONDITIONS = {"bindingConditions": ["a"], "bindingFailureConditions": ["b"]}
_NO_VERSION = {"attributes": {"v": {"version": "not one"}}}
STRANGERS: dict[str, list[JsonObject]] = {
    "one": [device("d")],
    "two": [device("d"), device("e", size="big")],
    "conditions": [device("d") | _CONDITIONS],
    "unreadable": [device("d") | _NO_VERSION],
    "unknown": [device("d") | {"attributes": {"v": {}}}],
}


GROUPS = frozenset({"shared.example.org/group", f"{DRIVER}/index"})
"""What templates of others match by."""


def answer(
    found: Scene,
    target: Node,
    pools: tuple[Pool, ...],
    taken: Taken,
    policy: str,
    demand: DeviceDemand | None,
) -> Any:
    """All of an answer that has no name in it."""
    numbers = itertools.count()
    outcome = allocate_planned(
        target, pools, found.plan, taken, limits=Limits(), new_share_id=lambda: str(next(numbers))
    )
    strangers_last = sorted(pools, key=lambda pool: pool.id.driver == STRANGE)
    devices = [item for pool in strangers_last for item in pool.devices]
    places = {item.id: number for number, item in enumerate(devices)}
    match outcome:
        case Fits():
            outcome = pick(
                policy_named(policy),
                target,
                pools,
                found.plan,
                taken,
                outcome,
                limits=Limits(),
                new_share_id=lambda: str(next(numbers)),
                groups=GROUPS,
                demand=demand,
            )
            prospect = prospect_of(found.plan, pools, taken, outcome, GROUPS, demand=demand)
            points = score(policy_named(policy), prospect, outcome.ranks).points
            chosen = [places[one.device] for item in outcome.allocations for one in item.devices]
            return "fits", outcome.steps, chosen, points, outcome.ranks
        case Misfit():
            reasons = explain_misfit(target, pools, found.plan, taken)
            return "misfit", outcome.steps, node_message(reasons), [item.code for item in reasons]
        case Invalid():
            return "invalid", outcome.steps, [reason.code for reason in outcome.reasons]


@pytest.mark.parametrize(
    "policy", ["binpack", "least-fragmentation=2,topology=1,cheapest=1", "expected-use=1,binpack=0.1"]
)
def test_nodes_with_equal_keys_get_equal_answers_in_all_recorded_cases(policy: str) -> None:
    shared = different = 0
    for case in itertools.chain(
        recorded.named(), itertools.islice(recorded.corpus(), 100 if policy == "binpack" else 60)
    ):
        found = scene(with_twins(case["request"]))
        if found is None:
            continue
        demand = found.demand() if policy_named(policy).demands else None
        read = attributes_read(found.plan, policy, GROUPS, demand)
        signature = NodeSignature(found.features, read, found.plan.drivers)
        taken = found.inventory.taken()
        answers: dict[Hashable, Any] = {}
        for target in found.inventory.nodes:
            try:
                pools = found.pools(target)
            except PoolError:
                continue
            key = signature.key(target, pools, taken)
            if key is None:
                continue
            said = answer(found, target, pools, taken, policy, demand)
            if key in answers:
                shared += 1
                assert answers[key] == said, f"{case['name']}: {target.name}"
            different += key not in answers
            answers[key] = said
    assert shared > 500
    assert different > 400


def _keys(
    many: list[list[JsonObject]],
    expression: str,
    taken: tuple[str, ...],
    switches: dict[str, bool],
    *,
    strangers: Sequence[list[JsonObject]] = (),
) -> list[Hashable]:
    objects = [device_class(expression=f'device.driver == "{DRIVER}"'), claim("c", expression=expression)]
    for number, devices in enumerate(many):
        objects += [node(f"n{number}"), slice_of(f"n{number}", *devices)]
        for name in taken:
            results = [{"request": "r", "driver": DRIVER, "pool": f"n{number}", "device": name}]
            held = claim(f"held-{number}-{name}") | {
                "status": {"allocation": {"devices": {"results": results}}}
            }
            objects.append(held)
    for number, devices in enumerate(strangers):
        objects += [stranger(f"n{number}", devices)] if devices else []
    pods = [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "default"},
             "spec": {"resourceClaims": [{"name": "c", "resourceClaimName": "c"}]}}]  # fmt: skip
    found = scene({"objects": objects, "pods": pods, "features": switches})
    assert found is not None
    signature = NodeSignature(found.features, attributes_read_by_plan(found.plan), found.plan.drivers)
    held_ = found.inventory.taken()
    return [signature.key(target, found.pools(target), held_) for target in found.inventory.nodes]


READS_SIZE = f'device.attributes["{DRIVER}"].size == "big"'
ALIKE = {
    "what the selector does not read": (
        device("d", size="big", serial="1"),
        device("d", size="big", serial="2"),
    ),
    "the name of a device": (device("d", size="big"), device("e", size="big")),
}
UNLIKE = {
    "what the selector reads": (device("d", size="big"), device("d", size="small")),
    "an attribute that is missing": (device("d", size="big"), device("d")),
    "capacity": (device("d", size="big"), device("d", size="big") | {"capacity": {"m": {"value": "1"}}}),
    "sharing": (device("d", size="big"), device("d", size="big") | {"allowMultipleAllocations": True}),
    "a taint": (
        device("d", size="big"),
        device("d", size="big") | {"taints": [{"key": "k", "effect": "NoSchedule"}]},
    ),
    "an attribute that breaks every selector": (
        device("d", size="big"),
        device("d", size="big") | {"attributes": {"size": {"string": "big"}, "v": {"version": "not one"}}},
    ),
    "what is taken of the node": (
        device("d", size="big"),
        device("d", size="big") | {"nodeAllocatableResources": {"cpu": {"overhead": {"perPod": "1"}}}},
    ),
    "what is taken of the node in 1.36": (
        device("d", size="big"),
        device("d", size="big") | {"nodeAllocatableResourceMappings": {"cpu": {"allocationMultiplier": "1"}}},
    ),
    "conditions before binding": (
        device("d", size="big"),
        device("d", size="big") | {"bindingConditions": ["a"], "bindingFailureConditions": ["b"]},
    ),
}


@pytest.mark.parametrize("pair", ALIKE.values(), ids=ALIKE.keys())
def test_it_does_not_matter(pair: tuple[JsonObject, JsonObject]) -> None:
    first, second = _keys([[pair[0]], [pair[1]]], READS_SIZE, (), {})
    assert first == second is not None


@pytest.mark.parametrize("pair", UNLIKE.values(), ids=UNLIKE.keys())
def test_it_does_matter(pair: tuple[JsonObject, JsonObject]) -> None:
    first, second = _keys([[pair[0]], [pair[1]]], READS_SIZE, (), {})
    assert first != second


STRANGERS_ALIKE = {
    "other attributes": ([device("d")], [device("d", size="big"), device("e")]),
    "capacity": ([device("d")], [device("d") | {"capacity": {"m": {"value": "1"}}}]),
    "conditions": ([device("d")], [device("d") | _CONDITIONS]),
}
STRANGERS_UNLIKE: dict[str, tuple[list[JsonObject], list[JsonObject], dict[str, bool]]] = {
    "whether there are any": ([], [device("d")], {}),
    "an attribute that breaks every selector": ([device("d")], [device("d") | _NO_VERSION], {}),
    "conditions that are refused first": (
        [device("d")],
        [device("d") | _CONDITIONS],
        {"DeviceBindingAndStatus": False},
    ),
}


@pytest.mark.parametrize("pair", STRANGERS_ALIKE.values(), ids=STRANGERS_ALIKE.keys())
def test_it_does_not_matter_of_another_driver(pair: tuple[list[JsonObject], list[JsonObject]]) -> None:
    first, second = _keys([[device("a")]] * 2, READS_SIZE, (), {}, strangers=pair)
    assert first == second is not None


@pytest.mark.parametrize(("one", "other", "switches"), STRANGERS_UNLIKE.values(), ids=STRANGERS_UNLIKE.keys())
def test_it_does_matter_of_another_driver(
    one: list[JsonObject], other: list[JsonObject], switches: dict[str, bool]
) -> None:
    first, second = _keys([[device("a")]] * 2, READS_SIZE, (), switches, strangers=(one, other))
    assert first != second


def test_which_devices_are_taken_matters() -> None:
    devices = [device("d", size="big"), device("e", size="big")]
    free, one, other = (_keys([devices], READS_SIZE, taken, {})[0] for taken in ((), ("d",), ("e",)))
    assert len({free, one, other}) == 3


def test_every_field_of_a_device_has_been_thought_of() -> None:
    """A new field of a device has to be added to the key, unless the search does not look at it."""
    seen = {"shape", "consumes_counters", "node_name", "node_selector", "all_nodes", "taints"}
    in_results_only = {"name", "binds_to_node", "binding_failure_conditions"}
    declared = {field.name for field in fields(Device)}
    of_nodes = {"node_allocatable", "old_node_allocatable"}
    assert declared == seen | in_results_only | {"binding_conditions"} | of_nodes


def _plan_reading(names: int) -> Plan:
    terms = " || ".join(f'device.attributes["a.b"].x{number} == "v"' for number in range(names))
    item = parse(claim("c", expression=terms))
    assert isinstance(item, ResourceClaim)
    classes = {"gpu": DeviceClass(Meta("gpu", ""))}
    plan = plan_claims([item], classes, Features(), _SELECTORS)
    assert isinstance(plan, Plan)
    return plan


def test_where_too_many_attributes_are_read_all_of_them_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_signature, "_MAX_NAMES", 20)
    few, many = attributes_read_by_plan(_plan_reading(20)), attributes_read_by_plan(_plan_reading(21))
    assert few is not None
    assert len(few) == 20
    assert many is None
