"""The API server of the attacks: the tests' own fake with an inventory, in a separate process."""

import asyncio
import sys
from collections import deque
from pathlib import Path

import orjson
import uvicorn
import uvloop

from tests.cluster.fake_apiserver import FakeApiServer, asgi

PLURALS = {
    "Node": "nodes",
    "DeviceClass": "deviceclasses",
    "ResourceSlice": "resourceslices",
    "ResourceClaim": "resourceclaims",
}


def main(inventory: Path, port: int) -> None:
    """Serves on loopback until it is ended."""
    server = FakeApiServer()
    server.calls = deque(maxlen=1)  # type: ignore[assignment] # minutes of attacks, not a test's few calls
    for raw in orjson.loads(inventory.read_bytes()):
        server.put(raw["apiVersion"], PLURALS[raw["kind"]], raw)
    config = uvicorn.Config(asgi(server), port=port, log_level="warning", lifespan="off", access_log=False)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
