"""Cases for another minor version of Kubernetes: its features, and only the fields that it has."""

import copy
import random
from typing import Any

from app.core.json_object import JsonObject
from app.core.model.features import GATES, NAMES, Features
from app.core.selectors import cel_features
from app.core.selectors.selector import compile_selector
from app.core.versions import KubernetesVersion, version_named

_SCHEDULER_ONLY = frozenset({"DeviceTaintRules", "ExtendedResource", "WorkloadResourceClaims"})
_NEW_FIELDS = {
    37: {"derivedAttributes", "compatibilityGroups", "skipNodeOperations"},
    36: {"ints", "bools", "strings", "versions"},
    34: {
        "allowMultipleAllocations",
        "bindingConditions",
        "bindingFailureConditions",
        "bindsToNode",
        "consumedCapacity",
        "distinctAttribute",
        "requestPolicy",
        "shareID",
    },
}
"""The first version that has a field, of those that cases have."""
_FUTURE = "future"
"""The attribute whose value no version knows."""


def features_of(request: JsonObject) -> Features:
    """The features of a case: those of its version where it names one."""
    named = request.get("kubernetesVersion")
    base = Features.of(version_named(named)) if named else Features()
    return base.switched(request.get("features") or {})


def for_version(request: JsonObject, version: KubernetesVersion, number: int) -> JsonObject:
    """The case as a cluster of that version has it; always the same for a number.

    A third of them has the version's default gates, the others what the case switches of what the
    version knows.
    """
    rng = random.Random(f"version {number}")  # noqa: S311 - reproducible, not secret
    switched = Features().switched(request.get("features") or {})
    wanted = Features.of(version) if rng.random() < 1 / 3 else switched
    features = {
        name: getattr(wanted, field) and _known(version, field)
        for name, field in NAMES.items()
        if name not in _SCHEDULER_ONLY
    }
    if version.minor <= 34:
        # With the alpha feature on, the allocator of 1.34 compares the capacity of some other device, or
        # panics: a request's n-th device is taken for the n-th of its slice.
        features["ConsumableCapacity"] = False
    if version.minor == 35:
        # With the alpha feature on, the allocators of 1.35 confuse the counters of pools of one name, and
        # keep the counters of devices that they have refused.
        features["PartitionableDevices"] = False
    gone = set().union(*(names for minor, names in _NEW_FIELDS.items() if version.minor < minor))
    objects = [_object(item, version, rng) for item in _without(request["objects"], gone)]
    _name_sound_classes(objects, version)
    if version.minor == 33:
        objects = [_of_1_33(item, features) for item in objects if item["kind"] != "DeviceTaintRule"]
    return request | {"kubernetesVersion": version.name, "features": features, "objects": objects}


def _of_1_33(item: JsonObject, features: dict[str, bool]) -> JsonObject:
    """Changes an object to one that the API server of 1.33 stores.

    Its oracle has no DeviceTaintRules: they are read as in 1.34.
    """
    spec = item.get("spec", {})
    devices = spec.get("devices", ())
    if item["kind"] == "ResourceClaim" and devices:
        if "constraints" in devices:
            devices["constraints"] = [one for one in devices["constraints"] if "matchAttribute" in one]
        for request in devices.get("requests", ()):
            for wanted in (request.get("exactly") or {}, *request.get("firstAvailable", ())):
                wanted.pop("capacity", None)
    if item["kind"] == "ResourceSlice":
        if not features["PartitionableDevices"]:
            spec.pop("sharedCounters", None)
        sets = {one["name"]: set(one["counters"]) for one in spec.get("sharedCounters", ())}
        for device in devices:
            lists = [
                name
                for name, value in (device.get("attributes") or {}).items()
                if not value and name != _FUTURE
            ]
            for name in lists:
                del device["attributes"][name]
            drawn = {one["counterSet"]: one for one in device.pop("consumesCounters", ())}
            known = [one for name, one in drawn.items() if set(one["counters"]) <= sets.get(name, set())]
            if known:
                device["consumesCounters"] = known
    return item


