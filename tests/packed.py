"""A cluster of two nodes with two devices each, for questions about moving Pods."""

from app.core.json_object import JsonObject
from tests.core.diagnosis.inventory import cls, dev, node, pod, pool, req, template

OBJECTS = (
    node("n1"),
    node("n2"),
    cls(),
    pool("n1", dev("a"), dev("b")),
    pool("n2", dev("a"), dev("b")),
    template("t"),
    template("pair", req(count=2)),
)
PAIR = pod(templates=("pair",))


def running(name: str, where: str, device: str) -> list[JsonObject]:
    """A Pod of a ReplicaSet on the node, and its claim with one device there."""
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "w", "uid": "w", "controller": True}
    made = pod(templates=("t",))
    made["metadata"] = {"name": name, "namespace": "default", "uid": name, "ownerReferences": [owner]}
    made["spec"]["nodeName"] = where
    status = [{"name": made["spec"]["resourceClaims"][0]["name"], "resourceClaimName": f"{name}-claim"}]
    made["status"] = {"phase": "Running", "resourceClaimStatuses": status}
    result = {"request": "gpu", "driver": "gpu.example.com", "pool": where, "device": device}
    by_pod = {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": name, "controller": True}
    held = {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaim",
        "metadata": {
            "name": f"{name}-claim",
            "namespace": "default",
            "uid": f"{name}-claim",
            "ownerReferences": [by_pod],
        },
        "spec": template("t")["spec"]["spec"],
        "status": {
            "allocation": {"devices": {"results": [result]}},
            "reservedFor": [{"resource": "pods", "name": name, "uid": name}],
        },
    }
    return [made, held]
