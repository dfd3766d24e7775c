"""Request bodies: read within limits of size and time, decoded from JSON or YAML."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import orjson
from starlette.requests import Request

from app.api.errors import HttpError
from app.core.model.fields import MAX_DEPTH, is_too_deep
from app.core.pauses import InterruptedWorkError
from app.event_loop.time_slice import Stop, TimeSlice
from app.manifests.json_pieces import JSONPieceError, documents_in_pieces, occurrences
from app.manifests.reader import ManifestError, load_documents

T = TypeVar("T")

MAX_YAML_VALUES = 1_000_000
"""Maximum number of scalars and collections in one YAML body: they take about 10 s to read, in slices."""
_BYTES_A_VALUE = 8
"""A JSON body may contain one value for each of this many bytes of its limit: a decoded value takes about
64 bytes.
"""

_AT_ONCE_BYTES = 256 * 1024
"""Maximum bytes of JSON decoded in one step: the names of 10,000 nodes take 1 ms, the worst case 5 ms."""
_LIGHT_BYTES, _LIGHT_VALUES = 4 * 1024 * 1024, 65_536
"""The same for JSON with few values and escapes: the names of 50,000 nodes take 7 ms, the worst 15 ms."""

"""Values between two pauses."""

_JSON_TYPES = frozenset({"application/json", "text/json"})
_YAML_TYPES = frozenset({"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"})


async def read_body(request: Request, limit_bytes: int, timeout_seconds: float) -> bytes:
    """Reads the whole body.

    Raises: HttpError: 413 too large, 408 too slow, 400 cut off.
    """
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > limit_bytes:
        raise _too_large(limit_bytes)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(timeout_seconds):
            more = True
            while more:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise HttpError(400, "CutOff", "the body is incomplete")
                chunk, more = message.get("body", b""), message.get("more_body", False)
                size += len(chunk)
                if size > limit_bytes:
                    raise _too_large(limit_bytes)
                chunks.append(chunk)
    except TimeoutError:
        raise HttpError(408, "TooSlow", f"reading the body took longer than {timeout_seconds:g} s") from None
    if size <= _AT_ONCE_BYTES:
        return b"".join(chunks)
    # Joining 16 MiB takes milliseconds, and so do receiving the last of them and the first step of reading.
    await asyncio.sleep(0)
    body = b"".join(chunks)
    await asyncio.sleep(0)
    return body


def _too_large(limit_bytes: int) -> HttpError:
    return HttpError(413, "TooLarge", f"the body is larger than {limit_bytes} bytes")


async def decode_json(
    body: bytes, request: Request, limit_bytes: int, time_slice: TimeSlice, stop: Stop
) -> dict[str, Any]:
    """Decodes a JSON object.

    ``limit_bytes``: maximum size of the body, which also limits the number of values.

    The content type must be JSON: a browser cannot send that from a form on another site.

    Args:
        stop: whether to stop decoding a large body.
    Raises:
        HttpError: 415, 413, 400, or 503 if it was stopped.
    """
    if not _is_json(_media_type(request)):
        raise HttpError(415, "UnsupportedMediaType", "send Content-Type: application/json")
    return await _json(body, limit_bytes, time_slice, stop)


async def decode_any(
    body: bytes, request: Request, limit_bytes: int, time_slice: TimeSlice, stop: Stop
) -> dict[str, Any]:
    """As ``decode_json``, or a YAML object, by content type."""
    media_type = _media_type(request)
    if _is_json(media_type):
        return await _json(body, limit_bytes, time_slice, stop)
    require_yaml(request)
    documents = await read_in_slices(
        lambda: [shallow(item) for item in load_documents(body, "body", MAX_YAML_VALUES)], time_slice, stop
    )
    if len(documents) != 1:
        raise HttpError(400, "InvalidYAML", f"the body must be one YAML document, not {len(documents)}")
    return _object(documents[0])


def require_yaml(request: Request) -> None:
    """Raises: HttpError, 415, unless the content type is YAML or JSON."""
    media_type = _media_type(request)
    if not (media_type in _YAML_TYPES or media_type.endswith("+yaml") or _is_json(media_type)):
        text = "send Content-Type: application/json or application/yaml"
        raise HttpError(415, "UnsupportedMediaType", text)


async def read_in_slices(read: Callable[[], T], time_slice: TimeSlice, stop: Stop) -> T:
    """Runs the decoder on a body. Raises: HttpError, 400, or 503 if it was stopped."""
    try:
        return await time_slice.run(read, stop)
    except ManifestError as error:
        raise HttpError(400, "InvalidYAML", str(error)) from None
    except JSONPieceError as error:
        raise _no_json(str(error)) from None
    except InterruptedWorkError:
        text = "decoding the body timed out"
        raise HttpError(503, "TimeUp", text, retry_after_seconds=5) from None


async def _json(body: bytes, limit_bytes: int, time_slice: TimeSlice, stop: Stop) -> dict[str, Any]:
    most = limit_bytes // _BYTES_A_VALUE
    if len(body) > most and await read_in_slices(lambda: occurrences(body, b","), time_slice, stop) > most:
        raise HttpError(413, "TooLarge", f"the body contains more than {most} values")
    if len(body) > _AT_ONCE_BYTES and not _is_light(body):
        found = await read_in_slices(lambda: list(documents_in_pieces(body, MAX_DEPTH)), time_slice, stop)
        return _object(found[0] if len(found) == 1 else found)
    if not body:
        raise HttpError(400, "InvalidJSON", "the body is empty")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _no_json(str(error)) from None
    # Fast path: most bodies have too few brackets to exceed the depth.
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH:
        await time_slice.run_short(lambda: shallow(value))
    return _object(value)


def _is_light(body: bytes) -> bool:
    """Whether decoding takes little time for the size. O(bytes), 1.5 ms a megabyte."""
    return len(body) <= _LIGHT_BYTES and sum(map(body.count, (b",", b"{", b"[", b"\\"))) <= _LIGHT_VALUES


def _no_json(message: str) -> HttpError:
    return HttpError(400, "InvalidJSON", f"the body is not valid JSON: {message}")


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _is_json(media_type: str) -> bool:
    return media_type in _JSON_TYPES or media_type.endswith("+json")


def shallow(value: Any) -> Any:
    """Returns the value.

    Raises: HttpError, 400, if it is nested deeper than MAX_DEPTH, which is below the limit for encoding a
    response that repeats a part of it (254).
    """
    if is_too_deep(value):
        raise HttpError(400, "TooDeep", f"the body is nested deeper than {MAX_DEPTH} levels")
    return value


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise HttpError(400, "InvalidBody", "the body must be an object")
    return value
