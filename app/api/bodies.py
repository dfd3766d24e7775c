"""Request bodies: read within limits of size and time, decoded from JSON or YAML."""

import asyncio
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request

from app.api.errors import Refusal
from app.manifests import ManifestError, load_documents

_JSON_TYPES = frozenset({"application/json", "text/json"})
_YAML_TYPES = frozenset({"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"})


async def read_body(request: Request, limit_bytes: int, timeout_seconds: float) -> bytes:
    """The whole body.

    Raises:
        Refusal: 413 too large, 408 too slow, 400 cut off.
    """
    too_large = Refusal(413, "TooLarge", f"the body is larger than {limit_bytes} bytes")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared[:20]) > limit_bytes:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(timeout_seconds):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit_bytes:
                    raise too_large
                chunks.append(chunk)
    except TimeoutError:
        raise Refusal(408, "TooSlow", f"the body took longer than {timeout_seconds:g} s") from None
    except ClientDisconnect:
        raise Refusal(400, "CutOff", "the body ended early") from None
    return b"".join(chunks)


def decode_json(body: bytes, request: Request) -> dict[str, Any]:
    """A JSON object.

    The content type has to say JSON: a form of a web page elsewhere, sent by a browser on this
    machine, cannot.

    Raises:
        Refusal: 415 or 400.
    """
    if not _is_json(_media_type(request)):
        raise Refusal(415, "UnsupportedMediaType", "send Content-Type: application/json")
    return _object(_loads(body))


async def decode_any(body: bytes, request: Request) -> dict[str, Any]:
    """A JSON or YAML object, by content type. YAML is read in a thread: it takes its time.

    Raises:
        Refusal: 415 or 400.
    """
    media_type = _media_type(request)
    if _is_json(media_type):
        return _object(_loads(body))
    if media_type not in _YAML_TYPES and not media_type.endswith("+yaml"):
        text = "send Content-Type: application/json or application/yaml"
        raise Refusal(415, "UnsupportedMediaType", text)
    try:
        documents = await asyncio.to_thread(load_documents, body, "body")
    except ManifestError as error:
        raise Refusal(400, "InvalidYAML", str(error)) from None
    if len(documents) != 1:
        raise Refusal(400, "InvalidYAML", f"the body must be one YAML document, not {len(documents)}")
    return _object(documents[0])


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _is_json(media_type: str) -> bool:
    return media_type in _JSON_TYPES or media_type.endswith("+json")


def _loads(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refusal(400, "InvalidJSON", f"the body is no JSON: {error}") from None


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refusal(400, "InvalidBody", "the body must be an object")
    return value
