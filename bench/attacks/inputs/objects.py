"""Kubernetes objects of tenants and drivers."""

from collections.abc import Iterable
from typing import Any

TENANT = "team-a"


def claim(name: str, selectors: Iterable[str], namespace: str = TENANT) -> Any:
    """A claim with one request."""
    exactly = {
        "deviceClassName": "gpu",
        "allocationMode": "ExactCount",
        "count": 1,
        "selectors": [{"cel": {"expression": text}} for text in selectors],
    }
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaim",
        "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}"},
        "spec": {"devices": {"requests": [{"name": "r", "exactly": exactly}]}},
    }


def pod(name: str, *claims: str, **spec: Any) -> Any:
    """A Pod of the tenant."""
    entries = [{"name": f"c{index}", "resourceClaimName": item} for index, item in enumerate(claims)]
    containers = [{"name": "c", "image": "i"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": TENANT, "uid": f"uid-{name}"},
        "spec": {"containers": containers, "resourceClaims": entries} | spec,
    }


def pool(name: str, generation: int = 1, count: int = 1) -> dict[str, Any]:
    """What a slice says of its pool. ``count`` is the number of slices of the pool."""
    return {"name": name, "generation": generation, "resourceSliceCount": count}


def slice_of(name: str, driver: str, devices: list[Any], where: dict[str, Any], /, **of_pool: Any) -> Any:
    """A ResourceSlice. ``where`` are its fields for nodes, ``of_pool`` what its pool has beside its name."""
    spec = {"driver": driver, "pool": pool(name) | of_pool, "devices": devices, **where}
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceSlice",
        "metadata": {"name": name},
        "spec": spec,
    }


def device_class(name: str, selectors: list[str]) -> Any:
    """A class."""
    expressions = [{"cel": {"expression": text}} for text in selectors]
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "DeviceClass",
        "metadata": {"name": name},
        "spec": {"selectors": expressions},
    }


def template(name: str, selectors: list[str]) -> Any:
    """A template of such a claim."""
    made = claim(name, selectors)
    return made | {"kind": "ResourceClaimTemplate", "spec": {"spec": made["spec"]}}


def job(name: str, replicas: int) -> Any:
    """A Job whose Pods have a claim each from the template of that name."""
    entries = [{"name": "c", "resourceClaimTemplateName": name}]
    spec = {"containers": [{"name": "c", "image": "i"}], "resourceClaims": entries, "restartPolicy": "Never"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": TENANT},
        "spec": {"parallelism": replicas, "completions": replicas, "template": {"spec": spec}},
    }
