"""Users, drivers and administrators who do anything in any order, as a seed has it."""

import time
from collections.abc import Mapping
from random import Random
from typing import Any

from app.core.json_object import JsonObject
from harness import objects
from harness.api import ApiError
from harness.kubelet import Kubelet
from harness.objects import DRIVER
from harness.scene import Scene

_PAUSES = (0.0, 0.0, 0.05, 0.2, 0.5)
_OWN = f'device.driver == "{DRIVER}" && device.attributes["{DRIVER}"].scene == '


class Anything:
    """What may happen in a scene: its nodes have devices that its classes alone select.

    ``done`` tells what was done, with what the API server refused, such as the second deletion of an object.
    """

    def __init__(self, scene: Scene, kubelet: Kubelet, scheduler: str, seed: int) -> None:
        self.scene = scene
        self.done: list[str] = []
        self._kubelet = kubelet
        self._scheduler = scheduler
        self._random = Random(seed)  # noqa: S311 - a run must be repeatable
        self._pods: list[str] = []
        self._generations: dict[str, int] = {}
        self._number = 0
        for number in range(self._random.randint(2, 4)):
            self._node(f"n{number}")
        self._class("any")
        for name, spec in self._specs().items():
            kind = {"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaimTemplate"}
            scene.create(kind | {"metadata": {"name": name}, "spec": {"spec": spec}})

    def run(self, steps: int) -> None:
        """Does so many steps, with pauses of up to half a second."""
        weights = {self._create_pod: 45, self._create_gang: 10, self._delete_pod: 10, self._end_pod: 11}
        weights |= {self._publish: 6, self._withdraw: 3, self._label: 4, self._cordon: 4}
        weights |= {self._claim: 7, self._taint: 5, self._late_class: 3, self._open_gates: 3}
        for _ in range(steps):
            (step,) = self._random.choices(list(weights), list(weights.values()))
            try:
                step()
            except ApiError as error:
                self._tell(f"refused: {error}")
            time.sleep(self._random.choice(_PAUSES))

    def end_all(self) -> None:
        """Every running Pod succeeds, so that its devices are for the next."""
        for pod in self._kubelet.running(self.scene.namespace):
            self._kubelet.succeed(self.scene.namespace, pod["metadata"]["name"])

    def publish_everywhere(self) -> None:
        """Every driver publishes other devices."""
        for node in self._generations:
            self._publish_on(node)

    def places(self) -> Mapping[str, str]:
        """The node of each Pod, empty if it has none."""
        pods = self.scene.api.list("Pod", self.scene.namespace)
        return {pod["metadata"]["name"]: pod["spec"].get("nodeName", "") for pod in pods}

    # Pods

    def _create_pod(self) -> None:
        chance = self._random.random
        body = objects.pod(self._new("pod"), self._scheduler)
        spec, container = body["spec"], body["spec"]["containers"][0]
        entries = self._entries()
        spec["resourceClaims"] = entries
        container["resources"] = {"claims": [{"name": entry["name"]} for entry in entries]}
        if chance() < 0.2:
            container["resources"]["requests"] = {"cpu": "2"}
        if chance() < 0.15:
            spec["nodeSelector"] = {"zone": self._random.choice("ab")}
        if chance() < 0.1:
            spec["schedulingGates"] = [{"name": "example.com/gate"}]
        if chance() < 0.15:
            body["metadata"]["labels"] = {"app": "apart"}
            term = {
                "labelSelector": {"matchLabels": {"app": "apart"}},
                "topologyKey": "kubernetes.io/hostname",
            }
            spec["affinity"] = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
        self._create(body, str(entries))

    def _entries(self) -> list[JsonObject]:
        """One claim or two: of a template, or one of three that several Pods may use."""
        if self._random.random() < 0.3:
            return [{"name": "e0", "resourceClaimName": f"shared{self._random.randrange(3)}"}]
        templates = self._random.choices(list(self._specs()), k=self._random.choice((1, 1, 1, 2)))
        return [
            {"name": f"e{number}", "resourceClaimTemplateName": name} for number, name in enumerate(templates)
        ]

    def _create_gang(self) -> None:
        name, size = self._new("gang"), self._random.randint(2, 4)
        kind = {"apiVersion": "scheduling.k8s.io/v1beta1", "kind": "PodGroup"}
        policy = {"schedulingPolicy": {"gang": {"minCount": self._random.randint(1, size)}}}
        self.scene.create(kind | {"metadata": {"name": name}, "spec": policy})
        template = self._random.choice(("one", "black", "two", "either"))
        for number in range(size - (self._random.random() < 0.2)):
            body = objects.pod(f"{name}-{number}", self._scheduler)
            body["spec"] |= {
                "resourceClaims": [{"name": "d", "resourceClaimTemplateName": template}],
                "schedulingGroup": {"podGroupName": name},
            }
            body["spec"]["containers"][0]["resources"] = {"claims": [{"name": "d"}]}
            self._create(body, f"{template}, {policy}")

    def _create(self, body: JsonObject, what: str) -> None:
        name = body["metadata"]["name"]
        self._tell(f"create Pod {name}: {what}")
        self.scene.create(body)
        self._pods.append(name)

    def _delete_pod(self) -> None:
        if self._pods:
            name = self._pods.pop(self._random.randrange(len(self._pods)))
            self._tell(f"delete Pod {name}")
            self.scene.api.delete("Pod", name, self.scene.namespace)

    def _end_pod(self) -> None:
        running = self._kubelet.running(self.scene.namespace)
        if running:
            name = self._random.choice(running)["metadata"]["name"]
            self._tell(f"Pod {name} succeeds")
            self._kubelet.succeed(self.scene.namespace, name)

    def _open_gates(self) -> None:
        for pod in self.scene.api.list("Pod", self.scene.namespace):
            if pod["spec"].get("schedulingGates"):
                self._change("Pod", pod["metadata"]["name"], {"spec": {"schedulingGates": None}})

    # Claims and classes

    def _specs(self) -> dict[str, JsonObject]:
        """What Pods request, by the name of its template."""
        black, white = (
            [{"cel": {"expression": f'device.attributes["{DRIVER}"].color == "{color}"'}}]
            for color in ("black", "white")
        )
        some, late = self._named("any"), self._named("late")
        either = [
            {"name": "two", "deviceClassName": some, "selectors": white, "count": 2},
            {"name": "one", "deviceClassName": some},
        ]
        same = [{"requests": ["r"], "matchAttribute": f"{DRIVER}/size"}]
        return {
            "one": _exactly(some),
            "two": _exactly(some, count=2),
            "black": _exactly(some, selectors=black),
            "all": _exactly(some, allocationMode="All"),
            "tolerant": _exactly(some, tolerations=[{"operator": "Exists"}]),
            "late": _exactly(late),
            "either": {"devices": {"requests": [{"name": "r", "firstAvailable": either}]}},
            "same": {"devices": _exactly(some, count=2)["devices"] | {"constraints": same}},
        }

    def _claim(self) -> None:
        """One that Pods may wait for, or use."""
        name = f"shared{self._random.randrange(3)}"
        if self.scene.api.find("ResourceClaim", name, self.scene.namespace):
            self._tell(f"delete ResourceClaim {name}")
            self.scene.api.delete("ResourceClaim", name, self.scene.namespace)
            return
        spec = self._random.choice(list(self._specs()))
        self._tell(f"create ResourceClaim {name}: {spec}")
        kind = {"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim"}
        self.scene.create(kind | {"metadata": {"name": name}, "spec": self._specs()[spec]})

    def _late_class(self) -> None:
        if self.scene.api.find("DeviceClass", self._named("late")) is None:
            self._class("late")

    def _class(self, name: str) -> None:
        self._tell(f"create DeviceClass {name}")
        self.scene.create(objects.device_class(self._named(name), f'{_OWN}"{self.scene.namespace}"'))

    def _taint(self) -> None:
        """A DeviceTaintRule for the devices of one node, or none any more."""
        name = self._named("rule")
        if self.scene.api.find("DeviceTaintRule", name):
            self._tell("delete DeviceTaintRule")
            self.scene.api.delete("DeviceTaintRule", name)
            return
        node = self._some_node()
        self._tell(f"create DeviceTaintRule for {node}")
        spec = {
            "deviceSelector": {"driver": DRIVER, "pool": node},
            "taint": {"key": "k", "effect": "NoSchedule"},
        }
        kind = {"apiVersion": "resource.k8s.io/v1", "kind": "DeviceTaintRule"}
        self.scene.create(kind | {"metadata": {"name": name}, "spec": spec})

    # Nodes and devices

    def _node(self, name: str) -> None:
        full_name = self.scene.node(name)
        room = {"cpu": self._random.choice(("64", "3")), "memory": "64Gi", "pods": "250"}
        status = {"status": {"capacity": room, "allocatable": room}}
        self.scene.api.patch("Node", full_name, status, subresource="status")
        self._generations[full_name] = 0
        self._publish_on(full_name)

    def _publish(self) -> None:
        self._publish_on(self._some_node())

    def _publish_on(self, node: str) -> None:
        """A new generation of the node's pool, with other devices."""
        self._withdraw_from(node)
        self._generations[node] += 1
        devices = [self._device(number) for number in range(self._random.randint(1, 4))]
        self._tell(f"publish {len(devices)} devices on {node}")
        self.scene.create(objects.slice_of(node, devices, generation=self._generations[node]))

    def _device(self, number: int) -> JsonObject:
        color, size = self._random.choice(("black", "white")), self._random.choice(("large", "small"))
        device = objects.device(f"d{number}", color=color, size=size)
        device["attributes"]["scene"] = {"string": self.scene.namespace}
        if self._random.random() < 0.15:
            device["taints"] = [{"key": "bad", "effect": "NoSchedule"}]
        return device

    def _withdraw(self) -> None:
        self._withdraw_from(self._some_node())

    def _withdraw_from(self, node: str) -> None:
        for item in self.scene.api.list("ResourceSlice", fieldSelector=f"spec.nodeName={node}"):
            self._tell(f"delete ResourceSlice {item['metadata']['name']}")
            self.scene.api.delete("ResourceSlice", item["metadata"]["name"])

    def _label(self) -> None:
        self._change("Node", self._some_node(), {"metadata": {"labels": {"zone": self._random.choice("ab")}}})

    def _cordon(self) -> None:
        self._change(
            "Node", self._some_node(), {"spec": {"unschedulable": self._random.random() < 0.4 or None}}
        )

    def _change(self, kind: str, name: str, patch: Any) -> None:
        self._tell(f"patch {kind} {name}: {patch}")
        self.scene.api.patch(kind, name, patch, self.scene.namespace if kind == "Pod" else "")

    # Names

    def _some_node(self) -> str:
        return self._random.choice(list(self._generations))

    def _named(self, name: str) -> str:
        return f"{name}-{self.scene.namespace}"

    def _new(self, kind: str) -> str:
        self._number += 1
        return f"{kind}-{self._number}"

    def _tell(self, what: str) -> None:
        self.done.append(what)


def _exactly(device_class: str, **fields: Any) -> JsonObject:
    request = {"name": "r", "exactly": {"deviceClassName": device_class, **fields}}
    return {"devices": {"requests": [request]}}
