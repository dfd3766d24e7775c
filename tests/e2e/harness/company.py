"""Pods whose devices are not all that they wait for: volumes, groups, devices that get ready late."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from app.core.json_object import JsonObject
from harness import objects
from harness.kubelet import Kubelet
from harness.scene import Scene

IN_TREE, EXTENDER = "company-in-tree", "company-extender"
RESERVATION_SECONDS = 5
GANG_LABEL = "kueue.x-k8s.io/pod-group-name"
"""The extender places Pods together that have the same value; a kube-scheduler by itself does not."""


class Company:
    """A scene for one scheduler. Its Pods take devices of the scene's nodes alone."""

    def __init__(self, scene: Scene, kubelet: Kubelet, scheduler: str) -> None:
        self.scene = scene
        self.kubelet = kubelet
        self.scheduler = scheduler
        self.device_class = f"company-{scene.namespace}"
        scene.create(objects.device_class(self.device_class))

    def node(self, name: str, devices: int = 1, *, cpu: str = "64", **fields: Any) -> str:
        """A node; `fields` are of each of its devices."""
        full_name = self.scene.node(name, [device | fields for device in objects.cats(devices)])
        room = {"cpu": cpu, "memory": "64Gi", "pods": "300"}
        status = {"status": {"capacity": room, "allocatable": room}}
        self.scene.api.patch("Node", full_name, status, subresource="status")
        return full_name

    def slice_of(self, node: str) -> JsonObject:
        """The ResourceSlice of a node."""
        (found,) = self.scene.api.list("ResourceSlice", fieldSelector=f"spec.nodeName={node}")
        return {"apiVersion": "resource.k8s.io/v1", "kind": "ResourceSlice"} | found

    def template(self, name: str = "cats") -> str:
        """A ResourceClaimTemplate for one device."""
        spec = objects.claim("any", device_class=self.device_class)["spec"]
        kind = {"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaimTemplate"}
        self.scene.create(kind | {"metadata": {"name": name}, "spec": {"spec": spec}})
        return name

    def claim(self, name: str) -> str:
        self.scene.create(objects.claim(name, device_class=self.device_class))
        return name

    def pod(
        self,
        name: str,
        *,
        claim: str = "",
        template: str = "",
        volume: str = "",
        cpu: str = "",
        node: str = "",
        priority: str = "",
        group: str = "",
        **spec: Any,
    ) -> JsonObject:
        """The body of a Pod with at most one claim; `spec` are fields of its spec."""
        body = objects.pod(name, self.scheduler, claims={"device": claim} if claim else None)
        container = body["spec"]["containers"][0]
        if template:
            body["spec"]["resourceClaims"] = [{"name": "device", "resourceClaimTemplateName": template}]
            container["resources"] = {"claims": [{"name": "device"}]}
        if cpu:
            container["resources"] |= {"requests": {"cpu": cpu}}
        if volume:
            body["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": volume}}]
        if node:
            body["spec"]["nodeSelector"] = {"kubernetes.io/hostname": node}
        if priority:
            body["spec"]["priorityClassName"] = priority
        if group:
            body["spec"]["schedulingGroup"] = {"podGroupName": group}
        body["metadata"]["labels"] = {"app": name.rstrip("0123456789").rstrip("-")}
        body["spec"] |= spec
        return body

    def create(self, *bodies: JsonObject) -> list[str]:
        """Creates Pods, and returns their names."""
        return [self.scene.create(body)["metadata"]["name"] for body in bodies]

    def priority(self, name: str, value: int) -> str:
        full_name = f"{name}-{self.scene.namespace}"
        kind = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass"}
        self.scene.create(kind | {"metadata": {"name": full_name}, "value": value})
        return full_name

    def gang(self, name: str, size: int, template: str, *, minimum: int = 0, **spec: Any) -> list[str]:
        """A PodGroup of which no fewer than `minimum` Pods may run, and its Pods. `spec`: of the PodGroup."""
        policy = {"schedulingPolicy": {"gang": {"minCount": minimum or size}}}
        kind = {"apiVersion": "scheduling.k8s.io/v1beta1", "kind": "PodGroup"}
        self.scene.create(kind | {"metadata": {"name": name}, "spec": policy | spec})
        pods = (self.pod(f"{name}-{number}", template=template, group=name) for number in range(size))
        return self.create(*pods)

    def storage(self, node: str, volumes: int, *, immediate: bool = False) -> str:
        """A StorageClass with some local volumes on this node, bound to Pods with a node, or at once."""
        mode = "Immediate" if immediate else "WaitForFirstConsumer"
        name = self._storage_class("kubernetes.io/no-provisioner", volumeBindingMode=mode)
        for number in range(volumes):
            self.scene.create(_volume(f"{node}-{number}", name, node))
        return name

    def provisioned(self, *nodes: str) -> str:
        """A StorageClass whose volumes ``provision`` makes for Pods with a node: one of these, if any."""
        on = {"key": "kubernetes.io/hostname", "values": list(nodes)}
        allowed = {"allowedTopologies": [{"matchLabelExpressions": [on]}]} if nodes else {}
        return self._storage_class("example.com/by-hand", volumeBindingMode="WaitForFirstConsumer", **allowed)

    def selected_node(self, volume_claim: str) -> str:
        """The node that kube-scheduler has chosen for the Pod of this claim, which waits for the volume."""
        found = self.scene.api.get("PersistentVolumeClaim", volume_claim, self.scene.namespace)
        return (found["metadata"].get("annotations") or {}).get("volume.kubernetes.io/selected-node", "")

    def provision(self, volume_claim: str) -> None:
        """What the provisioner does: a volume for the claim, for any node."""
        found = self.scene.api.get("PersistentVolumeClaim", volume_claim, self.scene.namespace)
        name = f"{volume_claim}-{self.scene.namespace}"
        body = _volume(name, found["spec"]["storageClassName"], "")
        body["spec"]["claimRef"] = {
            "kind": "PersistentVolumeClaim",
            "namespace": self.scene.namespace,
            "name": volume_claim,
            "uid": found["metadata"]["uid"],
        }
        self.scene.create(body)

    def _storage_class(self, provisioner: str, **fields: Any) -> str:
        name = f"{provisioner.split('/')[1]}-{self.scene.namespace}"
        kind = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name}}
        if self.scene.api.find("StorageClass", name) is None:
            self.scene.create(kind | {"provisioner": provisioner, **fields})
        return name

    def volume_claim(self, name: str, storage_class: str) -> str:
        self.scene.create(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": name},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "storageClassName": storage_class,
                    "resources": {"requests": {"storage": "1Gi"}},
                },
            }
        )
        return name

    def is_bound(self, volume_claim: str) -> bool:
        found = self.scene.api.get("PersistentVolumeClaim", volume_claim, self.scene.namespace)
        return found["status"]["phase"] == "Bound"

    def bound(self) -> dict[str, str]:
        """The node of each Pod that has one."""
        pods = self.scene.api.list("Pod", self.scene.namespace)
        return {
            pod["metadata"]["name"]: pod["spec"]["nodeName"] for pod in pods if pod["spec"].get("nodeName")
        }

    def allocated(self) -> list[str]:
        """The claims that hold devices."""
        claims = self.scene.api.list("ResourceClaim", self.scene.namespace)
        return [
            claim["metadata"]["name"] for claim in claims if (claim.get("status") or {}).get("allocation")
        ]

    def failures(self) -> list[str]:
        """What users are told of Pods that could not be scheduled or bound at some time."""
        events = self.scene.api.list("Event", self.scene.namespace, fieldSelector="reason=FailedScheduling")
        return [event["note"] for event in events]

    def tell(self, claim: str, condition: str) -> None:
        """What a driver writes of the one device of a claim: that this condition is true."""
        (result,) = self.scene.claim(claim)["status"]["allocation"]["devices"]["results"]
        said = {"type": condition, "status": "True", "reason": "Told", "message": "by the test"}
        said["lastTransitionTime"] = "2026-01-01T00:00:00Z"
        device = {key: result[key] for key in ("driver", "pool", "device")} | {"conditions": [said]}
        body = {"status": {"devices": [device]}}
        self.scene.api.patch("ResourceClaim", claim, body, self.scene.namespace, subresource="status")


