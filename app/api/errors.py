"""Error responses: each is ``{"error": {"code", "message", "path"}}``."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.api.responses import json_response
from app.core.model.errors import ObjectError, path_text

_NAMES = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    413: "TooLarge",
    415: "UnsupportedMediaType",
}
_MAX_TEXT = 2_000
"""Letters of a message or path about an object, which may have names of megabytes."""


class ErrorDetail(BaseModel):
    """``code`` is for programs, ``message`` for people, ``path`` the field of the body that is wrong."""

    code: str
    message: str
    path: str


class ErrorAnswer(BaseModel):
    """The body of every error response."""

    error: ErrorDetail


class HttpError(Exception):
    """An error response. ``path`` names the field of the body that is invalid."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        path: str = "",
        *,
        retry_after_seconds: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.path = path
        self.retry_after_seconds = retry_after_seconds
        self.headers = headers or {}

    def response(self) -> Response:
        headers = dict(self.headers)
        if self.retry_after_seconds is not None:
            headers["Retry-After"] = str(self.retry_after_seconds)
        return json_response(error_body(self.code, self.message, self.path), self.status, headers)


def error_body(code: str, message: str, path: str = "") -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "path": path}}


def not_ready(missing: str) -> HttpError:
    """The error before the first sync. kube-scheduler treats a 503 as an error of the attempt and retries
    soon.
    """
    return HttpError(503, "NotReady", f"not ready: {missing}", retry_after_seconds=1)


def invalid_object(error: ObjectError, where: str) -> HttpError:
    """``where`` is the object's place in the body, like ``objects[2]``."""
    path = f"{where}.{error.path}" if error.path else where
    return HttpError(422, "InvalidObject", _cut(f"{error.ref}: {error.reason}"), _cut(path))


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_TEXT else f"{text[: _MAX_TEXT - 1]}…"


def invalid_fields(error: ValidationError) -> HttpError:
    """The error about the first invalid field of a body."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return HttpError(422, "InvalidField", _cut(_said(first)), _cut(path_text(tuple(first["loc"]))))


def _said(error: Mapping[str, Any]) -> str:
    """pydantic's message, in the words of API servers where these differ."""
    own = {"extra_forbidden": "unknown field", "missing": "is required"}
    return own.get(error["type"]) or str(error["msg"]).removeprefix("Value error, ")


def defect() -> HttpError:
    """The response to a defect in this program; the log has the details."""
    return HttpError(500, "Internal", "internal error; see the log of the service")


def install(app: FastAPI) -> None:
    """Makes the application return all errors in one form."""

    async def refused(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HttpError)  # noqa: S101 - registered for this class alone
        return error.response()

    async def mistaken(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
        first = error.errors()[0]
        path = path_text(tuple(str(part) for part in first["loc"]))
        return HttpError(400, "InvalidParameter", _said(first), path).response()

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - as above
        code, headers = _NAMES.get(error.status_code, "Refused"), dict(error.headers or {})
        message = _not_served(request, error.status_code, headers.get("Allow", "")) or str(error.detail)
        return json_response(error_body(code, message), error.status_code, headers)

    app.add_exception_handler(HttpError, refused)
    app.add_exception_handler(RequestValidationError, mistaken)
    app.add_exception_handler(HTTPException, http)


def _not_served(request: Request, status: int, allowed: str) -> str:
    """What a router refuses without a word: a path or a method that there is not. Otherwise nothing."""
    path = _cut(request.scope["path"])
    if status == 404:
        return f"nothing is served at {path}"
    return f"{request.method} is not served at {path}, only {allowed}" if status == 405 and allowed else ""
