"""The demo's kube-scheduler: sends the requests of the real one in its order."""

from dataclasses import dataclass, field
from typing import Any

import httpx

from app.core.json_object import JsonObject


class ExtenderError(Exception):
    """The extender returned an error, or violated the protocol."""


@dataclass(frozen=True, slots=True)
class Scheduled:
    """The result for one Pod. ``node`` is None if no node fits. ``refusals`` are by node."""

    pod: JsonObject
    node: str | None
    fitting: tuple[str, ...]
    evaluated: int
    score: int | None = None
    refusals: dict[str, str] = field(default_factory=dict)


class Scheduler:
    """Schedules Pods one by one with a nodeCacheCapable extender (k8s.io/kube-scheduler/extender/v1)."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def schedule(self, pod: JsonObject, nodes: list[str]) -> Scheduled:
        """filter, prioritize if there is a choice, bind. Raises: ExtenderError."""
        arguments = {"Pod": pod, "Nodes": None, "NodeNames": nodes}
        answer = await self._post("filter", arguments)
        fitting = tuple(answer.get("NodeNames") or ())
        refusals = {**(answer.get("FailedNodes") or {}), **(answer.get("FailedAndUnresolvableNodes") or {})}
        if not fitting:
            return Scheduled(pod, None, (), len(nodes), refusals=refusals)
        node, score = fitting[0], None
        if len(fitting) > 1:
            # kube-scheduler does not request scores if there is only one node.
            scores = await self._post("prioritize", arguments | {"NodeNames": list(fitting)})
            best = max(scores, key=lambda entry: int(entry["Score"]))
            node, score = str(best["Host"]), int(best["Score"])
        meta = pod["metadata"]
        await self._post(
            "bind",
            {"PodName": meta["name"], "PodNamespace": meta["namespace"], "PodUID": meta["uid"], "Node": node},
        )
        return Scheduled(pod, node, fitting, len(nodes), score, refusals)

    async def _post(self, verb: str, body: JsonObject) -> Any:
        response = await self._client.post(f"/scheduler/{verb}", json=body)
        if response.status_code != 200:
            raise ExtenderError(f"{verb} returned status {response.status_code}: {response.text[:300]}")
        answer = response.json()
        if isinstance(answer, dict) and answer.get("Error"):
            raise ExtenderError(f"{verb}: {answer['Error']}")
        return answer
