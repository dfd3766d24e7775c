"""Claims, classes and taint rules, and where an API server finds fault with them. tests/e2e asks one."""

from typing import Any

from app.core.json_object import JsonObject

CLASS = "gpu.example.com"


def req(name: str = "r", **more: Any) -> JsonObject:
    return {"name": name, "exactly": {"deviceClassName": CLASS} | more}


def sub(name: str, **more: Any) -> JsonObject:
    return {"name": name, "deviceClassName": CLASS} | more


def having(*requests: JsonObject, **devices: Any) -> JsonObject:
    return {"requests": list(requests or (req(),))} | devices


def opaque(**more: Any) -> list[JsonObject]:
    return [{"opaque": {"driver": CLASS, "parameters": {"a": 1}} | more}]


def tolerating(**toleration: Any) -> JsonObject:
    return having(req(tolerations=[toleration]))


NUMA = f"{CLASS}/numa"
EXACTLY = "requests[0].exactly"
DEVICES: dict[str, tuple[JsonObject, str | None]] = {
    "nothing": ({}, None),
    "a request": (having(), None),
    "two of one name": (having(req(), req()), "requests[1]"),
    "a name with capitals": (having(req("Gpu_1")), "requests[0].name"),
    "a name of 63 characters": (having(req("r" * 63)), None),
    "a name of 64 characters": (having(req("r" * 64)), "requests[0].name"),
    "32 requests": (having(*(req(f"r{index}") for index in range(32))), None),
    "33 requests": (having(*(req(f"r{index}") for index in range(33))), "requests"),
    "alternatives": (having({"name": "r", "firstAvailable": [sub("a"), sub("b")]}), None),
    "alternatives of one name": (
        having({"name": "r", "firstAvailable": [sub("a"), sub("a")]}),
        "requests[0].firstAvailable[1]",
    ),
    "an alternative of the name of a request": (
        having(req("a"), {"name": "r", "firstAvailable": [sub("a")]}),
        None,
    ),
    "nine alternatives": (
        having({"name": "r", "firstAvailable": [sub(f"a{index}") for index in range(9)]}),
        "requests[0].firstAvailable",
    ),
    "neither form": (having({"name": "r"}), "requests[0]"),
    "both forms": (having(req() | {"firstAvailable": [sub("a")]}), "requests[0]"),
    "a class with capitals": (having(req(deviceClassName="GPU")), f"{EXACTLY}.deviceClassName"),
    "no class": (having({"name": "r", "exactly": {"count": 1}}), f"{EXACTLY}.deviceClassName"),
    "none of it": (having(req(allocationMode="ExactCount", count=-1)), f"{EXACTLY}.count"),
    "all of a number": (having(req(allocationMode="All", count=1)), f"{EXACTLY}.count"),
    "all": (having(req(allocationMode="All")), None),
    "an unknown mode": (having(req(allocationMode="all")), f"{EXACTLY}.allocationMode"),
    "a selector without CEL": (having(req(selectors=[{}])), f"{EXACTLY}.selectors[0].cel"),
    "33 selectors": (having(req(selectors=[{"cel": {"expression": "true"}}] * 33)), f"{EXACTLY}.selectors"),
    "a toleration of anything": (tolerating(operator="Exists"), None),
    "a toleration of a value": (tolerating(key="a.example.com/k", value="v", effect="NoExecute"), None),
    "an unknown operator": (tolerating(key="k", operator="Equals"), f"{EXACTLY}.tolerations[0].operator"),
    "an unknown effect": (tolerating(key="k", effect="NoRun"), f"{EXACTLY}.tolerations[0].effect"),
    "a value that need not be": (
        tolerating(key="k", operator="Exists", value="v"),
        f"{EXACTLY}.tolerations[0].value",
    ),
    "a constraint": (having(constraints=[{"matchAttribute": NUMA, "requests": ["r"]}]), None),
    "a constraint on an alternative": (
        having(
            {"name": "r", "firstAvailable": [sub("a")]},
            constraints=[{"distinctAttribute": NUMA, "requests": ["r/a"]}],
        ),
        None,
    ),
    "a constraint on nothing": (
        having(constraints=[{"matchAttribute": NUMA, "requests": ["q"]}]),
        "constraints[0].requests[0]",
    ),
    "a constraint on a request twice": (
        having(constraints=[{"matchAttribute": NUMA, "requests": ["r", "r"]}]),
        "constraints[0].requests[1]",
    ),
    "a constraint that says nothing": (having(constraints=[{"requests": ["r"]}]), "constraints[0]"),
    "an attribute without domain": (
        having(constraints=[{"matchAttribute": "numa"}]),
        "constraints[0].matchAttribute",
    ),
    "an attribute that is no name": (
        having(constraints=[{"matchAttribute": f"{CLASS}/numa-node"}]),
        "constraints[0].matchAttribute",
    ),
    "33 constraints": (having(constraints=[{"matchAttribute": NUMA}] * 33), "constraints"),
    "a configuration": (having(config=opaque()), None),
    "a configuration of nothing": (having(config=[{"requests": ["r"]}]), "config[0].opaque"),
    "a configuration without driver": (having(config=opaque(driver="")), "config[0].opaque.driver"),
    "a configuration for no driver": (having(config=opaque(driver="a_b")), "config[0].opaque.driver"),
    "a configuration without parameters": (
        having(config=opaque(parameters=None)),
        "config[0].opaque.parameters",
    ),
    "a configuration of a list": (having(config=opaque(parameters=[1])), "config[0].opaque.parameters"),
    "a long configuration": (
        having(config=opaque(parameters={"a": "b" * 10_240})),
        "config[0].opaque.parameters",
    ),
    "a configuration for another request": (
        having(config=[opaque()[0] | {"requests": ["q"]}]),
        "config[0].requests[0]",
    ),
}
"""What stands under ``spec.devices``, and the field that is refused."""


