"""What a case of ``generator`` never has: done to a finished case, so that those stay the same for a seed.

Odd, but nearly all of it passes the API server, or did when it was stored.
"""

import copy
import random
from collections.abc import Callable, Iterator

from app.core.json_object import JsonObject

_AMOUNTS = (
    "0",
    "1",
    "500m",
    "1.5Gi",
    "1048576Ki",
    "1024Mi",
    "1e9",
    "8Ei",
    "9223372036854775807",
    "100n",
    "7",
)
_POLICIES: tuple[JsonObject, ...] = (
    {"default": "1.5Gi", "validRange": {"min": "512Mi", "max": "8Gi", "step": "512Mi"}},
    {"default": "1Gi", "validValues": ["1073741824", "1.5Gi", "2Gi"]},
    {"default": "1", "validRange": {"min": "1", "max": "100Gi", "step": "3"}},
    {"default": "250m", "validRange": {"min": "100m", "max": "20Gi", "step": "50m"}},
    {"default": "1Gi", "validRange": {"min": "1Gi", "max": "9223372036854775807", "step": "4Ei"}},
    {"default": "0", "validRange": {"min": "0", "step": "1Gi"}},
    {"default": "1", "validValues": ["1"]},
)
_VALUES: tuple[JsonObject, ...] = (
    {"int": 0},
    {"int": 1},
    {"bool": True},
    {"bool": False},
    {"string": "1"},
    {"string": "a100"},
    {"string": ""},
    {"version": "1.0.0"},
    {"version": "1.0.0+build"},
    {"ints": [1, 1, 0]},
    {"bools": [True]},
    {"strings": ["1", "a100"]},
    {"strings": ["a100"]},
    {"versions": ["1.0.0", "2.0.0"]},
    {"ints": []},
)
_TOLERATIONS: tuple[JsonObject, ...] = (
    {"operator": "Exists"},
    {"operator": "Exists", "effect": "NoSchedule"},
    {"key": "ecc"},
    {"key": "ecc", "value": "a"},
    {"key": "ecc", "operator": "Equal", "value": "a", "effect": "NoExecute", "tolerationSeconds": 0},
)
_SELECTORS: tuple[JsonObject, ...] = (
    {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]},
    {"matchFields": [{"key": "metadata.name", "operator": "NotIn", "values": ["n1"]}]},
    {"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["z0"]}]},
    {"matchExpressions": [{"key": "rack", "operator": "DoesNotExist"}]},
    {"matchExpressions": [{"key": "zone", "operator": "Gt", "values": ["1"]}]},
    {
        "matchExpressions": [{"key": "zone", "operator": "Exists"}],
        "matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n2"]}],
    },
    {},
)


def varied(seed: int, request: JsonObject) -> JsonObject:
    """The case with a few odd things; always the same for a seed."""
    rng = random.Random(f"variety {seed}")  # noqa: S311 - reproducible, not secret
    request = copy.deepcopy(request)
    for change in rng.sample(_CHANGES, rng.randint(1, 3)):
        change(rng, request)
    return request


def _kind(request: JsonObject, kind: str) -> list[JsonObject]:
    return [item for item in request["objects"] if item["kind"] == kind]


def _devices(request: JsonObject) -> list[tuple[JsonObject, JsonObject]]:
    """Spec of the slice, and device."""
    return [
        (item["spec"], device)
        for item in _kind(request, "ResourceSlice")
        for device in item["spec"].get("devices", ())
    ]


def _own_claims(request: JsonObject) -> list[JsonObject]:
    return [item for item in _kind(request, "ResourceClaim") if item["metadata"]["namespace"] == "default"]


def _specs(request: JsonObject) -> Iterator[JsonObject]:
    for claim in _own_claims(request):
        for item in claim["spec"]["devices"]["requests"]:
            yield from item.get("firstAvailable", ())
            if "exactly" in item:
                yield item["exactly"]


def _attributes(rng: random.Random, request: JsonObject) -> None:
    """Types that differ from device to device, lists, names with and without a domain."""
    name = rng.choice(("model", "numa", "index", "links", "healthy", "shared.example.org/group"))
    for spec, device in _devices(request):
        attributes = device.setdefault("attributes", {})
        if rng.random() < 0.6:
            full = name if "/" in name else f"{spec['driver']}/{name}"
            key = rng.choice((name, name, full, f"nic.example.com/{name.rpartition('/')[2]}"))
            # Under both of its names an attribute has two values, of which CEL in-tree sees either.
            for other in (name, full):
                attributes.pop(other, None)
            attributes[key] = copy.deepcopy(rng.choice(_VALUES))


