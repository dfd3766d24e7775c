"""Between a replica and the API server: requests that are late, lost, or done without an answer."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import httpx

from app.cluster.client.outgoing import Answer, DirectTransport, Outgoing
from tests.cluster.fake_apiserver import Answer as Stream
from tests.cluster.fake_apiserver import Call, CutError
from tests.cluster.simulation.loop import OWNER

if TYPE_CHECKING:
    from tests.cluster.simulation.world import World

BASE_URL = "http://fake"
TRANSIT_SECONDS = 0.1
"""The longest that bytes are under way: what the margin between write time and lease is for."""


class SimulatedTransport(DirectTransport):
    """The client's end. What the server does with a request goes on when the client is gone."""

    def __init__(self, world: "World", name: str, *, guarded: bool) -> None:
        super().__init__()
        self._world = world
        self._name = name
        self._guarded = guarded

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """A watch."""
        world = self._world
        path, _, query = request.url.raw_path.decode().partition("?")
        await world.pause()
        self._reach()
        answer = await world.server.respond(Call(request.method, path, dict(parse_qsl(query)), {}))
        return httpx.Response(answer.status, stream=_LateStream(world, self._name, answer))

    async def exchange(self, request: Outgoing) -> Answer:
        """Anything else."""
        world = self._world
        path, _, query = request.url.removeprefix(BASE_URL).partition("?")
        headers = {name.lower(): value for name, value in request.headers}
        call = Call(request.method, path, dict(parse_qsl(query)), headers, request.content)
        await world.pause()  # for a connection
        if request.guard is not None and self._guarded:
            request.guard()
        if path.endswith("/binding"):
            world.watchdog.sent(world.state_of(self._name), path.split("/")[-2])
        self._reach()
        answered: asyncio.Future[Answer] = world.loop.create_future()
        context = world.context.copy()
        context.run(OWNER.set, "server")
        world.keep(world.loop.create_task(self._carry_out(call, answered), context=context))
        if world.happens(world.chaos.lost_answer):
            await world.pause()
            raise httpx.ReadError("connection reset")
        return await answered

    async def present(self, identity: int) -> None:
        """Nothing to do: there are no connections, and one identity."""

    def _reach(self) -> None:
        if self._world.unreachable(self._name):
            raise httpx.ConnectError("connection refused")

    async def _carry_out(self, call: Call, answered: asyncio.Future[Answer]) -> None:
        world = self._world
        await world.pause()
        received = world.loop.time()
        if world.happens(world.chaos.slow_request):
            await asyncio.sleep(world.random.uniform(0, world.slowest_seconds))
        limit = call.query.get("timeout")
        if limit is not None and world.loop.time() - received > float(limit.removesuffix("s")):
            status, body = 504, b'{"kind":"Status","reason":"Timeout"}'
        elif call.method != "GET" and world.happens(world.chaos.refused):
            status, body = 500, b'{"kind":"Status","reason":"InternalError"}'
        elif call.method != "GET" and world.is_busy():
            status = 429
            body = b'{"kind":"Status","reason":"TooManyRequests","details":{"retryAfterSeconds":1}}'
        else:
            answer = await world.server.respond(call)
            status, body = answer.status, b"".join([chunk async for chunk in answer.chunks])
        await world.pause()
        if not answered.done():
            answered.set_result(Answer(status, {}, body))


class _LateStream(httpx.AsyncByteStream):
    """A watch whose events come some time after what they tell of."""

    def __init__(self, world: "World", name: str, answer: Stream) -> None:
        self._world = world
        self._name = name
        self._chunks = answer.chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        world = self._world
        while True:
            try:
                chunk = await anext(self._chunks)
            except (StopAsyncIteration, CutError):
                return
            if world.happens(world.chaos.late_event):
                await asyncio.sleep(world.random.uniform(0, 1.5))
            if world.unreachable(self._name) or world.happens(world.chaos.cut_watch):
                raise httpx.ReadError("connection reset")
            yield chunk

    async def aclose(self) -> None:
        await self._chunks.aclose()  # type: ignore[attr-defined]
