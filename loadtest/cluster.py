"""The cluster that the load is put on: an API server in memory, kept moving, and a check of every write.

The tests' own fake at the HTTP boundary, as a separate process: the service lists, watches and writes as in
a cluster. Nodes get new drivers' versions, Pods end and free their devices, and new ones come for them. Every
state that a claim ever has is checked: no device may be in two allocations.
"""

import argparse
import asyncio
import random
from collections import Counter, deque
from itertools import count
from typing import Any

import orjson
import uvicorn
import uvloop

from app.core.json_object import JsonObject
from bench.scenes import SCENES, Scene
from loadtest.holds import Holds
from loadtest.inventory import NAMESPACE
from tests.cluster.fake_apiserver import FakeApiServer, asgi
from tests.cluster.fake_store import Change

_DRA = "resource.k8s.io/v1"
_SCENE = next(scene for scene in SCENES if scene.name == "one")
_LIFE_SECONDS = 10.0


class Cluster:
    """Objects, the churn among them, and which claims hold which devices."""

    def __init__(self, scene: Scene, nodes: int, pods: int, churn: float) -> None:
        self.server = FakeApiServer()
        self.server.calls = deque(maxlen=1)  # type: ignore[assignment] # hours of load, not a test's few calls
        self._scene = scene
        self._nodes = nodes
        self._churn = churn
        self._holds = Holds()
        self._bound: deque[tuple[float, str]] = deque()
        self._seen = 0
        self.told: Counter[str] = Counter()
        for raw in scene.objects(nodes):
            self._put(raw)
        self._seen = len(self.server.store.history)
        self.server.store.listeners.append(self._look)
        for index in range(pods):
            self._put(self._scene.claim(_name(index)) | {"status": {}})
            self.server.put("v1", "pods", waiting_pod(_name(index)))

    def _put(self, raw: JsonObject) -> None:
        plurals = {"Node": "nodes", "DeviceClass": "deviceclasses"}
        plurals |= {"ResourceSlice": "resourceslices", "ResourceClaim": "resourceclaims"}
        self.server.put(raw["apiVersion"], plurals[raw["kind"]], raw)

    def _look(self) -> None:
        history = self.server.store.history
        for change in history[self._seen :]:
            self._take(change)
        self._seen = len(history)

    def _take(self, change: Change) -> None:
        place = change.place
        if place.plural == "resourceclaims":
            self._holds.take(change.object, gone=change.type == "DELETED")
            self.told["given"], self.told["twice"] = self._holds.given, self._holds.twice
        elif place.plural == "pods" and change.type == "MODIFIED" and change.object["spec"].get("nodeName"):
            self.told["bound"] += 1
            self._bound.append((asyncio.get_running_loop().time(), place.name))

    async def churn(self) -> None:
        """Changes slices, and ends Pods some seconds after they were bound."""
        chance = random.Random(1)
        generations = count(2)
        while True:
            await asyncio.sleep(1 / self._churn)
            node = chance.randrange(self._nodes)
            _, changed = self._scene.node(node, next(generations))[:2]
            self._put(changed)
            self.told["slices changed"] += 1
            overdue = asyncio.get_running_loop().time() - _LIFE_SECONDS
            while self._bound and self._bound[0][0] < overdue:
                self._end(self._bound.popleft()[1])

    def _end(self, pod: str) -> None:
        """As the controllers do: the claim is released, then both go."""
        self.server.remove("v1", "pods", pod, NAMESPACE)
        claim = self._scene.claim(pod) | {"status": {}}
        claim["metadata"] = {"name": pod, "namespace": NAMESPACE}
        self._put(claim)
        self.server.remove(_DRA, "resourceclaims", pod, NAMESPACE)
        self.told["Pods ended"] += 1


def waiting_pod(name: str) -> JsonObject:
    """A Pod of the size that Pods have: what kube-scheduler sends with every call."""
    container = {
        "name": "train",
        "image": "registry.example.com/ml/trainer:2.4.1",
        "args": ["--epochs=10", f"--run={name}", "--data=/data"],
        "env": [{"name": f"SETTING_{number}", "value": "value-of-it"} for number in range(12)],
        "resources": {"requests": {"cpu": "2", "memory": "8Gi"}, "claims": [{"name": "devices"}]},
        "volumeMounts": [{"name": "token", "mountPath": "/var/run/secrets", "readOnly": True}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"app": "trainer", "run": name}},
        "spec": {
            "schedulerName": "dra-scheduler",
            "containers": [container],
            "resourceClaims": [{"name": "devices", "resourceClaimName": name}],
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists"}],
            "volumes": [{"name": "token", "secret": {"secretName": "token"}}],
        },
    }


def _name(index: int) -> str:
    return f"load-{index:06}"


def _application(cluster: Cluster) -> Any:
    """The API server, and the results of the check at ``/told``."""
    api = asgi(cluster.server)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] != "/told":
            await api(scope, receive, send)
            return
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": orjson.dumps(dict(cluster.told))})

    return app


async def _serve(given: argparse.Namespace) -> None:
    cluster = Cluster(_SCENE, given.nodes, given.pods, given.churn)
    config = uvicorn.Config(
        _application(cluster), port=given.port, log_level="warning", lifespan="off", access_log=False
    )
    churning = asyncio.create_task(cluster.churn())
    await uvicorn.Server(config).serve()
    churning.cancel()


def main() -> None:
    """Serves on loopback until it is ended."""
    parser = argparse.ArgumentParser(prog="cluster", description=__doc__)
    parser.add_argument("--nodes", type=int, required=True)
    parser.add_argument("--pods", type=int, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--churn", type=float, default=5.0, help="slices changed a second")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
