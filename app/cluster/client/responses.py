"""Reads responses of the API server: whole objects, and the lines of a watch."""

import asyncio
from collections.abc import AsyncGenerator
from functools import partial

import httpx
import orjson

from app.cluster.client.errors import ConnectionFailedError
from app.cluster.client.outgoing import Answer
from app.cluster.client.unreadable_json import readable
from app.core.json_object import JsonObject
from app.event_loop.time_slice import TimeSlice


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

    What orjson does not read, and an API server sends all the same, is replaced: see ``readable``.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        time_slice = TimeSlice(asyncio.get_running_loop().time)
        text = await time_slice.run(partial(readable, body))
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise ConnectionFailedError(name, "the response is not valid JSON", sent=True) from error
    if not isinstance(value, dict):
        raise ConnectionFailedError(name, "the response is not a JSON object", sent=True)
    return value


def text_of(error: Exception) -> str:
    """The text of an error, or its class name if it has none."""
    return str(error) or type(error).__name__
