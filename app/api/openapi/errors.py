"""Error responses in the OpenAPI document: which operation returns which, in one form."""

from dataclasses import dataclass
from typing import Any

from app.core.json_object import JsonObject


@dataclass(frozen=True, slots=True)
class _Error:
    """One status: the name of its component, when it is returned, and an example of ``error``."""

    name: str
    text: str
    code: str
    message: str
    path: str = ""


ERRORS = {
    400: _Error(
        "BadRequest",
        "Invalid parameter or unreadable body. Nothing was done",
        "UnknownParameter",
        "there is no such parameter here, only cursor, driver, limit, node, state",
        "query.stat",
    ),
    401: _Error("Unauthorized", "Not authenticated", "Unauthorized", "a client certificate is required"),
    403: _Error(
        "Forbidden",
        "Not authorized, or a request from a page of another site",
        "ForeignOrigin",
        "requests from pages of other sites are not allowed",
    ),
    404: _Error("NotFound", "Not found", "NotFound", "no Pod default/p is pending or holds claims"),
    408: _Error("TooSlow", "The body did not arrive in time", "TooSlow", "reading the body took over 30 s"),
    413: _Error("TooLarge", "The body is too large", "TooLarge", "the body is larger than 16777216 bytes"),
    415: _Error(
        "UnsupportedMediaType",
        "Unsupported Content-Type or Content-Encoding",
        "UnsupportedMediaType",
        "send Content-Type: application/json or application/yaml",
    ),
    421: _Error(
        "UnknownHost",
        "Host header not served here",
        "UnknownHost",
        "the Host header is neither a loopback name nor in allowed_hosts",
    ),
    422: _Error(
        "Invalid",
        "Invalid object or field; path names it",
        "InvalidField",
        "Input should be a valid integer",
        "replicas",
    ),
    429: _Error(
        "TooManyRequests",
        "Too many requests; retry after the seconds in Retry-After",
        "TooManyRequests",
        "too many expensive requests are in progress; webhooks come first",
    ),
    500: _Error(
        "Internal",
        "A defect in this program; its log has the details",
        "Internal",
        "internal error; see the log of the service",
    ),
    503: _Error(
        "Unavailable",
        "Not ready, or the time limit was reached; retry after the seconds in Retry-After",
        "NotReady",
        "not ready: waiting for the API server",
    ),
}
"""By status. Each response has the body ErrorAnswer."""

_ANSWER = {"$ref": "#/components/schemas/ErrorAnswer"}
_HEADERS: dict[int, JsonObject] = {
    401: {
        "WWW-Authenticate": {"description": "Bearer, if a token is required.", "schema": {"type": "string"}}
    },
    429: {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}},
    503: {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}},
}


def error_components() -> JsonObject:
    """The responses that operations refer to."""
    found: JsonObject = {}
    for status, error in ERRORS.items():
        example = {"error": {"code": error.code, "message": error.message, "path": error.path}}
        found[error.name] = {
            "description": error.text,
            "content": {"application/json": {"schema": _ANSWER, "example": example}},
        }
        if status in _HEADERS:
            found[error.name]["headers"] = _HEADERS[status]
    found["Error"] = {
        "description": "Any other error, such as 405 for another method",
        "content": {"application/json": {"schema": _ANSWER}},
    }
    return found


def error_responses(path: str, operation: JsonObject, *, guarded: bool) -> dict[str, Any]:
    """The errors that an operation can return, as references. ``guarded``: it requires access."""
    statuses = {400, 421, 500}
    if guarded:
        statuses |= {401, 403, 429, 503}
    if "requestBody" in operation:
        statuses |= {408, 413, 415, 422}
    if "{" in path:
        statuses.add(404)
    if path == "/api/v1/matches":
        statuses.add(422)
    found = {str(status): _reference(ERRORS[status].name) for status in sorted(statuses)}
    return found | {"default": _reference("Error")}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/responses/{name}"}
