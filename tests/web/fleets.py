"""A generated cluster: 4 products in 3 zones, half in use, and Pods that wait for different reasons."""

from typing import Any

from tests.objects import DRIVER, allocation, claim, device, device_class, node, slice_of, template

PRODUCTS = ("NVIDIA A100 80GB", "NVIDIA H100", "NVIDIA L4", "NVIDIA T4")
DEVICES = 8


def name_of(number: int) -> str:
    """As clouds name nodes: what tells two apart is at the end."""
    return f"gke-training-eu-west-pool-{number % 4}-{number:05x}"


def fleet(nodes: int) -> list[dict[str, Any]]:
    objects: list[dict[str, Any]] = [device_class()]
    for number in range(nodes):
        name, product = name_of(number), PRODUCTS[number % 4]
        labels = {"topology.kubernetes.io/zone": f"zone-{'abc'[number % 3]}", "pool": f"pool-{number % 4}"}
        objects.append(node(name) | {"metadata": {"name": name, "labels": labels}})
        devices = [device(f"gpu-{at}", productName=product, uuid=f"{number}-{at}") for at in range(DEVICES)]
        objects.append(slice_of(name, *devices))
        used = number * 7 % (DEVICES + 1)
        if used:
            namespace = ("research", "serving", "batch")[number % 3]
            objects += job(f"job-{number}", name, used, namespace)
    return objects


def job(name: str, at: str, used: int, namespace: str) -> list[dict[str, Any]]:
    held = claim(name, used, namespace=namespace)
    held["status"] = {
        "allocation": allocation(at, *(f"gpu-{number}" for number in range(used)))
        | {"allocationTimestamp": "2026-11-29T08:00:00Z"},
        "reservedFor": [{"resource": "pods", "name": name, "uid": f"uid-{name}"}],
    }
    claims = [{"name": "gpus", "resourceClaimName": name}]
    return [held, waiting(name, "", namespace) | {"spec": {"nodeName": at, "resourceClaims": claims}}]


def waiting(name: str, template_name: str, namespace: str = "research", created: str = "") -> dict[str, Any]:
    """A Pod whose claim is made from a template."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-{name}",
            "creationTimestamp": created or "2026-11-29T12:00:00Z",
        },
        "spec": {
            "containers": [{"name": "c", "image": "i"}],
            "resourceClaims": [{"name": "gpus", "resourceClaimTemplateName": template_name}],
        },
        "status": {"resourceClaimStatuses": [{"name": "gpus", "resourceClaimName": name}]},
    }


def generated(name: str, count: int, expression: str | None, namespace: str = "research") -> dict[str, Any]:
    """The claim of such a Pod."""
    found = claim(name, count, expression, namespace)
    owner = {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": f"uid-{name}", "controller": True}
    found["metadata"]["ownerReferences"] = [owner]
    return found


MODEL = f'device.attributes["{DRIVER}"].productName == "{{}}"'
KINDS = (
    ("train", 16, None, 22),
    ("render", 1, MODEL.format("NVIDIA B200"), 12),
    ("infer", 9, MODEL.format("NVIDIA L4"), 5),
)
"""Pods by name, with the devices that each requests, of which product, and how many of them wait."""


def pending() -> list[dict[str, Any]]:
    """40 Pods: three kinds that fit nowhere, and one Pod whose claim has not been made."""
    objects: list[dict[str, Any]] = []
    for kind, count, expression, number in KINDS:
        made = template(kind, count)
        made["metadata"]["namespace"] = "research"
        objects.append(made)
        for at in range(number):
            name = f"{kind}-{at}"
            objects += [
                generated(name, count, expression),
                waiting(name, kind, created=f"2026-11-29T1{at % 10}:00:00Z"),
            ]
    lonely = waiting("no-claim-yet", "train")
    lonely["status"] = {}
    return [*objects, lonely]