def _alike(rng: random.Random, request: JsonObject) -> None:
    """Few values, so that constraints can be met."""
    name, values = rng.choice(("model", "numa", "links")), rng.sample(_VALUES, 2)
    for _, device in _devices(request):
        device.setdefault("attributes", {})[name] = copy.deepcopy(rng.choice(values))
    for claim in _own_claims(request):
        for constraint in claim["spec"]["devices"].get("constraints", ()):
            for kind in ("matchAttribute", "distinctAttribute"):
                if kind in constraint:
                    constraint[kind] = f"{constraint[kind].split('/')[0]}/{name}"


def _capacity(rng: random.Random, request: JsonObject) -> None:
    """Amounts at the edges, policies that round them, capacity that only some devices have."""
    for _, device in _devices(request):
        if rng.random() < 0.7:
            item: JsonObject = {"value": rng.choice((*_AMOUNTS, "40Gi", "100Gi"))}
            if rng.random() < 0.6:
                item["requestPolicy"] = copy.deepcopy(rng.choice(_POLICIES))
            device.setdefault("capacity", {})[rng.choice(("memory", "memory", "lanes", "slots"))] = item
            device["allowMultipleAllocations"] = rng.random() < 0.7
    for spec in _specs(request):
        if rng.random() < 0.6:
            names = rng.sample(("memory", "lanes", "slots"), rng.choice((1, 1, 2)))
            spec["capacity"] = {"requests": {name: rng.choice((*_AMOUNTS, "1Gi", "3Gi")) for name in names}}


def _holders(rng: random.Random, request: JsonObject) -> None:
    """Devices held twice, whole and in shares, more than there is, or by way of admin access."""
    for number, (spec, device) in enumerate(_devices(request)):
        for copy_number in range(rng.choice((0, 0, 0, 1, 2))):
            result: JsonObject = {"request": "r", "driver": spec["driver"], "pool": spec["pool"]["name"]}
            result["device"] = device["name"]
            index = rng.random()
            if index < 0.2:
                result["adminAccess"] = True
            if index < 0.7:
                result["shareID"] = f"00000000-0000-4000-9{copy_number:03x}-{number:012x}"
            if 0.1 < index < 0.6:
                name = rng.choice(("memory", "lanes", "gone"))
                result["consumedCapacity"] = {name: rng.choice((*_AMOUNTS, "5Gi"))}
            name = f"also-{number}-{copy_number}"
            request["objects"].append(
                {
                    "apiVersion": "resource.k8s.io/v1",
                    "kind": "ResourceClaim",
                    "metadata": {"name": name, "namespace": "other", "uid": name},
                    "spec": {},
                    "status": {"allocation": {"devices": {"results": [result]}}},
                }
            )


def _tolerations(rng: random.Random, request: JsonObject) -> None:
    """All keys, all effects, operators left out; effects that are not known."""
    for _, device in _devices(request):
        if rng.random() < 0.5:
            key, effect = rng.choice(("ecc", "other")), rng.choice(("NoSchedule", "NoExecute", "Some", ""))
            device["taints"] = [{"key": key, "value": rng.choice(("", "a")), "effect": effect}]
    for spec in _specs(request):
        if rng.random() < 0.7:
            spec["tolerations"] = copy.deepcopy(rng.sample(_TOLERATIONS, rng.randint(1, 2)))


def _counts(rng: random.Random, request: JsonObject) -> None:
    """Claims at and above their limit, numbers that overflow when added."""
    for spec in _specs(request):
        if rng.random() < 0.4 and spec.get("allocationMode") != "All":
            spec["count"] = rng.choice((0, 1, 8, 16, 31, 32, 33, 2**31, 2**63 - 1))


def _split_pool(rng: random.Random, request: JsonObject) -> None:
    """A pool whose slices belong to different nodes, counters of one of them or of all."""
    nodes = [item["metadata"]["name"] for item in _kind(request, "Node")]
    for item in _kind(request, "ResourceSlice"):
        spec = item["spec"]
        if rng.random() < 0.6:
            for field in ("nodeName", "allNodes", "nodeSelector", "perDeviceNodeSelection"):
                spec.pop(field, None)
            where = rng.choice(("nodeName", "nodeName", "allNodes", "nodeSelector", "none"))
            if where == "nodeName":
                spec["nodeName"] = rng.choice(nodes)
            elif where == "allNodes":
                spec["allNodes"] = True
            elif where == "nodeSelector":
                spec["nodeSelector"] = {"nodeSelectorTerms": [copy.deepcopy(rng.choice(_SELECTORS))]}