def device_class(**spec: Any) -> JsonObject:
    meta = {"name": "c"}
    return {"apiVersion": "resource.k8s.io/v1", "kind": "DeviceClass", "metadata": meta, "spec": spec}


def rule(**taint: Any) -> JsonObject:
    meta, selector = {"name": "r"}, {"driver": CLASS}
    spec = {"deviceSelector": selector, "taint": taint}
    return {"apiVersion": "resource.k8s.io/v1", "kind": "DeviceTaintRule", "metadata": meta, "spec": spec}


EFFECT = "NoSchedule"
WIDE: dict[str, tuple[JsonObject, str | None]] = {
    "a class of all": (device_class(), None),
    "a class": (device_class(selectors=[{"cel": {"expression": "true"}}], config=opaque()), None),
    "a class with a selector without CEL": (device_class(selectors=[{}]), "selectors[0].cel"),
    "a class with 33 selectors": (
        device_class(selectors=[{"cel": {"expression": "true"}}] * 33),
        "selectors",
    ),
    "a class with a configuration of nothing": (device_class(config=[{}]), "config[0].opaque"),
    "a class with a configuration without parameters": (
        device_class(config=opaque(parameters=None)),
        "config[0].opaque.parameters",
    ),
    "a class for a resource": (device_class(extendedResourceName="example.com/gpu"), None),
    "a class for a resource without domain": (
        device_class(extendedResourceName="gpu"),
        "extendedResourceName",
    ),
    "a class for a resource of Kubernetes": (
        device_class(extendedResourceName="kubernetes.io/gpu"),
        "extendedResourceName",
    ),
    "a class for what a quota counts": (
        device_class(extendedResourceName="requests.example.com/gpu"),
        "extendedResourceName",
    ),
    "a class for a resource that is no name": (
        device_class(extendedResourceName="example.com/g p u"),
        "extendedResourceName",
    ),
    "a taint": (rule(key="example.com/repair", value="v", effect=EFFECT), None),
    "a taint of a key alone": (rule(key="Repair_1", effect="None"), None),
    "a taint without key": (rule(effect=EFFECT), "taint.key"),
    "a taint with a key that is none": (rule(key="a b", effect=EFFECT), "taint.key"),
    "a taint with two domains": (rule(key="a.com/b.com/c", effect=EFFECT), "taint.key"),
    "a taint without effect": (rule(key="k"), "taint.effect"),
    "a taint with an unknown effect": (rule(key="k", effect="Never"), "taint.effect"),
}
"""What belongs to no namespace, and the field under ``spec`` that is refused."""


def claim(devices: JsonObject) -> JsonObject:
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaim",
        "metadata": {"name": "c", "namespace": "default"},
        "spec": {"devices": devices},
    }


def same_place(one: str, other: str) -> bool:
    """Whether two fields are the same, or one is in the other: it may be missing from that."""
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")
