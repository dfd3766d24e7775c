"""Examples of requests in the OpenAPI document, for the inventory of ``examples/inventory``."""

from typing import Any

from app.core.json_object import JsonObject

_POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "wants-a-gpu", "namespace": "default"},
    "spec": {
        "containers": [{"name": "main", "image": "busybox"}],
        "resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "one-gpu"}],
    },
}
_REQUEST = {"name": "gpu", "exactly": {"deviceClassName": "gpu.example.com"}}
_TEMPLATE = {
    "apiVersion": "resource.k8s.io/v1",
    "kind": "ResourceClaimTemplate",
    "metadata": {"name": "one-gpu", "namespace": "default"},
    "spec": {"spec": {"devices": {"requests": [_REQUEST]}}},
}
REQUESTS: JsonObject = {
    "placePods": {"workloads": [_POD], "objects": [_TEMPLATE], "replicas": 2},
    "countCapacity": {"pod": _POD, "objects": [_TEMPLATE]},
    "sizeNodes": {
        "workloads": [_POD],
        "objects": [_TEMPLATE],
        "replicas": 9,
        "shapes": [{"like": "worker-5"}],
    },
    "parseDocuments": _POD,
}
"""By operationId."""


def add_examples(document: dict[str, Any]) -> None:
    """Adds the examples to the bodies of their operations."""
    for methods in document["paths"].values():
        for operation in methods.values():
            example = REQUESTS.get(operation["operationId"])
            if example is not None:
                operation["requestBody"]["content"]["application/json"]["example"] = example
