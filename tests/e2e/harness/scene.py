"""What one test puts into the cluster, and takes out again."""

import contextlib
import secrets
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from app.core.json_object import JsonObject
from harness import objects
from harness.api import KINDS, Api, NotFoundError
from harness.wait import until


class Scene:
    """A namespace of its own, and every cluster-wide object made through it; all gone at the end."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.namespace = f"e2e-{secrets.token_hex(3)}"
        self._cluster_wide: list[tuple[str, str]] = []
        self._kinds: set[str] = set()

    def __enter__(self) -> Self:
        self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Pods before claims: a claim in use is kept by its finalizer until its Pods are gone. PodGroups too,
        # where the API server knows them: their claims are made again.
        for kind_of_user in ("Job", "Pod", *({"PodGroup"} & self._kinds)):
            self._delete_all(kind_of_user)
        for kind_in_use in ("ResourceClaim", "PersistentVolumeClaim"):
            self._delete_all(kind_in_use)
        for object_kind, name in reversed(self._cluster_wide):
            self.api.delete(object_kind, name)
            if object_kind == "PersistentVolume":
                with contextlib.suppress(NotFoundError):
                    self.api.patch(object_kind, name, {"metadata": {"finalizers": None}})

    def create(self, body: JsonObject) -> JsonObject:
        """Creates the object, in the scene's namespace if it is of a kind that has one."""
        made = self.api.create(body, self.namespace)
        self._kinds.add(body["kind"])
        if not KINDS[body["kind"]][2]:
            self._cluster_wide.append((body["kind"], made["metadata"]["name"]))
        return made

    def create_all(self, bodies: Iterable[JsonObject]) -> None:
        for body in bodies:
            self.create(body)

    def node(self, name: str, devices: Iterable[JsonObject] = ()) -> str:
        """A Node with one slice of these devices, if any; its full name, which is the pool's name too."""
        full_name = f"{name}.{self.namespace}"
        made = self.create(objects.node(full_name))
        # Creating a Node keeps its status, but that is not promised: a kubelet writes it to the subresource.
        self.api.patch("Node", full_name, {"status": made["status"]}, subresource="status")
        if devices := list(devices):
            self.create(objects.slice_of(full_name, devices))
        return full_name

    def pod(self, name: str) -> JsonObject:
        return self.api.get("Pod", name, self.namespace)

    def node_of(self, name: str) -> str:
        """The Node that a Pod is bound to, or an empty string."""
        return self.pod(name)["spec"].get("nodeName", "")

    def claim(self, name: str) -> JsonObject:
        return self.api.get("ResourceClaim", name, self.namespace)

    def wait_bound(self, *names: str, seconds: float = 30) -> None:
        for name in names:
            until(lambda name=name: self.node_of(name), f"Pod {name} is bound", seconds=seconds)

    def events(self, pod_name: str, reason: str) -> list[str]:
        """The messages of the events of this reason on a Pod."""
        events = self.api.list("Event", self.namespace, fieldSelector=f"reason={reason}")
        return [event["note"] for event in events if event["regarding"]["name"] == pod_name]

    def _delete_all(self, kind: str) -> None:
        for found in self.api.list(kind, self.namespace):
            name = found["metadata"]["name"]
            self.api.delete(kind, name, self.namespace, grace=0)
            # The owners of finalizers may be dead at the end of a test, and the namespace goes anyway.
            with contextlib.suppress(NotFoundError):
                self.api.patch(kind, name, {"metadata": {"finalizers": None}}, self.namespace)
        until(lambda: not self.api.list(kind, self.namespace), f"no {kind} is left in {self.namespace}")
