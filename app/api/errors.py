"""Refusals: each is ``{"error": {"code", "message", "path"}}``, its status says whose fault it is."""

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


class ErrorDetail(BaseModel):
    """``code`` is for programs, ``message`` for people, ``path`` the field of the body that is wrong."""

    code: str
    message: str
    path: str


class ErrorAnswer(BaseModel):
    """Every answer but the one asked for."""

    error: ErrorDetail


_DOCUMENTED: dict[int | str, str] = {
    "4XX": "Refused: the request is wrong. Nothing was done",
    401: "Who asks is not known",
    403: "Who asks may not, or a page of another site asks",
    421: "The Host header is none of this service",
    422: "An object, a field or a parameter is not as it should be; path names it",
    429: "Too much at a time; Retry-After says when to come back",
    503: "Not ready, or time was up; Retry-After says when to come back",
}
_SCHEMA = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorAnswer"}}}
RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": _SCHEMA} for status, text in _DOCUMENTED.items()
}
"""Of every path, for the OpenAPI document. By reference, so that the errors of an endpoint that answers
text are JSON there too."""
DEFINED: dict[int | str, dict[str, Any]] = {"4XX": {"description": _DOCUMENTED["4XX"], "model": ErrorAnswer}}
"""On one JSON endpoint at least: what the references refer to."""


class HttpError(Exception):  # an answer, not a failure
    """An answer other than what was asked for. ``path`` names the field of the body that is wrong."""

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
    """Before the first sync. kube-scheduler counts a 503 as an error of the attempt and tries again soon."""
    return HttpError(503, "NotReady", f"not ready: {missing}", retry_after_seconds=1)


def invalid_object(error: ObjectError, where: str) -> HttpError:
    """``where`` is the object's place in the body, like ``objects[2]``."""
    path = f"{where}.{error.path}" if error.path else where
    return HttpError(422, "InvalidObject", f"{error.ref}: {error.reason}", path)


def invalid_fields(error: ValidationError) -> HttpError:
    """The first field of a body that is not as it should be."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    return HttpError(422, "InvalidField", message, path_text(tuple(first["loc"])))


def defect() -> HttpError:
    """What is answered when this program has failed; its log has the rest."""
    return HttpError(500, "Internal", "a defect in this program; its log has the details")


def install(app: FastAPI) -> None:
    """Makes the application answer every refusal in the one form."""

    async def refused(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HttpError)  # noqa: S101 - registered for this class alone
        return error.response()

    async def mistaken(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
        first = error.errors()[0]
        path = path_text(tuple(str(part) for part in first["loc"]))
        return HttpError(422, "InvalidParameter", str(first["msg"]), path).response()

    async def http(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - as above
        code = _NAMES.get(error.status_code, "Refused")
        return json_response(
            error_body(code, str(error.detail)), error.status_code, dict(error.headers or {})
        )

    app.add_exception_handler(HttpError, refused)
    app.add_exception_handler(RequestValidationError, mistaken)
    app.add_exception_handler(HTTPException, http)
