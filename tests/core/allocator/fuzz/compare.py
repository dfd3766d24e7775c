"""One case, both answers: what differs, and whether what was found really is an allocation."""

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from oracle import Oracle

from app.core.allocator import Fits, Invalid, Limits, Outcome
from app.core.json_object import JsonObject
from fuzz import amounts, inventory, versions

TIMEOUT_MS = 1000
_REPEATS = 60
_PLANNED = frozenset({"FeatureDisabled", "ClassNotFound", "ConstraintUnknown", "RequestUnknown"})
_KEPT_OFF = {"key": "fuzz/not-chosen", "effect": "NoExecute"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What both say of one node."""

    node: str
    theirs: JsonObject
    ours: Outcome

    @property
    def comparable(self) -> bool:
        """Whether in-tree had an answer in time, and in as many steps as are taken here."""
        return self.theirs["verdict"] != "timeout" and not self.out_of_steps

    @property
    def out_of_steps(self) -> bool:
        """Whether in-tree took more steps to its answer than a search has here."""
        return self.limited and self.theirs["steps"] > Limits().max_steps

    @property
    def limited(self) -> bool:
        """Whether the search here has ended at its limit."""
        return isinstance(self.ours, Invalid) and self.ours.reasons[0].code == "SearchLimit"


@dataclass(frozen=True, slots=True)
class Difference:
    """What is wrong; ``kind`` tells apart what a minimised case must still show."""

    node: str
    kind: str
    text: str


def ask_both(oracle: Oracle, request: JsonObject) -> list[Answer]:
    """The answers for every node."""
    theirs = oracle.ask(request | {"timeoutMs": TIMEOUT_MS})["nodes"]
    ours = inventory.answer(request)
    return [Answer(node, answer, ours[node]) for node, answer in theirs.items()]


def differences(oracle: Oracle, request: JsonObject, answers: list[Answer]) -> list[Difference]:
    """Every way in which the answers differ that Kubernetes itself would not allow."""
    found = _differences(oracle, request, answers)
    plain = amounts.with_one_answer(request) if found else request
    return found if plain == request else _differences(oracle, plain, ask_both(oracle, plain))


def _differences(oracle: Oracle, request: JsonObject, answers: list[Answer]) -> list[Difference]:
    found = []
    ordered = is_ordered(request)
    for answer in answers:
        difference = _verdict(oracle, request, answer, ordered=ordered)
        if difference is None and isinstance(answer.ours, Fits):
            difference = _allocation(oracle, request, answer, ordered=ordered)
        if difference is None and ordered and answer.comparable:
            difference = _steps(answer)
        if difference is not None:
            found.append(difference)
    return found


def is_ordered(request: JsonObject) -> bool:
    """Whether in-tree always has the same answer.

    The oldest allocator tries devices in the order of a Go map. Until 1.37, so do the values that an
    expression sees where a device publishes one name with and without the domain of its driver.
    """
    features = versions.features_of(request)
    return features.channel.ordered and (features.version.cel.lazy or not _publishes_twice(request))


def _publishes_twice(request: JsonObject) -> bool:
    for item in request["objects"]:
        spec = item["spec"] if item["kind"] == "ResourceSlice" else {}
        for device in spec.get("devices", ()):
            for published in (device.get("attributes") or {}, device.get("capacity") or {}):
                if any(f"{spec['driver']}/{name}" in published for name in published):
                    return True
    return False


def without_share_ids(allocations: Any) -> Any:
    """Allocations with the random part left out."""
    plain = copy.deepcopy(allocations)
    for allocation in plain:
        for result in allocation.get("devices", {}).get("results", ()):
            result.pop("shareID", None)
    return plain


def to_json(outcome: Fits) -> list[JsonObject]:
    """The allocations in Kubernetes' form."""
    return [allocation.to_json() for allocation in outcome.allocations]


def _verdict(oracle: Oracle, request: JsonObject, answer: Answer, *, ordered: bool) -> Difference | None:
    ours, theirs = inventory.verdict(answer.ours), answer.theirs["verdict"]
    if ours == theirs or not answer.comparable:
        return None
    if _refused_earlier(request, answer):
        return None
    if (not ordered or _in_any_order(answer)) and may_say(oracle, request, answer.node, ours):
        return None
    if answer.limited and not ordered and _may_run_out(oracle, request, answer.node):
        return None
    text = f"in-tree says {theirs} ({answer.theirs.get('error', '')}), here it is {answer.ours}"
    return Difference(answer.node, f"{theirs}-{ours}{'-limit' if answer.limited else ''}", text)


def _in_any_order(answer: Answer) -> bool:
    """Whether in-tree finds what is wrong with requested capacities in the order of a Go map.

    If the device lacks another one of them, in-tree gives an error or a misfit, from one run to the next.
    """
    return isinstance(answer.ours, Invalid) and answer.ours.reasons[0].code == "CapacityInvalid"


def _refused_earlier(request: JsonObject, answer: Answer) -> bool:
    """Whether in-tree refuses the node for an All request before it comes to what is wrong with a later one.

    Since 1.38; here, what is wrong with any request is an error on every node.
    """
    return (
        versions.features_of(request).channel.broken_pools_here
        and isinstance(answer.ours, Invalid)
        and answer.ours.reasons[0].code in _PLANNED
        and "asks for all devices" in answer.theirs.get("error", "")
    )


def may_say(oracle: Oracle, request: JsonObject, node: str, verdict: str) -> bool:
    """Whether in-tree gives that verdict in some order of its map, or for some order of the slices."""
    return any(answer["verdict"] == verdict for answer in _in_other_orders(oracle, request, node))


def _may_run_out(oracle: Oracle, request: JsonObject, node: str) -> bool:
    """Whether in-tree, in some order, has no answer in its time or in as many steps as are taken here."""
    return any(
        answer["verdict"] == "timeout" or answer["steps"] > Limits().max_steps
        for answer in _in_other_orders(oracle, request, node)
    )


def _in_other_orders(oracle: Oracle, request: JsonObject, node: str) -> Iterator[JsonObject]:
    objects = list(request["objects"])
    for number in range(_REPEATS):
        turned = objects[number % len(objects) :] + objects[: number % len(objects)]
        again = request | {"objects": turned if number % 2 else turned[::-1], "nodes": [node]}
        yield oracle.ask(again | {"timeoutMs": TIMEOUT_MS})["nodes"][node]


def _allocation(oracle: Oracle, request: JsonObject, answer: Answer, *, ordered: bool) -> Difference | None:
    assert isinstance(answer.ours, Fits)
    ours = to_json(answer.ours)
    if ordered and answer.comparable:
        theirs = without_share_ids(answer.theirs.get("allocations", []))
        if without_share_ids(ours) != theirs:
            text = f"in-tree: {json.dumps(theirs)}\nhere: {json.dumps(ours)}"
            return Difference(answer.node, "allocation", text)
    broken = _broken_rule(request, ours)
    if broken is not None:
        return Difference(answer.node, "rule", broken)
    if _forgets(request):
        return None
    left = only_chosen(request, ours) | {"nodes": [answer.node], "timeoutMs": TIMEOUT_MS}
    again = oracle.ask(left)["nodes"][answer.node]
    # In-tree goes through half a million steps for some, and gets no answer in time: nothing is said then.
    if again["verdict"] not in ("fits", "timeout") and (
        ordered or not may_say(oracle, left, answer.node, "fits")
    ):
        text = f"with only the chosen devices left, in-tree says {again}: {json.dumps(ours)}"
        return Difference(answer.node, "only-chosen", text)
    return None


def _forgets(request: JsonObject) -> bool:
    """Whether in-tree itself would not find the same devices among fewer.

    Until 1.36, turning back from a device makes distinctAttribute forget others of its request, so that
    what it allows depends on the devices that were tried and refused. Until 1.35, All mode in a second
    subrequest ends after as many devices as the first subrequest has.
    """
    channel = versions.features_of(request).channel
    specs = [
        item["spec"].get("devices", {}) for item in request["objects"] if item["kind"] == "ResourceClaim"
    ]
    if channel.distinct in ("requests", "identity") and any(
        "distinctAttribute" in constraint for spec in specs for constraint in spec.get("constraints", ())
    ):
        return True
    return channel.forgets_subrequest and any(
        alternative.get("allocationMode") == "All"
        for spec in specs
        for item in spec.get("requests", ())
        for alternative in item.get("firstAvailable", ())[1:]
    )


def _steps(answer: Answer) -> Difference | None:
    if answer.ours.steps <= answer.theirs["steps"]:
        return None
    return Difference(answer.node, "steps", f"{answer.ours.steps} steps, in-tree {answer.theirs['steps']}")


def only_chosen(request: JsonObject, allocations: list[JsonObject]) -> JsonObject:
    """The request with every free device made unusable that was not chosen.

    Devices of others stay as they are, since counters count them. A taint keeps the rest off without
    changing which slices a pool has for a node; where taints do not count, they are taken out.
    """
    keep = {_key(result) for allocation in allocations for result in allocation["devices"].get("results", ())}
    for item in request["objects"]:
        status = item.get("status", {}) if item["kind"] == "ResourceClaim" else {}
        results = status.get("allocation", {}).get("devices", {}).get("results", ())
        keep |= {_key(result) for result in results}
    taints = versions.features_of(request).device_taints
    objects = []
    for item in request["objects"]:
        spec = item.get("spec", {})
        if item["kind"] == "ResourceSlice" and "devices" in spec:
            where = {"driver": spec["driver"], "pool": spec["pool"]["name"]}
            chosen = [_key(where | {"device": device["name"]}) in keep for device in spec["devices"]]
            devices = [
                device if wanted else device | {"taints": [_KEPT_OFF]}
                for device, wanted in zip(spec["devices"], chosen, strict=True)
                if wanted or taints or not any(chosen)
            ]
            item = item | {"spec": spec | {"devices": devices}}  # noqa: PLW2901 - a changed copy
        objects.append(item)
    return request | {"objects": objects}


def _key(result: Mapping[str, Any]) -> tuple[str, str, str]:
    return result["driver"], result["pool"], result["device"]


def _broken_rule(request: JsonObject, allocations: list[JsonObject]) -> str | None:
    """What holds of any valid allocation, whatever in-tree says."""
    devices = {}
    for item in request["objects"]:
        spec = item.get("spec", {})
        if item["kind"] == "ResourceSlice":
            for device in spec.get("devices", ()):
                devices[spec["driver"], spec["pool"]["name"], device["name"]] = device
    whole: set[tuple[str, str, str]] = set()
    for allocation in allocations:
        results = allocation["devices"].get("results", [])
        if len(results) > 32:
            return f"{len(results)} devices in one claim"
        for result in results:
            key = _key(result)
            if key not in devices:
                return f"{key} is not published"
            if "shareID" in result or result.get("adminAccess"):
                continue
            if key in whole:
                return f"{key} is given away twice"
            whole.add(key)
    return None