def _known(version: KubernetesVersion, field: str) -> bool:
    return all(version.gates[gate].stage != "none" or version.gates[gate].on for gate in GATES[field])


def _without(value: Any, names: set[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without(item, names) for key, item in value.items() if key not in names}
    if isinstance(value, list):
        return [_without(item, names) for item in value]
    return copy.deepcopy(value)


def _object(item: JsonObject, version: KubernetesVersion, rng: random.Random) -> JsonObject:
    if item["kind"] == "DeviceTaintRule":
        item = item | {"apiVersion": f"resource.k8s.io/{version.taint_rule_apis[0]}"}
        if version.taint_rule_selectors and rng.random() < 0.6:
            _select(item, rng)
    if item["kind"] == "ResourceClaim" and version.minor >= 38 and rng.random() < 0.3:
        _qualify(item, rng)
    if item["kind"] == "ResourceSlice" and version.minor >= 38 and rng.random() < 0.3:
        _odd_names(item, rng)
    return item


def _select(rule: JsonObject, rng: random.Random) -> None:
    selector = rule["spec"].setdefault("deviceSelector", {})
    if rng.random() < 0.5:
        selector["deviceClassName"] = rng.choice(("class-0", "class-1", "class-9"))
    texts = (
        'device.attributes["gpu.example.com"].model == "a100"',
        "true",
        "device.allowMultipleAllocations",
    )
    selector["selectors"] = [{"cel": {"expression": rng.choice(texts)}}]


def _name_sound_classes(objects: list[JsonObject], version: KubernetesVersion) -> None:
    """Leaves out of rules a class with a broken selector, which the API server does not store.

    In-tree goes on with the taints that the slices had before it: a case has no before.
    """
    features = cel_features(Features.of(version))
    broken = {
        item["metadata"]["name"]
        for item in objects
        if item["kind"] == "DeviceClass"
        for selector in item["spec"].get("selectors", ())
        if compile_selector(selector.get("cel", {}).get("expression", ""), features).error is not None
    }
    for item in objects:
        selector = item["spec"].get("deviceSelector", {}) if item["kind"] == "DeviceTaintRule" else {}
        if selector.get("deviceClassName") in broken:
            del selector["deviceClassName"]


def _qualify(claim: JsonObject, rng: random.Random) -> None:
    """Capacity by its full name, by both, and less than nothing of it."""
    for item in claim["spec"].get("devices", {}).get("requests", ()):
        for spec in (*item.get("firstAvailable", ()), item.get("exactly") or {}):
            requests = spec.get("capacity", {}).get("requests")
            for name in list(requests or ()):
                index = rng.random()
                if index < 0.5:
                    requests[f"gpu.example.com/{name}"] = requests.pop(name)
                elif index < 0.6:
                    requests[f"gpu.example.com/{name}"] = "1Gi"
                elif index < 0.7:
                    requests[name] = "-1"
    for result in (claim.get("status") or {}).get("allocation", {}).get("devices", {}).get("results", ()):
        consumed = result.get("consumedCapacity")
        for name in list(consumed or ()):
            if rng.random() < 0.5:
                consumed[f"{result['driver']}/{name}"] = (
                    consumed[name] if rng.random() < 0.3 else consumed.pop(name)
                )


def _odd_names(item: JsonObject, rng: random.Random) -> None:
    """Names with and without the driver's domain, both at once, and versions that are none."""
    driver = item["spec"]["driver"]
    for device in item["spec"].get("devices", ()):
        for field in ("attributes", "capacity"):
            published = device.get(field) or {}
            for name in list(published):
                if rng.random() < 0.3:
                    kept = copy.deepcopy(published[name]) if rng.random() < 0.3 else published.pop(name)
                    published[name if "/" in name else f"{driver}/{name}"] = kept
        if rng.random() < 0.2:
            value = rng.choice(({"version": "99999999999999999999.0.0"}, {}, {"version": "1.0.0+b"}))
            device.setdefault("attributes", {})[rng.choice(("version", "odd"))] = dict(value)