def claims_of_group(template: str) -> Mapping[str, Any]:
    """A field of a PodGroup's spec: its Pods share the claim that they name `device`."""
    return {"resourceClaims": [{"name": "device", "resourceClaimTemplateName": template}]}


def preferring(node: str) -> Mapping[str, Any]:
    """A field of a Pod's spec: it would like to run on this node."""
    wanted = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    term = {"weight": 100, "preference": {"matchExpressions": [wanted]}}
    return {"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [term]}}}


def apart(app: str) -> Mapping[str, Any]:
    """A field of a Pod's spec: never two Pods of this label on one node."""
    term = {"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": "kubernetes.io/hostname"}
    return {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}


@contextmanager
def again_and_again(step: Callable[[int], object], pause: float) -> Iterator[None]:
    """Does this every so many seconds meanwhile, in a thread."""
    enough = threading.Event()

    def repeat() -> None:
        number = 0
        while not enough.wait(pause):
            number += 1
            step(number)

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


def spread(app: str, when: str) -> Mapping[str, Any]:
    """A field of a Pod's spec: as many Pods of this label on each node; ``when`` is whenUnsatisfiable."""
    constraint = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": when}
    labels = {"labelSelector": {"matchLabels": {"app": app}}}
    return {"topologySpreadConstraints": [constraint | labels]}


def _volume(name: str, storage_class: str, node: str) -> JsonObject:
    """A local volume of the node, or without a node one for any."""
    spec: JsonObject = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": storage_class,
    }
    if node:
        on_node = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
        terms = [{"matchExpressions": [on_node]}]
        spec |= {
            "local": {"path": f"/played/{name}"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": terms}},
        }
    else:
        spec["hostPath"] = {"path": f"/played/{name}"}
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec}
