"""Request bodies: read within limits of size and time, decoded from JSON or YAML."""

import asyncio
import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import orjson
from starlette.requests import ClientDisconnect, Request

from app.api.errors import HttpError
from app.manifests.reader import MAX_DEPTH, ManifestError, load_documents

T = TypeVar("T")

MAX_YAML_VALUES = 1_000_000
"""Scalars and collections in one YAML body: about 10 s of reading, in a thread."""
_BYTES_A_VALUE = 8
"""JSON may hold one value for so many bytes of its limit: each takes about 64 bytes when decoded."""

_LARGE_BYTES = 256 * 1024
"""Bodies of which the event loop does not wait for all that has to be done: a few milliseconds."""

# One thread: several would take the interpreter from the event loop in turns, 5 ms each.
_READER = ThreadPoolExecutor(1, "reader")

_JSON_TYPES = frozenset({"application/json", "text/json"})
_YAML_TYPES = frozenset({"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"})


async def read_body(request: Request, limit_bytes: int, timeout_seconds: float) -> bytes:
    """The whole body.

    Raises:
        Refusal: 413 too large, 408 too slow, 400 cut off.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared[:20]) > limit_bytes:
        raise _too_large(limit_bytes)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(timeout_seconds):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit_bytes:
                    raise _too_large(limit_bytes)
                chunks.append(chunk)
    except TimeoutError:
        raise HttpError(408, "TooSlow", f"the body took longer than {timeout_seconds:g} s") from None
    except ClientDisconnect:
        raise HttpError(400, "CutOff", "the body ended early") from None
    return b"".join(chunks)


def _too_large(limit_bytes: int) -> HttpError:
    return HttpError(413, "TooLarge", f"the body is larger than {limit_bytes} bytes")


def decode_json(body: bytes, request: Request, limit_bytes: int) -> dict[str, Any]:
    """A JSON object. ``limit_bytes``: of the body, for the number of values.

    The content type has to say JSON: a form of a web page elsewhere, sent by a browser on this
    machine, cannot.

    Raises:
        Refusal: 415 or 400.
    """
    if not _is_json(_media_type(request)):
        raise HttpError(415, "UnsupportedMediaType", "send Content-Type: application/json")
    return _object(_loads(body, limit_bytes))


async def decode_any(body: bytes, request: Request, limit_bytes: int) -> dict[str, Any]:
    """A JSON or YAML object, by content type. YAML is read in a thread: it takes its time.

    Raises:
        Refusal: 415 or 400.
    """
    media_type = _media_type(request)
    if _is_json(media_type):
        if len(body) <= _LARGE_BYTES:
            return _object(_loads(body, limit_bytes))
        return _object(await in_reader(lambda: _loads(body, limit_bytes)))
    if media_type not in _YAML_TYPES and not media_type.endswith("+yaml"):
        text = "send Content-Type: application/json or application/yaml"
        raise HttpError(415, "UnsupportedMediaType", text)
    try:
        documents = await in_reader(lambda: load_documents(body, "body", MAX_YAML_VALUES))
    except ManifestError as error:
        raise HttpError(400, "InvalidYAML", str(error)) from None
    if len(documents) != 1:
        raise HttpError(400, "InvalidYAML", f"the body must be one YAML document, not {len(documents)}")
    return _object(shallow(documents[0]))


async def in_reader(read: Callable[[], T]) -> T:
    """Runs what takes its time over a text in a thread, one text after another."""
    return await asyncio.get_running_loop().run_in_executor(_READER, read)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _is_json(media_type: str) -> bool:
    return media_type in _JSON_TYPES or media_type.endswith("+json")


def _loads(body: bytes, limit_bytes: int) -> Any:
    if body.count(b",") > limit_bytes // _BYTES_A_VALUE:
        text = f"the body holds more than {limit_bytes // _BYTES_A_VALUE} values"
        raise HttpError(413, "TooLarge", text)
    try:
        value = orjson.loads(body) if len(body) <= _LARGE_BYTES else _loads_large(body)
    except orjson.JSONDecodeError as error:
        raise HttpError(400, "InvalidJSON", f"the body is no JSON: {error}") from None
    # Most bodies have too few brackets to be deep.
    return value if body.count(b"{") + body.count(b"[") <= MAX_DEPTH else shallow(value)


def _loads_large(body: bytes) -> Any:
    """Without the garbage collector, which would go through what has been made so far again and again:
    two thirds of the time at 16 MiB."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        return orjson.loads(body)
    finally:
        if enabled:
            gc.enable()


def shallow(value: Any) -> Any:
    """The value. Raises: Refusal, 400, if it is nested deeper than MAX_DEPTH, which is less than what an
    answer that repeats a part of it could be encoded with (254)."""
    level, depth = [value], 0
    while level:
        level = [
            inner
            for outer in level
            if type(outer) is dict or type(outer) is list
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
        depth += 1
        if depth > MAX_DEPTH:
            raise HttpError(400, "TooDeep", f"the body is nested deeper than {MAX_DEPTH} levels")
    return value


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise HttpError(400, "InvalidBody", "the body must be an object")
    return value
