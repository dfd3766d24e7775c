"""What a bind reads and writes of the Pod itself."""

import asyncio
from collections.abc import Callable
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
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.state.state import State

_RETRY_SECONDS = 0.5


class PodLostError(Exception):
    """The Pod that was to be bound is not there any more."""


class UnknownError(Exception):
    """Whether the Pod is bound cannot be found out."""


async def read_pod(client: Requests, namespace: str, name: str, uid: str) -> JsonObject | None:
    """The Pod; None if it is gone, or another one has its name. Cost: one request. Raises: ClusterError."""
    try:
        pod = await client.get(POD.path(namespace, name))
    except NotFoundError:
        return None
    return pod if (pod.get("metadata") or {}).get("uid") == uid else None


def node_of(pod: JsonObject) -> str:
    """The node that a Pod is bound to; empty if to none."""
    return str((pod.get("spec") or {}).get("nodeName") or "")


class PodWriter:
    """Finds Pods and binds them to nodes.

    Args:
        client: with rights to get Pods, and to create pods/binding.
        write_seconds: after which the API server carries out no write that got no answer.
    """

    def __init__(self, client: Requests, state: State, write_seconds: float) -> None:
        self._client = client
        self._state = state
        self._write_seconds = write_seconds

    async def find(self, namespace: str, name: str, uid: str) -> Pod:
        """The Pod, from the state if it has it; an empty ``uid`` takes any of that name.

        Raises:
            PodLostError: it is being deleted, or another one has its name.
            ClusterError, ObjectError: it could not be read.
        """
        pod = self._state.pods.get((namespace, name))
        if pod is None or pod.meta.uid != uid:
            # Not heard of yet, or not any more: the watch is behind kube-scheduler's.
            item = parse(
                {"apiVersion": "v1", "kind": "Pod"} | await self._client.get(POD.path(namespace, name))
            )
            if not isinstance(item, Pod) or (uid and item.meta.uid != uid):
                raise PodLostError(f"Pod {namespace}/{name} was deleted and made anew")
            pod = item
        if pod.meta.deleted is not None:
            raise PodLostError(f"Pod {namespace}/{name} is being deleted")
        return pod

    async def node_of(self, pod: Pod) -> str:
        """The node that the Pod is bound to, by what the API server says now; empty if to none.

        Raises:
            PodLostError: it is gone, or another one has its name.
            ClusterError: it could not be read.
        """
        raw = await read_pod(self._client, pod.meta.namespace, pod.meta.name, pod.meta.uid)
        if raw is None:
            raise PodLostError(f"Pod {pod.meta.namespace}/{pod.meta.name} is gone")
        return node_of(raw)

    async def bind(self, pod: Pod, node: str, last_look: Callable[[], None]) -> None:
        """Binds the Pod; one that is bound to the node already is no error.

        Args:
            last_look: raises to stop it, right before the binding leaves: it may have waited for a
                connection, or until an API server that was too busy for it has time.

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
        """Whether a binding was made that got no answer, or one that says it was made before.

        A binding that got no answer may still be carried out, and must not find its claims taken back:
        "not bound" counts only when the API server has given it up.

        Raises:
            UnknownError: still no answer.
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
                raise UnknownError(f"{doubt}; whether the Pod is bound is not known: {unknown}") from doubt
            if late:
                return False
            await asyncio.sleep(min(_RETRY_SECONDS, max(over - loop.time(), 0.0)))
