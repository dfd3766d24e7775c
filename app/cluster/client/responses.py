"""Reads responses of the API server: whole objects, and the lines of a watch."""

import asyncio
from collections.abc import AsyncGenerator
from functools import partial

import httpx
import orjson

from app.cluster.client.deep_json import without_depths
from app.cluster.client.errors import ConnectionFailedError
from app.cluster.client.outgoing import Answer
from app.core.json_object import JsonObject
from app.event_loop.time_slice import TimeSlice

_TOO_DEEP = "depth limit exceeded"
"""What orjson reports."""


async def read_whole(response: httpx.Response) -> Answer:
    """Raises: httpx.TransportError. Releases the connection in any case."""
    try:
        return Answer(response.status_code, response.headers, await response.aread())
    finally:
        await response.aclose()


async def lines_of(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """The lines of a stream. Copies bytes once for each line, regardless of the number of chunks."""
    rest: list[bytes] = []
    async for chunk in response.aiter_bytes():
        head, *tail = chunk.split(b"\n")
        rest.append(head)
        for part in tail:
            line = b"".join(rest)
            rest = [part]
            if line:
                yield line
    if any(rest):
        raise httpx.RemoteProtocolError("the stream ended inside an event")


async def event_of(name: str, line: bytes) -> JsonObject:
    """A watch event. Raises: ConnectionFailedError, since the sender is not an API server."""
    event = await object_of(name, line)
    if not isinstance(event.get("type"), str) or not isinstance(event.get("object"), dict):
        raise ConnectionFailedError(name, "a line of the stream is not a watch event", sent=True)
    return event


async def object_of(name: str, body: bytes) -> JsonObject:
    """A JSON object; ``name`` is the request's. Raises: ConnectionFailedError.

    What nests too deep is left out: see ``without_depths``.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if error.msg != _TOO_DEEP:
            raise ConnectionFailedError(name, "the response is not valid JSON", sent=True) from error
        time_slice = TimeSlice(asyncio.get_running_loop().time)
        value = orjson.loads(await time_slice.run(partial(without_depths, body)))
    if not isinstance(value, dict):
        raise ConnectionFailedError(name, "the response is not a JSON object", sent=True)
    return value


def text_of(error: Exception) -> str:
    """The text of an error, or its class name if it has none."""
    return str(error) or type(error).__name__
