"""A real cluster of any size for measurements: many objects at once, Pods with a claim each."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing, suppress
from typing import Any

from harness import objects
from harness.controlplane import ADMIN, ControlPlane

from app.cluster.auth.credentials import load_access
from app.cluster.client.call import Timeouts
from app.cluster.client.client import ApiClient
from app.cluster.client.errors import ConflictError, InvalidError, NotFoundError
from app.core.json_object import JsonObject
from bench.scenes import Scene

_AT_A_TIME = 32
_PATIENT = Timeouts(read=120.0, total=180.0)
_RESOURCE = "/apis/resource.k8s.io/v1"
_BULK: dict[str, str] = {
    "Namespace": "/api/v1/namespaces",
    "Node": "/api/v1/nodes",
    "DeviceClass": f"{_RESOURCE}/deviceclasses",
    "ResourceSlice": f"{_RESOURCE}/resourceslices",
}


class Cluster:
    """The objects of one control plane, written by its administrator."""

    def __init__(self, plane: ControlPlane) -> None:
        self._client: ApiClient = load_access(plane.kubeconfig(ADMIN)).client(_PATIENT)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def put_inventory(self, scene: Scene, nodes: int) -> None:
        """The scene's nodes, ready and with room, its slices and its class."""
        bodies = []
        for raw in scene.objects(nodes):
            if raw["kind"] == "Node":
                bodies.append(objects.node(raw["metadata"]["name"]))
            elif raw["kind"] in _BULK:
                bodies.append(raw)
        await self._all(bodies, lambda body: self._client.post(_BULK[body["kind"]], body))

    async def put_pods(self, scene: Scene, namespace: str, scheduler: str, number: int) -> None:
        """Pods for the scheduler, each with its own claim from one template; waits for the claims."""
        await self._client.post(
            _BULK["Namespace"], {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        )
        template = {
            "apiVersion": "resource.k8s.io/v1",
            "kind": "ResourceClaimTemplate",
            "metadata": {"name": "wanted"},
            "spec": {"spec": {"devices": scene.devices}},
        }
        await self._client.post(f"{_RESOURCE}/namespaces/{namespace}/resourceclaimtemplates", template)
        path = f"/api/v1/namespaces/{namespace}/pods"
        pods = [_pod(f"pod-{index:05}", scheduler) for index in range(number)]
        await self._all(pods, lambda pod: self._client.post(path, pod))
        while True:
            listed, _ = await self._client.list_all(path)
            if all(pod["status"].get("resourceClaimStatuses") for pod in listed):
                return
            await asyncio.sleep(1)

    async def are_protected(self, namespace: str) -> bool:
        """Whether each claim of the namespace has a finalizer."""
        claims, _ = await self._client.list_all(f"{_RESOURCE}/namespaces/{namespace}/resourceclaims")
        return all(claim["metadata"].get("finalizers") for claim in claims)

    async def bound(self, namespace: str, number: int, seconds: float) -> list[float]:
        """When each Pod was bound, by a monotonic clock, in order; ends with the last or when time is up."""
        times: list[float] = []
        query = {"fieldSelector": "spec.nodeName!=", "sendInitialEvents": "true"}
        query |= {"resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
        events = self._client.watch(f"/api/v1/namespaces/{namespace}/pods", query)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), aclosing(events) as found:
                async for event in found:
                    if event["type"] == "ADDED":
                        times.append(time.monotonic())
                    if len(times) == number:
                        break
        return times

    async def holders(self, namespace: str) -> list[tuple[str, str, str]]:
        """The devices that the namespace's claims hold, with repetitions, if any."""
        claims, _ = await self._client.list_all(f"{_RESOURCE}/namespaces/{namespace}/resourceclaims")
        return [
            (item["driver"], item["pool"], item["device"])
            for claim in claims
            for item in ((claim.get("status") or {}).get("allocation") or {})
            .get("devices", {})
            .get("results", ())
        ]

    async def drop_pods(self, namespace: str) -> None:
        """Takes out the Pods and their claims, and waits until the claims are gone."""
        pods, claims = (
            f"/api/v1/namespaces/{namespace}/pods",
            f"{_RESOURCE}/namespaces/{namespace}/resourceclaims",
        )
        await self._client.delete(pods, params={"gracePeriodSeconds": "0"})
        while True:
            listed, _ = await self._client.list_all(claims)
            if not listed:
                return
            await self._all(listed, lambda claim: self._drop(f"{claims}/{claim['metadata']['name']}"))

    async def _drop(self, path: str) -> None:
        with suppress(NotFoundError, ConflictError, InvalidError):
            await self._client.patch(path, {"metadata": {"finalizers": None}})
            await self._client.delete(path)

    async def _all(self, bodies: Iterable[JsonObject], send: Callable[[JsonObject], Awaitable[Any]]) -> None:
        waiting: Sequence[JsonObject] = list(bodies)
        for start in range(0, len(waiting), _AT_A_TIME):
            await asyncio.gather(*(send(body) for body in waiting[start : start + _AT_A_TIME]))


def _pod(name: str, scheduler: str) -> JsonObject:
    made = objects.pod(name, scheduler, claims={"devices": ""})
    made["spec"]["resourceClaims"] = [{"name": "devices", "resourceClaimTemplateName": "wanted"}]
    return made
