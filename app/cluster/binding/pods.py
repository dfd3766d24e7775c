"""Reads and writes the Pod of a bind."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from app.cluster.client.discovery import POD
from app.cluster.client.errors import (
    ClusterError,
    ConflictError,
    NotFoundError,
    ServerError,
    may_be_under_way,
)
from app.cluster.client.retrying import Requests
from app.core.json_object import JsonObject
from app.core.model.claim_amounts import ClaimAmounts
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.state.state import State
from app.event_loop.time_slice import TimeSlice

_RETRY_SECONDS = 0.5


class PodLostError(Exception):
    """The Pod to bind no longer exists."""


class UnknownError(Exception):
    """Whether the Pod is bound is unknown."""


async def read_pod(client: Requests, namespace: str, name: str, uid: str) -> JsonObject | None:
    """The Pod; None if it is deleted, or another one has its name.

    Cost: one request. Raises: ClusterError.
    """
    try:
        pod = await client.get(POD.path(namespace, name))
    except NotFoundError:
        return None
    return pod if (pod.get("metadata") or {}).get("uid") == uid else None


def node_of(pod: JsonObject) -> str:
    """The node that a Pod is bound to; empty if none."""
    return str((pod.get("spec") or {}).get("nodeName") or "")


class PodWriter:
    """Finds Pods and binds them to nodes.

    Args:
        client: with permission to get Pods, and to create pods/binding.
        write_seconds: the time after which the API server no longer executes a write without a response.
    """

    def __init__(self, client: Requests, state: State, write_seconds: float) -> None:
        self._client = client
        self._state = state
        self._write_seconds = write_seconds

    async def find(self, namespace: str, name: str, uid: str) -> Pod:
        """The Pod, from the state if it has it; an empty ``uid`` takes any of that name.

        Raises:
            PodLostError: it is being deleted, or another one has its name.
            ClusterError, ObjectError: reading it failed.
        """
        pod = self._state.pods.get((namespace, name))
        if pod is None or pod.meta.uid != uid:
            # Not in the state: our watch is behind that of kube-scheduler.
            raw = {"apiVersion": "v1", "kind": "Pod"} | await self._client.get(POD.path(namespace, name))
            item = await TimeSlice(asyncio.get_running_loop().time).run_short(lambda: parse(raw))
            if not isinstance(item, Pod) or (uid and item.meta.uid != uid):
                raise PodLostError(f"Pod {namespace}/{name} was deleted and created again")
            pod = item
        if pod.meta.deleted is not None:
            raise PodLostError(f"Pod {namespace}/{name} is being deleted")
        return pod

    async def node_of(self, pod: Pod) -> str:
        """The node that the Pod is bound to, from the API server now; empty if none.

        Raises:
            PodLostError: it is gone, or another one has its name.
            ClusterError: reading it failed.
        """
        raw = await read_pod(self._client, pod.meta.namespace, pod.meta.name, pod.meta.uid)
        if raw is None:
            raise PodLostError(f"Pod {pod.meta.namespace}/{pod.meta.name} is gone")
        return node_of(raw)

    async def write_amounts(self, pod: Pod, amounts: Sequence[ClaimAmounts]) -> None:
        """Writes what the Pod's devices take of its node into its status, in place of what is there.

        An empty list, too: that of an attempt before, or of a bind that is undone. The kubelet and
        kube-scheduler count it, so it has to be there before the Pod has a node. Raises: ClusterError.
        """
        status = {"nodeAllocatableResourceClaimStatuses": [item.to_json() for item in amounts]}
        patch = {"metadata": {"uid": pod.meta.uid}, "status": status}
        await self._client.patch(POD.path(pod.meta.namespace, pod.meta.name, "status"), patch)

    async def bind(self, pod: Pod, node: str, last_look: Callable[[], None]) -> None:
        """Binds the Pod. It is not an error if it is already bound to the node.

        Args:
            last_look: called right before the binding is sent, and raises to stop it: the request may
                have waited for a connection, or for a busy API server.

        Raises:
            UnknownError: it may be bound.
            ClusterError, what last_look raises: it is not.
        """
        binding: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": pod.meta.name, "namespace": pod.meta.namespace, "uid": pod.meta.uid},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        }
        try:
            path = POD.path(pod.meta.namespace, pod.meta.name, "binding")
            await self._client.post(path, binding, guard=last_look)
        except ClusterError as error:
            unsure = isinstance(error, ConflictError | ServerError) or may_be_under_way(error)
            if unsure and await self._is_bound(pod, node, error):
                return
            raise

    async def _is_bound(self, pod: Pod, node: str, doubt: ClusterError) -> bool:
        """Whether a binding took effect that had no response, or that a conflict reports as already made.

        A binding without a response may still be executed, and must not find its claims deallocated: "not
        bound" counts only after the API server's timeout.

        Raises: UnknownError: still no response.
        """
        loop = asyncio.get_running_loop()
        over = loop.time() + (self._write_seconds if may_be_under_way(doubt) else 0.0)
        while True:
            late, unknown, raw = loop.time() >= over, "", dict[str, Any]()
            try:
                raw = await self._client.get(POD.path(pod.meta.namespace, pod.meta.name))
            except NotFoundError:
                return False
            except ClusterError as error:
                unknown = str(error)
            metadata, spec = raw.get("metadata") or {}, raw.get("spec") or {}
            if metadata.get("uid") == pod.meta.uid and spec.get("nodeName") == node:
                return True
            if late and unknown:
                raise UnknownError(f"{doubt}; it is unknown whether the Pod is bound: {unknown}") from doubt
            if late:
                return False
            await asyncio.sleep(min(_RETRY_SECONDS, max(over - loop.time(), 0.0)))