def _device_nodes(rng: random.Random, request: JsonObject) -> None:
    """Node selection device by device, of all forms."""
    for item in _kind(request, "ResourceSlice"):
        spec = item["spec"]
        if rng.random() < 0.5:
            for field in ("nodeName", "allNodes", "nodeSelector"):
                spec.pop(field, None)
            spec["perDeviceNodeSelection"] = True
            for device in spec.get("devices", ()):
                for field in ("nodeName", "allNodes", "nodeSelector"):
                    device.pop(field, None)
                index = rng.random()
                if index < 0.3:
                    device["nodeName"] = rng.choice(("n1", "n2"))
                elif index < 0.5:
                    device["allNodes"] = True
                elif index < 0.95:
                    terms = [copy.deepcopy(rng.choice(_SELECTORS)) for _ in range(rng.choice((1, 1, 1, 2)))]
                    device["nodeSelector"] = {"nodeSelectorTerms": terms}


def _counters(rng: random.Random, request: JsonObject) -> None:
    """Fractions, nothing at all, one set named twice, devices that both count and are shared."""
    sets = {
        (item["spec"]["driver"], item["spec"]["pool"]["name"])
        for item in _kind(request, "ResourceSlice")
        if item["spec"].get("sharedCounters")
    }
    for item in _kind(request, "ResourceSlice"):
        for counter_set in item["spec"].get("sharedCounters", ()):
            counter_set["counters"]["slots"]["value"] = rng.choice(("1500m", "2", "0", "3", "1000m"))
    for spec, device in _devices(request):
        if (spec["driver"], spec["pool"]["name"]) in sets and rng.random() < 0.7:
            amounts = [rng.choice(("500m", "0", "1", "1500m")) for _ in range(rng.choice((1, 1, 2)))]
            device["consumesCounters"] = [
                {"counterSet": f"set-{rng.randint(0, 1)}", "counters": {"slots": {"value": amount}}}
                for amount in amounts
            ]
            device["allowMultipleAllocations"] = rng.random() < 0.4


def _constraints(rng: random.Random, request: JsonObject) -> None:
    """Requests that do not exist, parents and their subrequests, no domain, two kinds in one."""
    for claim in _own_claims(request):
        devices = claim["spec"]["devices"]
        names = [item["name"] for item in devices["requests"]]
        names += [
            f"{item['name']}/{sub['name']}"
            for item in devices["requests"]
            for sub in item.get("firstAvailable", ())
        ]
        attribute = rng.choice(("gpu.example.com/model", "gpu.example.com/numa", "model", "gpu.example.com/"))
        constraint: JsonObject = {rng.choice(("matchAttribute", "distinctAttribute")): attribute}
        if rng.random() < 0.6:
            constraint["requests"] = rng.sample([*names, "nobody"], rng.randint(1, len(names)))
        if rng.random() < 0.1:
            constraint |= {"matchAttribute": attribute, "distinctAttribute": "gpu.example.com/index"}
        devices["constraints"] = [*devices.get("constraints", ()), constraint]


def _admin(rng: random.Random, request: JsonObject) -> None:
    """Admin access beside requests without it, in All mode too."""
    for claim in _own_claims(request):
        for item in claim["spec"]["devices"]["requests"]:
            if "exactly" in item and rng.random() < 0.6:
                item["exactly"]["adminAccess"] = True
                if rng.random() < 0.3:
                    item["exactly"].pop("count", None)
                    item["exactly"]["allocationMode"] = "All"


def _allocated(rng: random.Random, request: JsonObject) -> None:
    """A claim that has its devices already, here or elsewhere."""
    claim, devices = rng.choice(_own_claims(request)), _devices(request)
    if not devices:
        return
    spec, device = rng.choice(devices)
    result = {
        "request": "r0",
        "driver": spec["driver"],
        "pool": spec["pool"]["name"],
        "device": device["name"],
    }
    allocation: JsonObject = {"devices": {"results": [result]}}
    if rng.random() < 0.7:
        allocation["nodeSelector"] = {"nodeSelectorTerms": [copy.deepcopy(rng.choice(_SELECTORS))]}
    claim["status"] = {"allocation": allocation}


def _binding(rng: random.Random, request: JsonObject) -> None:
    """Binding conditions on some devices, an empty list, devices that bind to their node."""
    for _, device in _devices(request):
        if rng.random() < 0.4:
            device["bindingConditions"] = rng.choice((["a"], ["a", "b"], []))
            device["bindingFailureConditions"] = rng.choice((["c"], []))
        device["bindsToNode"] = rng.random() < 0.3


_CHANGES: tuple[Callable[[random.Random, JsonObject], None], ...] = (
    _attributes,
    _alike,
    _capacity,
    _holders,
    _tolerations,
    _counts,
    _split_pool,
    _device_nodes,
    _counters,
    _constraints,
    _admin,
    _allocated,
    _binding,
)
