"""What each shortcut of a webhook is worth: CPU time of one call with it and without it, in turns."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from statistics import median
from unittest.mock import patch

import httpx
import orjson

from app.api.node_list_cache import NodeListCache
from app.api.webhooks import evaluation, routes
from app.core.verdicts.node_verdict import NodeVerdict
from app.main import create_app
from app.settings.settings import Settings
from bench.run import Part, Row, Run
from bench.scenes import SCENES, Scene, pod

_JSON = {"Content-Type": "application/json"}
_CALLS = 60


@contextmanager
def _without_name_lists() -> Iterator[None]:
    with (
        patch.object(NodeListCache, "split", lambda _self, _body: None),
        patch.object(NodeListCache, "received", lambda _self, _body, _names: None),
        patch.object(NodeListCache, "sent", lambda _self, names: names),
    ):
        yield


def _without_index() -> AbstractContextManager[object]:
    return patch.object(evaluation, "indexed", lambda _evaluation, _distinct, _cache: None)


def _without_text() -> AbstractContextManager[object]:
    def listed(names: list[str], scores: Iterator[int]) -> list[dict[str, object]]:
        return [{"Host": name, "Score": score} for name, score in zip(names, scores, strict=False)]

    return patch.object(routes, "priorities", listed)


@contextmanager
def _without_identity() -> Iterator[None]:
    def equal(one: NodeVerdict, other: object) -> bool:
        return isinstance(other, NodeVerdict) and one.content == other.content

    with (
        patch.object(NodeVerdict, "__eq__", equal),
        patch.object(NodeVerdict, "__hash__", lambda one: hash(one.content)),
    ):
        yield


SHORTCUTS: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "name lists": _without_name_lists,
    "verdict index": _without_index,
    "scores as text": _without_text,
    "identity": _without_identity,
}


async def measure(
    scene: Scene, nodes: int, without: Callable[[], AbstractContextManager[object]], calls: int = _CALLS
) -> Row:
    """Medians of a warm filter, with all candidates and with one, and of the prioritize that follows, in ms.

    Each side has a service, and the two take turns. Raises: RuntimeError if they answer differently.
    """
    row: Row = {"nodes": nodes}
    with tempfile.TemporaryDirectory() as folder:
        inventory = Path(folder) / "inventory.json"
        objects = [*scene.objects(nodes), scene.claim("claim-0")]
        inventory.write_bytes(orjson.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
        for candidates in (0, 1):
            settings = Settings(snapshot=(str(inventory),), candidates=candidates)
            # With one candidate kube-scheduler has nothing to prioritize.
            verbs = ("filter",) if candidates == 1 else ("filter", "prioritize")
            async with _client(settings) as usual, _client(settings) as reduced:
                sides = (("on", usual, nullcontext), ("off", reduced, without))
                seconds: dict[str, list[float]] = {}
                answers: dict[tuple[int, str], object] = {}
                for call in range(calls):
                    for side, client, around in sides if call % 2 else reversed(sides):
                        with around():
                            for verb, spent, answered in await _ask(client, nodes, call, verbs):
                                seconds.setdefault(f"{verb}-{candidates}-{side}", []).append(spent)
                                if answers.setdefault((call, verb), answered) != answered:
                                    raise RuntimeError(f"{verb} answers differently without the shortcut")
                row |= {name: round(median(found[2:]) * 1e3, 2) for name, found in seconds.items()}
    return row


@asynccontextmanager
async def _client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as client,
    ):
        yield client


async def _ask(
    client: httpx.AsyncClient, nodes: int, call: int, verbs: Sequence[str]
) -> list[tuple[str, float, object]]:
    """Of each verb the CPU seconds and the answer: of equal nodes, a filter may return any, in any order."""
    # kube-scheduler names the nodes in another order each time.
    cut = 37 * call % nodes
    names = [f"node-{(number + cut) % nodes:05}" for number in range(nodes)]
    asking, spent = pod("pod-0", "claim-0"), []
    for verb in verbs:
        body = orjson.dumps({"Pod": asking, "NodeNames": names})
        began = time.process_time()
        answer = await client.post(f"/scheduler/{verb}", content=body, headers=_JSON)
        seconds = time.process_time() - began
        body = answer.raise_for_status().json()
        if verb == "filter":
            names = body["NodeNames"]
        spent.append(
            (
                verb,
                seconds,
                body if verb == "prioritize" else sorted(names) if "prioritize" in verbs else len(names),
            )
        )
    return spent


def _rows(run: Run) -> Iterator[Row]:
    for name, without in SHORTCUTS.items():
        yield {"shortcut": name} | asyncio.run(measure(SCENES[0], max(run.sizes), without))


PART = Part(
    "shortcuts",
    "ms of CPU time of a webhook with and without one shortcut; -0 all candidates, -1 one",
    (
        "shortcut",
        "filter-0-on",
        "filter-0-off",
        "prioritize-0-on",
        "prioritize-0-off",
        "filter-1-on",
        "filter-1-off",
    ),
    _rows,
)
