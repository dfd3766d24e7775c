"""An extender that does the least that one can: the ceiling of what any extender reaches.

It answers at once, reads no devices, and knows nothing of the cluster but what filter brings. Its bind
writes what has to be written: the claim's finalizer, its allocation and reservation, and the binding.
"""

import argparse
import asyncio
import ssl
from itertools import count
from typing import Any

import aiohttp
import orjson
import uvicorn
import uvloop

from bench.scenes import DEVICES, DRIVER

_CLAIMS = "/apis/resource.k8s.io/v1/namespaces/{}/resourceclaims/{}{}"
_BINDING = "/api/v1/namespaces/{}/pods/{}/binding"
_JSON, _PATCH = "application/json", "application/json-patch+json"
_FINALIZER = "resource.kubernetes.io/delete-protection"


class DoLeast:
    """The ASGI application.

    Args:
        one: name one node, each in turn, instead of all.
    """

    def __init__(self, server: str, token: str, ca: str, *, one: bool) -> None:
        self._server = server
        self._headers = {"Authorization": f"Bearer {token}", "Accept": _JSON}
        self._ca = ca
        self._one = one
        self._turns = count()
        self._devices = count()
        self._claims: dict[str, str] = {}
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        verb = scope["path"].rsplit("/", 1)[1]
        answer = b""
        if verb == "filter":
            answer = self._filter(orjson.loads(body))
        elif verb == "prioritize":
            names = orjson.loads(body)["NodeNames"]
            answer = orjson.dumps([{"Host": name, "Score": 0} for name in names])
        elif verb == "bind":
            answer = orjson.dumps({"Error": await self._bind(orjson.loads(body))})
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def _filter(self, body: dict[str, Any]) -> bytes:
        metadata = body["Pod"]["metadata"]
        statuses = body["Pod"]["status"].get("resourceClaimStatuses") or ()
        for status in statuses:
            self._claims[metadata["uid"]] = status["resourceClaimName"]
        names = body["NodeNames"]
        if self._one:
            names = [names[next(self._turns) % len(names)]]
        return orjson.dumps({"NodeNames": names, "Error": ""})

    async def _bind(self, body: dict[str, Any]) -> str:
        namespace, pod, uid, node = (body[name] for name in ("PodNamespace", "PodName", "PodUID", "Node"))
        claim = self._claims.get(uid)
        if claim is None:
            return "the claim is not known yet"
        finalizer = [{"op": "add", "path": "/metadata/finalizers", "value": [_FINALIZER]}]
        await self._send("PATCH", _CLAIMS.format(namespace, claim, ""), finalizer)
        term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
        device = f"gpu-{next(self._devices) % DEVICES}"
        allocation = {
            "devices": {"results": [{"request": "r", "driver": DRIVER, "pool": node, "device": device}]},
            "nodeSelector": {"nodeSelectorTerms": [term]},
        }
        status = [
            {"op": "add", "path": "/status/allocation", "value": allocation},
            {
                "op": "add",
                "path": "/status/reservedFor",
                "value": [{"resource": "pods", "name": pod, "uid": uid}],
            },
        ]
        await self._send("PATCH", _CLAIMS.format(namespace, claim, "/status"), status)
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": pod, "namespace": namespace, "uid": uid},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        }
        await self._send("POST", _BINDING.format(namespace, pod), binding)
        return ""

    async def _send(self, method: str, path: str, body: Any) -> None:
        if self._session is None:
            connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=self._ca))
            self._session = aiohttp.ClientSession(self._server, connector=connector, headers=self._headers)
        headers = {"Content-Type": _PATCH if method == "PATCH" else _JSON, "Accept-Encoding": "identity"}
        async with self._session.request(method, path, data=orjson.dumps(body), headers=headers) as answer:
            text = await answer.read()
            if answer.status >= 300:
                raise RuntimeError(f"{method} {path}: {answer.status} {text!r}")


def main() -> None:
    """Serves on loopback."""
    parser = argparse.ArgumentParser(prog="do-least", description=__doc__)
    for name in ("--server", "--token", "--ca"):
        parser.add_argument(name, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--one", action="store_true")
    given = parser.parse_args()
    app = DoLeast(given.server, given.token, given.ca, one=given.one)
    config = uvicorn.Config(app, port=given.port, access_log=False, lifespan="off", log_level="warning")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main()
