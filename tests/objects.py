"""Kubernetes objects as plain JSON, for tests: the fewest fields that say what is meant."""

from app.core.json_object import JsonObject

DRIVER = "gpu.example.com"


def node(name: str, **labels: str) -> JsonObject:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}


def device(name: str, **attributes: str) -> JsonObject:
    return {"name": name, "attributes": {key: {"string": value} for key, value in attributes.items()}}


def slice_of(
    node_name: str, *devices: JsonObject, generation: int = 1, count: int = 1, suffix: str = ""
) -> JsonObject:
    """A slice of the pool that is named after its node."""
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceSlice",
        "metadata": {"name": f"{node_name}-slice{suffix}"},
        "spec": {
            "driver": DRIVER,
            "nodeName": node_name,
            "pool": {"name": node_name, "generation": generation, "resourceSliceCount": count},
            "devices": list(devices),
        },
    }


def device_class(name: str = "gpu", expression: str | None = None) -> JsonObject:
    spec = {"selectors": [{"cel": {"expression": expression}}]} if expression else {}
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "DeviceClass",
        "metadata": {"name": name},
        "spec": spec,
    }


def claim_spec(count: int = 1, expression: str | None = None, class_name: str = "gpu") -> JsonObject:
    exactly: JsonObject = {"deviceClassName": class_name, "allocationMode": "ExactCount", "count": count}
    if expression:
        exactly["selectors"] = [{"cel": {"expression": expression}}]
    return {"devices": {"requests": [{"name": "r", "exactly": exactly}]}}


def claim(name: str, count: int = 1, expression: str | None = None, namespace: str = "default") -> JsonObject:
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaim",
        "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}"},
        "spec": claim_spec(count, expression),
    }


def template(name: str, count: int = 1) -> JsonObject:
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaimTemplate",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"spec": claim_spec(count)},
    }


def allocation(node_name: str, *devices: str) -> JsonObject:
    return {
        "devices": {
            "results": [
                {"request": "r", "driver": DRIVER, "pool": node_name, "device": name} for name in devices
            ]
        },
        "nodeSelector": {
            "nodeSelectorTerms": [
                {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node_name]}]}
            ]
        },
    }


def pod(name: str, *claims: str, templates: tuple[str, ...] = (), uid: str | None = None) -> JsonObject:
    """A pending Pod that uses claims by name, and templates by name."""
    entries = [{"name": item, "resourceClaimName": item} for item in claims]
    entries += [{"name": item, "resourceClaimTemplateName": item} for item in templates]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "uid": uid or f"uid-{name}"},
        "spec": {"containers": [{"name": "c", "image": "i"}], "resourceClaims": entries},
    }


def pod_group(
    name: str, *claims: str, templates: tuple[str, ...] = (), minimum: int | None = None
) -> JsonObject:
    """A PodGroup that shares claims by name, and of templates by name; a gang if it has a minimum."""
    entries = [{"name": item, "resourceClaimName": item} for item in claims]
    entries += [{"name": item, "resourceClaimTemplateName": item} for item in templates]
    policy = {"basic": {}} if minimum is None else {"gang": {"minCount": minimum}}
    return {
        "apiVersion": "scheduling.k8s.io/v1beta1",
        "kind": "PodGroup",
        "metadata": {"name": name, "namespace": "default", "uid": f"uid-of-group-{name}"},
        "spec": {"schedulingPolicy": policy, "resourceClaims": entries},
    }


def grouped(item: JsonObject, group: str, **made: str) -> JsonObject:
    """A Pod in a PodGroup, and the claims that were made from its templates."""
    statuses = [{"name": name, "resourceClaimName": claim_name} for name, claim_name in made.items()]
    spec = item["spec"] | {"schedulingGroup": {"podGroupName": group}}
    return item | {"spec": spec, "status": {"resourceClaimStatuses": statuses}}


def owned(item: JsonObject, kind: str, name: str, uid: str, version: str = "v1") -> JsonObject:
    """A claim that was made for this object."""
    owner = {"apiVersion": version, "kind": kind, "name": name, "uid": uid, "controller": True}
    return item | {"metadata": item["metadata"] | {"ownerReferences": [owner]}}


def of_group(item: JsonObject, group: str, version: str = "scheduling.k8s.io/v1beta1") -> JsonObject:
    """A claim that was made for a PodGroup."""
    return owned(item, "PodGroup", group, f"uid-of-group-{group}", version)
