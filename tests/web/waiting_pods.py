"""Pods that wait, for the page to show."""

FOUR = {
    "apiVersion": "resource.k8s.io/v1",
    "kind": "ResourceClaim",
    "metadata": {"name": "four-gpus", "namespace": "default", "uid": "four"},
    "spec": {
        "devices": {
            "requests": [{"name": "gpus", "exactly": {"deviceClassName": "gpu.example.com", "count": 4}}]
        }
    },
}
